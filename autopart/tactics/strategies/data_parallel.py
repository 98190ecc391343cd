"""Data parallelism: splitting what a step is fed by examples."""

from __future__ import annotations

from autopart.cost import COMPUTE_S
from autopart.partitioning import INPUT, PARAMETER, Group, Problem, State
from autopart.tactics.manual import Manual, apply_schedule, axis_index
from autopart.tactics.strategies.strategy import ArgumentStrategy, Tiles, nbytes

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
        return inputs_along(problem, self, 0)


def inputs_along(problem: Problem, strategy: ArgumentStrategy, place: int) -> Tiles:
    """The inputs that a strategy may look at, and their dimension at ``place`` after those that loops take apart."""
    by_size: dict[int, list[Group]] = {}
    for group in strategy.groups(problem, INPUT):
        if len(group.dims) > place and _can_be_tiled(problem, group):
            by_size.setdefault(group.shape[group.dims[place]], []).append(group)
    divided = {size: part for size, part in by_size.items() if size % problem.mesh.axes[strategy.axis] == 0}
    if divided and (place or len(divided) > 1):
        by_size = _useful(problem, divided, strategy.axis, place)
    else:
        by_size = divided or by_size
    return _tiles(max(by_size.values(), key=lambda part: nbytes(problem, part), default=[]), place)


def _can_be_tiled(problem: Problem, group: Group) -> bool:
    """Whether the arrays have factors: keys of random numbers, for one, have none."""
    return bool(problem.rules[problem.argument_ops[group.names[0]]].factors)


def _useful(problem: Problem, by_size: dict[int, list[Group]], axis: str, place: int) -> dict[int, list[Group]]:
    """The inputs of those sizes that split about the most compute when they are tiled alone.

    A place of an example that has weights of its own is a feature, not one of a sequence.
    """
    state = State(problem)
    before, index = float(state.metrics()[COMPUTE_S]), axis_index(problem, axis)
    parameters = [problem.argument_ops[n] for group in problem.groups if group.role == PARAMETER for n in group.names]
    seconds: dict[int, float] = {}
    for size, part in by_size.items():
        apply_schedule(state, [Manual(_tiles(part, place), axis)])
        if not place or not (state.marks.tile[parameters, index] >= 0).any():
            seconds[size] = float(state.metrics()[COMPUTE_S])
        state.undo()
    least = min(seconds.values(), default=before)
    if place and least >= before:
        return {}
    return {size: by_size[size] for size in seconds if seconds[size] <= _ABOUT_AS_FAST * least}


def _tiles(groups: list[Group], place: int) -> dict[str, int]:
    return {group.pattern: group.dims[place] for group in groups}
