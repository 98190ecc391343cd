"""The table of sharding rules, a golden line per family, and the grouping of reshapes as properties."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from jax import lax

from autopart.errors import RuleError
from autopart.program.graph import ARGUMENT
from autopart.program.trace import trace
from autopart.sharding.rules.rule import Kind, Linear, Rule, letters, make
from autopart.sharding.rules.shaping import reshape_groups
from autopart.sharding.rules.table import RULES, rule_of, rules_of


def array(*shape: int, dtype: Any = jnp.float32) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)


def rule_for(primitive: str, fn: Callable[..., Any], *args: Any) -> Rule:
    """The rule of the one op of that primitive in the traced function."""
    graph = trace(fn, *args)
    [op] = [op for op in graph.ops if op.primitive == primitive]
    return rule_of(graph, op)


X, Y, V = array(8, 16), array(8, 16), array(16)
CUBE = array(4, 8, 16)
INTS = array(8, 16, dtype=jnp.int32)
BOOLS = array(8, 16, dtype=jnp.bool_)
INDEX = array(6, 5, dtype=jnp.int32)
LAYOUT = ("NHWC", "HWIO", "NHWC")


def embed(mode: str) -> Callable[..., Any]:
    return lambda table, index: table.at[index].get(mode=mode)


GOLDEN: list[tuple[str, Callable[..., Any], tuple[Any, ...], str]] = [
    # Elementwise.
    ("add", lambda x, y: x + y, (X, Y), "i j, i j -> i j"),
    ("tanh", jnp.tanh, (CUBE,), "i j k -> i j k"),
    ("mul", lambda x: x * 2.0, (X,), "i j, () -> i j"),
    ("select_n", lambda p, x, y: lax.select_n(p, x, y), (BOOLS, X, Y), "i j, i j, i j -> i j"),
    ("select_n", lambda p, x, y: lax.select_n(p, x, y), (array(dtype=jnp.bool_), X, Y), "(), i j, i j -> i j"),
    ("clamp", lambda x: lax.clamp(0.0, x, 1.0), (X,), "(), i j, () -> i j"),
    ("convert_element_type", lambda x: x.astype(jnp.bfloat16), (X,), "i j -> i j"),
    # Contraction.
    ("dot_general", lambda x, y: x @ y.T, (X, array(4, 16)), "i j, j k -> i k; sum={j}"),
    ("dot_general", lambda x, y: jnp.einsum("bij,bkj->bik", x, y), (CUBE, array(4, 2, 16)),
     "i j k, i l k -> i j l; sum={k}"),
    ("dot_general", lambda x, y: jnp.einsum("ij,ij->", x, y), (X, Y), "i j, i j -> (); sum={i, j}"),
    ("dot_general", lambda x, y: jnp.einsum("i,j->ij", x, y), (V, V), "i, j -> i j"),
    ("dot_general", lambda x: x @ x.T, (BOOLS,), "i j, j k -> i k; or={j}"),
    ("conv_general_dilated", lambda x, w: lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=LAYOUT),
     (array(2, 8, 8, 4), array(3, 3, 4, 16)), "i l m k, _ _ k j -> i l m j; sum={k}; permutation={l, m}"),
    ("conv_general_dilated", lambda x, w: lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=LAYOUT),
     (array(2, 8, 8, 4), array(3, 1, 4, 16)), "i _ m k, _ _ k j -> i _ m j; sum={k}"),
    ("conv_general_dilated", lambda x, w: lax.conv_general_dilated(x, w, (2, 2), "VALID", dimension_numbers=LAYOUT),
     (array(2, 8, 8, 4), array(2, 2, 4, 16)), "i l m k, _ _ k j -> i l m j; sum={k}"),
    ("conv_general_dilated", lambda x, w: lax.conv_general_dilated(x, w, (1, 1), "SAME", rhs_dilation=(2, 8),
                                                                   dimension_numbers=LAYOUT),
     (array(2, 8, 8, 4), array(3, 3, 4, 16)), "i l _ k, _ _ k j -> i l _ j; sum={k}; permutation={l}"),
    ("conv_general_dilated",
     lambda x, w: lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=LAYOUT, feature_group_count=4),
     (array(2, 8, 8, 4), array(3, 3, 1, 16)), "i l m j, _ _ _ j -> i l m j; permutation={l, m}"),
    ("conv_general_dilated",
     lambda x, w: lax.conv_general_dilated(x, w, (2, 1), "SAME", batch_group_count=2),
     (array(4, 8, 9, 3), array(6, 8, 3, 3)), "j k _ m, j k _ _ -> _ j _ m; sum={k}; permutation={m}"),
    ("conv_general_dilated", lambda x, w: lax.conv_general_dilated(x, w, (1,), [(1, 1)], rhs_dilation=(2,)),
     (array(2, 8, 16), array(4, 8, 8)), "i k l, j k l -> i j _; sum={k, l}; permutation={l}"),
    # Shaping.
    ("broadcast_in_dim", lambda v: jnp.broadcast_to(v, (4, 8, 16)), (V,), "k -> i j k"),
    ("broadcast_in_dim", lambda x: jnp.broadcast_to(x, (4, 8, 16)), (array(1, 8, 1),), "_ j _ -> i j k"),
    ("broadcast_in_dim", lambda s: jnp.broadcast_to(s, (4, 8)), (array(),), "() -> i j"),
    ("reshape", lambda x: x.reshape(32, 16), (CUBE,), "i _ j -> i j"),
    ("reshape", lambda x: x.reshape(4, 8, 2, 8), (array(32, 16),), "i j -> i _ j _"),
    ("reshape", lambda x: x.reshape(6, 4), (array(4, 6),), "i _ -> i _"),
    ("reshape", lambda x: x.reshape(3, 8), (array(8, 3),), "_ _ -> _ _"),
    ("reshape", lambda x: x.reshape(1, 8, 1, 16), (X,), "i j -> _ i _ j"),
    ("reshape", lambda x: x.reshape(8, 16), (array(1, 8, 16, 1),), "_ i j _ -> i j"),
    ("reshape", lambda x: x.reshape(-1), (array(1, 4, 2),), "_ i _ -> i"),
    ("reshape", lambda x: lax.reshape(x, (16, 8), dimensions=(1, 0)), (X,), "_ _ -> _ _"),
    ("squeeze", lambda x: jnp.squeeze(x, 1), (array(8, 1, 4),), "i _ k -> i k"),
    ("transpose", lambda x: x.transpose(2, 0, 1), (CUBE,), "i j k -> k i j"),
    ("slice", lambda x: x[2:6], (X,), "_ j -> _ j"),
    ("slice", lambda x: x[:, ::2], (X,), "i j -> i j"),
    ("slice", lambda x: lax.slice(x, (0, 2), (8, 15), (1, 4)), (X,), "i j -> i j"),
    ("slice", lambda x: lax.slice(x, (0, 4), (8, 16), (1, 4)), (X,), "i _ -> i _"),
    ("slice", lambda x: x[:, ::3], (X,), "i _ -> i _"),
    ("pad", lambda x: jnp.pad(x, ((0, 0), (1, 2))), (X,), "i _, () -> i _"),
    ("pad", lambda x: lax.pad(x, 0.0, ((0, 0, 1), (-2, 2, 0))), (X,), "_ _, () -> _ _"),
    ("pad", lambda x: lax.pad(x, 0.0, ((1, 0, 1), (2, 1, 3))), (X,), "i j, () -> i j"),
    ("pad", lambda x: lax.pad(x, 0.0, ((1, 1, 1), (0, 0, 1))), (X,), "_ _, () -> _ _"),
    ("concatenate", lambda x, y: jnp.concatenate([x, y], 1), (X, Y), "i _, i _ -> i _"),
    ("split", lambda x: jnp.split(x, 2, 1), (X,), "i _ -> i _, i _"),
    ("stack", lambda x, y: jnp.stack([x, y], 1), (X, Y), "i j, i j -> i _ j"),
    ("unstack", lambda x: jnp.unstack(x, axis=0), (array(2, 8),), "_ i -> i, i"),
    ("tile", lambda x: jnp.tile(x, (3, 1)), (X,), "_ j -> i j"),
    ("rev", lambda x: lax.rev(x, (0,)), (X,), "_ j -> _ j"),
    ("iota", lambda: lax.broadcasted_iota(jnp.int32, (4, 8), 0), (), " -> i j"),
    ("bitcast_convert_type", lambda x: lax.bitcast_convert_type(x, jnp.int16), (X,), "i j -> i j _"),
    # Indexing.
    ("gather", embed("promise_in_bounds"), (array(32, 16), INDEX), "l k, i j _ -> i j k; sum={l}"),
    ("gather", embed("fill"), (array(32, 16), INDEX), "l k, i j _ -> i j k; sum={l}"),
    ("gather", embed("clip"), (array(32, 16, dtype=jnp.bool_), INDEX), "l k, i j _ -> i j k; or={l}"),
    ("gather", lambda x, i: jnp.take_along_axis(x, i, axis=1), (X, array(8, 3, dtype=jnp.int32)),
     "i k, i j _ -> i j; sum={k}"),
    ("gather", lambda x, i, j: x[i, j], (X, array(5, dtype=jnp.int32), array(5, dtype=jnp.int32)),
     "j k, i _ -> i; sum={j, k}"),
    ("scatter-add", lambda x, i, u: x.at[i].add(u), (X, array(6, dtype=jnp.int32), array(6, 16)),
     "k i, j _, j i -> k i; sum={j}"),
    ("scatter-max", lambda x, i, u: x.at[i].max(u), (X, array(6, dtype=jnp.int32), array(6, 16)),
     "k i, j _, j i -> k i; max={j}"),
    ("scatter", lambda x, i, u: x.at[i].set(u), (X, array(6, dtype=jnp.int32), array(6, 16)), "j i, _ _, _ i -> j i"),
    ("gather", lambda x, i, j: x[i, :, j], (CUBE, array(5, dtype=jnp.int32), array(5, dtype=jnp.int32)),
     "k j l, i _ -> i j; sum={k, l}"),
    ("scatter-add", lambda x, i, j, u: x.at[i, j].add(u),
     (CUBE, array(5, dtype=jnp.int32), array(5, dtype=jnp.int32), array(5, 16)),
     "k l i, j _, j i -> k l i; sum={j}"),
    ("scatter-add", lambda x, i, u: jax.vmap(lambda a, b, c: a.at[b].add(c))(x, i, u),
     (X, array(8, 3, dtype=jnp.int32), array(8, 3)), "i k, i j _, i j -> i k; sum={j}"),
    ("dynamic_slice", lambda x, i: lax.dynamic_slice(x, (i, 0), (2, 16)), (X, array(dtype=jnp.int32)),
     "_ j, (), () -> _ j"),
    ("dynamic_update_slice", lambda x, u, i: lax.dynamic_update_slice(x, u, (0, i)),
     (X, array(8, 3), array(dtype=jnp.int32)), "i j, i _, (), () -> i j"),
    # Reduction, and what works along a dimension.
    ("reduce_sum", lambda x: x.sum((0, 2)), (CUBE,), "i j k -> j; sum={i, k}"),
    ("reduce_max", lambda x: x.max(1), (X,), "i j -> i; max={j}"),
    ("reduce_min", lambda x: x.min(1), (X,), "i j -> i; min={j}"),
    ("reduce_or", lambda x: jnp.any(x, 0), (BOOLS,), "i j -> j; or={i}"),
    ("reduce_and", lambda x: jnp.all(x, 0), (BOOLS,), "i j -> j; and={i}"),
    ("reduce_or", lambda x: lax.reduce_or(x, (0,)), (INTS,), "_ j -> j"),
    ("reduce_prod", lambda x: jnp.prod(x, 0), (X,), "_ j -> j"),
    ("reduce", lambda x: lax.reduce(x, np.float32(1), lambda a, b: a * b + a, (1,)), (X,), "i _, () -> i"),
    ("argmax", lambda x: lax.argmax(x, 1, np.int8), (array(8, 300),), "i _ -> i"),
    ("cumsum", lambda x: jnp.cumsum(x, 0), (X,), "_ j -> _ j"),
    ("sort", lambda x, y: lax.sort((x, y), dimension=1, num_keys=2), (X, Y), "i _, i _ -> i _, i _"),
    ("top_k", lambda x: lax.top_k(x, 3), (X,), "i _ -> i _, i _"),
    ("reduce_window_max", lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 2), (1, 2), "VALID"), (X,),
     "i j -> i j"),
    ("reduce_window_sum", lambda x: lax.reduce_window(x, 0.0, lax.add, (3, 3), (1, 2), "SAME"), (X,),
     "i j -> i j; permutation={i, j}"),
    ("reduce_window_min", lambda x: lax.reduce_window(x, jnp.inf, lax.min, (3, 3), (1, 3), "VALID"), (X,),
     "_ _ -> _ _"),
    ("reduce_window", lambda x: lax.reduce_window(x, np.float32(1), lambda a, b: a * b, (3, 1), (1, 1), "SAME"), (X,),
     "i j, () -> i j; permutation={i}"),
    ("select_and_scatter_add",
     jax.grad(lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (3, 2), (2, 2), "SAME").sum()), (X,),
     "i j, i j -> i j; permutation={i}"),
    ("cholesky", jnp.linalg.cholesky, (array(4, 3, 3),), "i _ _ -> i _ _"),
    ("triangular_solve", lambda a, b: lax.linalg.triangular_solve(a, b, left_side=True),
     (array(4, 3, 3), array(4, 3, 5)), "i _ _, i _ j -> i _ j"),
    ("fft", jnp.fft.rfft, (X,), "i _ -> i _"),
]  # fmt: skip


@pytest.mark.parametrize(("primitive", "fn", "args", "text"), GOLDEN, ids=[f"{g[0]}-{n}" for n, g in enumerate(GOLDEN)])
def test_golden(primitive: str, fn: Callable[..., Any], args: tuple[Any, ...], text: str) -> None:
    assert rule_for(primitive, fn, *args).text() == text


@pytest.mark.parametrize(
    ("taps", "tiles", "halos"), [(1, 16, []), (3, 16, [(0, 1, 1, 1)]), (5, 8, [(0, 1, 2, 2)]), (8, 4, [(0, 1, 3, 4)])]
)
def test_a_tile_is_no_smaller_than_its_halo(taps: int, tiles: int, halos: list[tuple[int, ...]]) -> None:
    rule = rule_for(
        "conv_general_dilated",
        lambda x, w: lax.conv_general_dilated(x, w, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")),
        array(1, 16, 2), array(taps, 2, 2),
    )  # fmt: skip
    assert rule.factors[rule.operands[0][1]].size == tiles
    assert [(h.operand, h.dim, h.low, h.high) for h in rule.halos] == halos


def test_groups_are_not_cut() -> None:
    rule = rule_for(
        "conv_general_dilated",
        lambda x, w: lax.conv_general_dilated(x, w, (1,), "SAME", feature_group_count=4),
        array(1, 8, 16), array(16, 2, 3),
    )  # fmt: skip
    assert [rule.factors[rule.results[0][1]].size, rule.operands[1][0]] == [4, rule.operands[0][1]]


def test_a_reshape_factor_has_the_shared_part_of_its_dimensions() -> None:
    rule = rule_for("reshape", lambda x: x.reshape(6, 4), array(4, 6))
    assert [factor.size for factor in rule.factors] == [2]


@pytest.mark.parametrize(
    ("primitive", "fn", "args", "linear", "operands"),
    [
        ("add", lambda x, y: x + y, (X, Y), Linear.JOINT, (0, 1)),
        ("add", lambda x: x + 1.0, (X,), Linear.NO, (0, 1)),
        ("add", lambda x: x + 0.0, (X,), Linear.JOINT, (0, 1)),
        ("mul", lambda x, y: x * y, (X, Y), Linear.EACH, (0, 1)),
        ("div", lambda x, y: x / y, (X, Y), Linear.EACH, (0,)),
        ("div", lambda x, y: lax.div(x, y), (INTS, INTS), Linear.NO, (0,)),
        ("convert_element_type", lambda x: x.astype(jnp.bfloat16), (X,), Linear.EACH, (0,)),
        ("convert_element_type", lambda x: x.astype(jnp.float32), (INTS,), Linear.NO, (0,)),
        ("convert_element_type", lambda x: x.astype(jnp.float8_e4m3fn), (X,), Linear.NO, (0,)),
        ("reduce_precision", lambda x: lax.reduce_precision(x, 8, 7), (X,), Linear.NO, ()),
        ("select_n", lambda p, x: jnp.where(p, x, 0.0), (BOOLS, X), Linear.JOINT, (1, 2)),
        ("pad", lambda x: jnp.pad(x, 1), (X,), Linear.EACH, (0,)),
        ("pad", lambda x: jnp.pad(x, 1, constant_values=1.0), (X,), Linear.NO, (0,)),
        ("gather", embed("fill"), (X, INDEX), Linear.EACH, (0,)),
        ("gather", embed("fill"), (INTS, INDEX), Linear.NO, (0,)),
        ("reduce_max", lambda x: x.max(), (X,), Linear.NO, (0,)),
        ("dot_general", lambda x: x @ x.T, (BOOLS,), Linear.NO, (0, 1)),
    ],
)
def test_where_partial_sums_may_enter(
    primitive: str, fn: Callable[..., Any], args: tuple[Any, ...], linear: Linear, operands: tuple[int, ...]
) -> None:
    rule = rule_for(primitive, fn, *args)
    assert rule.linear is linear
    if linear is not Linear.NO:
        assert rule.linear_operands == operands


def test_equal_ops_share_a_rule_and_different_parameters_do_not() -> None:
    graph = trace(lambda x: (x.T.T, jnp.sum(x, 0), jnp.sum(x, 1)), array(8, 8))
    rules = rules_of(graph)
    transposes = [rules[op.index] for op in graph.ops if op.primitive == "transpose"]
    assert transposes[0] is transposes[1]
    sums = [rules[op.index].text() for op in graph.ops if op.primitive == "reduce_sum"]
    assert sums == ["i j -> j; sum={i}", "i j -> i; sum={j}"]


def test_an_unknown_primitive_is_replicated_and_named_once_with_its_line() -> None:
    def called(x: Any) -> Any:
        for _ in range(3):
            x = jax.pure_callback(lambda a: a, array(8), x)
        return x

    graph = trace(called, array(8))
    with pytest.warns(UserWarning, match="no sharding rule") as caught:
        rules = rules_of(graph)
    [warning] = caught
    message = str(warning.message)
    assert "'pure_callback'" in message
    assert "test_rules.py" in message
    assert {rules[op.index].text() for op in graph.ops if op.primitive == "pure_callback"} == {"_ -> _"}


def test_random_keys_are_kept_whole() -> None:
    graph = trace(lambda keys: jnp.stack([keys, keys]), jax.eval_shape(lambda: jax.random.split(jax.random.key(0), 8)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rules = rules_of(graph)
    assert [rule.factors for rule in rules] == [()] * len(rules)


def test_arguments_have_a_factor_a_dimension() -> None:
    graph = trace(lambda x: x, CUBE)
    assert graph.ops[0].primitive == ARGUMENT
    assert rule_of(graph, graph.ops[0]).text() == " -> i j k"


def test_a_malformed_rule_is_refused() -> None:
    with pytest.raises(RuleError, match="2 dimensions to an array of shape"):
        make([(8,)], [(8,)], [["i", "j"]], [["i"]])
    with pytest.raises(RuleError, match="factor i has sizes 8 and 4"):
        make([(8,)], [(4,)], [["i"]], [["i"]])


def test_letters_do_not_repeat() -> None:
    assert len(set(letters(60))) == 60


def test_the_table_names_monoids() -> None:
    assert {kind.name for kind in Kind} == {"PASS", "SUM", "MAX", "MIN", "OR", "AND"}
    assert "scatter-add" in RULES


@st.composite
def two_shapes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two ways to group a list of primes, with ones strewn in."""
    primes = draw(st.lists(st.sampled_from((2, 2, 3, 5)), max_size=6))

    def grouped(order: list[int]) -> tuple[int, ...]:
        out = []
        for prime in order:
            out.extend([1] * draw(st.sampled_from((0, 1))))
            if out and draw(st.sampled_from((True, False))):
                out[-1] *= prime
            else:
                out.append(prime)
        return (*out, *[1] * draw(st.integers(0, 2)))

    return grouped(primes), grouped(draw(st.permutations(primes)))


@given(two_shapes())
def test_reshape_groups_are_ordered_equal_and_smallest(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    source, target = shapes
    groups = reshape_groups(source, target)
    assert [d for left, _ in groups for d in left] == list(range(len(source)))
    assert [d for _, right in groups for d in right] == list(range(len(target)))
    for left, right in groups:
        assert math.prod(source[d] for d in left) == math.prod(target[d] for d in right)
        for i in range(1, len(left)):
            for j in range(1, len(right)):
                assert math.prod(source[d] for d in left[:i]) != math.prod(target[d] for d in right[:j])


@given(two_shapes(), st.integers(0, 10_000))
def test_a_tile_of_a_reshape_is_a_reshape_of_the_tile(
    shapes: tuple[tuple[int, ...], tuple[int, ...]], seed: int
) -> None:
    source, target = shapes
    rule = rule_for(
        "reshape", lambda x: lax.reshape_p.bind(x, new_sizes=target, dimensions=None, sharding=None), array(*source)
    )
    whole = np.random.default_rng(seed).permutation(math.prod(source)).reshape(source)
    for number, factor in enumerate(rule.factors):
        assert factor.size > 1
        before, after = rule.operands[0].index(number), rule.results[0].index(number)
        for tile, part in zip(
            np.split(whole, factor.size, before), np.split(whole.reshape(target), factor.size, after), strict=True
        ):
            np.testing.assert_array_equal(tile.reshape(part.shape), part)
