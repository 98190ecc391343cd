"""The search graph: one node a state, whatever the order of actions that led to it.

Visits live on edges and values are recomputed from the children, never shared as running means, which
is unsound where a node has several parents (KataGo, docs/GraphSearch.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from autopart.search.gains import Gains
from autopart.search.priors import FloatArray


def _no_floats() -> FloatArray:
    return np.zeros(0)


@dataclass(slots=True, eq=False)
class Node:
    """One state: its own evaluation, and for each of its n legal actions an edge with what lies behind.

    `own` is its evaluation, `mean` and `best` that of the subtree, all in [0, 1]. The edge arrays have
    shape [n], and stay empty until `expanded`: priors f64, edge_visits i64, child_mean and child_best f64
    (0 before the first visit), is_open bool. An edge is open while something new may lie behind it.
    """

    key: int
    metrics: tuple[float, ...]
    own: float
    mean: float
    best: float
    expanded: bool = False
    exhausted: bool = False
    actions: tuple[int, ...] = ()
    children: list[int | None] = field(default_factory=list)
    parents: list[tuple[int, int]] = field(default_factory=list)
    priors: FloatArray = field(default_factory=_no_floats)
    edge_visits: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    child_mean: FloatArray = field(default_factory=_no_floats)
    child_best: FloatArray = field(default_factory=_no_floats)
    is_open: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))

    @property
    def visits(self) -> int:
        """N = 1 + the visits of the edges."""
        return 1 + int(self.edge_visits.sum())


class SearchGraph:
    """The nodes by key, linked by key, and what each action has brought; `nodes[root_key]` is the root."""

    def __init__(self, root_key: int) -> None:
        self.root_key = root_key
        self.nodes: dict[int, Node] = {}
        self.transpositions = 0
        self.gains = Gains()

    @property
    def root(self) -> Node:
        """The node that the search started from."""
        return self.nodes[self.root_key]

    def add(self, key: int, metrics: tuple[float, ...], value: float) -> Node:
        """Add and return the node of a state just evaluated."""
        assert key not in self.nodes
        node = Node(key=key, metrics=metrics, own=value, mean=value, best=value)
        self.nodes[key] = node
        return node

    def expand(self, node: Node, actions: Sequence[int], priors: FloatArray) -> None:
        """Give a node its edges; one without actions is exhausted at once."""
        assert not node.expanded
        assert len(actions) == len(priors)
        count = len(actions)
        node.expanded = True
        node.actions = tuple(map(int, actions))
        node.children = [None] * count
        node.priors = priors
        node.edge_visits = np.zeros(count, np.int64)
        node.child_mean = np.zeros(count)
        node.child_best = np.zeros(count)
        node.is_open = np.ones(count, np.bool_)
        if not count:
            self._exhaust(node)

    def link(self, parent: Node, edge: int, child: Node) -> bool:
        """Note what lies behind an edge; return whether that was news."""
        if parent.children[edge] is not None:
            assert parent.children[edge] == child.key
            return False
        parent.children[edge] = child.key
        child.parents.append((parent.key, edge))
        self.gains.note(parent.actions[edge], child.own - parent.own)
        parent.child_mean[edge], parent.child_best[edge] = child.mean, child.best
        if child.exhausted:
            self.close(parent, edge)
        return True

    def close(self, node: Node, edge: int) -> None:
        """Bar an edge behind which nothing new can be found; a node with no other is exhausted."""
        node.is_open[edge] = False
        if not node.exhausted and not node.is_open.any():
            self._exhaust(node)

    def bar(self, node: Node) -> None:
        """Take all that lies behind a node for explored."""
        node.is_open[:] = False
        if not node.exhausted:
            self._exhaust(node)

    def backup(self, path: Sequence[tuple[Node, int]]) -> None:
        """Count a visit to each (node, edge) of a path from the root, and recompute from its end upward."""
        for node, edge in reversed(path):
            node.edge_visits[edge] += 1
            self._recompute(node)

    def _recompute(self, node: Node) -> None:
        """Set mean = (own + sum of edge visits x child mean) / N and best = max(own, child best)."""
        node.mean = (node.own + float(node.edge_visits @ node.child_mean)) / node.visits
        node.best = max(node.own, float(node.child_best.max()))
        for key, edge in node.parents:
            parent = self.nodes[key]
            parent.child_mean[edge], parent.child_best[edge] = node.mean, node.best

    def _exhaust(self, node: Node) -> None:
        """Mark a node as exhausted, bar the edges that lead to it, and so on upward."""
        node.exhausted = True
        waiting = [node]
        while waiting:
            for key, edge in waiting.pop().parents:
                parent = self.nodes[key]
                parent.is_open[edge] = False
                if not parent.exhausted and not parent.is_open.any():
                    parent.exhausted = True
                    waiting.append(parent)
