"""The unit in which a chart draws a figure: that in which its largest is a number that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

_UNITS: Mapping[str, Sequence[tuple[float, str]]] = MappingProxyType({
    "_bytes": ((1.0, "B"), (2.0**10, "KiB"), (2.0**20, "MiB"), (2.0**30, "GiB"), (2.0**40, "TiB")),
    "_s": ((1e-6, "us"), (1e-3, "ms"), (1.0, "s")),
})  # fmt: skip


def unit_of(metric: str, largest: float) -> tuple[float, str]:
    """(what one of it is, its name) for a figure by the end of its name; 1 and no name of one without a unit.

    Args:
        metric: e.g. ``step_s``, ``peak_memory_bytes``, ``communication_bytes_on:model``.
        largest: the largest of the numbers that are drawn.
    """
    name = metric.partition("_on:")[0]
    units = next((some for end, some in _UNITS.items() if name.endswith(end)), ((1.0, ""),))
    fitting = [unit for unit in units if unit[0] <= largest]
    return fitting[-1] if fitting else units[0]
