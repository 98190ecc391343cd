"""What is refused before any work is done: what is no tactic, and searches that cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from autopart.costmodel.mesh import Mesh
from autopart.errors import TacticError
from autopart.planner.auto import EMBEDDED, RAY, Auto
from autopart.planner.plugins import check_plugins
from autopart.search import Journal
from autopart.tactics.manual import Tactic

AnyTactic: TypeAlias = "Tactic | Auto"


def check_shapes(tactics: Sequence[AnyTactic], journal: Journal | None) -> None:
    """Refuses what is no tactic, and what only a search on one mesh can have.

    Raises:
        TacticError: the message says what to do.
    """
    _check_kinds(tactics)
    if journal is not None:
        raise TacticError("a journal keeps the search on one mesh. Fix: a mesh with axes, or no journal.")
    if any(isinstance(tactic, Auto) and tactic.backend != EMBEDDED for tactic in tactics):
        raise TacticError(f"Auto(backend='{RAY}') searches on one mesh. Fix: a mesh with axes, or '{EMBEDDED}'.")


def check_tactics(tactics: Sequence[AnyTactic], mesh: Mesh) -> None:
    """Refuses what is no tactic, and searches that cannot be.

    Raises:
        TacticError, SearchError: the message says what to do.
    """
    _check_kinds(tactics)
    for auto in tactics:
        if isinstance(auto, Auto):
            _check_auto(auto, mesh)


def _check_kinds(tactics: Sequence[AnyTactic]) -> None:
    if not isinstance(tactics, Sequence) or not all(isinstance(t, Auto) or hasattr(t, "steps") for t in tactics):
        raise TacticError(f"tactics must be a list of Manual(...), named strategies, and Auto(...), not {tactics!r}")


def _check_auto(auto: Auto, mesh: Mesh) -> None:
    axes = mesh.axis_names if auto.axes is None else auto.axes
    if not isinstance(axes, (tuple, list)) or not all(axis in mesh.axes for axis in axes):
        raise TacticError(f"Auto(axes={axes!r}): must be a tuple of mesh axes; there is {', '.join(mesh.axis_names)}")
    if isinstance(auto.seed, bool) or not isinstance(auto.seed, int) or auto.seed < 0:
        raise TacticError(f"Auto(seed={auto.seed!r}): must be a whole number, 0 or more")
    if auto.backend not in (EMBEDDED, RAY):
        raise TacticError(f"Auto: unknown backend '{auto.backend}'; choose {EMBEDDED} or {RAY}")
    if auto.workers < 1 or (auto.backend == EMBEDDED and auto.workers > 1):
        raise TacticError(f"Auto(workers={auto.workers}): must be at least 1; more need backend='{RAY}'")
    check_plugins(auto)
