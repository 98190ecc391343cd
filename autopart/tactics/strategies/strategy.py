"""What all named strategies share: they find their arguments by structure, and tile those that a state lets them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np

from autopart.errors import TacticError
from autopart.partitioning import Group, Problem, State, split_groups
from autopart.program import cover
from autopart.sharding import Int32Array, Steps
from autopart.tactics.manual import Dim, Manual, Tactic, axis_index, fitting, number_of, undecided

_MOST_LISTED = 4

Tiles: TypeAlias = Mapping[str, "int | Dim"]
"""Pattern over arguments -> dimension."""


@dataclass(frozen=True)
class Targets:
    """What a strategy would tile in a program, as patterns and as flat arrays.

    Attributes:
        tiles: the patterns.
        ops: (arguments,) their ops, pattern after pattern.
        asked: (arguments,) the dimension of each, as ``tactics.number_of`` writes it.
        pattern: (arguments,) place of its pattern.
    """

    tiles: Tiles
    ops: Int32Array
    asked: Int32Array
    pattern: Int32Array

    @classmethod
    def of(cls, problem: Problem, tiles: Tiles) -> Targets:
        """The targets that patterns name."""
        parts = [problem.matching(pattern) for pattern in tiles]
        counts = [len(part) for part in parts]
        asked = np.repeat(np.array([number_of(dim) for dim in tiles.values()], np.int32), counts)
        places = np.repeat(np.arange(len(parts), dtype=np.int32), counts)
        return cls(tiles, np.concatenate([np.zeros(0, np.int32), *parts]), asked, places)


@dataclass(frozen=True)
class Strategy(ABC):
    """A tactic that says what it means rather than which values: it finds them in any program.

    Attributes:
        axis: mesh axis.
        among: pattern over the arguments that it may look at; all of them if empty.
    """

    axis: str
    among: str = ""

    title: ClassVar[str]
    """What reports call it."""

    looks_for: ClassVar[str]
    """What a program must have for it, in words, for the error where it has not."""

    def __post_init__(self) -> None:
        if not isinstance(self.axis, str) or not isinstance(self.among, str):
            raise TacticError(f"{type(self).__name__} takes the name of a mesh axis and a pattern, not {self!r}")

    @property
    def name(self) -> str:
        """What a report calls it."""
        return self.title

    @abstractmethod
    def steps(self, state: State) -> Steps:
        """The rows that it adds to a state.

        Raises:
            TacticError: the program has nothing of the kind, or the axis divides nothing of it.
        """

    def tactics(self, state: State) -> list[Tactic]:
        """What it does to a state, as patterns where it can be; none where it has nothing to add."""
        try:
            return [self] if len(self.steps(state)) else []
        except TacticError:
            return []

    def missing(self) -> TacticError:
        """The error that says what the program has not."""
        return TacticError(
            f"{self!r}: the program has no {self.looks_for}. Fix: leave it out, or name the arguments: "
            f"Manual({{'pattern': dimension}}, {self.axis!r})."
        )

    def groups(self, problem: Problem, *roles: str) -> tuple[Group, ...]:
        """The groups of arguments of some roles that it may look at."""
        groups = [group for group in problem.groups if group.role in roles]
        if not self.among:
            return tuple(groups)
        chosen = {problem.name_of(op) for op in problem.matching(self.among).tolist()}
        parts = split_groups(groups, list(problem.argument_ops), lambda name: name in chosen)
        return tuple(group for group in parts if group.names[0] in chosen)


class ArgumentStrategy(Strategy):
    """A strategy that tiles arguments, and so is a `Manual` of patterns."""

    @abstractmethod
    def tiles(self, problem: Problem) -> Tiles:
        """What it would tile if nothing were tiled yet; empty where the program has nothing of the kind."""

    def targets(self, problem: Problem) -> Targets:
        """``tiles``, looked for once."""
        if self not in problem.found:
            axis_index(problem, self.axis)
            problem.found[self] = Targets.of(problem, self.tiles(problem))
        found: Targets = problem.found[self]
        return found

    def looked_for(self, problem: Problem) -> Int32Array:
        """The ops that it would tile itself; what propagation reaches from there is not among them."""
        return self.targets(problem).ops

    def manual(self, state: State) -> Manual:
        """What it does to a state, as patterns: its tiles but those that are decided already or that do not divide.

        It has the strategy's name only if it is the whole of it.
        """
        problem, targets = state.problem, self.targets(state.problem)
        good = fitting(state, targets.ops, targets.asked, axis_index(problem, self.axis))
        if good.all():
            return Manual(targets.tiles, self.axis, self.title)
        everything, tiles = list(problem.argument_ops), dict[str, "int | Dim"]()
        for place, (pattern, dim) in enumerate(targets.tiles.items()):
            members = targets.pattern == place
            names = [problem.name_of(op) for op in targets.ops[members & good].tolist()]
            if len(names) == np.count_nonzero(members):
                tiles[pattern] = dim
            elif names:
                exact = cover(names, everything)
                tiles.update(dict.fromkeys(names if exact is None else (exact,), dim))
        return Manual(tiles, self.axis)

    def tactics(self, state: State) -> list[Tactic]:
        """What it does to a state, as patterns; none where it has nothing to add."""
        manual = self.manual(state)
        return [manual] if len(manual.tiles) and len(manual.steps(state)) else []

    def steps(self, state: State) -> Steps:
        """The rows that it adds to a state.

        Raises:
            TacticError: the program has nothing of the kind, or the axis divides nothing of it.
        """
        targets, index = self.targets(state.problem), axis_index(state.problem, self.axis)
        if not len(targets.ops):
            raise self.missing()
        manual = self.manual(state)
        if not manual.tiles and undecided(state, targets.ops, index).any():
            # A tile by number that does not divide says so itself, with the dimensions that would do.
            Manual({p: d for p, d in targets.tiles.items() if isinstance(d, int)}, self.axis).steps(state)
            raise self._too_small(state.problem)
        return manual.steps(state)

    def _too_small(self, problem: Problem) -> TacticError:
        shapes = {
            pattern: problem.shape_of(int(problem.matching(pattern)[0])) for pattern in self.targets(problem).tiles
        }
        some = [f"{pattern} {shape}" for pattern, shape in shapes.items()][:_MOST_LISTED]
        more = f" and {len(shapes) - _MOST_LISTED} more" if len(shapes) > _MOST_LISTED else ""
        size = problem.mesh.axes[self.axis]
        return TacticError(f"{self!r}: nothing of {', '.join(some)}{more} can be cut into {size} on '{self.axis}'")


def nbytes(problem: Problem, groups: Iterable[Group]) -> float:
    """Bytes of all arguments of some groups."""
    costs = problem.costs
    values = [problem.graph.ops[problem.argument_ops[name]].results[0] for group in groups for name in group.names]
    return float(sum(costs.value_bytes[value] * costs.value_weight[value] for value in values))


def owners(problem: Problem, names: Container[str]) -> dict[int, str]:
    """Value -> the argument, one of ``names``, that it is, or is a cast or rearrangement of."""
    graph, weight_like = problem.graph, problem.tables.weight_like
    owner = {a.value: a.name for a in graph.arguments if a.name in names}
    for op in graph.ops:
        source = op.operands[0] if op.operands and weight_like[op.results[0]] else None
        if isinstance(source, int) and source in owner:
            owner[op.results[0]] = owner[source]
    return owner
