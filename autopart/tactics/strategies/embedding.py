"""Splitting tables that are looked up, along the features of an entry or along the entries."""

from __future__ import annotations

from autopart.partitioning import PARAMETER, Problem, cast_argument
from autopart.program import Graph
from autopart.tactics.strategies.strategy import ArgumentStrategy, Tiles


class EmbeddingSharding(ArgumentStrategy):
    """EMB: tiles tables along the features of their entries, and with them the residual stream that is read from them.

    After Megatron on the same axis the sums between its pairs become scatters and gathers of features, and each norm
    sums a number for each token.
    """

    title = "embedding"
    looks_for = "tables of parameters that are looked up"

    def tiles(self, problem: Problem) -> Tiles:
        """The last dimension that is not looked up."""
        return _tables(problem, self, looked_up=False)


class VocabularySharding(ArgumentStrategy):
    """VOCAB: tiles tables along the entries that are looked up, and with them scores of every entry.

    Each device looks up those that it has, and the results are summed. Where scores are made by a matrix of its own
    (weights that are not tied), known by the sizes of a table, that is tiled too.
    """

    title = "vocabulary"
    looks_for = "tables of parameters that are looked up"

    def tiles(self, problem: Problem) -> Tiles:
        """The first dimension that is looked up, and that of its size in matrices of the same sizes."""
        tables = _tables(problem, self, looked_up=True)
        groups = self.groups(problem, PARAMETER)
        sizes = {tuple(sorted(g.shape)): g.shape[tables[g.pattern]] for g in groups if g.pattern in tables}
        others = {
            group.pattern: group.shape.index(size)
            for group in groups
            if group.pattern not in tables and (size := sizes.get(tuple(sorted(group.shape))))
            if group.shape.count(size) == 1 and len(group.names) == 1
        }
        return {**tables, **others}


def _tables(problem: Problem, strategy: ArgumentStrategy, looked_up: bool) -> dict[str, int]:
    found = _looked_up(problem.graph)
    tiles: dict[str, int] = {}
    for group in strategy.groups(problem, PARAMETER):
        dims = [d for d in group.dims if (d in found.get(group.names[0], ())) == looked_up]
        if group.names[0] in found and dims:
            tiles[group.pattern] = dims[0] if looked_up else dims[-1]
    return tiles


def _looked_up(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Argument -> the dimensions by which entries of it are picked."""
    names = {argument.value: argument.name for argument in graph.arguments}
    found: dict[str, tuple[int, ...]] = {}
    for op in (op for op in graph.ops if op.primitive == "gather"):
        name = cast_argument(graph, names, op.operands[0])
        if name is not None:
            found.setdefault(name, tuple(op.params["dimension_numbers"].start_index_map))
    return found
