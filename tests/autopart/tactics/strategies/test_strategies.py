"""Named strategies: what they find in models and in functions by hand, and what they refuse."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from autopart.benchmarks.models import t32
from autopart.benchmarks.schedules import EXPERTS
from autopart.costmodel.mesh import Mesh
from autopart.emit.lower import by_kind, lower
from autopart.errors import TacticError
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.trace import trace_step
from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, REPLICATED, Manual, Tactic, apply_schedule
from autopart.tactics.strategies import (
    FSDP,
    ArgumentStrategy,
    ContextParallel,
    DataParallel,
    EdgeSharding,
    EmbeddingSharding,
    ExpertParallel,
    Megatron,
    MultiQuerySharding,
    SequenceParallel,
    Strategy,
    VocabularySharding,
    ZeRO1,
    ZeRO2,
    ZeRO3,
)
from tests.autopart.tiny import array, problem_of, tiny


def after(problem: Problem, *schedule: Tactic) -> State:
    state = State(problem)
    apply_schedule(state, schedule)
    return state


def counts(state: State) -> dict[str, int]:
    return {kind: n for kind, n in by_kind(lower(state).collective_counts()).items() if n}


@pytest.mark.parametrize(
    ("model", "strategy", "tiles"),
    [
        ("t32", DataParallel("batch"), {"batch/targets": 0, "batch/tokens": 0}),
        ("t32", EmbeddingSharding("model"), {"params/embed": 1}),
        ("t32", VocabularySharding("model"), {"params/embed": 0}),
        ("it32", VocabularySharding("model"), {"params/embed": 0}),
        ("t32_scan", Megatron("model"), {"params/layers/attn/out": 1, "params/layers/mlp/down": 1}),
        ("moe", ExpertParallel("batch"), {"params/layers/*/experts/down": 0, "params/layers/*/experts/up": 0}),
        ("gns", EdgeSharding("batch"), {"batch/edges": 1, "batch/receivers": 1, "batch/senders": 1}),
        ("mlp", ZeRO3("batch", among="params/layers/{0,1}/**"), dict.fromkeys(
            ("params/layers/0/w", "params/layers/1/w"), FIRST_DIVISIBLE_DIM)),
    ],
)  # fmt: skip
def test_what_they_find(model: str, strategy: ArgumentStrategy, tiles: dict[str, Any]) -> None:
    assert dict(strategy.targets(tiny(model)).tiles) == tiles
    state = State(tiny(model))
    assert strategy.manual(state) == Manual(tiles, strategy.axis)
    assert strategy.manual(state).name == strategy.name
    rows = strategy.manual(state).steps(state).tolist()
    assert strategy.steps(state).tolist()[: len(rows)] == rows


@pytest.mark.parametrize(
    ("model", "expert", "named"),
    [
        ("t32", "BP+MP+Z2", (DataParallel("batch"), Megatron("model"), ZeRO2("batch"))),
        ("t32", "BP+MP+Z3", (DataParallel("batch"), Megatron("model"), FSDP("batch"))),
        ("it32", "MP", (Megatron("model"),)),
        ("moe", "BP+EP+MP", (ExpertParallel("batch"), DataParallel("batch"), Megatron("model"))),
        ("gns", "MP", (Megatron("model"),)),
        ("llama3_8b", "BP+MP+VOC", (DataParallel("batch"), Megatron("model"), VocabularySharding("model"))),
        (
            "llama3_8b",
            "BP+MP+SP+Z3",
            (DataParallel("batch"), Megatron("model"), SequenceParallel("model"), ZeRO3("batch")),
        ),
        ("llama3_8b", "BP+CP+Z3", (DataParallel("batch"), ContextParallel("model"), ZeRO3("batch"))),
        ("it32_mq", "BP+MQ", (DataParallel("batch"), MultiQuerySharding("model"))),
        ("gns", "BP+ES+Z3", (DataParallel("batch"), EdgeSharding("model"), ZeRO3("batch"))),
    ],
)
def test_they_do_what_experts_do(model: str, expert: str, named: tuple[Strategy, ...]) -> None:
    state, wanted = after(tiny(model), *named), after(tiny(model), *EXPERTS[model][1][expert])
    assert state.metrics().tolist() == pytest.approx(wanted.metrics().tolist(), rel=1e-2)


def test_tokens_are_no_edges() -> None:
    with pytest.raises(TacticError, match="has no inputs that say where sums over edges go"):
        EdgeSharding("model").steps(State(tiny("t32")))


@pytest.mark.parametrize("strategy", [
    ContextParallel("model"), EmbeddingSharding("model"), ExpertParallel("model"), EdgeSharding("model"),
    MultiQuerySharding("model"), SequenceParallel("model"),
])  # fmt: skip
def test_what_a_program_has_not_is_said(strategy: Strategy) -> None:
    with pytest.raises(TacticError, match=r"the program has no .*Fix: leave it out, or name the arguments"):
        strategy.steps(State(tiny("mlp")))


def test_what_the_axis_does_not_divide_is_said() -> None:
    problem = problem_of(lambda w, x: jnp.tanh(x @ w["up"]) @ w["down"], {"up": array(8, 6), "down": array(6, 8)},
                         array(6, 8))  # fmt: skip
    with pytest.raises(TacticError, match=r"'x' has shape \(6, 8\): dimension 0 of size 6 cannot be cut into 4 parts"):
        DataParallel("batch").steps(State(problem))
    with pytest.raises(TacticError, match="no mesh axis 'pipe'"):
        DataParallel("pipe").steps(State(problem))
    with pytest.raises(TacticError, match="takes the name of a mesh axis"):
        DataParallel(3)  # type: ignore[arg-type]


def test_what_is_decided_already_is_left_and_the_rest_has_no_name() -> None:
    problem = tiny("t32")
    state = after(problem, Manual({"params/layers/1/mlp/up": 1}, "batch"))
    rest = ZeRO3("batch").manual(state)
    assert rest.name == ""
    assert rest.tiles["params/layers/0/mlp/up"] is FIRST_DIVISIBLE_DIM
    assert "params/layers/*/mlp/up" not in rest.tiles
    apply_schedule(state, [ZeRO3("batch")])
    assert state.tiles_of_argument("params/layers/0/mlp/up") == {"batch": 0}
    assert not len(ZeRO3("batch").steps(state))


def test_zero1_sums_gradients_whole_and_zero2_scatters_them() -> None:
    problem = tiny("t32")
    one = counts(after(problem, DataParallel("batch"), ZeRO1("batch")))
    two = counts(after(problem, DataParallel("batch"), ZeRO2("batch")))
    matrices = 4 * 2 + 1
    assert one["all_reduce"] - two["all_reduce"] == two["reduce_scatter"] == matrices
    assert one["all_gather"] == two["all_gather"] == matrices
    assert "reduce_scatter" not in one


def test_zero2_keeps_parameters_whole() -> None:
    tiles = ZeRO2("batch").targets(tiny("t32")).tiles
    assert {p.partition("/")[0] for p, dim in tiles.items() if dim is REPLICATED} == {"params"}
    assert {p.partition("/")[0] for p, dim in tiles.items() if dim is FIRST_DIVISIBLE_DIM} == {"opt_state"}


def test_sequence_parallelism_scatters_what_closes_a_pair_and_gathers_what_opens_the_next() -> None:
    problem = Problem.of(trace_step(t32.step("tiny", layers=3, remat=False)), Mesh({"batch": 4, "model": 2}, "cpu"))
    before = counts(after(problem, Megatron("model")))
    now = counts(after(problem, Megatron("model"), SequenceParallel("model")))
    assert before == {"all_reduce": 4 * 3}
    assert now["reduce_scatter"] == now["all_gather"] == 4 * 3


def test_sequence_parallelism_takes_less_memory_with_recomputation() -> None:
    problem = Problem.of(trace_step(t32.step(layers=2)), Mesh({"batch": 4, "model": 8}, "tpu_v5e"))
    without = after(problem, DataParallel("batch"), Megatron("model")).metrics()[0]
    assert after(problem, DataParallel("batch"), Megatron("model"), SequenceParallel("model")).metrics()[0] < without


def test_nothing_is_left_along_sequences_after_context_parallelism() -> None:
    with pytest.raises(TacticError, match="nothing is left along sequences"):
        SequenceParallel("model").steps(after(tiny("t32"), ContextParallel("model")))


def test_multi_query_sharding_exchanges_queries_and_results() -> None:
    problem = tiny("it32_mq")
    state = after(problem, MultiQuerySharding("model"))
    assert counts(state) == {"all_reduce": 2 * 2, "all_to_all": 2 * 2}  # Two of each in each of two layers.
    assert all(state.tiles_of_argument(f"cache/{layer}/{name}") == {"model": 0} for layer in (0, 1) for name in "kv")


def test_context_parallelism_gathers_one_side_of_products_of_two_sequences() -> None:
    problem = Problem.of(trace_step(t32.step("tiny", remat=False)), Mesh({"batch": 4, "model": 2}, "cpu"))
    plain = after(problem, ContextParallel("model").manual(State(problem)))
    state = after(problem, ContextParallel("model"))
    moved = [counts(state)[kind] for kind in ("all_gather", "reduce_scatter")]
    assert moved == [2 * 2, 2 * 2]  # Keys and values of two layers, and their gradients.
    assert state.tiles_of_argument("batch/tokens") == state.tiles_of_argument("batch/targets") == {"model": 1}
    assert moved < [counts(plain)[kind] for kind in ("all_gather", "reduce_scatter")]


def test_tables_of_a_function_by_hand() -> None:
    def network(words: Any, numbers: Any, mix: Any, ids: Any) -> Any:
        return jnp.tanh(words[ids] @ mix) + jax.nn.relu(numbers.astype(jnp.float32))

    problem = problem_of(network, array(32, 8), array(8), array(8, 8), array(4, 6, dtype="int32"))
    tables = {name: dict(kind("model").targets(problem).tiles) for name, kind in (
        ("features", EmbeddingSharding), ("entries", VocabularySharding))}  # fmt: skip
    assert tables == {"features": {"words": 1}, "entries": {"words": 0}}


@pytest.mark.parametrize(
    "key", [jax.ShapeDtypeStruct((4,), "uint32"), jax.eval_shape(lambda: jax.random.split(jax.random.key(0), 4))]
)
def test_keys_of_random_numbers_are_no_inputs_to_split(key: Any) -> None:
    def noisy(weights: Any, x: Any, keys: Any) -> Any:
        first = keys[0] if jnp.issubdtype(keys.dtype, jax.dtypes.prng_key) else jax.random.key(keys[0])
        return jnp.tanh(x @ weights) * jax.random.bernoulli(first, 0.5, x.shape)

    problem = problem_of(noisy, array(16, 16), array(8, 16), key)
    assert EdgeSharding("batch").targets(problem).tiles == {}
    assert after(problem, DataParallel("batch")).tiles_of_argument("x") == {"batch": 0}


def test_megatron_takes_heads_rather_than_their_features() -> None:
    step = EXPERTS["t48"][0]("full", layers=2)
    problem = Problem.of(trace_step(step), Mesh({"batch": 4, "model": 2}, "tpu_v3"))
    assert dict(Megatron("model").targets(problem).tiles) == {
        "params/layers/*/attn/out": 0,
        "params/layers/*/mlp/down": 0,
    }
