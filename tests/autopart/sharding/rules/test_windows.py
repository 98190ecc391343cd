"""Windows over tiles: the arithmetic of halos as a property, and their exchange counted by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jax import lax

from autopart.costmodel.mesh import Mesh
from autopart.emit.lower import Program, lower
from autopart.emit.stablehlo import lowered_collectives
from autopart.explain.peak_memory import residents_at_peak
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.graph import Graph
from autopart.program.trace import trace
from autopart.sharding.propagate import TILE
from autopart.sharding.rules.windows import Slide, Tiling

Array = np.ndarray[Any, np.dtype[np.int64]]
LINE = ("NWC", "WIO", "NWC")


def dilated(x: Array, step: int) -> Array:
    out = np.zeros((len(x) - 1) * step + 1, np.int64)
    out[::step] = x
    return out


def padded(x: Array, low: int, high: int) -> Array:
    x = np.concatenate([np.zeros(max(low, 0), np.int64), x, np.zeros(max(high, 0), np.int64)])
    return x[max(-low, 0) : len(x) - max(-high, 0)]


def correlate(x: Array, taps: Array, slide: Slide, padding: tuple[int, int]) -> Array:
    """The sums of products at all places of the window."""
    whole, window = padded(dilated(x, slide.base), *padding), dilated(taps, slide.spread)
    starts = range(0, len(whole) - len(window) + 1, slide.stride)
    return np.array([whole[start : start + len(window)] @ window for start in starts], np.int64)


@st.composite
def slides(draw: st.DrawFn) -> Slide:
    small = st.integers(1, 3)
    size, window, stride = draw(st.integers(2, 24)), draw(st.integers(1, 12)), draw(small)
    base, spread = draw(small), draw(small)
    padding = draw(st.tuples(st.integers(-3, 8), st.integers(-3, 8)))
    reach = (size - 1) * base + 1 + sum(padding) - (window - 1) * spread - 1
    assume(reach >= 0 and (size - 1) * base + 1 + min(padding) > 0)
    return Slide(size, reach // stride + 1, window, stride, base, spread, padding)


def aligned(slide: Slide) -> Slide:
    """The slide with the high padding, if there is one, that makes as many places as tiles need."""
    out = slide.size * slide.base // slide.stride
    reach = (slide.size - 1) * slide.base + 1 + slide.padding[0] - (slide.window - 1) * slide.spread - 1
    high = (out - 1) * slide.stride - reach
    assume(out > 0 and (slide.size - 1) * slide.base + 1 + min(high, 0) + min(slide.padding[0], 0) > 0)
    return replace(slide, out=out, padding=(slide.padding[0], high))


def tiles_with_halos(x: Array, count: int, tiling: Tiling) -> list[Array]:
    around, size = padded(x, tiling.low, tiling.high), len(x) // count
    return [around[i * size : (i + 1) * size + tiling.low + tiling.high] for i in range(count)]


@given(slides(), st.integers(0, 2**16))
def test_places_of_a_window_are_cut(slide: Slide, seed: int) -> None:
    slide = aligned(slide)
    tiling = slide.by_position()
    assume(tiling is not None)
    assert tiling is not None
    rng = np.random.default_rng(seed)
    x, taps = rng.integers(-9, 9, slide.size), rng.integers(-9, 9, slide.window)
    whole = correlate(x, taps, slide, slide.padding)
    for count in (n for n in range(2, tiling.tiles + 1) if tiling.tiles % n == 0):
        assert max(tiling.low, tiling.high) <= slide.size // count
        parts = [correlate(tile, taps, slide, tiling.padding) for tile in tiles_with_halos(x, count, tiling)]
        assert {len(part) for part in parts} == {slide.out // count}
        np.testing.assert_array_equal(np.concatenate(parts), whole)


@given(slides(), st.integers(0, 2**16))
def test_taps_of_a_window_are_cut(slide: Slide, seed: int) -> None:
    window = slide.size * slide.base // slide.spread
    reach = (slide.size - 1) * slide.base + 1 + sum(slide.padding) - (window - 1) * slide.spread - 1
    assume(window > 0 and reach >= 0)
    slide = replace(slide, window=window, out=reach // slide.stride + 1)
    tiling = slide.by_tap()
    assume(tiling is not None)
    assert tiling is not None
    rng = np.random.default_rng(seed)
    x, taps = rng.integers(-9, 9, slide.size), rng.integers(-9, 9, slide.window)
    whole = correlate(x, taps, slide, slide.padding)
    for count in (n for n in range(2, tiling.tiles + 1) if tiling.tiles % n == 0):
        tiles = zip(tiles_with_halos(x, count, tiling), np.split(taps, count), strict=True)
        parts = [correlate(tile, some, slide, tiling.padding) for tile, some in tiles]
        np.testing.assert_array_equal(sum(parts), whole)


@pytest.mark.parametrize(
    ("slide", "tiling"),
    [
        (Slide(16, 16, 3, 1, 1, 1, (1, 1)), Tiling(16, 1, 1, (0, 0))),
        (Slide(16, 8, 3, 2, 1, 1, (0, 1)), Tiling(8, 0, 1, (0, 0))),
        (Slide(16, 8, 1, 2, 1, 1, (0, 0)), Tiling(8, 0, 0, (0, -1))),
        (Slide(8, 16, 3, 1, 2, 1, (2, 1)), Tiling(8, 1, 0, (0, 1))),
        (Slide(16, 16, 5, 1, 1, 2, (4, 4)), Tiling(4, 4, 4, (0, 0))),
        (Slide(16, 14, 3, 1, 1, 1, (0, 0)), None),
        (Slide(0, 0, 1, 1, 1, 1, (0, 0)), None),
        (Slide(4, 4, 9, 1, 1, 1, (4, 4)), None),
    ],
)
def test_tilings_worked_out_by_hand(slide: Slide, tiling: Tiling | None) -> None:
    assert slide.by_position() == tiling


def conv(x: Any, w: Any) -> Any:
    return lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def array(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.dtype("float32"))


def state_of(graph: Graph, rows: list[tuple[str, int, int]]) -> State:
    state = State(Problem.of(graph, Mesh({"a": 4, "b": 2}, device="cpu")))
    for name, dim, axis in rows:
        state.apply(state.steps([(TILE, state.problem.argument_ops[name], dim, axis)]))
    return state


def moves(program: Program) -> list[tuple[Any, ...]]:
    assert lowered_collectives(program) == program.collective_counts()
    return [(move.kind, move.axes, move.dim, move.to_dim, move.full_bytes) for move in program.collectives()]


PICTURE, WEIGHTS = array(2, 16, 8, 4), array(3, 3, 4, 4)


def test_the_second_exchange_sends_the_corners_of_the_first() -> None:
    """Tiles of 2 x 4 x 4 x 4 floats: a row is 128 bytes on 4 devices; with both rows a column is 192 bytes on 2."""
    state = state_of(trace(conv, PICTURE, WEIGHTS), [("x", 1, 0), ("x", 2, 1)])
    assert moves(lower(state)) == [
        ("collective_permute", ("a",), 1, 1, 128 * 4),
        ("collective_permute", ("a",), 1, -1, 128 * 4),
        ("collective_permute", ("b",), 2, 1, 192 * 2),
        ("collective_permute", ("b",), 2, -1, 192 * 2),
    ]
    gathered = [resident.nbytes for resident in residents_at_peak(state) if resident.role == "gathered"]
    assert gathered == [2 * 6 * 6 * 4 * 4]


def test_two_axes_on_one_dimension_exchange_as_one() -> None:
    """Tiles of 2 rows: 2 x 1 x 8 x 4 floats a row, on all 8 devices."""
    program = lower(state_of(trace(conv, PICTURE, WEIGHTS), [("x", 1, 1), ("x", 1, 0)]))
    assert moves(program) == [
        ("collective_permute", ("b", "a"), 1, 1, 256 * 8),
        ("collective_permute", ("b", "a"), 1, -1, 256 * 8),
    ]


def test_every_reader_has_halos_of_its_own_and_windows_that_do_not_overlap_have_none() -> None:
    def fn(x: Any, w: Any) -> Any:
        y = jnp.tanh(x)
        patches = lax.conv_general_dilated(y, w[:2, :2], (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return conv(y, w), conv(y, w * 2.0), patches

    program = lower(state_of(trace(fn, PICTURE, WEIGHTS), [("x", 1, 0)]))
    row = 2 * 8 * 4 * 4 * 4  # Of 4 devices.
    one = [("collective_permute", ("a",), 1, 1, row), ("collective_permute", ("a",), 1, -1, row)]
    assert moves(program) == [*one, *one]


def test_the_gradient_of_the_weights_sums_over_tiles() -> None:
    graph = trace(jax.grad(lambda w, x: jnp.sum(conv(x, w)), argnums=0), WEIGHTS, PICTURE)
    program = lower(state_of(graph, [("x", 1, 0)]))
    kinds = [kind for kind, *_ in moves(program)]
    assert kinds == ["collective_permute", "collective_permute", "all_reduce"]


def test_a_partial_sum_is_exchanged_as_it_is() -> None:
    def fn(x: Any, y: Any, w: Any) -> Any:
        return lax.conv_general_dilated(x @ y, w, (1,), "SAME", dimension_numbers=LINE)

    graph = trace(fn, array(2, 8, 8), array(8, 8), array(3, 8, 4))
    program = lower(state_of(graph, [("x", 1, 0), ("x", 2, 1)]))
    row = 2 * 8 * 4 * 4  # Of 4 devices; the result is half as wide as what is convolved.
    assert moves(program) == [
        ("collective_permute", ("a",), 1, 1, row),
        ("collective_permute", ("a",), 1, -1, row),
        ("all_reduce", ("b",), -1, -1, 2 * 2 * 4 * 4),
    ]


def sums(x: Any) -> Any:
    return lax.reduce_window(x, 0.0, lax.add, (1, 3), (1, 2), "SAME")


def primitives(fn: Any, *args: Any) -> list[str]:
    return [op.primitive for op in trace(fn, *args).ops]


def test_the_gradient_of_pooling_pads_within_the_window() -> None:
    graph = trace(jax.grad(lambda x: jnp.sum(jnp.sin(sums(x)))), array(8, 16))
    assert "pad" not in [op.primitive for op in graph.ops]
    back = graph.ops[-1]
    assert back.primitive == "reduce_window_sum"
    assert back.params["padding"] == ((0, 0), (2, 1))
    assert back.params["base_dilation"] == (1, 2)


@pytest.mark.parametrize(
    "fn",
    [
        lambda x: sums(lax.pad(x, 1.0, ((0, 0, 0), (1, 1, 0)))),
        lambda x: sums(lax.pad(x, 0.0, ((-1, 0, 0), (1, 1, 0)))),
        lambda x: sums(lax.pad(x, jnp.sum(x), ((0, 0, 0), (1, 1, 0)))),
        lambda x: lax.reduce_window(jnp.pad(x, 1), -jnp.inf, lax.max, (1, 3), (1, 2), "SAME"),
        lambda x: lax.reduce_window(jnp.pad(x, 1), 0.0, lax.add, (1, 3), (1, 1), "VALID", base_dilation=(1, 2)),
    ],
)
def test_other_paddings_stay(fn: Any) -> None:
    assert "pad" in primitives(fn, array(8, 16))


def test_a_padding_that_others_read_stays_for_them() -> None:
    def fn(x: Any) -> Any:
        wide = jnp.pad(x, 1)
        return sums(wide), wide

    assert primitives(fn, array(8, 16)).count("pad") == 1
