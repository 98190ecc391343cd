"""Which device holds which part of an array: a grid of tiles, as text and as HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from rich.box import SQUARE
from rich.table import Table

from autopart.text import element, text_of

_MOST = 12
"""Tiles that are drawn along a dimension; of more the first, a gap and the last."""

_MOST_RUNS = 4
_WIDTH = 160
_GAP = -1


@dataclass(frozen=True)
class Picture:
    """An array over a mesh; prints as a grid, and shows itself in a notebook.

    Devices are numbered in mesh order, the last axis fastest, as ``jax.make_mesh`` lays them out.

    Attributes:
        name: what the array is called.
        shape: dimensions of the unpartitioned array.
        axes: mesh axes that tile each dimension, outermost first.
        mesh: axis -> size.
    """

    name: str
    shape: tuple[int, ...]
    axes: tuple[tuple[str, ...], ...]
    mesh: Mapping[str, int]

    @cached_property
    def drawn(self) -> tuple[int, ...]:
        """The one or two dimensions that are drawn: the first that are tiled, then the last of the others."""
        tiled = [dim for dim, axes in enumerate(self.axes) if axes][:2]
        others = [dim for dim in reversed(range(len(self.shape))) if dim not in tiled]
        return tuple(sorted((tiled + others)[:2]))

    def parts(self, dim: int) -> int:
        """Tiles along a dimension."""
        return int(np.prod([self.mesh[axis] for axis in self.axes[dim]], dtype=np.int64))

    @cached_property
    def tiles(self) -> npt.NDArray[np.int64]:
        """(devices, dimensions) which tile each device holds, along each dimension."""
        sizes = tuple(self.mesh.values())
        places = dict(zip(self.mesh, np.unravel_index(np.arange(int(np.prod(sizes))), sizes), strict=True))
        tiles = np.zeros((int(np.prod(sizes)), len(self.shape)), np.int64)
        for dim, axes in enumerate(self.axes):
            for axis in axes:
                tiles[:, dim] = tiles[:, dim] * self.mesh[axis] + places[axis]
        return tiles

    @cached_property
    def grid(self) -> list[list[str]]:
        """The devices of each tile that is drawn, row after row."""
        rows, columns = self._counts()
        holds = self.tiles[:, self.drawn]
        holds = np.concatenate([np.zeros((len(holds), 2 - holds.shape[1]), np.int64), holds], axis=1)
        return [
            [
                "…" if _GAP in (row, column) else _runs(np.flatnonzero((holds == [row, column]).all(1)).tolist())
                for column in _shown(columns)
            ]
            for row in _shown(rows)
        ]

    @cached_property
    def caption(self) -> str:
        """The array in words."""
        cut = [
            f"dimension {dim} in {self.parts(dim)} on {', '.join(axes)}" for dim, axes in enumerate(self.axes) if axes
        ]
        tile = "×".join(str(size // self.parts(dim)) for dim, size in enumerate(self.shape))
        drawn = " × ".join(f"dimension {dim}" for dim in self.drawn) or "a scalar"
        whole = "×".join(str(size) for size in self.shape)
        what = f"{'; '.join(cut)}: tiles of {tile}" if cut else "whole on every device"
        return f"{self.name} {whole}".strip() + f", {what}. Drawn: {drawn}; numbers are devices."

    def __str__(self) -> str:
        """The grid in characters."""
        table = Table(box=SQUARE, show_header=False, show_lines=True)
        for row in self.grid:
            table.add_row(*row)
        return text_of([self.caption, table], _WIDTH)

    def _repr_html_(self) -> str:
        """The grid for a notebook, a colour a tile."""
        style = "border:1px solid #fff;padding:6px 10px;text-align:center;color:#1f2328;background:hsl({} 60% 82%)"
        total = sum(map(len, self.grid))
        hues = iter(round(360 * tile / total) for tile in range(total))
        rows = [
            element("tr", *(element("td", text, style=style.format(next(hues))) for text in row)) for row in self.grid
        ]
        grid = element("table", *rows, style="border-collapse:collapse;font:12px ui-monospace,monospace")
        caption = element("p", self.caption, style="font:13px system-ui,sans-serif")
        return element("div", caption, grid).text

    def _counts(self) -> tuple[int, int]:
        counts = [self.parts(dim) for dim in self.drawn]
        rows, columns = [1] * (2 - len(counts)) + counts
        return rows, columns


def _shown(count: int) -> list[int]:
    return list(range(count)) if count <= _MOST else [*range(_MOST - 2), _GAP, count - 1]


def _runs(numbers: list[int]) -> str:
    """Numbers as ranges: ``0-3, 8-11``; of many the first."""
    breaks = [at for at in range(1, len(numbers)) if numbers[at] != numbers[at - 1] + 1]
    bounds = zip([0, *breaks], [*breaks, len(numbers)], strict=True)
    runs = [str(numbers[a]) if b - a == 1 else f"{numbers[a]}-{numbers[b - 1]}" for a, b in bounds]
    more = f", … ({len(numbers)})" if len(runs) > _MOST_RUNS else ""
    return ", ".join(runs[:_MOST_RUNS]) + more
