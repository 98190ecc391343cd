"""The known recipes: strategies on mesh axes, and the compositions that people use.

Search starts from them, and its answer is never worse than the best of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from autopart.problem import Problem
from autopart.state import State
from autopart.strategies import ArgumentStrategy, DataParallel, Megatron, ZeRO2, ZeRO3
from autopart.tactics import Tactic

DATA_PARALLEL, MEGATRON, ZERO2, ZERO3 = "BP", "MP", "Z2", "Z3"

_STRATEGIES = ((DATA_PARALLEL, DataParallel), (MEGATRON, Megatron), (ZERO2, ZeRO2), (ZERO3, ZeRO3))


@dataclass(frozen=True)
class Recipe:
    """A known strategy on one mesh axis.

    Attributes:
        kind: ``BP``, ``MP``, ``Z2`` or ``Z3``.
        strategy: what it does.
    """

    kind: str
    strategy: ArgumentStrategy

    @property
    def axis(self) -> str:
        """Mesh axis."""
        return self.strategy.axis

    @property
    def name(self) -> str:
        """E.g. ``BP(data)``."""
        return f"{self.kind}({self.axis})"

    def tactics(self, state: State) -> list[Tactic]:
        """What it does to a state, as patterns; none where it has nothing to add."""
        manual = self.strategy.manual(state)
        return [manual] if len(manual.tiles) and len(manual.steps(state)) else []


def atoms(problem: Problem, axes: Sequence[str]) -> list[Recipe]:
    """Every single recipe on every one of the axes that has more than one device."""
    wide = [axis for axis in axes if problem.mesh.axes[axis] > 1]
    return [Recipe(kind, strategy(axis)) for axis in wide for kind, strategy in _STRATEGIES]


def compositions(recipes: Sequence[Recipe]) -> list[tuple[Recipe, ...]]:
    """The known compositions: replicated, BP, MP, BP+MP, each data-parallel one also with Z2 and Z3."""
    by_kind = {kind: [r for r in recipes if r.kind == kind] for kind in (DATA_PARALLEL, MEGATRON, ZERO2, ZERO3)}
    data, model = by_kind[DATA_PARALLEL], by_kind[MEGATRON]
    out: list[tuple[Recipe, ...]] = [(), *((mp,) for mp in model)]
    bases: list[tuple[Recipe, ...]] = [
        some for count in range(1, len(data) + 1) for some in itertools.combinations(data, count)
    ]
    bases += [(*some, mp) for some in bases for mp in model if all(bp.axis != mp.axis for bp in some)]
    for base in bases:
        axes = {recipe.axis for recipe in base if recipe.kind == DATA_PARALLEL}
        out.append(base)
        out += [(*base, *(r for r in by_kind[kind] if r.axis in axes)) for kind in (ZERO2, ZERO3)]
    return out
