"""The known recipes: strategies on mesh axes, and the compositions that people use.

Search starts from them, and its answer is never worse than the best of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from autopart.errors import TacticError
from autopart.partitioning import Problem, State
from autopart.tactics.manual import Tactic
from autopart.tactics.strategies import (
    ArgumentStrategy,
    ContextParallel,
    DataParallel,
    EdgeSharding,
    EmbeddingSharding,
    ExpertParallel,
    Megatron,
    MultiQuerySharding,
    SequenceParallel,
    Strategy,
    VocabularySharding,
    ZeRO2,
    ZeRO3,
)

DATA_PARALLEL, MEGATRON, ZERO2, ZERO3 = "BP", "MP", "Z2", "Z3"
SEQUENCE, VOCABULARY, CONTEXT = "SP", "VOC", "CP"
EXPERTS, EDGES, MULTI_QUERY = "EP", "ES", "MQ"

_STRATEGIES: Final[Mapping[str, type[Strategy]]] = MappingProxyType(
    {
        DATA_PARALLEL: DataParallel,
        MEGATRON: Megatron,
        ZERO2: ZeRO2,
        ZERO3: ZeRO3,
        EXPERTS: ExpertParallel,
        EDGES: EdgeSharding,
        MULTI_QUERY: MultiQuerySharding,
        "EMB": EmbeddingSharding,
        VOCABULARY: VocabularySharding,
        CONTEXT: ContextParallel,
        SEQUENCE: SequenceParallel,
    }
)


@dataclass(frozen=True)
class Recipe:
    """A known strategy on one mesh axis.

    Attributes:
        kind: the field's short name, e.g. ``BP``, ``MP``, ``Z3``.
        strategy: what it does.
    """

    kind: str
    strategy: Strategy

    @property
    def axis(self) -> str:
        """Mesh axis."""
        return self.strategy.axis

    @property
    def name(self) -> str:
        """E.g. ``BP(data)``."""
        return f"{self.kind}({self.axis})"

    def tactics(self, state: State) -> list[Tactic]:
        """What it does to a state, as patterns where it can be; none where it has nothing to add."""
        return self.strategy.tactics(state)

    def applies(self, problem: Problem) -> bool:
        """Whether the program has what it looks for."""
        if isinstance(self.strategy, ArgumentStrategy):
            return len(self.strategy.targets(problem).tiles) > 0
        try:
            return len(self.strategy.steps(State(problem))) > 0
        except TacticError:
            return False


def atoms(problem: Problem, axes: Sequence[str]) -> list[Recipe]:
    """Every single recipe that the program has something for, on every one of the axes with more than one device."""
    wide = [axis for axis in axes if problem.mesh.axes[axis] > 1]
    every = [Recipe(kind, strategy(axis)) for axis in wide for kind, strategy in _STRATEGIES.items()]
    return [recipe for recipe in every if recipe.applies(problem)]


def compositions(recipes: Sequence[Recipe]) -> list[tuple[Recipe, ...]]:
    """The known compositions: replicated, BP, MP, BP+MP alone and with SP, VOC or both, BP+CP.

    Each that has BP comes also with Z2 and Z3. Where there are experts, each also after EP; where examples are split on
    several axes, so are experts (in whatever order: nesting decides what an all_to_all can do). Edges and caches also
    without ZeRO, after BP and MP.
    """
    by_kind = {kind: [r for r in recipes if r.kind == kind] for kind in _STRATEGIES}
    model, experts = by_kind[MEGATRON], by_kind[EXPERTS]
    splits = _in_any_order(by_kind[DATA_PARALLEL])
    pairs = _beside(splits, model)
    finer = [(*pair, *some) for pair in pairs for some in _finer(by_kind, pair[-1].axis)]
    bases = [*splits, *pairs, *finer, *_beside(splits, by_kind[CONTEXT])]
    out: list[tuple[Recipe, ...]] = [(), *((mp,) for mp in model), *_with_zero(bases, by_kind)]
    before = [(ep, *base) for ep in experts for base in out]
    wide = [some for some in splits if len(some) > 1]
    before += [(*some, *base) for some in _in_any_order(experts) if len(some) > 1 for base in _with_zero(wide, by_kind)]
    after = [(*base, r) for base in [(), *bases] for r in (*by_kind[EDGES], *by_kind[MULTI_QUERY])]
    return [*out, *before, *after]


def _in_any_order(recipes: Sequence[Recipe]) -> list[tuple[Recipe, ...]]:
    """Some of the recipes, at least one, fewer first."""
    return [some for count in range(1, len(recipes) + 1) for some in itertools.permutations(recipes, count)]


def _with_zero(
    bases: Sequence[tuple[Recipe, ...]], by_kind: Mapping[str, Sequence[Recipe]]
) -> Iterator[tuple[Recipe, ...]]:
    """Each base alone, with Z2 and with Z3 on the axes of its examples."""
    for base in bases:
        axes = {recipe.axis for recipe in base if recipe.kind == DATA_PARALLEL}
        yield base
        yield from ((*base, *(r for r in by_kind[kind] if r.axis in axes)) for kind in (ZERO2, ZERO3))


def _beside(splits: Sequence[tuple[Recipe, ...]], others: Sequence[Recipe]) -> list[tuple[Recipe, ...]]:
    """Each split of examples with each of the others on an axis that it leaves."""
    return [(*some, other) for some in splits for other in others if all(r.axis != other.axis for r in some)]


def _finer(by_kind: Mapping[str, Sequence[Recipe]], axis: str) -> list[list[Recipe]]:
    """What goes with Megatron on its axis: SP, VOC, both."""
    sequence, vocabulary = ([r for r in by_kind[kind] if r.axis == axis] for kind in (SEQUENCE, VOCABULARY))
    return [[*some, *more] for some in (sequence, []) for more in (vocabulary, []) if [*some, *more]]
