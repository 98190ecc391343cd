"""Why a value is whole on an axis: every reason in a small program that has it, and no other."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import pytest

from autopart.costmodel.mesh import Mesh
from autopart.errors import TacticError
from autopart.explain.causes import causes_of
from autopart.explain.reasons import why_whole
from autopart.explain.removal import keeping_whole
from autopart.explain.subject import Subject
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, Atomic, Manual, Tactic
from autopart.tactics.strategies import DataParallel, ZeRO3
from tests.autopart.tiny import array, problem_of, tiny


def network(stack: jax.Array, w: jax.Array, x: jax.Array, scale: jax.Array) -> jax.Array:
    def layer(carry: jax.Array, bias: jax.Array) -> tuple[jax.Array, None]:
        return carry + bias, None

    return jax.lax.scan(layer, jnp.tanh(x) @ w * scale, stack)[0]


BATCH, MODEL = 0, 1
DATA = Manual({"x": 0}, "batch", "data")


@pytest.fixture(scope="module")
def problem() -> Problem:
    return problem_of(network, array(8, 3), array(4, 3), array(8, 4), array())


def why(problem: Problem, name: str, axis: int, schedule: Sequence[Tactic]) -> str:
    return why_whole(Subject(problem, schedule), problem.argument_ops[name], axis)


@pytest.mark.parametrize(
    ("name", "axis", "schedule", "reason"),
    [
        ("w", MODEL, [DATA], "no tactic is on model"),
        ("w", BATCH, [DATA], "tactic 1 (data on batch) does not name it, and no tile reaches it"),
        ("scale", BATCH, [DATA], "it has no dimension to tile"),
        ("w", BATCH, [Atomic(("w",), "batch", "kept"), DATA], "kept whole by tactic 1 (kept on batch)"),
        ("w", MODEL, [Manual({"w": 0}, "batch"), Manual({"x": 0}, "model")],
         "dimension 0 has size 4, which is cut into 4 on batch already, and cannot be cut into 2 more on model; "
         "dimension 1 has size 3 and cannot be cut into 2 on model"),
        ("stack", MODEL, [Manual({"stack": FIRST_DIVISIBLE_DIM, "x": 0}, "model", "first")],
         "tactic 1 (first on model) names it, but dimension 1 has size 3 and cannot be cut into 2 on model; "
         "dimension 0 is taken apart by a loop"),
    ],
)  # fmt: skip
def test_a_whole_argument_says_its_own_reason(
    problem: Problem, name: str, axis: int, schedule: list[Tactic], reason: str
) -> None:
    assert why(problem, name, axis, schedule) == reason


def test_a_conflict_names_who_asks_for_what() -> None:
    problem = problem_of(lambda a, b: jnp.tanh(a @ b), array(8, 4), array(4, 8))
    subject = Subject(problem, [Manual({"a": 0, "b": 1}, "batch", "torn")])
    [product] = [op.index for op in problem.graph.ops if op.primitive == "dot_general"]
    asked = "dimension 0 of its result and for dimension 1 of its result"
    assert why_whole(subject, product, BATCH) == f"conflict: tactic 1 (torn on batch) asks for {asked}"
    [tanh] = [op.index for op in problem.graph.ops if op.primitive == "tanh"]
    assert why_whole(subject, tanh, BATCH) == "no tile of tactic 1 (torn on batch) reaches it"


def test_an_axis_of_one_device_tiles_nothing() -> None:
    problem = problem_of(lambda a: a + 1, array(8, 4), mesh=Mesh({"one": 1, "model": 2}, "cpu"))
    assert why(problem, "a", 0, [Manual({"a": 0}, "one")]) == "one has one device"


def test_a_strategy_that_finds_what_it_cannot_cut_says_the_size() -> None:
    problem = problem_of(lambda w, x: x @ w, array(5, 4), array(6, 5))
    state = State(problem)
    with pytest.raises(TacticError, match=r"x.* of size 6 cannot be cut into 4 parts on 'batch'"):
        DataParallel("batch").steps(state)
    with pytest.raises(TacticError, match=r"nothing of params.* \(5, 3\).* can be cut into 4 on 'batch'"):
        ZeRO3("batch").steps(State(problem_of(descended, {"w": array(5, 3)}, array(8, 5), donate=(0,))))


def descended(params: dict[str, jax.Array], x: jax.Array) -> tuple[dict[str, jax.Array], jax.Array]:
    loss, gradient = jax.value_and_grad(lambda p: jnp.tanh(x @ p["w"]).sum())(params)
    return jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient), loss


def test_what_is_kept_whole_before_a_named_strategy_is_left_by_it() -> None:
    problem = tiny("mlp")
    rows = DataParallel("batch").steps(State(problem))
    names = tuple(problem.name_of(op) for op in rows[:, 1].tolist())
    subject = Subject(problem, [Atomic(names, "batch", "kept"), DataParallel("batch")])
    assert not subject.program.collectives()
    assert why_whole(subject, problem.argument_ops[names[0]], BATCH) == "kept whole by tactic 1 (kept on batch)"
    plain = Subject(problem, [DataParallel("batch")])
    move = plain.program.collectives()[0]
    [cause] = causes_of(plain, move)
    change = keeping_whole(plain, cause.action, cause.origin.seed, [move], ["batch"])
    assert not change.refused
    assert (change.gone, change.stays) == (1, ())
