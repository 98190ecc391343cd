"""From the graph that a search leaves to its record."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

import numpy as np

from autopart.search.goals import Goals
from autopart.search.graph import SearchGraph
from autopart.search.strategy import SearchResult
from autopart.search.tree.record import Floats, Ints, SearchTree

Words = Callable[[int], str]


def tree_of(
    result: SearchResult, goals: Goals, label: Words, detail: Words | None = None, seed_names: Sequence[str] = ()
) -> SearchTree:
    """Return the record of a search.

    `label` says what an action is called (`Game.describe`), `detail` what it does, by default the same;
    `seed_names` are those of the seeds that the search was given, in its order.
    """
    graph = result.graph
    number = {key: state for state, key in enumerate(graph.nodes)}
    edges = _Edges(graph, number)
    names = [label(action) for action in edges.ids]
    outcomes = zip(seed_names, result.seeds, strict=False)  # An interrupt may have come before the last of them.
    ways = [(name, edges.way(outcome.actions[: outcome.legal])) for name, outcome in outcomes]
    path = edges.way(result.best_actions)
    assert path is not None, "the best answer was walked to"
    return SearchTree(
        metric_names=goals.metric_names,
        goals=tuple((goal.metric, goal.limit) for goal in goals.goals),
        labels=tuple(names),
        details=tuple(names if detail is None else map(detail, edges.ids)),
        seeds=tuple((name, edges.end(way)) for name, way in ways if way is not None),
        keys=np.array([key & 0xFFFF_FFFF_FFFF_FFFF for key in graph.nodes], np.uint64),
        metrics=_floats(chain.from_iterable(node.metrics for node in graph.nodes.values())).reshape(len(number), -1),
        own=_floats(node.own for node in graph.nodes.values()),
        mean=_floats(node.mean for node in graph.nodes.values()),
        best=_floats(node.best for node in graph.nodes.values()),
        visits=(1 + np.bincount(edges.parent, edges.visits, len(number))).astype(np.int32),
        depth=edges.depth(),
        legal=np.array([len(n.actions) if n.expanded else -1 for n in graph.nodes.values()], np.int32),
        found_by=edges.found_by(),
        edge_parent=edges.parent,
        edge_child=edges.child,
        edge_action=edges.action,
        edge_prior=edges.prior,
        edge_visits=edges.visits,
        path=np.array(path, np.int32),
    )


class _Edges:
    """The edges that were walked, in the order of their parents, as arrays; see `SearchTree`.

    `ids` are the game's numbers of the actions that occur; edges hold places in it.
    """

    def __init__(self, graph: SearchGraph, number: dict[int, int]) -> None:
        nodes = list(graph.nodes.values())
        links = [(number[key], edge, child) for child, node in enumerate(nodes) for key, edge in node.parents]
        first = {(number[node.parents[0][0]], node.parents[0][1]) for node in nodes if node.parents}
        links.sort()
        actions = [nodes[parent].actions[edge] for parent, edge, _ in links]
        self.ids = sorted(set(actions))
        place = {action: at for at, action in enumerate(self.ids)}
        self.parent: Ints = _ints(parent for parent, _, _ in links)
        self.child: Ints = _ints(child for _, _, child in links)
        self.action: Ints = _ints(place[action] for action in actions)
        self.prior = np.array([nodes[parent].priors[edge] for parent, edge, _ in links], np.float32)
        self.visits: Ints = _ints(nodes[parent].edge_visits[edge] for parent, edge, _ in links)
        self._first = [at for at, (parent, edge, _) in enumerate(links) if (parent, edge) in first]
        self._at = {
            (parent, action): at for at, ((parent, _, _), action) in enumerate(zip(links, actions, strict=True))
        }
        self._states = len(nodes)

    def found_by(self) -> Ints:
        """The edge by which each state was found."""
        found = np.full(self._states, -1, np.int32)
        found[self.child[self._first]] = self._first
        return found

    def depth(self) -> Ints:
        """The fewest edges to each state from the root."""
        depth = np.full(self._states, -1, np.int32)
        begins = np.searchsorted(self.parent, np.arange(self._states + 1))
        depth[0], waiting = 0, deque([0])
        while waiting:
            state = waiting.popleft()
            for child in self.child[begins[state] : begins[state + 1]].tolist():
                if depth[child] < 0:
                    depth[child] = depth[state] + 1
                    waiting.append(child)
        return depth

    def way(self, actions: Sequence[int]) -> list[int] | None:
        """The edges along which actions lead from the root; none where one of them led nowhere new."""
        way, state = [], 0
        for action in actions:
            edge = self._at.get((state, action))
            if edge is None:
                return None
            way.append(edge)
            state = int(self.child[edge])
        return way

    def end(self, way: Sequence[int]) -> int:
        """The state to which edges lead."""
        return int(self.child[way[-1]]) if way else 0


def _ints(numbers: Iterable[int]) -> Ints:
    return np.fromiter(numbers, np.int32)


def _floats(numbers: Iterable[float]) -> Floats:
    return np.fromiter(numbers, np.float64)
