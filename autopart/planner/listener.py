"""Who hears of a plan while it is looked for: one object with a method for each thing there is to hear."""

from __future__ import annotations

from collections.abc import Sequence

from autopart.costmodel.mesh import Mesh
from autopart.search import Goals, Improvement, NullObserver, Observer, Observers, Progress
from autopart.tactics.manual import Tactic


class Listener:
    """Hears of a search from within it; the methods that matter are written in a class derived from it. Experimental.

    Over several meshes all but ``on_search`` speak of all of them together. What a method raises ends the search. A
    listener is a ``search.Observer``.
    """

    def on_shape(self, mesh: Mesh) -> None:
        """Of ``AnyMesh``: this mesh is searched from now on, for the first time or again; ``on_best`` speaks of it."""

    def on_search(self, stage: int, mesh: Mesh, goals: Goals) -> Observer:
        """A search begins; returns who hears of that one alone, by default nobody.

        Args:
            stage: its number among those of the schedule, from 0.
            mesh: where it searches.
            goals: what for.
        """
        return NullObserver()

    def on_best(self, tactics: Sequence[Tactic], metrics: Sequence[float]) -> None:
        """There is a new best state: the whole schedule that leads there, and its figures; ``on_improvement`` next."""

    def on_improvement(self, improvement: Improvement) -> None:
        """The same as the search sees it: when it was found, and by which actions of the game."""

    def on_progress(self, progress: Progress) -> None:
        """How it goes: at most about ten times a second, and once more in the end."""


class Listeners(Listener):
    """Several listeners as one: each hears of everything, in order."""

    def __init__(self, all: Sequence[Listener]) -> None:
        self._all = tuple(all)

    def on_shape(self, mesh: Mesh) -> None:
        """Tells each."""
        for listener in self._all:
            listener.on_shape(mesh)

    def on_search(self, stage: int, mesh: Mesh, goals: Goals) -> Observer:
        """The observers of all."""
        return Observers(tuple(listener.on_search(stage, mesh, goals) for listener in self._all))

    def on_best(self, tactics: Sequence[Tactic], metrics: Sequence[float]) -> None:
        """Tells each."""
        for listener in self._all:
            listener.on_best(tactics, metrics)

    def on_improvement(self, improvement: Improvement) -> None:
        """Tells each."""
        for listener in self._all:
            listener.on_improvement(improvement)

    def on_progress(self, progress: Progress) -> None:
        """Tells each."""
        for listener in self._all:
            listener.on_progress(progress)


class SearchListener(Listener):
    """A listener within one search, where who hears of that one alone hears too."""

    def __init__(self, listener: Listener, stage: int, mesh: Mesh, goals: Goals) -> None:
        self._listener = listener
        self._both = Observers((listener, listener.on_search(stage, mesh, goals)))

    def on_best(self, tactics: Sequence[Tactic], metrics: Sequence[float]) -> None:
        """Hands it on."""
        self._listener.on_best(tactics, metrics)

    def on_improvement(self, improvement: Improvement) -> None:
        """Tells both."""
        self._both.on_improvement(improvement)

    def on_progress(self, progress: Progress) -> None:
        """Tells both."""
        self._both.on_progress(progress)
