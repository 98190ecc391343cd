"""Programs with loops and conditions, drawn arguments and all."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from tests.autopart.cases import Case, normal

KEPT = jnp.arange(64.0).reshape(8, 8) * 0.01


def loops(weights: Any, x: Any, limit: Any) -> Any:
    """A scan with a stack, a counted loop, a while and a condition, one after another."""

    def layer(carry: Any, row: Any) -> Any:
        y = jnp.tanh(carry @ row)
        return y, (y * jnp.arange(8.0)).sum(1)

    last, rows = lax.scan(layer, x, weights)
    last = lax.fori_loop(0, 5, lambda i, c: jnp.tanh(c * 2 + i), last)
    _, last = lax.while_loop(
        lambda c: c[0] < limit, lambda c: (c[0] + 1, jnp.tanh(c[1] @ weights[0])), (jnp.int32(0), last)
    )
    return lax.cond(limit > 3, lambda c: c + 1, lambda c: c @ weights[1], last), rows


def layers(weights: Any, x: Any) -> Any:
    """A training step of scanned, recomputed layers."""

    def loss(weights: Any, x: Any) -> Any:
        def layer(h: Any, p: Any) -> Any:
            return h + jnp.tanh(h @ p["up"]) @ p["down"], jnp.sum(h)

        h, sums = lax.scan(jax.checkpoint(layer), x, weights)
        return jnp.mean(h**2) + jnp.sum(sums) * 0.01

    value, gradients = jax.value_and_grad(loss)(weights, x)
    return jax.tree.map(lambda p, g: p - 0.1 * g, weights, gradients), value


def nested(x: Any, cases: Any) -> Any:
    """Loops and a switch inside of a loop that runs backwards."""

    def outer(carry: Any, case: Any) -> Any:
        inner, firsts = lax.scan(lambda d, _: (jnp.sin(d @ x), d[0]), carry, None, length=3)
        turned = lax.switch(case, [lambda d: d * 2, lambda d: d @ x.T, lambda d: d.T], inner)
        return jnp.tanh(turned), (firsts.sum(0), case)

    return lax.scan(outer, x, cases, reverse=True)


def constants(x: Any, flag: Any) -> Any:
    """Arrays that bodies close over at every depth, carries that nothing changes, and a case that only makes one."""

    def body(carry: Any, row: Any) -> Any:
        kept, c = carry
        c = lax.cond(flag, lambda c: c @ KEPT, lambda c: jnp.zeros((8, 8)) + c, c)
        return (kept, c + kept * row), (jnp.float32(3.0), kept)

    (kept, last), (threes, kepts) = lax.scan(body, (x * 2, x), jnp.arange(4.0))
    return kept, last, threes, kepts, lax.cond(flag, lambda: jnp.ones((8, 8)), lambda: KEPT * 1.0)


def sums(x: Any, y: Any) -> Any:
    """Products summed over what may be tiled, carried and stacked; the test of a while reads one."""

    def body(total: Any, row: Any) -> Any:
        product = jnp.einsum("i,ij->j", row, y)
        return total + product, product * 2.0

    total, rows = lax.scan(body, jnp.zeros(16), x)
    _, many = lax.while_loop(
        lambda c: jnp.sum(c[1] * c[1]) < 3.0, lambda c: (c[0] @ y.T @ y * 0.1, c[1] * 2 + 0.1), (total, x[0])
    )
    return total, rows, many, lax.cond(jnp.sum(x) > 0, lambda a: a.sum(0), lambda a: a[0], x)


def microbatches(weights: Any, batches: Any) -> Any:
    """Gradients added up over microbatches."""

    def add(total: Any, batch: Any) -> Any:
        return total + jax.grad(lambda w: jnp.sum(jnp.tanh(batch @ w) ** 2))(weights), None

    total, _ = lax.scan(add, jnp.zeros_like(weights), batches, unroll=2)
    return weights - 0.1 * total


def decode(weights: Any, cache: Any, first: Any) -> Any:
    """Greedy decoding with a cache that is written in place."""

    def step(carry: Any, position: Any) -> Any:
        cache, token = carry
        hidden = weights["embed"][token]
        cache = lax.dynamic_update_slice(cache, (hidden @ weights["key"])[:, None], (0, position, 0))
        mixed = jnp.einsum("bd,btd->bt", hidden, cache)
        hidden = jnp.einsum("bt,btd->bd", jax.nn.softmax(mixed), cache)
        token = jnp.argmax(hidden @ weights["embed"].T, axis=1)
        return (cache, token), token

    (cache, _), tokens = lax.scan(step, (cache, first), jnp.arange(6))
    return cache, tokens.T


REGION_CASES: Mapping[str, Case] = MappingProxyType(
    {
        "loops": (loops, lambda r: (normal(r, 4, 8, 8) * 0.3, normal(r, 16, 8), jnp.int32(3)), ()),
        "layers": (
            layers,
            lambda r: ({"up": normal(r, 4, 16, 32) * 0.2, "down": normal(r, 4, 32, 16) * 0.2}, normal(r, 8, 16)),
            (0,),
        ),
        "nested": (nested, lambda r: (normal(r, 8, 8) * 0.3, jnp.asarray([0, 1, 2, 1], jnp.int32)), ()),
        "constants": (constants, lambda r: (normal(r, 8, 8), jnp.bool_(True)), ()),
        "sums": (sums, lambda r: (normal(r, 4, 8) * 0.3, normal(r, 8, 16) * 0.3), ()),
        "microbatches": (microbatches, lambda r: (normal(r, 16, 8) * 0.2, normal(r, 4, 8, 16)), (0,)),
        "decode": (
            decode,
            lambda r: (
                {"embed": normal(r, 32, 16), "key": normal(r, 16, 16) * 0.3},
                jnp.zeros((8, 8, 16)),
                jnp.arange(8),
            ),
            (1,),
        ),
    }
)  # fmt: skip
"""Name -> function, its arguments drawn, and which of them are donated."""
