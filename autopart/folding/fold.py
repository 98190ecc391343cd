"""A program with its middle layers left out, of which one that is kept stands for all of them.

What an unrolled program of many layers costs on a mesh is what its first and last layers cost, and what one in
the middle costs times the number of those: a search need not look at each. ``fold`` leaves out all layers but a few at
both ends (``repeats`` says which ops are which layer). ``same`` proves that the layers left out, the one
that stands for them and their neighbours are the same; and the folded program is compared with the whole one,
reference by reference. If anything differs, the program is not folded.

What is proved is about the program. That a state tiles the layers left out as it tiles the one that stands for them
holds for actions that treat all layers alike, up to what the ends say; so a plan is judged on the whole
program (``api``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from autopart.cost import Repeats
from autopart.errors import TacticError
from autopart.folding.equal_layers import BECOMES, FACT, FIXED, References, Window, references, window_of
from autopart.folding.repeated_layers import Layers, edges_of, layers_of
from autopart.partitioning import Group, Problem, State
from autopart.program import Argument, Graph, Op, Operand, Output
from autopart.sharding import Int8Array, Int32Array, Int64Array, Marks, Steps
from autopart.sharding.kernel import kernel
from autopart.tactics import Tactic

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Folded:
    """A folded program.

    Attributes:
        problem: the program without its middle layers, on the same mesh; names of arguments and patterns of groups
            are those of the whole program.
        kept: (ops of the folded program,) the op of the whole program.
        stands_for: (ops of the whole program,) the op of the folded program that is it, or stands for it.
        times: how many layers the heavy one stands for, itself one of them.
        whole_names: the arguments of the whole program.
        heavy, beside: ops of the folded program: each of the heavy layer, and its like in the layers before and after.
    """

    problem: Problem
    kept: Int32Array
    stands_for: Int32Array
    times: int
    whole_names: tuple[str, ...]
    heavy: Int32Array
    beside: tuple[Int64Array, Int64Array]

    def is_steady(self, marks: Marks) -> bool:
        """Whether a state tiles the heavy layer as those before and after it, and so all that it stands for."""
        return bool(_is_steady(marks.tile, marks.order, self.heavy, *self.beside))

    def ties(self, whole: State, folded: State, tactics: Sequence[Tactic]) -> bool:
        """Whether tactics, one after another, treat the layers left out as the one that stands for them.

        The states of both programs from which they start are left as they were.
        """
        depths = whole.depth, folded.depth
        try:
            return all(self._tie(whole, folded, tactic) for tactic in tactics)
        finally:
            whole.undo_to(depths[0])
            folded.undo_to(depths[1])

    def _tie(self, whole: State, folded: State, tactic: Tactic) -> bool:
        """Whether one tactic does; it is applied to both states if so."""
        rows = tactic.steps(whole)
        try:
            here = tactic.steps(folded)
        except TacticError:
            return False  # All that it names was left out.
        if not np.array_equal(_chosen(whole, rows), _chosen(folded, here)[self.stands_for]):
            return False
        whole.apply(rows)
        folded.apply(here)
        return True

    def tied(self, groups: Sequence[Group]) -> tuple[Group, ...] | None:
        """Groups of the whole program with their members that were kept; ``None`` if layers left out go other ways."""
        names = [argument.name for argument in self.problem.graph.arguments]
        return _tied(groups, self.whole_names, [names[op] for op in self.stands_for[: len(self.whole_names)]])


def _chosen(state: State, rows: Steps) -> Int32Array:
    """(ops,) what rows do to each op, as one number; -1 where nothing."""
    chosen = np.full(len(state.problem.graph.ops), -1, np.int32)
    chosen[rows[:, 1]] = (rows[:, 0] * 1024 + rows[:, 2]) * 8 + rows[:, 3]
    return chosen


@dataclass(frozen=True)
class _Cut:
    """Which layers go: ``low`` up to ``high`` (not included); the one before ``low`` is the heavy one."""

    layers: Layers
    window: Window

    @property
    def low(self) -> int:
        return self.window.low + self.window.reach + 1

    @property
    def high(self) -> int:
        return self.window.high - self.window.reach

    def kept(self) -> Flags:
        """(ops,) whether the op stays."""
        layer = self.layers.layer
        gone: Flags = self.window.inside(self.layers) & (layer >= self.low) & (layer < self.high)
        kept: Flags = ~gone
        return kept

    def heavy(self) -> Flags:
        """(ops,) whether the op is in the heavy layer."""
        found: Flags = self.window.inside(self.layers) & (self.layers.layer == self.low - 1)
        return found

    def spoken_of(self, found: References) -> Int64Array:
        """(references,) the op that is spoken of when the layers have gone; makes sense for ops that stay."""
        layer, gone = self.layers.layer[found.op], self.high - self.low
        relative = self.window.step != FIXED
        label = np.where(layer >= self.high, layer - gone, layer) + np.where(relative, self.window.step, 0)
        target = np.where(label >= self.low, label + gone, label)
        return np.where(relative, self.layers.op_of(self.layers.unit[found.other], target), found.other)


def fold(problem: Problem) -> Folded | None:
    """The folded program, or ``None`` if it has not enough equal layers to leave any out."""
    edges = edges_of(problem.graph)
    layers = layers_of(problem.graph, problem.groups, edges)
    found = references(problem, edges)
    window = window_of(layers, found) if layers.count else None
    if window is None or window.high - window.low < 2 * window.reach + 2:
        return None
    cut = _Cut(layers, window)
    kept, others = cut.kept(), cut.spoken_of(found)
    speaks = kept[found.op] & (found.other >= 0)
    tests = [problem.graph.values[c.test].producer for c in problem.graph.controls if isinstance(c.test, int)]
    if not kept[others[speaks]].all() or not kept[tests].all():
        return None
    stands = layers.op_of(np.where(kept, -1, layers.unit), np.full(len(kept), cut.low - 1))
    stands = np.where(kept, np.arange(len(kept)), stands)
    names = tuple(argument.name for argument in problem.graph.arguments)
    groups = _tied(problem.groups, names, [names[op] for op in stands[: len(names)]])
    if groups is None:
        return None
    repeats = Repeats(
        weight=np.where(cut.heavy(), cut.high - cut.low + 1, 1)[kept].astype(np.int64),
        inside=window.inside(layers)[kept].astype(np.int8),
    )
    graph = _without(problem.graph, kept, found, others, len(edges.reader))
    small = Problem.of(graph, problem.mesh, groups, repeats)
    if not _agree(found, others, cut, references(small, edges_of(graph))):
        return None
    number, heavy = np.cumsum(kept) - 1, np.flatnonzero(cut.heavy())
    units = layers.unit[heavy]
    return Folded(
        problem=small,
        kept=np.flatnonzero(kept).astype(np.int32),
        stands_for=number[stands].astype(np.int32),
        times=cut.high - cut.low + 1,
        whole_names=names,
        heavy=number[heavy].astype(np.int32),
        beside=(number[layers.op_of(units, cut.low - 2)], number[layers.op_of(units, cut.high)]),
    )


@kernel
def _is_steady(tile: Int8Array, order: Int8Array, heavy: Int32Array, before: Int64Array, after: Int64Array) -> bool:
    for i in range(heavy.shape[0]):
        for axis in range(tile.shape[1]):
            if tile[heavy[i], axis] != tile[before[i], axis] or tile[heavy[i], axis] != tile[after[i], axis]:
                return False
            if order[heavy[i], axis] != order[before[i], axis] or order[heavy[i], axis] != order[after[i], axis]:
                return False
    return True


def _tied(groups: Sequence[Group], names: Sequence[str], stands: Sequence[str]) -> tuple[Group, ...] | None:
    """The groups with those members that stay: ``stands`` says which name is there for each of ``names``.

    ``None`` if one that goes is not in the group of the one that stays.
    """
    home = {name: number for number, group in enumerate(groups) for name in group.names}
    if any(home.get(name) != home.get(other) for name, other in zip(names, stands, strict=True)):
        return None
    left = set(stands)
    return tuple(replace(group, names=tuple(name for name in group.names if name in left)) for group in groups)


def _without(graph: Graph, kept: Flags, found: References, others: Int64Array, n_reads: int) -> Graph:
    """The graph of the ops that stay; ``others``: what they speak of now (the first ``n_reads`` are operands)."""
    ops = np.cumsum(kept) - 1
    stays = np.array([kept[value.producer] for value in graph.values])
    values = np.cumsum(stays) - 1
    operands: dict[int, list[Operand]] = {int(op): list(graph.ops[op].operands) for op in np.flatnonzero(kept)}
    reads = np.flatnonzero(kept[found.op[:n_reads]])
    for op, place, other, result in zip(
        found.op[reads].tolist(), found.place[reads].tolist(), others[reads].tolist(), found.tag[reads].tolist(),
        strict=True,
    ):  # fmt: skip
        operands[op][place] = int(values[graph.ops[other].results[result]])
    before = np.concatenate([[0], np.cumsum(kept)])
    return Graph(
        values=tuple(
            replace(value, index=int(values[value.index]), producer=int(ops[value.producer]))
            for value in graph.values
            if stays[value.index]
        ),
        ops=tuple(_moved(graph.ops[op], int(ops[op]), read, values) for op, read in operands.items()),
        arguments=_arguments(graph, stays, values),
        outputs=_outputs(graph, kept, stays, values, found, others),
        in_tree=None,
        out_tree=None,
        regions=tuple(replace(r, begin=int(before[r.begin]), end=int(before[r.end])) for r in graph.regions),
        controls=tuple(
            replace(
                c,
                begin=int(before[c.begin]),
                end=int(before[c.end]),
                test=int(values[c.test]) if isinstance(c.test, int) else c.test,
            )
            for c in graph.controls
        ),
    )


def _moved(op: Op, index: int, operands: Sequence[Operand], values: Int64Array) -> Op:
    return replace(op, index=index, operands=tuple(operands), results=tuple(int(values[r]) for r in op.results))


def _arguments(graph: Graph, stays: Flags, values: Int64Array) -> tuple[Argument, ...]:
    return tuple(replace(a, value=int(values[a.value])) for a in graph.arguments if stays[a.value])


def _outputs(
    graph: Graph, kept: Flags, stays: Flags, values: Int64Array, found: References, others: Int64Array
) -> tuple[Output, ...]:
    """The results that stay; a carried one becomes the argument of its own layer."""
    ops = np.cumsum(kept) - 1
    becomes = others[np.flatnonzero(found.kind == BECOMES)].tolist()
    return tuple(
        replace(output, value=int(values[output.value]), carried=int(ops[argument]) if argument >= 0 else -1)
        for output, argument in zip(graph.outputs, becomes, strict=True)
        if stays[output.value]
    )


def _agree(found: References, others: Int64Array, cut: _Cut, small: References) -> bool:
    """Whether the folded program has the references that it should have, and no other."""
    kept, inside = cut.kept(), cut.window.inside(cut.layers)
    ops = np.cumsum(kept) - 1
    counted = kept[found.op] & (inside[found.op] | (found.kind != FACT))
    other = np.where(others < 0, -1, ops[others])
    expected = np.stack([ops[found.op], found.place, other, found.tag])[:, counted]
    also = (small.kind != FACT) | inside[kept][small.op]
    actual = np.stack([small.op, small.place, small.other, small.tag])[:, also]
    return np.array_equal(expected[:, np.lexsort(expected[:2])], actual[:, np.lexsort(actual[:2])])
