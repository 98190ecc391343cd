"""Actions that lead to one state: of these one is enough.

Candidates tile the same named dimensions on the same axis. Each is tried once, in the state from which a game starts;
those that lead to one state there are a class. What an action does depends on the marks, on its axis, of the ops that
it tiles, of their neighbours, and of what those look at: its *region*. Where none of these has a mark, the members of a
class lead to one state again, whatever has been done elsewhere, provided that all devices together divide the factors
in question (else no op of the region may be tiled at all).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autopart.game.pruning.named_dimensions import dimensions_of
from autopart.partitioning import State
from autopart.sharding import FlatProgram, Int8Array, Int32Array, Marks, Steps, UInt32Array, pointers
from autopart.sharding.kernel import kernel


@kernel
def _is_fresh(marks: Marks, region: Int32Array, begin: int, end: int, axis: int, strict: bool) -> bool:
    """Whether no op of a region has a mark on the axis; a ``strict`` one tiles none at all."""
    for i in range(begin, end):
        op = region[i]
        if marks.tile[op, axis] >= 0 or (marks.atomic[op] >> axis) & 1 or (strict and marks.n_tiled[op] > 0):
            return False
    return True


@kernel
def _drop(
    marks: Marks, member_ptr: UInt32Array, member: Int32Array, region_ptr: UInt32Array, region: Int32Array,
    axis: Int32Array, strict: Int8Array,
    stays: int, offered: Int8Array,
) -> None:  # fmt: skip
    """Takes all members of a class but one from the offer; those numbered ``stays`` or more stay in any case."""
    for row in range(axis.shape[0]):
        best, count = -1, 0
        for i in range(member_ptr[row], member_ptr[row + 1]):
            if offered[member[i]]:
                best = member[i] if best < 0 or member[i] >= stays else best
                count += 1
        if count < 2 or not _is_fresh(marks, region, region_ptr[row], region_ptr[row + 1], axis[row], strict[row] != 0):
            continue
        for i in range(member_ptr[row], member_ptr[row + 1]):
            if member[i] != best and member[i] < stays:
                offered[member[i]] = 0


class Equal:
    """The classes of equal actions of a game.

    Args:
        state: where the game starts; left as it was.
        steps: of every action its rows there; empty for those that are not looked at.
        stays: actions from this number on are never dropped: other actions of their class are.
    """

    def __init__(self, state: State, steps: Sequence[Steps], stays: int) -> None:
        problem = state.problem
        names, first = dimensions_of(problem).of_factor, problem.tables.factor_ptr.astype(np.int64)
        alike: dict[tuple[int, ...], list[int]] = {}
        for action, rows in enumerate(steps):
            if len(rows) and not rows[:, 0].any():
                named = np.unique(names[first[rows[:, 1]] + rows[:, 2]]).tolist()
                alike.setdefault((int(rows[0, 3]), *named), []).append(action)
        classes: dict[int, list[int]] = {}
        tiled: dict[int, Int32Array] = {}
        for action in (action for actions in alike.values() if len(actions) > 1 for action in actions):
            key, ops = _tried(state, steps[action])
            classes.setdefault(key, []).append(action)
            tiled[key] = ops
        kept = {key: members for key, members in classes.items() if len(members) > 1}
        regions = [_region(problem.tables, tiled[key]) for key in kept]
        self.classes = tuple(tuple(members) for members in kept.values())
        self._member_ptr, self._member = _flat([np.array(members, np.int32) for members in kept.values()])
        self._region_ptr, self._region = _flat(regions)
        self._axis = np.array([steps[members[0]][0, 3] for members in kept.values()], np.int32)
        devices, tables = int(problem.sizes.prod()), problem.tables
        odd = (tables.factor_fits != 0) & (tables.factor_size % devices != 0)
        uneven = np.bincount(np.repeat(np.arange(len(first) - 1), np.diff(first))[odd], minlength=len(first) - 1) > 0
        self._strict = np.array([uneven[region].any() for region in regions], np.int8)
        self._stays = stays

    def drop(self, state: State, offered: Int8Array) -> None:
        """Sets to 0 in ``offered`` (actions,) what leads to the same state as another action that is offered."""
        _drop(
            state.marks, self._member_ptr, self._member, self._region_ptr, self._region, self._axis, self._strict,
            self._stays, offered,
        )  # fmt: skip


def _tried(state: State, rows: Steps) -> tuple[int, Int32Array]:
    """The key of the state to which steps lead, and the ops that they mark."""
    before = int(state.marks.length[0])
    state.apply(rows)
    key, marked = state.key(), state.marks.trail[before : int(state.marks.length[0])] // 64
    ops = np.unique(marked).astype(np.int32)
    state.undo()
    return key, ops


def _region(tables: FlatProgram, ops: Int32Array) -> Int32Array:
    """Ops, their neighbours and the neighbours of those."""
    found = ops
    for _ in range(2):
        edges = [tables.edge_op[tables.edge_ptr[op] : tables.edge_ptr[op + 1]] for op in found.tolist()]
        found = np.unique(np.concatenate([found, *edges])).astype(np.int32)
    return found


def _flat(rows: Sequence[Int32Array]) -> tuple[UInt32Array, Int32Array]:
    return pointers([len(row) for row in rows]), np.concatenate([np.zeros(0, np.int32), *rows]).astype(np.int32)
