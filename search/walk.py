"""A walk through the game that writes what it meets into the search graph."""

from collections.abc import Sequence
from enum import Enum, auto

import numpy as np

from autopart.search.bounds import BoundedGame
from autopart.search.game import Game
from autopart.search.graph import Node, SearchGraph
from autopart.search.priors import Prior, checked_prior
from autopart.search.session import Session
from autopart.search.strategy import SeedOutcome


class Step(Enum):
    """What a step met: a state never seen, one known, or one of the walk's own path."""

    NEW = auto()
    KNOWN = auto()
    LOOP = auto()


class Walk:
    """Keeps the game's trail, the path of (node, edge) from the root, and the node at its end in step.

    An edge to a state of the path, such as an action that does nothing, is closed, and the walk stands
    at that state by the shorter path. No state comes out of reach, since the path itself leads there;
    and each search ends: no path is longer than the number of states, and a walk that goes on until it
    can go no further closes at least one edge.

    `replayed` are the shortest ways found to where the seeds lead; a strategy that sets `bounded` has nodes barred, as
    they are expanded, behind which nothing ranks better than the best so far; a strategy that knows it sets `bound`,
    the rank that no reachable state is below.
    """

    def __init__(self, game: Game, session: Session, prior: Prior) -> None:
        self.session = session
        self.path: list[tuple[Node, int]] = []
        self.replayed: list[tuple[int, ...]] = []
        self.bound: tuple[float, ...] | None = None
        self.bounded: BoundedGame | None = None
        self.game = game
        self._prior = prior
        key = int(game.key())
        metrics, value = session.evaluate(key, ())
        self.graph = SearchGraph(key)
        self.node = self.graph.add(key, metrics, value)

    @property
    def actions(self) -> list[int]:
        """The actions from the root to here."""
        return [node.actions[edge] for node, edge in self.path]

    def expand(self) -> Node:
        """Return the node here, with its edges in place."""
        if not self.node.expanded:
            actions = self.game.actions()
            priors = checked_prior(self._prior, self.game, actions) if len(actions) else np.zeros(0)
            self.graph.expand(self.node, actions, priors)
            if self.bounded is not None and not self.node.exhausted and self._leads_nowhere(self.bounded):
                self.graph.bar(self.node)
        return self.node

    def _leads_nowhere(self, bounded: BoundedGame) -> bool:
        """Whether nothing that can be reached from here ranks better than the best so far."""
        return self.session.rank(bounded.lower_bounds()) >= self.session.best_rank

    def step(self, edge: int) -> Step:
        """Go along an edge of the expanded node here; a new state is evaluated and backed up at once."""
        self.game.apply(self.node.actions[edge])
        self.path.append((self.node, edge))
        parent, key = self.node, int(self.game.key())
        if any(node.key == key for node, _ in self.path):
            self.back()
            self.graph.close(parent, edge)
            while self.node.key != key:
                self.back()
            return Step.LOOP
        child = self.graph.nodes.get(key)
        if child is not None:
            self.node = child
            if self.graph.link(parent, edge, child):
                self.graph.transpositions += 1
                self.session.offer(key, self.actions, child.metrics)
            return Step.KNOWN
        metrics, value = self.session.evaluate(key, self.actions)
        self.node = self.graph.add(key, metrics, value)
        self.graph.link(parent, edge, self.node)
        self.graph.backup(self.path)
        return Step.NEW

    def back(self) -> Node:
        """Take back the latest step and return the node it came from."""
        self.game.undo()
        self.node, _ = self.path.pop()
        return self.node

    def unwind(self) -> None:
        """Go back to the root."""
        while self.path:
            self.back()

    def go(self, actions: Sequence[int]) -> None:
        """Be where a way already walked from the root leads."""
        shared = 0
        for (node, edge), action in zip(self.path, actions, strict=False):
            if node.actions[edge] != action:
                break
            shared += 1
        while len(self.path) > shared:
            self.back()
        for action in actions[shared:]:
            self.step(self.expand().actions.index(action))

    def play(self, actions: Sequence[int]) -> None:
        """Go on from here along those of the actions that are legal when their turn comes, until the session stops."""
        for action in actions:
            if self.session.stop() is not None:
                return
            if action in self.expand().actions:
                self.step(self.node.actions.index(action))

    def replay(self, seed: Sequence[int]) -> SeedOutcome:
        """Walk from the root along a seed, up to its first illegal action, and return to the root."""
        self.unwind()
        legal = 0
        for action in seed:
            if action not in self.expand().actions:
                break
            self.step(self.node.actions.index(action))
            legal += 1
        outcome = SeedOutcome(tuple(seed), legal, self.node.metrics)
        self.replayed.append(tuple(self.actions))
        self.unwind()
        return outcome
