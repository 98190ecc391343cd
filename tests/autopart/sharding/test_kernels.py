"""Properties of propagation, layout and analysis over random sequences of actions."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopart.benchmarks.models import mlp, t32
from autopart.cost import metrics as analysis
from autopart.cost.fusion import Fusion, fuse
from autopart.costmodel.collectives import ALL_SLICE, REDUCE_SCATTER
from autopart.costmodel.mesh import Mesh
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.graph import Graph
from autopart.program.trace import trace
from autopart.sharding import layout as lay
from autopart.sharding import packed_layout as packed
from autopart.sharding.propagate import ATOMIC, TILE, Steps, legal_actions
from autopart.sharding.rules.families import PRODUCTS
from tests.autopart.cases import subject

PROGRAMS = ("mlp", "t32", "t32 on three axes", "pictures", "pictures on three axes")
CHOICES = st.lists(st.integers(0, 2**16), min_size=1, max_size=8)
"""What picks the actions of a sequence: number ``k`` takes the legal action ``k`` modulo their count."""


@functools.cache
def problem_of(program: str) -> Problem:
    axes = {"a": 2, "b": 2, "c": 2} if program.endswith("three axes") else {"data": 4, "model": 2}
    if program.startswith("pictures"):
        return Problem.of(subject("picture_net").graph, Mesh(axes, device="tpu_v3"))
    step = mlp.step(preset="tiny") if program == "mlp" else t32.step(preset="tiny")
    return Problem.of(trace(step.fn, *step.args, donate_argnums=step.donate_argnums), Mesh(axes, device="tpu_v3"))


@functools.cache
def actions_of(program: str) -> tuple[Steps, ...]:
    """Every tile and atomic mark of every argument, alone and with its counterparts in the other layers."""
    problem = problem_of(program)
    groups: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for name, op in problem.argument_ops.items():
        key = "/".join("*" if part.isdigit() else part for part in name.split("/"))
        for group in {name, key}:
            groups.setdefault((group, problem.shape_of(op)), []).append(op)
    rows = [
        [(kind, op, dim, axis) for op in ops]
        for (_, shape), ops in groups.items()
        for axis in range(len(problem.mesh.axes))
        for kind, dim in [(ATOMIC, 0), *((TILE, dim) for dim in range(len(shape)))]
        if len(shape) > 0
    ]
    return tuple(np.array(row, np.int32) for row in rows)


@functools.cache
def joined_actions(program: str) -> tuple[Steps, Steps]:
    """The rows of all actions, and where those of each begin."""
    actions = actions_of(program)
    return np.concatenate(actions), np.cumsum([0, *(len(rows) for rows in actions)]).astype(np.int32)


def legal(program: str, state: State) -> list[int]:
    rows, begins = joined_actions(program)
    out = np.zeros(len(begins) - 1, np.int8)
    legal_actions(state.problem.tables, state.marks, state.problem.sizes, rows, begins, out)
    return [int(i) for i in np.flatnonzero(out)]


def choose(program: str, state: State, choice: int) -> Steps | None:
    allowed = legal(program, state)
    return actions_of(program)[allowed[choice % len(allowed)]] if allowed else None


def reach(program: str, choices: Sequence[int]) -> State:
    state = State(problem_of(program))
    for choice in choices:
        steps = choose(program, state, choice)
        if steps is not None:
            state.apply(steps)
    return state


def marks_of(state: State) -> dict[str, Any]:
    held = state.marks._asdict()
    length = int(held["length"][0])
    return {name: array.copy() for name, array in held.items() if name not in ("trail", "lowest")} | {
        "trail": held["trail"][:length].copy()
    }


def figures(state: State) -> tuple[bytes, int]:
    metrics, where = state.analyse()
    return metrics.tobytes(), where


def layout_of(state: State) -> dict[str, Any]:
    found = state.layout()._asdict()
    n_moves, n_forms, _ = (int(n) for n in found.pop("counts"))
    for of_changes_only in ("moving", "mover", "extent"):
        found.pop(of_changes_only)
    ends = {"moves": n_moves, "move_bytes": n_moves, "forms": n_forms, "form_bytes": n_forms}
    return {name: array[: ends.get(name)].copy() for name, array in found.items()}


def assert_same(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)


@pytest.mark.parametrize("program", PROGRAMS)
@settings(max_examples=25)
@given(choices=CHOICES)
def test_undo_restores_every_array(program: str, choices: list[int]) -> None:
    state, before = State(problem_of(program)), []
    for choice in choices:
        steps = choose(program, state, choice)
        if steps is not None:
            before.append(marks_of(state))
            state.apply(steps)
    while state.depth:
        state.undo()
        assert_same(marks_of(state), before[state.depth])
    assert state.key() == 0


@pytest.mark.parametrize("program", PROGRAMS)
@settings(max_examples=25)
@given(choices=CHOICES, detours=st.lists(st.tuples(st.integers(0, 8), CHOICES), max_size=4))
def test_what_was_measured_before_changes_nothing(
    program: str, choices: list[int], detours: list[tuple[int, list[int]]]
) -> None:
    state = State(problem_of(program))
    for depth, others in detours:
        while state.depth > depth:
            state.undo()
        for choice in others:
            steps = choose(program, state, choice)
            if steps is not None:
                state.apply(steps)
            state.metrics()
    while state.depth:
        state.undo()
    for choice in choices:
        steps = choose(program, state, choice)
        if steps is not None:
            state.apply(steps)
    fresh = reach(program, choices)
    assert state.key() == fresh.key()
    assert figures(state) == figures(fresh)
    assert_same(layout_of(state), layout_of(fresh))
    assert figures(state) == figures(fresh), "to write the whole layout must not disturb the ledger"


@pytest.mark.parametrize("program", PROGRAMS)
@settings(max_examples=25)
@given(choices=CHOICES)
def test_each_step_measured_is_each_state_measured_alone(program: str, choices: list[int]) -> None:
    state = State(problem_of(program))
    for count in range(1, len(choices) + 1):
        steps = choose(program, state, choices[count - 1])
        if steps is not None:
            state.apply(steps)
        assert figures(state) == figures(reach(program, choices[:count]))
    while state.depth:
        state.undo()
    assert figures(state) == figures(State(problem_of(program)))


@pytest.mark.parametrize("program", PROGRAMS)
@settings(max_examples=25)
@given(choices=st.lists(st.integers(0, 2**16), min_size=2, max_size=4))
def test_orders_that_meet_have_one_key(program: str, choices: list[int]) -> None:
    """One key for two orders if and only if both tile the same and nest it the same; then the figures agree."""
    sequence = reach_steps(program, choices)
    seen: dict[int, tuple[bytes, tuple[bytes, int]]] = {}
    for order in itertools.permutations(range(len(sequence))):
        state = State(problem_of(program))
        if all(take(state, sequence[i]) for i in order):
            canon = (nests(state).tobytes() + state.marks.atomic.tobytes(), figures(state))
            assert seen.setdefault(state.key(), canon) == canon
    assert len({canon for canon, _ in seen.values()}) == len(seen)


def reach_steps(program: str, choices: Sequence[int]) -> list[Steps]:
    state, taken = State(problem_of(program)), []
    for choice in choices:
        steps = choose(program, state, choice)
        if steps is not None:
            taken.append(steps)
            state.apply(steps)
    return taken


def take(state: State, steps: Steps) -> bool:
    problem, out = state.problem, np.zeros(1, np.int8)
    legal_actions(problem.tables, state.marks, problem.sizes, steps, np.array([0, len(steps)], np.int32), out)
    if out[0]:
        state.apply(steps)
    return bool(out[0])


def nests(state: State) -> np.ndarray[Any, np.dtype[np.int64]]:
    """(ops, axes, 2): the factor, and how many axes tile it further outside."""
    marks = state.marks
    out = np.full((*marks.tile.shape, 2), -1, np.int64)
    for op, count in enumerate(marks.n_tiled):
        for k, axis in enumerate(marks.order[op, :count]):
            factor = marks.tile[op, axis]
            out[op, axis] = factor, sum(marks.tile[op, other] == factor for other in marks.order[op, :k])
    return out


@pytest.mark.parametrize("program", PROGRAMS)
@settings(max_examples=25)
@given(choices=CHOICES)
def test_propagation_ends_at_a_fixed_point(program: str, choices: list[int]) -> None:
    """The last action's axis leaves no op untiled whose neighbours all ask for one factor that fits."""
    state = State(problem_of(program))
    for choice in choices:
        steps = choose(program, state, choice)
        if steps is None or steps[0, 0] == ATOMIC:
            continue
        neighbours = state.marks.tile.copy()
        state.apply(steps)
        axis = int(steps[0, 3])
        for op in range(len(state.problem.graph.ops)):
            if asked_anew(state, neighbours, op, axis):
                assert len(fitting(state, op, axis)) != 1, op


def asked_anew(state: State, before: Any, op: int, axis: int) -> bool:
    """Whether ``op`` could be tiled on ``axis`` and a neighbour got its tile by the last action."""
    tables, marks = state.problem.tables, state.marks
    if marks.tile[op, axis] >= 0 or (int(marks.atomic[op]) >> axis) & 1:
        return False
    around = tables.edge_op[tables.edge_ptr[op] : tables.edge_ptr[op + 1]]
    return bool(np.any(before[around, axis] != marks.tile[around, axis]))


def fitting(state: State, op: int, axis: int) -> set[int]:
    """Factors that neighbours ask of ``op`` on ``axis`` and that the axis still divides."""
    tables, marks, sizes = state.problem.tables, state.marks, state.problem.sizes
    asked = set()
    for edge in range(tables.edge_ptr[op], tables.edge_ptr[op + 1]):
        theirs = marks.tile[tables.edge_op[edge], axis]
        ours = tables.take[tables.take_ptr[edge] + theirs] if theirs >= 0 else -1
        if ours >= 0:
            parts = sizes[axis] * np.prod(sizes[marks.tile[op] == ours])
            if tables.factor_size[tables.factor_ptr[op] + ours] % parts == 0:
                asked.add(int(ours))
    return asked


@pytest.mark.parametrize("program", PROGRAMS)
@settings(max_examples=25)
@given(choices=CHOICES)
def test_tiles_divide_what_they_tile(program: str, choices: list[int]) -> None:
    state = reach(program, choices)
    tables, marks, sizes = state.problem.tables, state.marks, state.problem.sizes
    for op in range(len(state.problem.graph.ops)):
        for factor in {int(f) for f in marks.tile[op] if f >= 0}:
            parts = int(np.prod(sizes[marks.tile[op] == factor]))
            assert tables.factor_size[tables.factor_ptr[op] + factor] % parts == 0


@pytest.mark.parametrize("program", PROGRAMS)
@settings(max_examples=25)
@given(choices=CHOICES)
def test_the_ledger_agrees_with_a_plain_count(program: str, choices: list[int]) -> None:
    """Peak and bytes from the whole layout, counted plainly over the program, are those of the ledger."""
    state = reach(program, choices)
    metrics, where = state.analyse()
    peak, position = plain_peak(state)
    assert metrics[analysis.PEAK] == peak
    assert where == position
    found = state.layout()
    moves, full = found.moves[: found.counts[0]], found.move_bytes[: found.counts[0]]
    assert metrics[analysis.COMMUNICATION_BYTES] == full[moves[:, lay.KIND] != ALL_SLICE].sum()


def plain_peak(state: State) -> tuple[float, int]:
    """The peak from fusion and layout, position by position; nothing of the ledger or of ``Costs`` is used."""
    problem, found = state.problem, state.layout()
    graph, tables = problem.graph, problem.tables
    fusion = fuse(graph, tables.weight_like, problem.mesh.device_profile.divides_in_products)
    roots = np.flatnonzero(fusion.position == np.arange(len(graph.ops)))
    products = [int(i) for i in roots if graph.ops[i].primitive in PRODUCTS]
    moved = {int(row[lay.VALUE]) for row in found.moves[: found.counts[0]] if row[lay.KIND] != ALL_SLICE}
    live = np.zeros(len(graph.ops) + 1)
    local = [
        value.nbytes / np.prod([problem.sizes[a] for a in range(len(problem.sizes)) if found.dim[value.index, a] >= 0])
        for value in graph.values
    ]
    end_of_program = len(graph.ops)
    for argument in graph.arguments:
        live[: last_held(graph, fusion, argument.value) + 1 if argument.donated else end_of_program] += local[
            argument.value
        ]
    for value in graph.values[len(graph.arguments) :]:
        made = int(fusion.position[value.producer])
        until = max(int(fusion.last_position[value.index]), made)
        if fusion.materialised[value.index]:
            base = tables.is_output[value.index] and found.out_form[value.index] == lay.BASE
            live[fusion.begun[value.index] : end_of_program if base else until + 1] += local[value.index]
        elif not fusion.materialised[value.index] and value.index in moved:
            live[made : until + 1] += local[value.index]
    for row, full in zip(found.moves[: found.counts[0]], found.move_bytes, strict=False):
        if row[lay.KIND] == REDUCE_SCATTER:
            live[fusion.position[graph.values[row[lay.VALUE]].producer]] += full
    for row, nbytes in zip(found.forms[: found.counts[1]], found.form_bytes, strict=False):
        first, last = int(row[lay.FORM_FIRST_USE]), int(row[lay.FORM_LAST_USE])
        if not row[lay.FORM_MOVED]:
            continue
        if first >= tables.n_uses:
            live[fusion.position[graph.values[row[lay.FORM_VALUE]].producer] :] += nbytes
            continue
        begin = int(fusion.position[tables.slot_op[first]])
        if tables.weight_like[row[lay.FORM_VALUE]]:  # Gathered for one use, beside the product before it.
            last, begin = first, max((i for i in products if i < begin), default=begin)
        until = int(fusion.read_until[last]) + 1 if last < tables.n_uses else end_of_program
        live[begin:until] += nbytes
    at_roots = live[roots]
    resident = sum(local[argument.value] for argument in graph.arguments)
    if resident >= at_roots.max():
        return float(resident), -1
    return float(at_roots.max()), int(roots[at_roots.argmax()])


def last_held(graph: Graph, fusion: Fusion, argument: int) -> int:
    """The last position at which a donated argument has its buffer; a result made in its place takes it over."""
    last = int(fusion.last_position[argument])
    for output in graph.outputs:
        if output.carried >= 0 and graph.arguments[output.carried].value == argument:
            written = int(fusion.position[graph.values[output.value].producer])
            if last == written:
                return written - 1
    return last if last >= 0 else len(graph.ops)


@given(st.lists(st.tuples(st.integers(-1, 11), st.integers(0, 7)), min_size=1, max_size=8))
def test_packed_layouts_say_what_was_packed(places: list[tuple[int, int]]) -> None:
    code = sum((dim + 1 + (depth << 4)) << (8 * axis) for axis, (dim, depth) in enumerate(places) if dim >= 0)
    assert [packed.tiled_dim(code, axis) for axis in range(len(places))] == [dim for dim, _ in places]
    assert packed.tiled_axes(code) == sum(1 << axis for axis, (dim, _) in enumerate(places) if dim >= 0)
    assert packed.parts_of(code, np.full(8, 2)) == 2 ** sum(dim >= 0 for dim, _ in places)
    for dim in range(12):
        assert packed.nesting(code, dim) == sum(d == dim for d, _ in places)
    assert packed.only_cuts(0, code)
    assert packed.only_cuts(code, code)
    for axis, (dim, _) in enumerate(places):
        if dim >= 0:
            assert not packed.only_cuts(code, code & ~(255 << (8 * axis)))


def test_a_state_without_tiles_holds_every_byte_and_moves_none() -> None:
    problem = problem_of("mlp")
    metrics = State(problem).metrics()
    assert metrics[analysis.COMMUNICATION_S] == 0
    assert metrics[analysis.COMMUNICATION_BYTES] == 0
    assert metrics[analysis.PEAK] >= sum(problem.graph.values[a.value].nbytes for a in problem.graph.arguments)
    one = dataclasses.replace(problem, costs=problem.costs._replace(bandwidth=problem.costs.bandwidth / 2))
    assert State(one).metrics()[analysis.COMPUTE_S] > metrics[analysis.COMPUTE_S]
