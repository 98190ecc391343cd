"""Games that price their answers by tables: one option for each node, the least sum of the costs of nodes and edges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from autopart.search.game import Game

Floats: TypeAlias = npt.NDArray[np.float64]
Numbers: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Edge:
    """What two nodes cost together, by the class that the option of each is in; infinite: they cannot be together.

    `costs` is f64[classes of first, classes of second], `row_of` and `column_of` are the class of each option of
    `first` and of `second`. Options that the other end cannot tell apart share a class.
    """

    first: int
    second: int
    costs: Floats
    row_of: Numbers
    column_of: Numbers

    @classmethod
    def full(cls, first: int, second: int, costs: Floats) -> "Edge":
        """Return an edge with a cost for each pair of options."""
        return cls(first, second, costs, *(np.arange(count) for count in costs.shape))

    def turned(self) -> "Edge":
        """Return the same edge, seen from the other end."""
        return Edge(self.second, self.first, self.costs.T, self.column_of, self.row_of)


def joined(one: Edge, other: Edge) -> Edge:
    """Return one edge for two that lead from the same first to the same second node."""
    rows, row_of = np.unique(np.stack([one.row_of, other.row_of]), axis=1, return_inverse=True)
    columns, column_of = np.unique(np.stack([one.column_of, other.column_of]), axis=1, return_inverse=True)
    costs = one.costs[np.ix_(rows[0], columns[0])] + other.costs[np.ix_(rows[1], columns[1])]
    return Edge(one.first, one.second, costs, row_of.ravel(), column_of.ravel())


@dataclass(frozen=True, eq=False)
class Row:
    """An estimate of a metric that is a sum too: of `constant`, and of `use` f64[options] for the nodes in it."""

    metric: str
    constant: float
    use: Mapping[int, Floats]

    def of(self, choice: Sequence[int]) -> float:
        """Return the estimate for one option a node."""
        return self.constant + sum(float(use[choice[node]]) for node, use in self.use.items())


@dataclass(frozen=True, eq=False)
class ChoiceProblem:
    """The tables of a game; their sum stands for its metric `metric`.

    `nodes` are the costs f64[options] of each node's options; at most one edge joins two nodes. A metric with a
    limit is estimated by `rows`, the greatest of those that name it. `exact`: the sum is the metric itself, there
    are no rows, and each state of the game is a choice.
    """

    metric: str
    nodes: tuple[Floats, ...]
    edges: tuple[Edge, ...]
    rows: tuple[Row, ...] = field(default=())
    exact: bool = False

    def cost(self, choice: Sequence[int]) -> float:
        """Return the sum over nodes and edges for one option a node."""
        own = sum(float(costs[option]) for costs, option in zip(self.nodes, choice, strict=True))
        return own + sum(float(e.costs[e.row_of[choice[e.first]], e.column_of[choice[e.second]]]) for e in self.edges)


@runtime_checkable
class TabledGame(Game, Protocol):
    """A game whose answers are choices, or come near to them."""

    def choices(self) -> ChoiceProblem:
        """Return the tables."""
        ...

    def toward(self, choice: Sequence[int]) -> int | None:
        """Return a legal action that brings the current state nearer to a choice, or None where none does.

        To follow it again and again must come to an end.
        """
        ...
