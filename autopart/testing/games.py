"""Small games to try strategies, priors and observers on; each answers at once."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from autopart.search import ChoiceProblem, Edge, Row

_MASK = (1 << 64) - 1


def _mix(number: int) -> int:
    """Return 64 well-mixed bits (splitmix64, Steele et al. 2014)."""
    number = (number + 0x9E3779B97F4A7C15) & _MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)


class TableGame:
    """A game written out: for each state its moves, action to next state, and its metrics.

    The state is its own key. Loops, actions without effect and many ways to one state are all allowed.
    """

    def __init__(
        self,
        moves: Mapping[int, Mapping[int, int]],
        measured: Mapping[int, tuple[float, ...]],
        metric_names: tuple[str, ...] = ("cost",),
        root: int = 0,
    ) -> None:
        self.metric_names = metric_names
        self.trail = [root]
        self._moves = moves
        self._measured = measured

    def actions(self) -> Sequence[int]:
        """Return the state's moves, in the order written."""
        return list(self._moves.get(self.trail[-1], {}))

    def apply(self, action: int) -> None:
        """Move."""
        self.trail.append(self._moves[self.trail[-1]][action])

    def undo(self) -> None:
        """Move back."""
        assert len(self.trail) > 1, "undo without apply"
        self.trail.pop()

    def key(self) -> int:
        """Return the state."""
        return self.trail[-1]

    def metrics(self) -> tuple[float, ...]:
        """Look the state up."""
        return self._measured[self.trail[-1]]

    def describe(self, action: int) -> str:
        """Return the action's number."""
        return f"move {action}"


class AssignmentGame:
    """Decisions to take in any order: decision d has options 1..options[d], 0 being "not taken yet".

    Action ids number the (decision, option) pairs, decision by decision. `measure` gives the metrics of
    an assignment, one option a decision.
    """

    def __init__(
        self,
        options: Sequence[int],
        measure: Callable[[Sequence[int]], tuple[float, ...]],
        metric_names: tuple[str, ...] = ("cost",),
    ) -> None:
        self.metric_names = metric_names
        self.pairs = [(d, option) for d, count in enumerate(options) for option in range(1, count + 1)]
        self.assignment = [0] * len(options)
        self.trail: list[int] = []
        self.measure = measure
        self._key = 0

    def actions(self) -> Sequence[int]:
        """Return every option of every decision not taken yet."""
        return [action for action, (d, _) in enumerate(self.pairs) if not self.assignment[d]]

    def apply(self, action: int) -> None:
        """Take a decision."""
        decision, option = self.pairs[action]
        assert not self.assignment[decision], "the decision is taken"
        self.assignment[decision] = option
        self.trail.append(action)
        self._key ^= _mix(action)

    def undo(self) -> None:
        """Take the latest decision back."""
        action = self.trail.pop()
        self.assignment[self.pairs[action][0]] = 0
        self._key ^= _mix(action)

    def key(self) -> int:
        """Return the exclusive or of the actions' bits (Zobrist hashing): the order leaves no mark."""
        return self._key

    def metrics(self) -> tuple[float, ...]:
        """Measure the assignment."""
        return self.measure(self.assignment)

    def describe(self, action: int) -> str:
        """Return e.g. "decision 3 := 2"."""
        decision, option = self.pairs[action]
        return f"decision {decision} := {option}"


class ChainOfGroups:
    """The costs of `groups` groups of `size` decisions that hurt or help each other within a group.

    A decision not taken takes 1 unit of time and its weight in memory; an option takes other shares of
    both; and each pair of decisions of a group adds time for some pairs of their options.
    """

    def __init__(self, seed: int, groups: int, size: int) -> None:
        rng = np.random.default_rng(seed)
        count = groups * size
        self.options = [int(options) for options in rng.integers(2, 4, count)]
        weights = rng.uniform(0.5, 2.0, count)
        self._memory = [
            [float(weight), *(float(weight) * rng.uniform(0.3, 1.0, options))]
            for weight, options in zip(weights, self.options, strict=True)
        ]
        self._time = [[1.0, *rng.uniform(0.5, 1.2, options)] for options in self.options]
        self._pairs: list[tuple[int, int, list[list[float]]]] = []
        for first in range(count):
            for second in range(first + 1, (first // size + 1) * size):
                shape = (self.options[first] + 1, self.options[second] + 1)
                extra = rng.uniform(0.0, 0.5, shape) * (rng.random(shape) < 0.6)
                extra[0, 0] = 0.0
                self._pairs.append((first, second, extra.tolist()))

    def __call__(self, assignment: Sequence[int]) -> tuple[float, ...]:
        """Return (memory, time) of an assignment."""
        memory = sum(shares[option] for shares, option in zip(self._memory, assignment, strict=True))
        time = sum(shares[option] for shares, option in zip(self._time, assignment, strict=True))
        time += sum(extra[assignment[a]][assignment[b]] for a, b, extra in self._pairs)
        return float(memory), float(time)

    def game(self) -> "TabledAssignment":
        """Return the game of taking these decisions."""
        return TabledAssignment(self)

    def tables(self) -> ChoiceProblem:
        """Return time as a sum over nodes and edges, and memory as a row; option 0: not taken."""
        edges = tuple(Edge.full(a, b, np.array(extra)) for a, b, extra in self._pairs)
        memory = Row("memory", 0.0, {d: np.array(shares) for d, shares in enumerate(self._memory)})
        return ChoiceProblem("time", tuple(map(np.array, self._time)), edges, (memory,))


class TabledAssignment(AssignmentGame):
    """The game of a `ChainOfGroups`, which prices its assignments by tables."""

    def __init__(self, chain: ChainOfGroups) -> None:
        super().__init__(chain.options, chain, ("memory", "time"))
        self._chain = chain

    def choices(self) -> ChoiceProblem:
        """Return the tables of the chain."""
        return self._chain.tables()

    def toward(self, choice: Sequence[int]) -> int | None:
        """Return the first decision of a choice that is not taken yet."""
        for action, (d, option) in enumerate(self.pairs):
            if option == choice[d] and not self.assignment[d]:
                return action
        return None
