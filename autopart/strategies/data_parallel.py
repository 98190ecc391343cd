"""Splitting what a step is fed: by examples (data parallel), or along each example (context parallel)."""

from __future__ import annotations

from autopart.analysis import COMPUTE_S
from autopart.groups import INPUT, Group
from autopart.problem import Problem
from autopart.state import State
from autopart.strategies.strategy import ArgumentStrategy, Tiles, nbytes
from autopart.tactics import Manual, apply_schedule

_ABOUT_AS_FAST = 1.1


class DataParallel(ArgumentStrategy):
    """BP: tiles the leading dimension of the inputs.

    Of inputs with several leading sizes (a random key, a table of positions) those of one size are taken: of
    those that split about the most compute when they are tiled alone, the largest.
    """

    title = "data parallel"
    looks_for = "inputs with a dimension of examples"

    def tiles(self, problem: Problem) -> Tiles:
        """The inputs' leading dimension."""
        return _inputs(problem, self, 0)


class ContextParallel(ArgumentStrategy):
    """CP: tiles the second dimension of the inputs, e.g. that of tokens, for sequences too long for one device.

    What every place of a sequence asks of all others (keys and values of attention) is gathered. On images it is
    their height, and convolutions exchange halos.
    """

    title = "context parallel"
    looks_for = "inputs with a second dimension that splits the work"

    def tiles(self, problem: Problem) -> Tiles:
        """The inputs' second dimension."""
        return _inputs(problem, self, 1)


def _inputs(problem: Problem, strategy: ArgumentStrategy, place: int) -> Tiles:
    by_size: dict[int, list[Group]] = {}
    for group in strategy.groups(problem, INPUT):
        if len(group.dims) > place:
            by_size.setdefault(group.shape[group.dims[place]], []).append(group)
    divided = {size: part for size, part in by_size.items() if size % problem.mesh.axes[strategy.axis] == 0}
    by_size = divided or by_size
    if divided and (len(by_size) > 1 or place > 0):
        state = State(problem)
        before = float(state.metrics()[COMPUTE_S])
        seconds = {size: _compute_s(state, _tiles(part, place), strategy.axis) for size, part in by_size.items()}
        least = min(seconds.values(), default=0.0)
        useful = least < before or place == 0
        by_size = {size: by_size[size] for size in by_size if useful and seconds[size] <= _ABOUT_AS_FAST * least}
    return _tiles(max(by_size.values(), key=lambda part: nbytes(problem, part), default=[]), place)


def _tiles(groups: list[Group], place: int) -> dict[str, int]:
    return {group.pattern: group.dims[place] for group in groups}


def _compute_s(state: State, tiles: dict[str, int], axis: str) -> float:
    """Seconds of compute of a step with these tiles alone."""
    apply_schedule(state, [Manual(tiles, axis)])
    seconds = float(state.metrics()[COMPUTE_S])
    state.undo()
    return seconds
