"""The partition state: what is tiled, with apply, undo, layout and metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from autopart.cost import Counted, empty_ledger, empty_tally, tally_changes
from autopart.cost import metrics as analysis
from autopart.partitioning.problem import Problem
from autopart.sharding import layout as lay
from autopart.sharding import propagate
from autopart.sharding.decide import decide


class State:
    """A partition state of a problem; starts with nothing tiled.

    ``counted`` are sums over collectives that it measures after ``analysis.METRICS``.
    """

    def __init__(self, problem: Problem, counted: Sequence[Counted] = ()) -> None:
        self.problem = problem
        self.metric_names = (*analysis.METRICS, *(one.name for one in counted))
        n_axes = len(problem.mesh.axes)
        self.marks = propagate.empty_marks(len(problem.graph.ops), n_axes)
        self._layout = lay.empty_layout(problem.tables, n_axes)
        self._changes = lay.all_changed(problem.tables, n_axes)
        self.ledger = empty_ledger(problem.tables, problem.costs)
        self.tally = empty_tally(problem.graph, problem.costs.value_weight, counted) if counted else None
        self._trail: list[int] = []
        self._latest: tuple[int, npt.NDArray[np.float64], int] | None = None

    def apply(self, steps: propagate.Steps) -> None:
        """Takes all rows of ``steps`` as one action and propagates; the rows must be legal."""
        self._trail.append(int(self.marks.length[0]))
        propagate.apply_steps(
            self.problem.tables, self.marks, self.problem.sizes, steps, 0, len(steps), len(self._trail) - 1
        )

    def undo(self) -> None:
        """Takes the latest action back."""
        propagate.undo(self.marks, self._trail.pop())

    def undo_to(self, depth: int) -> None:
        """Takes actions back until ``depth`` of them are left."""
        while len(self._trail) > depth:
            self.undo()

    @property
    def depth(self) -> int:
        """Number of actions applied."""
        return len(self._trail)

    def key(self) -> int:
        """Hash of the canonical state: equal for equal states whatever the order of actions."""
        return int(self.marks.key[0])

    def layout(self) -> lay.Layout:
        """The layout of the current state; the arrays are reused by the next call."""
        problem = self.problem
        decide(problem.tables, self.marks, problem.sizes, problem.costs.value_bytes, self._layout, self._changes)
        return self._layout

    def metrics(self) -> npt.NDArray[np.float64]:
        """The current state's figures, in the order of ``metric_names``."""
        return self.analyse()[0]

    def analyse(self) -> tuple[npt.NDArray[np.float64], int]:
        """The metrics, and the position in the program at which memory peaks."""
        out = np.zeros(len(self.metric_names))
        problem = self.problem
        where = analysis.measure(
            problem.tables, problem.costs, self.marks, self._layout, self._changes, self.ledger, out
        )
        if self.tally is not None:
            tally_changes(self._layout, self.tally, out[len(analysis.METRICS) :])
        self._latest = self.key(), out, int(where)
        return out, int(where)

    def latest(self) -> tuple[npt.NDArray[np.float64], int]:
        """As ``analyse``, for nothing where this state was measured last; the figures are not to be changed."""
        if self._latest is None or self._latest[0] != self.key():
            return self.analyse()
        return self._latest[1:]

    def memory_timeline(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """What a device holds in the course of a step.

        Returns:
            (groups,) the op at which each group of ops runs, -1 before the program; and (groups,) the bytes
            that are alive then, of which the largest is the peak.
        """
        assert not len(self.problem.costs.heavy), "of the whole program"
        self.analyse()
        return self.problem.costs.place_op.copy(), np.cumsum(self.ledger.change[:-1])

    def tiles_of_argument(self, name: str) -> dict[str, int]:
        """Mesh axis -> dimension along which the argument is tiled, outermost axis first."""
        op = self.problem.argument_ops[name]
        names = self.problem.mesh.axis_names
        order = self.marks.order[op, : self.marks.n_tiled[op]]
        return {names[axis]: int(self.marks.tile[op, axis]) for axis in order}

    def evidence(self, op: int, axis: int) -> dict[int, float]:
        """The factors of an op for which its neighbours ask on an axis, and the bytes of the arrays between them."""
        return _summed((factor, nbytes) for _, factor, nbytes in self.asked(op, axis))

    def operand_evidence(self, op: int, axis: int) -> dict[int, float]:
        """As ``evidence``, of what an op reads alone: not of those that read it."""
        return _summed((factor, nbytes) for producer, factor, nbytes in self.asked(op, axis) if producer < op)

    def asked(self, op: int, axis: int) -> Iterator[tuple[int, int, float]]:
        """The neighbours of an op that ask for a factor on an axis, with that factor and the bytes between them."""
        tables, tile, nbytes = self.problem.tables, self.marks.tile, self.problem.costs.value_bytes
        ops = self.problem.graph.ops
        for edge in range(tables.edge_ptr[op], tables.edge_ptr[op + 1]):
            neighbour = int(tables.edge_op[edge])
            theirs = tile[neighbour, axis]
            factor = int(tables.take[tables.take_ptr[edge] + theirs]) if theirs >= 0 else -1
            if factor >= 0:
                yield neighbour, factor, float(nbytes[ops[min(neighbour, op)].results[0]])

    def steps(self, rows: Sequence[Sequence[int]]) -> propagate.Steps:
        """Rows ``(kind, op, factor, axis)`` as the array that ``apply`` takes."""
        return np.array(rows, np.int32).reshape(len(rows), 4)


def _summed(pairs: Iterable[tuple[int, float]]) -> dict[int, float]:
    found: dict[int, float] = {}
    for key, amount in pairs:
        found[key] = found.get(key, 0.0) + amount
    return found
