"""Exhaustive search: every state once, but those that a bound rules out."""

from dataclasses import dataclass

import numpy as np

from autopart.search.bounds import BoundedGame
from autopart.search.budget import StopReason
from autopart.search.explorer import Explorer
from autopart.search.graph import Node
from autopart.search.walk import Step, Walk

Rank = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhaustive(Explorer):
    """Goes depth first, the better children first, and proves the optimum if the budget lasts (EXHAUSTED).

    Of a `BoundedGame` it leaves out what cannot rank better than the best so far, and where the budget does
    not last, the result's `bound` says how much better an answer could be. `seed` draws nothing.

    """

    def _explore(self, walk: Walk) -> StopReason:
        return _Enumeration(walk, walk.game if isinstance(walk.game, BoundedGame) else None).run()


class _Enumeration:
    """One run; `bounds` are the ranks that no state behind a node is below, by the node's key."""

    def __init__(self, walk: Walk, bounded: BoundedGame | None) -> None:
        self._walk = walk
        self._bounded = bounded
        self._bounds: dict[int, Rank] = {}

    def run(self) -> StopReason:
        walk = self._walk
        self._cut()
        while (stop := walk.session.stop()) is None:
            if not walk.node.exhausted and not walk.expand().exhausted:
                self._advance()
            elif walk.path:
                walk.back()
            else:
                return StopReason.EXHAUSTED
        if self._bounded is not None:
            walk.bound = min([walk.session.best_rank, *map(self._bound_of, walk.graph.nodes.values())])
        return stop

    def _advance(self) -> None:
        """Evaluate a child never seen and come back, or else go on to the best child."""
        walk, here = self._walk, self._walk.actions
        node = walk.node
        edges = np.flatnonzero(node.is_open)
        untried = [edge for edge in edges if node.children[edge] is None]
        if not untried:
            best = edges[np.argmax([self._child(node, int(edge)).own for edge in edges])]
            if walk.step(int(best)) is not Step.LOOP:
                self._cut()
        elif walk.step(int(untried[0])) is not Step.LOOP:
            self._cut()
            walk.go(here)

    def _child(self, node: Node, edge: int) -> Node:
        key = node.children[edge]
        assert key is not None
        return self._walk.graph.nodes[key]

    def _cut(self) -> None:
        """Bar the way on from here where the bound says that it leads to nothing better."""
        node = self._walk.node
        if self._bounded is None or node.exhausted:
            return
        if node.key not in self._bounds:
            self._bounds[node.key] = self._walk.session.rank(self._bounded.lower_bounds())
        if self._bounds[node.key] >= self._walk.session.best_rank:
            self._walk.graph.bar(node)

    def _bound_of(self, node: Node) -> Rank:
        """Return the bound of a node behind which something never seen may lie, else its own rank."""
        ahead = not node.expanded or any(node.children[edge] is None for edge in np.flatnonzero(node.is_open))
        known = self._walk.session.rank(node.metrics)
        of_root = self._bounds[self._walk.graph.root_key]
        return self._bounds.get(node.key, of_root) if ahead and not node.exhausted else known
