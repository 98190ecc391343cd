"""The rooms of the house in the order in which data passes through them."""

from __future__ import annotations

from collections.abc import Iterator

from autopart.benchmarks.pictures.svg import AMBER, BLUE, GREEN, arrow, box, picture, words

Row = tuple[tuple[tuple[str, str], ...], str]

ROWS: tuple[Row, ...] = (
    ((("your function", "what jax.jit takes"),), "jaxpr"),
    ((("program", "trace, regions, rewrites"),), "Graph"),
    ((("sharding", "rules, propagation, the layout decision"),), "Layout"),
    ((("cost", "work, fusion, liveness, timeline"),), "seconds and bytes"),
    ((("partitioning", "Problem, State, groups, conflicts"),), "State"),
    ((("tactics", "by hand, by name"), ("goals", "limits, figures"), ("emit", "Program, jit, shard_map")), ""),
    ((("folding", "equal layers left out"), ("explain", "causes, figures")), ""),
    ((("game", "actions, pruning, tables"), ("report", "pages, pictures")), "schedule"),
    ((("plan", "Plan, plan.json, diff, verify"),), ""),
    ((("planner", "partition(), Auto, stages, mesh shapes"),), ""),
    ((("cli", "autopart ...: runs and sweeps"),), ""),
)
"""Rooms side by side, each with what is in it, and what is handed on to the next row."""

BESIDE: dict[str, tuple[tuple[str, str], ...]] = {
    "sharding": (("calibration", "devices, measured"),),
    "cost": (("costmodel", "devices, links, collectives"),),
    "game": (("search", "strategies, goals, trees"),),
    "explain": (("text", "figures, tables, HTML"),),
    "planner": (("tracking", "who hears of a search"),),
}
"""Rooms that stand on the ground, by the room that they serve."""

_WIDTH, _STEP, _HEIGHT = 520.0, 62.0, 38.0


def names() -> list[str]:
    """Every room of the picture."""
    rows = [name for row, _ in ROWS[1:] for name, _ in row]
    return rows + [name for rooms in BESIDE.values() for name, _ in rooms]


def draw() -> str:
    """The picture."""
    return picture(760, 14 + _STEP * len(ROWS), "The rooms in the order of the data", _shapes())


def _shapes() -> Iterator[str]:
    for number, (rooms, handed_on) in enumerate(ROWS):
        y, width = 10 + number * _STEP, _WIDTH / len(rooms)
        for place, (name, what) in enumerate(rooms):
            x = 10 + place * width
            yield from _room(x, y, width - 8, name, what, GREEN if number == 0 else BLUE)
        if number + 1 < len(ROWS):
            middle = 10 + (_WIDTH - 8) / 2
            yield arrow(middle, y + _HEIGHT, middle, y + _STEP - 1)
            yield words(middle + 8, y + _HEIGHT + 16, handed_on, 11, faint=True)
        for room, _ in rooms:
            for name, what in BESIDE.get(room, ()):
                yield from _room(540, y, 210, name, what, AMBER)


def _room(x: float, y: float, width: float, name: str, what: str, fill: str) -> Iterator[str]:
    yield box(x, y, width, _HEIGHT, fill)
    yield words(x + width / 2, y + 16, name, 13, "middle")
    yield words(x + width / 2, y + 31, what, 10, "middle")
