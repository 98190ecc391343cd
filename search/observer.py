"""What a search tells while it runs."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Improvement:
    """A new best answer: the actions from the root, found by the n-th simulation after so many seconds."""

    simulation: int
    seconds: float
    actions: tuple[int, ...]
    metrics: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a search stands; `binding` is the metric that holds the best answer back, `depth` the deepest."""

    simulations: int
    seconds: float
    best_metrics: tuple[float, ...]
    binding: str
    nodes: int
    depth: int


class Observer(Protocol):
    """Hears of a search, from within it: what it raises ends the search."""

    def on_improvement(self, improvement: Improvement) -> None:
        """Hear of every new best answer, at once."""
        ...

    def on_progress(self, progress: Progress) -> None:
        """Hear how it goes, at most about ten times a second, and once more in the end."""
        ...


class NullObserver:
    """Listens to nothing."""

    def on_improvement(self, improvement: Improvement) -> None:
        """Do nothing."""

    def on_progress(self, progress: Progress) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Observers:
    """Several observers as one: each hears of everything, in order."""

    all: tuple[Observer, ...]

    def on_improvement(self, improvement: Improvement) -> None:
        """Tell each."""
        for observer in self.all:
            observer.on_improvement(improvement)

    def on_progress(self, progress: Progress) -> None:
        """Tell each."""
        for observer in self.all:
            observer.on_progress(progress)
