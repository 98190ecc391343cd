"""What no state that actions lead to can be better than: kernels that bound memory, time and bytes from below.

An action adds tiles and takes none away. So a value is cut at most by the axes that tile it and those that may
yet (``reach``), a group's work is shared by no more devices than that, and what is frozen (``frozen``) is as it is
now. A sum that is partial in any case and cannot be carried on is reduced: at the least scattered.

Where nothing is left to decide, memory and collectives are bounded by what they are, but of cases of a condition by the
least collectives; work may be bounded lower, for an op counts as shared by axes on which it carries a sum.

Of a folded program the bounds are those of the whole one: each layer that the heavy one stands for holds, computes
and moves at least what the heavy one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from autopart.cost import (
    COMMUNICATION_BYTES,
    COMMUNICATION_S,
    COMPUTE_S,
    IDLE_S,
    METRICS,
    PEAK,
    STEP_S,
    STREAMS,
    Costs,
    Ledger,
    Table,
    filled_part,
)
from autopart.costmodel.collectives import ALL_REDUCE, REDUCE_SCATTER, collective_time
from autopart.costmodel.roofline import roofline_time
from autopart.game.pruning.frozen import SUMS, Ahead, empty_ahead, look_ahead, must_reduce
from autopart.game.pruning.reachable import MOST_FACTORS, empty_reach, find_reach
from autopart.partitioning import Problem, State
from autopart.sharding import FlatProgram, Float64Array, Int8Array, Int32Array, Int64Array, Marks, Steps
from autopart.sharding.kernel import kernel

_SLACK = 1.0 - 1e-9
"""Seconds are summed in another order than those of a state: a bound is this part of its sum."""

WORK, IDLE, MOVING, MOVED, QUEUED, STREAM = range(6)
"""Columns of ``Least.sums``; from the last on one for each stream."""


class Least(NamedTuple):
    """The least that is ahead of a state, and which places repeat.

    Attributes:
        before, after: (places + 1,) where all layers that a heavy one stands for have done what it does at the place:
            from ``after`` on, and up to ``before`` none of them has. The place itself where it counts for all.
        change: (places + 1,) bytes by which memory grows at each place, at the least.
        sums: (regions, 5 + streams) seconds of work, idle seconds, seconds and bytes of the collectives of values that
            exist in the region itself; seconds of those that begin in it, together and by stream.
    """

    before: Int32Array
    after: Int32Array
    change: Int64Array
    sums: Table


def _empty(costs: Costs) -> Least:
    never = len(costs.loose) - 1
    place = np.arange(never + 1, dtype=np.int32)
    before, after = np.where(costs.loose != 0, place, 0), np.where(costs.loose != 0, place, never)
    for begin, end, _ in costs.heavy.tolist():
        inside = slice(begin, end)
        strict = costs.loose[inside] == 0
        before[inside][strict], after[inside][strict] = begin, end
    sums = np.zeros((len(costs.parent), STREAM + STREAMS))
    return Least(before.astype(np.int32), after.astype(np.int32), np.zeros(never + 1, np.int64), sums)


@kernel
def _hold(least: Least, begin: int, end: int, nbytes: int | np.int64, weight: int) -> None:
    """Adds bytes between two places; those of the other layers while all of them have the value."""
    change, never = least.change, least.change.shape[0] - 1
    if nbytes == 0 or begin >= end or begin >= never:
        return
    change[begin] += nbytes
    change[end] -= nbytes
    first, last = least.after[begin], least.before[end]
    if weight > 1 and first < last:
        change[first] += nbytes * (weight - 1)
        change[last] -= nbytes * (weight - 1)


@kernel
def _hold_values(tables: FlatProgram, costs: Costs, ahead: Ahead, ledger: Ledger, least: Least) -> None:
    """Memory of base forms; of frozen values also of their other forms and of sums before they are scattered."""
    never = least.change.shape[0] - 1
    for value in range(costs.born.shape[0]):
        weight = costs.value_weight[value]
        if not ahead.frozen[value]:
            if costs.born[value] != never:
                tiles = costs.parts[ahead.slot[tables.n_uses + value]]
                _hold(least, costs.born[value], costs.dies[value], np.int64(costs.buffer_bytes[value] / tiles), weight)
            continue
        _hold(least, ledger.since[value], ledger.until[value], ledger.held_bytes[value], weight)
        place = costs.place[tables.slot_op[tables.n_uses + value]]
        _hold(least, place, place + 1, ledger.scatter_bytes[value], weight)
        first = tables.form_ptr[value]
        for form in range(first, first + ledger.n_forms[value]):
            _hold(least, ledger.form_from[form], ledger.form_until[form], ledger.form_bytes[form], weight)


@kernel
def _work(costs: Costs, marks: Marks, ahead: Ahead, least: Least) -> None:
    """Seconds of every group: its work and its bytes shared by all the devices that may yet share them."""
    for place in range(costs.place_region.shape[0]):
        region, weight = costs.place_region[place], costs.place_weight[place]
        least.sums[region, IDLE] += weight * costs.idle_s[place]
        if costs.member_ptr[place] == costs.member_ptr[place + 1]:
            continue
        work, moved = 0.0, 0.0
        for i in range(costs.member_ptr[place], costs.member_ptr[place + 1]):
            op, product = costs.member[i], costs.product[i]
            seconds = costs.member_s[i] / costs.parts[ahead.op[op]]
            if product >= 0:
                seconds /= filled_part(
                    costs.size, costs.tile, costs.role, costs.role_ptr[product], marks.tile, op, costs.sizes, product
                )
            work += seconds
        for i in range(costs.charge_ptr[place], costs.charge_ptr[place + 1]):
            moved += costs.charge_bytes[i] / costs.parts[ahead.slot[costs.charge[i]]]
        least.sums[region, WORK] += weight * roofline_time(work, moved, costs.bandwidth)


@kernel
def _least_reduction(costs: Costs, nbytes: float, axis: int, additive: bool) -> float:
    """The seconds that a reduction over an axis takes at the least, alone or together with other axes."""
    best = collective_time(REDUCE_SCATTER, nbytes, axis + 1, costs.links) if additive else np.inf
    for chosen in range(costs.parts.shape[0]):
        if (chosen >> axis) & 1:
            code, place = 0, 0
            for other in range(costs.sizes.shape[0]):
                if (chosen >> other) & 1:
                    code |= (other + 1) << (4 * place)
                    place += 1
            best = min(best, collective_time(ALL_REDUCE, nbytes, code, costs.links))
    return float(best)


@kernel
def _queue(costs: Costs, sums: Table, place: int, streams: int, seconds: float) -> None:
    """Adds a collective that begins at a place."""
    region = costs.place_region[place]
    sums[region, QUEUED] += seconds
    for stream in range(STREAMS):
        if (streams >> stream) & 1:
            sums[region, STREAM + stream] += seconds


@kernel
def _move_frozen(tables: FlatProgram, costs: Costs, ledger: Ledger, sums: Table, value: int) -> None:
    """Collectives of a frozen value."""
    region, weight = costs.value_region[value], costs.value_weight[value]
    sums[region, MOVING] += ledger.move_s[value]
    sums[region, MOVED] += ledger.move_bytes[value]
    if ledger.move_s[value] == 0:
        return
    _queue(costs, sums, costs.made[value], ledger.base_streams[value], weight * ledger.base_s[value])
    first = tables.form_ptr[value]
    for form in range(first, first + ledger.n_forms[value]):
        _queue(costs, sums, ledger.form_issue[form], ledger.form_streams[form], weight * ledger.form_s[form])


@kernel
def _move(tables: FlatProgram, costs: Costs, marks: Marks, ahead: Ahead, ledger: Ledger, least: Least) -> None:
    """Collectives of frozen values, and the dearest reduction of each sum that is made in any case."""
    sums = least.sums
    for value in range(costs.born.shape[0]):
        if ahead.frozen[value]:
            _move_frozen(tables, costs, ledger, sums, value)
            continue
        most, where, least_bytes = 0.0, -1, 0.0
        for axis in range(marks.tile.shape[1] if ahead.surely[value] else 0):
            if must_reduce(tables, marks, ahead, value, axis):
                nbytes = costs.value_bytes[value] / costs.parts[ahead.slot[tables.n_uses + value] & ~(1 << axis)]
                additive = tables.monoid[tables.slot_op[tables.n_uses + value]] <= SUMS
                seconds = _least_reduction(costs, nbytes, axis, additive)
                least_bytes = max(least_bytes, nbytes)
                if seconds > most:
                    most, where = seconds, axis
        if where >= 0:
            region, weight = costs.value_region[value], costs.value_weight[value]
            sums[region, MOVING] += weight * most
            sums[region, MOVED] += weight * np.rint(least_bytes)
            _queue(costs, sums, costs.made[value], 1 << costs.stream[where], weight * most)


@kernel
def _region_step(costs: Costs, sums: Table, region: int) -> float:
    """What stands in a region itself takes: compute, or the busiest stream; one after another if not side by side."""
    compute, busiest = sums[region, WORK] + sums[region, IDLE], 0.0
    if not costs.overlaps:
        return float(compute + sums[region, QUEUED])
    for stream in range(STREAMS):
        busiest = max(busiest, sums[region, STREAM + stream])
    return float(max(compute, busiest))


@kernel
def _add_up(costs: Costs, least: Least, steps: Float64Array, out: Float64Array) -> None:
    """Sums regions up, innermost first; of the cases of a condition the longest takes its time, the least counts else.

    ``steps``: (regions, ) scratch, room for the seconds of each region.
    """
    sums, parent, trips, choice = least.sums, costs.parent, costs.trips, costs.choice
    count = parent.shape[0]
    for region in range(count):
        steps[region] = _region_step(costs, sums, region)
    for region in range(count - 1, 0, -1):
        first = choice[region]
        if first < 0:
            steps[parent[region]] += trips[region] * steps[region]
            for k in range(MOVED + 1):
                sums[parent[region], k] += trips[region] * sums[region, k]
        elif region == first:
            steps[parent[region]] += steps[region]
            for k in range(MOVED + 1):
                sums[parent[region], k] += sums[region, k]
        else:
            steps[first] = max(steps[first], steps[region])
            for k in range(MOVED + 1):
                sums[first, k] = min(sums[first, k], sums[region, k])
    live, peak = 0, 0
    for place in range(least.change.shape[0] - 1):
        live += least.change[place]
        peak = max(peak, live)
    out[PEAK] = peak
    out[STEP_S] = steps[0] * _SLACK
    out[COMMUNICATION_S] = sums[0, MOVING] * _SLACK
    out[COMMUNICATION_BYTES] = np.floor(sums[0, MOVED] * _SLACK)
    out[COMPUTE_S] = sums[0, WORK] * _SLACK
    out[IDLE_S] = sums[0, IDLE] * _SLACK


@kernel
def _measure(
    tables: FlatProgram, costs: Costs, marks: Marks, ahead: Ahead, ledger: Ledger, least: Least,
    steps: Float64Array, out: Float64Array
) -> None:  # fmt: skip
    _hold_values(tables, costs, ahead, ledger, least)
    _work(costs, marks, ahead, least)
    _move(tables, costs, marks, ahead, ledger, least)
    _add_up(costs, least, steps, out)


class Bounds:
    """Lower bounds for the states of one problem that a fixed set of actions leads to.

    Args:
        problem: the program.
        rows, row_ptr: the steps of its actions, see ``propagate.legal_actions``.
        asked: rows (op, axis) of which other actions may tile any factor.
        opened: the axes, a bit each, on which other actions may tile any op.
        resolved: the axes, a bit each, on which other actions may tile ops that are asked for several factors.
    """

    def __init__(
        self,
        problem: Problem,
        rows: Steps,
        row_ptr: Int32Array,
        asked: Sequence[tuple[int, int]],
        opened: int,
        resolved: int,
    ) -> None:
        n_ops, n_axes = len(problem.graph.ops), len(problem.mesh.axes)
        self._rows, self._row_ptr, self._opened, self._resolved = rows, row_ptr, opened, resolved
        self._asked = np.array(asked, np.int64).reshape(-1, 2)
        self._reach, self._ahead = empty_reach(n_ops, n_axes), empty_ahead(problem.tables)
        self._least = _empty(problem.costs)
        self._steps = np.zeros(len(problem.costs.parent))
        self._known = int(np.diff(problem.tables.factor_ptr).max(initial=0)) <= MOST_FACTORS

    def of(self, state: State, legal: Int8Array) -> dict[str, float]:
        """Metric -> a figure that neither the state nor any that ``legal`` actions lead to is below.

        ``exposed_s`` is not bounded, nor is any metric of a program with an op of very many factors: 0.
        """
        out = np.zeros(len(METRICS))
        if self._known:
            state.analyse()  # The ledger is of this state.
            problem, marks = state.problem, state.marks
            find_reach(
                problem.tables, marks, problem.sizes, self._rows, self._row_ptr, legal, self._asked, self._opened,
                self._resolved, self._reach,
            )  # fmt: skip
            look_ahead(problem.tables, marks, self._reach, self._ahead)
            least = self._least
            least.change.fill(0)
            least.sums.fill(0)
            _measure(problem.tables, problem.costs, marks, self._ahead, state.ledger, least, self._steps, out)
        return dict(zip(METRICS, out.tolist(), strict=True))
