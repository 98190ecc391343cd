"""Explanations of a small model, checked by hand."""

from __future__ import annotations

import inspect
import json

import jax
import jax.numpy as jnp
import pytest

from autopart.benchmarks.schedules import EXPERTS
from autopart.cli.explain import as_plain
from autopart.errors import GoalError, PlanError
from autopart.explain.collective import CollectiveExplanation
from autopart.explain.plan_overview import PlanExplanation
from autopart.explain.tensors import TensorExplanation
from autopart.goals.named_goals import CommunicationLimit
from autopart.plan.plan import Plan, plan_of
from autopart.search import AtMost, Minimise, SearchError, Weighted
from autopart.tactics.manual import Manual
from tests.autopart.tiny import array, problem_of, tiny


def network(w: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    hidden = jnp.tanh(x @ w["up"])
    return hidden @ w["down"]


def line_of(text: str) -> str:
    lines, first = inspect.getsourcelines(network)
    return f"test_explain.py:{first + next(i for i, line in enumerate(lines) if text in line)} (network)"


@pytest.fixture(scope="module")
def plan() -> Plan:
    problem = problem_of(network, {"up": array(16, 32), "down": array(32, 16)}, array(8, 16))
    names = [a.name for a in problem.graph.arguments]
    tactics = [Manual({names[2]: 0}, "batch", "data"), Manual({names[1]: 1}, "model", "pairs"),
               Manual({names[0]: 1}, "batch", "spread")]  # fmt: skip
    return plan_of(problem, tactics)


def collective(plan: Plan, name: str) -> CollectiveExplanation:
    found = plan.explain(name)
    assert isinstance(found, CollectiveExplanation)
    return found


def test_a_reduction_names_the_line_that_sums_and_who_tiled_the_sum(plan: Plan) -> None:
    explained = collective(plan, "ar1")
    one, [cause] = explained.collective, explained.collective.causes
    assert (one.kind, one.axes, one.runs) == ("all_reduce", ("model",), 1)
    assert one.full_bytes == 8 // 4 * 16 * 4  # The tile of one device of the batch axis.
    assert one.place.at == line_of('w["down"]')
    assert (cause.axis, cause.action.name, cause.action.number) == ("model", "pairs", 2)
    assert cause.origin.seed.endswith("up")
    assert [place.primitive for place in cause.origin.through] == ["dot_general", "tanh", "dot_general"]
    leaving_out = explained.avoiding[0]
    bare = plan_of(plan.problem, [plan.schedule[0], plan.schedule[2]])
    assert leaving_out.gone == 1
    assert not leaving_out.stays
    assert leaving_out.step_s == bare.metrics["step_s"] - plan.metrics["step_s"]
    assert leaving_out.peak_memory_bytes == bare.metrics["peak_memory_bytes"] - plan.metrics["peak_memory_bytes"]


def test_a_gather_names_the_line_that_reads_and_why_it_reads_otherwise(plan: Plan) -> None:
    one = collective(plan, "ag1").collective
    assert one.kind == "all_gather"
    assert one.tensor.endswith("down")
    assert one.dim == 1
    assert one.place.at == line_of('w["down"]')
    assert [(c.axis, c.action.name) for c in one.causes] == [("batch", "spread")]
    assert "tactic 1 (data on batch) tiled dimension 0 of its result" in one.why_read


def test_a_tensor_says_who_tiled_it_and_where_that_stopped(plan: Plan) -> None:
    explained = plan.explain(plan.problem.graph.arguments[0].name)
    assert isinstance(explained, tuple)
    [tensor] = explained
    assert isinstance(tensor, TensorExplanation)
    assert tensor.spec == "P('model', 'batch')"
    assert tensor.collectives == ("ag1",)
    batch, model = tensor.axes
    assert batch.origin is not None
    assert batch.origin.action.name == "spread"
    assert batch.origin.through == ()
    [stop] = batch.stops
    assert stop.place.at == line_of('w["down"]')
    assert "tactic 1 (data on batch) tiled dimension 0 of its result" in stop.reason
    assert model.origin is not None
    assert model.origin.seed.endswith("up")


def test_the_whole_plan_adds_up(plan: Plan) -> None:
    whole = plan.explain()
    assert isinstance(whole, PlanExplanation)
    assert sum(held.nbytes for held in whole.held) == plan.metrics["peak_memory_bytes"]
    assert sum(row.step_s for row in whole.collectives) == pytest.approx(plan.metrics["communication_s"])
    untiled = plan_of(plan.problem, []).metrics["step_s"]
    assert untiled + sum(effect.step_s for effect in whole.tactics) == pytest.approx(plan.metrics["step_s"])
    assert whole.binding in {bound.what for bound in whole.bounds}
    json.dumps(as_plain(whole))


@pytest.mark.parametrize(
    ("target", "message"),
    [("ar99", "no collective 'ar99': the plan has ar1"), ("all_gathr:batch", "did you mean all_gather"),
     ("all_reduce:modle", "no mesh axis 'modle'"), ("dwon", "Near misses: .*down"), ("test_explain.py:1", "no op was"),
     ("all_to_all", "the plan has no collective")],
)  # fmt: skip
def test_what_is_not_there_has_near_misses(plan: Plan, target: str, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        plan.explain(target)


def test_three_kinds_in_a_transformer_name_lines_and_actions() -> None:
    plan = plan_of(tiny("t32"), EXPERTS["t32"][1]["BP+MP+Z3"])
    for name, action in (("ar1", "Megatron: heads and d_ff"), ("ag2", "ZeRO-3"), ("rs1", "data parallel")):
        one = collective(plan, name).collective
        assert {cause.action.name for cause in one.causes} == {action}
        assert one.place.at.startswith("transformer.py:")
    assert collective(plan, "ar1").collective.place.at.endswith("(close_attention)")
    assert collective(plan, "rs1").collective.tensor.startswith("gradient of params/")


def test_why_not_another_plan() -> None:
    schedules = EXPERTS["t32"][1]
    plan = plan_of(tiny("t32"), schedules["BP"])
    other = plan_of(tiny("t32"), schedules["BP+MP+Z3"])
    answer = plan.why_not(other, [Minimise("communication_s")])
    assert answer.loses
    assert "loses by communication_s" in answer.sentences[0]
    assert any("caused by" in sentence for sentence in answer.sentences)
    limit = (plan.metrics["peak_memory_bytes"] + other.metrics["peak_memory_bytes"]) / 2
    memory = other.why_not(schedules["BP"], [AtMost("peak_memory_bytes", limit)])
    assert memory.loses
    assert "At its peak the worse plan holds" in memory.sentences[1]
    assert not plan.why_not(plan).loses


def test_why_not_takes_every_goal_that_a_search_takes() -> None:
    schedules = EXPERTS["t32"][1]
    plan, other = plan_of(tiny("t32"), schedules["BP"]), plan_of(tiny("t32"), schedules["BP+MP+Z3"])
    moved = plan.why_not(other, [CommunicationLimit("model", 0.0)])
    assert moved.loses
    [row] = moved.goals
    assert (row.ours, row.theirs) == (0.0, other.measure("communication_bytes_on:model"))
    weighted = plan.why_not(other, [Weighted({"step_s": 1.0, "peak_memory_bytes": 1e6})])
    assert not weighted.loses
    untiled = plan_of(tiny("t32"), []).metrics
    ratios = [other.metrics[m] / untiled[m] for m in ("step_s", "peak_memory_bytes")]
    assert weighted.goals[0].theirs == pytest.approx(ratios[0] + 1e6 * ratios[1])
    assert any("At its peak" in sentence for sentence in weighted.sentences)
    assert not plan.why_not(plan, [Minimise("step_s")]).loses
    with pytest.raises(GoalError, match="did you mean"):
        plan.why_not(other, [Minimise("step_ss")])
    with pytest.raises(SearchError, match="no goals"):
        plan.why_not(other, [])


def test_ops_and_values_are_found_by_what_explanations_call_them(plan: Plan) -> None:
    place = line_of('w["down"]')
    by_line = plan.explain(place.partition(" ")[0])
    assert isinstance(by_line, tuple)
    assert plan.explain(place) == plan.explain(f"dot_general at {place}") == by_line
    for target in ("network", "dot_general"):
        found = plan.explain(target)
        assert isinstance(found, tuple)
        assert by_line[0] in found
