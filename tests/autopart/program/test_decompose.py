"""Rewritten ops give, element for element, what the originals give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from jax import lax

from autopart.program.decompose import MAX_COUNTERS, rewritten
from autopart.program.trace import trace
from tests.autopart.cases import normal
from tests.autopart.program.test_trace import array, evaluate, primitives


@pytest.fixture
def wide() -> Iterator[None]:
    """64-bit types."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


def keys(*batch: int) -> Any:
    return jax.random.split(jax.random.key(5), batch) if batch else jax.random.key(5)


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5), (2, 1, 3)])
@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.uint16, jnp.uint32, jnp.uint64])
def test_bits_are_those_of_jax(shape: tuple[int, ...], batch: tuple[int, ...], dtype: Any) -> None:
    draw: Callable[..., Any] = lambda k: jax.random.bits(k, shape, dtype)  # noqa: E731
    for _ in batch:
        draw = jax.vmap(draw)
    graph = trace(draw, keys(*batch))
    assert "threefry2x32" in primitives(graph)
    assert not {"random_bits", "iota_2x32_shape"} & set(primitives(graph))
    got, want = evaluate(graph, keys(*batch)), draw(keys(*batch))
    assert got.dtype == want.dtype == dtype
    np.testing.assert_array_equal(got, want)


def test_bits_of_other_streams_are_left_alone() -> None:
    other = jax.eval_shape(lambda: jax.random.key(0, impl="rbg"))
    assert "random_bits" in primitives(trace(lambda k: jax.random.bits(k, (4,)), other))
    long = {"shape": (MAX_COUNTERS // 4, 4), "bit_width": 32}
    assert rewritten("random_bits", [jax.typeof(keys())], long) is None
    jax.config.update("jax_threefry_partitionable", False)
    try:
        assert "random_bits" in primitives(trace(lambda k: jax.random.bits(k, (4,)), keys()))
    finally:
        jax.config.update("jax_threefry_partitionable", True)


FLOATS = st.sampled_from([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 2.5])


@given(
    hnp.arrays(np.float32, (4, 6), elements=FLOATS),
    st.sampled_from([jnp.float32, jnp.bfloat16, jnp.int32, jnp.uint8, jnp.bool_]),
    st.sampled_from([np.int32, np.int8]),
    st.sampled_from([0, 1]),
    st.booleans(),
)
def test_arg_reductions_are_those_of_jax(
    x: np.ndarray[Any, Any], dtype: Any, index_dtype: Any, axis: int, largest: bool
) -> None:
    numbers = x if jnp.issubdtype(dtype, jnp.floating) else np.nan_to_num(x, posinf=9, neginf=7)
    given_ = jnp.asarray(numbers).astype(dtype)
    search = lax.argmax if largest else lax.argmin
    graph = trace(lambda a: search(a, axis, index_dtype), given_)
    assert not {"argmax", "argmin"} & set(primitives(graph))
    got, want = evaluate(graph, given_), jax.jit(lambda a: search(a, axis, index_dtype))(given_)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


def test_positions_that_their_type_cannot_count_are_left_alone() -> None:
    assert "argmax" in primitives(trace(lambda x: lax.argmax(x, 0, np.int8), array(129)))
    assert "argmax" not in primitives(trace(lambda x: lax.argmax(x, 0, np.int8), array(128)))


def test_a_linear_solve_is_its_solver() -> None:
    rng = np.random.default_rng(0)
    a, b = normal(rng, 3, 4, 4), normal(rng, 3, 4, 2)
    graph = trace(jnp.linalg.solve, a, b)
    assert "custom_linear_solve" not in primitives(graph)
    np.testing.assert_allclose(evaluate(graph, a, b), jnp.linalg.solve(a, b), rtol=1e-4)


def test_what_only_hands_on_is_gone() -> None:
    def fn(x: Any, y: Any) -> Any:
        return jax.device_put(x * 2) + y

    assert set(primitives(trace(fn, array(4), array(4)))) == {"mul", "add"}


def test_a_wish_for_a_device_is_left_out_with_a_warning() -> None:
    device = jax.devices()[1]
    with pytest.warns(UserWarning, match="'device_put'"):
        graph = trace(lambda x: jax.device_put(x * 2, device) + 1, array(4))
    assert primitives(graph) == ["mul", "add"]


def test_what_is_rewritten_was_written_where_the_op_was() -> None:
    graph = trace(lambda x: jnp.argmax(x, 0), array(4, 4))
    assert all("test_decompose.py" in graph.source_line(op) for op in graph.ops if op.operands)
