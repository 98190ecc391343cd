"""A schedule as Python source that a person would have written: PartIR tactics with patterns over layers."""

from __future__ import annotations

from collections.abc import Sequence

from autopart.tactics import Atomic, Dim, Manual, Tactic


def schedule_source(schedule: Sequence[Tactic], mesh_axes: dict[str, int], notes: Sequence[str]) -> str:
    """Source of a module with a ``SCHEDULE`` list; ``notes`` (one a tactic) become comments after each.

    The module imports the tactics only, nothing of the search.
    """
    used = sorted({type(t).__name__ for t in schedule} | {d.name for t in schedule for d in _dims(t)})
    axes = ", ".join(f"{name}={size}" for name, size in mesh_axes.items())
    lines = [f'"""PartIR tactics for a mesh of {axes}; apply with autopart.apply_schedule."""', ""]
    if used:
        lines += [f"from autopart.tactics import {', '.join(used)}", ""]
    lines.append("SCHEDULE = [")
    for tactic, note in zip(schedule, notes, strict=True):
        lines += [*_tactic(tactic), f"    # -> {' '.join(note.split())}"]
    return "\n".join([*lines, "]", ""])


def _dims(tactic: Tactic) -> list[Dim]:
    return [d for d in tactic.tiles.values() if isinstance(d, Dim)] if isinstance(tactic, Manual) else []


def _tactic(tactic: Tactic) -> list[str]:
    """The lines of one tactic: one if it is short, else one a pattern."""
    rest = f"axis={tactic.axis!r}" + (f", name={tactic.name!r}" if tactic.name else "")
    if isinstance(tactic, Atomic):
        brackets, entries = "()", [f"{p!r}" for p in tactic.patterns]
    else:
        brackets, entries = "{}", [f"{p!r}: {d.name if isinstance(d, Dim) else d}" for p, d in tactic.tiles.items()]
    kind, comma = type(tactic).__name__, "," if isinstance(tactic, Atomic) and len(entries) == 1 else ""
    line = f"    {kind}({brackets[0]}{', '.join(entries)}{comma}{brackets[1]}, {rest}),"
    if len(line) <= 100:
        return [line]
    lines = [f"            {entry}," for entry in entries]
    return [f"    {kind}(", f"        {brackets[0]}", *lines, f"        {brackets[1]},", f"        {rest},", "    ),"]
