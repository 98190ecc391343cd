"""Expert schedules fit their models at both sizes, and do what their names say."""

from __future__ import annotations

import jax
import pytest

from autopart.benchmarks.models import it32_mq, moe, t32
from autopart.benchmarks.schedules import EXPERTS
from autopart.emit.lower import by_kind
from autopart.plan.plan import Plan, plan_of
from tests.autopart.tiny import tiny

DESCENDING = {
    "t32": ["BP", "BP+MP", "BP+MP+Z2", "BP+MP+Z3"],
    "t32_scan": ["BP", "BP+MP", "BP+MP+Z2", "BP+MP+Z3"],
    "t48": ["BP", "BP+MP", "BP+MP+Z2", "BP+MP+Z3"],
    "llama3_8b": ["BP", "BP+MP", "BP+MP+VOC", "BP+MP+VOC+Z3"],
    "mlp": ["BP", "BP+MP", "BP+MP+Z2", "BP+MP+Z3"],
    "unet": ["BP", "BP+MP", "BP+MP+Z2", "BP+MP+Z3"],
    "resnet": ["BP", "BP+MP", "BP+MP+Z2", "BP+MP+Z3"],
    "gns": ["BP", "BP+ES", "BP+ES+Z2", "BP+ES+Z3"],
    "moe": ["BP", "BP+EP", "BP+EP+MP", "BP+EP+MP+Z2", "BP+EP+MP+Z3"],
    "mixtral": ["BP", "BP+EP(model)", "BP+EP(model)+Z2", "BP+EP(model)+Z3"],
}
"""Schedules, each needing less memory than the one before."""


def plan(model: str, name: str) -> Plan:
    return plan_of(tiny(model), EXPERTS[model][1][name])


def kinds(model: str, name: str) -> dict[str, int]:
    """Collectives that occur, by kind."""
    return {kind: n for kind, n in by_kind(plan(model, name).program.collective_counts()).items() if n}


@pytest.mark.parametrize("model", EXPERTS)
def test_every_tactic_of_every_schedule_does_something(model: str) -> None:
    for name, schedule in EXPERTS[model][1].items():
        keys = [plan_of(tiny(model), schedule[:count]).state.key() for count in range(len(schedule) + 1)]
        assert len(set(keys)) == len(keys), name
        assert all(tactic.name for tactic in schedule), name


@pytest.mark.parametrize("model", DESCENDING)
def test_what_each_schedule_is_for(model: str) -> None:
    found = {name: plan(model, name).metrics for name in EXPERTS[model][1]}
    peaks = [found[name]["peak_memory_bytes"] for name in DESCENDING[model]]
    assert peaks == sorted(peaks, reverse=True)
    assert found["BP+MP"]["compute_s"] < min(found["BP"]["compute_s"], found["MP"]["compute_s"])


@pytest.mark.parametrize("model", ["t32", "t48", "llama3_8b", "unet", "moe"])
def test_data_parallelism_sums_each_gradient_and_the_loss(model: str) -> None:
    parameters = [a for a in tiny(model).graph.arguments if a.name.startswith("params/")]
    assert kinds(model, "BP") == {"all_reduce": len(parameters) + 1}


def test_zero_scatters_the_gradient_of_each_matrix() -> None:
    matrices = [a for a in tiny("unet").graph.arguments if a.name.startswith("params/") and a.name.endswith("/w")]
    whole, split = kinds("unet", "BP"), kinds("unet", "BP+Z2")
    cut = split["reduce_scatter"]
    assert cut == split["all_gather"] == len(matrices)
    assert split["all_reduce"] == whole["all_reduce"] - cut


def test_edge_sharding_only_sums() -> None:
    assert set(kinds("gns", "ES")) == {"all_reduce"}


def test_tokens_travel_to_experts_and_back() -> None:
    # To the experts and back: forward, again when the layer is recomputed, and for the gradient.
    layers = moe.PRESETS["tiny"].layers
    assert kinds("moe", "BP+EP")["all_to_all"] == 6 * layers
    assert "all_to_all" not in kinds("moe", "BP")
    # Experts are nowhere whole, so their gradients need no sum over the batch axis.
    assert kinds("moe", "BP")["all_reduce"] - kinds("moe", "BP+EP")["all_reduce"] == 2 * layers


@pytest.mark.parametrize(("name", "sums", "more"), [("BP+MP", 2, {}), ("BP+MQ", 2, {"all_to_all": 2}), ("DA", 0, {})])
def test_a_token_costs_two_sums_a_layer_and_multi_query_sharding_two_exchanges(
    name: str, sums: int, more: dict[str, int]
) -> None:
    config = it32_mq.PRESETS["tiny"]
    times = config.layers * config.steps
    counts = {kind: n for kind, n in by_kind(plan("it32_mq", name).program.executed_counts()).items() if n}
    wanted = {"all_reduce": sums, **more} if sums else {"all_gather": 1, "reduce_scatter": 1}
    assert counts == {kind: n * times for kind, n in wanted.items()}
    cache = plan("it32_mq", name).in_specs[1][0]["k"]
    assert ("model" in str(cache)) == (name != "BP+MP")


@pytest.mark.parametrize("model", ["t32", "llama3_8b"])
def test_sequences_are_split_between_the_pairs_of_megatron(model: str) -> None:
    layers = EXPERTS[model][0]("tiny").args[0]["layers"]
    whole, split = kinds(model, "BP+MP"), kinds(model, "BP+MP+SP")
    # Four sums a layer become scatters, and so does the fifth, of the attention that is recomputed.
    assert split["reduce_scatter"] == 5 * len(layers)
    assert whole["all_reduce"] - split["all_reduce"] == 5 * len(layers)
    # A gather opens each pair: forward, recomputed, and in the backward pass.
    assert split["all_gather"] == 6 * len(layers)


@pytest.mark.parametrize("model", ["t32", "t48", "llama3_8b"])
def test_context_parallelism_gathers_keys_and_values_and_scatters_their_gradients(model: str) -> None:
    layers = EXPERTS[model][0]("tiny").args[0]["layers"]
    found = kinds(model, "BP+CP")
    assert (found["all_gather"], found["reduce_scatter"]) == (2 * 2 * len(layers), 2 * len(layers))
    assert found["all_reduce"] == kinds(model, "BP")["all_reduce"]


def test_a_table_split_by_features_splits_the_residual_stream() -> None:
    whole, split = kinds("t32", "BP+MP+Z3"), kinds("t32", "BP+MP+Z3+EMB")
    # As above; each norm then sums a number for each token instead.
    assert split["reduce_scatter"] - whole["reduce_scatter"] == 5 * t32.PRESETS["tiny"].layers


def test_a_table_split_by_words_leaves_the_layers_alone() -> None:
    for model in ("t32", "llama3_8b"):
        whole, split = kinds(model, "BP+MP"), kinds(model, "BP+MP+VOC")
        assert set(split) == {"all_reduce"}
        # The lookup, three sums of the loss, and the gradient of what the last layer made.
        assert split["all_reduce"] - whole["all_reduce"] == 5


def test_halos_are_exchanged_where_images_are_split() -> None:
    assert kinds("resnet", "BP+SPACE")["collective_permute"] > 0


def test_layers_that_are_stacked_are_not_cut() -> None:
    for name in EXPERTS["t32_scan"][1]:
        specs = plan("t32_scan", name).in_specs
        for spec in (*_leaves(specs[0]["layers"]), *_leaves(specs[1][0].mu["layers"])):
            assert not spec or spec[0] is None, name
    assert "batch" in str(plan("t32_scan", "BP+MP+Z3").in_specs[0]["layers"]["attn"]["out"][1])


def _leaves(specs: object) -> list[tuple[object, ...]]:
    return [tuple(spec) for spec in jax.tree.leaves(specs, is_leaf=lambda x: isinstance(x, jax.sharding.PartitionSpec))]
