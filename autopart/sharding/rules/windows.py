"""Windows that slide along a dimension cut into tiles: which elements of its neighbours a tile must see.

A dimension of ``size`` elements is dilated (``base`` positions an element), padded, and read by windows of
``window`` taps, ``spread`` positions apart, that begin every ``stride`` positions. Where the tiles of what
slides and of what is slid over stand at the same positions, each tile is worked on alone once it has the
*halo*: the elements that its windows reach in the tiles next to it. At the ends of the array there is no
such tile; there the halo holds what padding would.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autopart.sharding.rules.op_context import Context
from autopart.sharding.rules.rule import Halo, Labels


@dataclass(frozen=True)
class Tiling:
    """How a dimension that windows slide along may be cut.

    Attributes:
        tiles: the most tiles; every divisor of it will do.
        low, high: elements that a tile needs of the tile before it and of the tile after it.
        padding: positions by which the tile with its halo is padded (negative: trimmed) before and after.
    """

    tiles: int
    low: int
    high: int
    padding: tuple[int, int]


@dataclass(frozen=True)
class Slide:
    """A window on its way along one dimension; see the module."""

    size: int
    out: int
    window: int
    stride: int
    base: int
    spread: int
    padding: tuple[int, int]

    def by_position(self) -> Tiling | None:
        """The places of the window are cut: a tile of the result needs a tile of the operand with its halo."""
        if not self.out or self.out * self.stride != self.size * self.base:
            return None
        reach = (self.window - 1) * self.spread - self.stride - self.padding[0]
        return self._tiling(math.gcd(self.size, self.out), reach)

    def by_tap(self) -> Tiling | None:
        """The window is cut: a tile of its taps meets a tile of the operand with its halo, at all places.

        So is the gradient of a convolution's weights: its window is as long as the forward result.
        """
        if not self.window or self.window * self.spread != self.size * self.base:
            return None
        reach = (self.out - 1) * self.stride - self.spread - self.padding[0]
        return self._tiling(math.gcd(self.size, self.window), reach)

    def _tiling(self, common: int, reach: int) -> Tiling | None:
        """``reach``: the last position that a tile reads, counted from where the next tile begins."""
        before, after = self.padding[0], reach + self.base
        low, high = max(before, 0) // self.base, max(after // self.base, 0)
        tiles = most_tiles(common, [(self.size, max(low, high))])
        padding = before - low * self.base, after - high * self.base
        return Tiling(tiles, low, high, padding) if tiles > 1 else None


def most_tiles(common: int, sizes: Sequence[tuple[int, int]]) -> int:
    """The largest divisor of ``common`` that leaves each size no smaller a tile than its halo: 1 if none does."""
    fitting = (
        tiles for tiles in range(common, 1, -1)
        if common % tiles == 0 and all(size // tiles >= halo for size, halo in sizes)
    )  # fmt: skip
    return next(fitting, 1)


def windows(context: Context) -> list[Slide]:
    """The slide along each dimension of a reduce_window or of one of its kin."""
    params, shape = context.op.params, context.in_shapes[0]
    ones = (1,) * len(shape)
    return [
        Slide(*numbers)
        for numbers in zip(
            shape, context.out_shapes[0], params["window_dimensions"], params["window_strides"],
            params.get("base_dilation") or ones, params.get("window_dilation") or ones,
            _plain(params["padding"]), strict=True,
        )
    ]  # fmt: skip


def convolution_slides(context: Context) -> list[Slide]:
    """The slide along each spatial dimension of a convolution."""
    params, numbers = context.op.params, context.op.params["dimension_numbers"]
    shapes = (*context.in_shapes, *context.out_shapes)
    specs = (numbers.lhs_spec, numbers.rhs_spec, numbers.out_spec)
    size, window, out = ([shape[d] for d in spec[2:]] for shape, spec in zip(shapes, specs, strict=True))
    return [
        Slide(*one)
        for one in zip(
            size, out, window, params["window_strides"], params["lhs_dilation"], params["rhs_dilation"],
            _plain(params["padding"]), strict=True,
        )
    ]  # fmt: skip


def convolution_tiling(slide: Slide) -> tuple[Tiling | None, bool]:
    """How a convolution's spatial dimension is cut, and whether by taps, whose products are then summed.

    A dimension has one factor: that of the longer of result and window, if it can be cut.
    """
    place, tap = slide.by_position(), slide.by_tap()
    by_tap = tap is not None and (place is None or slide.window > slide.out)
    return (tap, True) if by_tap else (place, False)


def _plain(padding: Sequence[Sequence[Any]]) -> list[tuple[int, int]]:
    return [(int(low), int(high)) for low, high in padding]


@dataclass(frozen=True)
class Scattering:
    """How a dimension of a select_and_scatter is cut.

    Attributes:
        tiles: the most tiles; every divisor of it will do.
        source: sources of windows that begin in the tile before or after and choose an element of this tile.
        operand: elements that those windows compare, in the tiles before and after.
        padding: positions by which the operand with its halo is padded (negative: trimmed) before and after.
    """

    tiles: int
    source: tuple[int, int]
    operand: tuple[int, int]
    padding: tuple[int, int]


def scatterings(context: Context) -> list[Scattering | None]:
    """How each dimension of a select_and_scatter may be cut: all windows that meet a tile are looked at whole."""
    params = context.op.params
    return [
        _scattering(*numbers)
        for numbers in zip(
            context.in_shapes[1], context.in_shapes[0], params["window_dimensions"], params["window_strides"],
            [low for low, _ in _plain(params["padding"])], strict=True,
        )
    ]  # fmt: skip


def _scattering(size: int, places: int, window: int, stride: int, before: int) -> Scattering | None:
    if not places or places * stride != size:
        return None
    low, high = max(0, (window - 1 - before) // stride), max(0, (before - 1) // stride + 1)
    first, end = -low * stride - before, (high - 1) * stride - before + window  # From the tile's first and last.
    operand = max(0, -first), max(0, end)
    tiles = most_tiles(places, [(places, max(low, high)), (size, max(operand))])
    padding = -first - operand[0], end - operand[1]
    return Scattering(tiles, (low, high), operand, padding) if tiles > 1 else None


def halos(operand: int, labels: Labels, widths: Sequence[tuple[int, int] | None]) -> list[Halo]:
    """The halos of one operand, given those of each of its dimensions; dimensions without a label have none."""
    return [
        Halo(operand, dim, *width)
        for dim, (label, width) in enumerate(zip(labels, widths, strict=True))
        if label is not None and width is not None and any(width)
    ]
