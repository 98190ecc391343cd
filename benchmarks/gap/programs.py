"""Small programs, the parts that the zoo's models are made of, with few enough arguments to look at many states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import jax
import jax.numpy as jnp

from autopart.benchmarks.models import moe, transformer
from autopart.benchmarks.models.attention import attend, causal_mask
from autopart.benchmarks.models.layers import batch_norm, convolve
from autopart.benchmarks.models.losses import cross_entropy
from autopart.benchmarks.models.moe import MoeConfig
from autopart.benchmarks.models.training import Tree
from autopart.benchmarks.models.transformer import TransformerConfig
from autopart.program.step import Step

_RATE = 1e-2


def _shaped(dtype: Any, **shapes: tuple[int, ...]) -> dict[str, jax.ShapeDtypeStruct]:
    return {name: jax.ShapeDtypeStruct(shape, dtype) for name, shape in shapes.items()}


def _trained(loss: Callable[[Tree, Tree], jax.Array], params: Tree, batch: Tree) -> Step:
    """A step of gradient descent without momentum."""

    def step(params: Tree, batch: Tree) -> tuple[Tree, jax.Array]:
        value, gradients = jax.value_and_grad(loss)(params, batch)
        return jax.tree.map(lambda old, gradient: old - _RATE * gradient, params, gradients), value

    return Step(step, (params, batch), donate_argnums=(0,))


def _mlp() -> Step:
    """Two products with GELU between, trained."""

    def loss(params: Tree, batch: Tree) -> jax.Array:
        error = jax.nn.gelu(batch["x"] @ params["up"]) @ params["down"] - batch["y"]
        mean: jax.Array = jnp.sum(error * error) / error.size
        return mean

    params = _shaped(jnp.float32, up=(1024, 4096), down=(4096, 1024))
    return _trained(loss, params, _shaped(jnp.float32, x=(4096, 1024), y=(4096, 1024)))


def _embedding() -> Step:
    """A tied table of embeddings, to logits and cross entropy, trained."""

    def loss(params: Tree, batch: Tree) -> jax.Array:
        scores = jnp.einsum("bsd,vd->bsv", params["embed"][batch["tokens"]], params["embed"])
        return cross_entropy(scores, batch["targets"])

    batch = _shaped(jnp.int32, tokens=(16, 256), targets=(16, 256))
    return _trained(loss, _shaped(jnp.float32, embed=(32768, 512)), batch)


def _head() -> Step:
    """A linear classifier with a bias, trained."""

    def loss(params: Tree, batch: Tree) -> jax.Array:
        return cross_entropy(batch["x"] @ params["w"] + params["b"], batch["labels"])

    batch = {**_shaped(jnp.float32, x=(4096, 2048)), **_shaped(jnp.int32, labels=(4096,))}
    return _trained(loss, _shaped(jnp.float32, w=(2048, 16384), b=(16384,)), batch)


_TRANSFORMER: Final = TransformerConfig(
    layers=1, d_model=1024, heads=16, head_dim=64, d_ff=4096, vocab=1024, seq=512, batch=16, biases=False
)


def _attention() -> Step:
    """Causal self-attention, forward."""

    def forward(weights: Tree, x: jax.Array) -> jax.Array:
        common = transformer.common_of(_TRANSFORMER, _TRANSFORMER.seq)
        return x + transformer.attention(_TRANSFORMER, weights, x, common)

    weights = _shaped(jnp.float32, qkv=(1024, 3, 16, 64), out=(16, 64, 1024))
    return Step(forward, (weights, jax.ShapeDtypeStruct((16, 512, 1024), jnp.bfloat16)))


def _feed_forward() -> Step:
    """A gated feed-forward part with its norm, forward."""
    config = TransformerConfig(**{**vars(_TRANSFORMER), "gated": True})

    def forward(weights: Tree, x: jax.Array) -> jax.Array:
        return x + transformer.mlp(config, weights, transformer.rms_norm(config, x).astype(x.dtype))

    weights = _shaped(jnp.float32, up=(1024, 4096), gate=(1024, 4096), down=(4096, 1024))
    return Step(forward, (weights, jax.ShapeDtypeStruct((16, 512, 1024), jnp.bfloat16)))


def _experts() -> Step:
    """Experts to which each token is routed, forward."""
    config = MoeConfig(**vars(_TRANSFORMER), experts=16, choices=2, capacity=80)

    def forward(weights: Tree, x: jax.Array) -> jax.Array:
        return x + moe.mix_experts(config, weights, x)[0]

    weights = _shaped(jnp.float32, router=(1024, 16), up=(16, 1024, 4096), down=(16, 4096, 1024))
    return Step(forward, (weights, jax.ShapeDtypeStruct((16, 512, 1024), jnp.bfloat16)))


def _decode() -> Step:
    """One token's attention over a cache that it is written into."""

    def step(weights: Tree, cache: Tree, x: jax.Array, place: jax.Array) -> tuple[Tree, jax.Array]:
        q, k, v = jnp.einsum("bd,dchk->cbhk", x, weights["qkv"])
        zero = jnp.zeros((), jnp.int32)
        cache = {
            name: jax.lax.dynamic_update_slice(cache[name], new[:, None], (zero, place, zero, zero))
            for name, new in (("k", k), ("v", v))
        }
        scores = jnp.einsum("bhk,bthk->bht", q, cache["k"]).astype(jnp.float32)
        mixed = jnp.einsum("bht,bthk->bhk", jax.nn.softmax(scores).astype(x.dtype), cache["v"])
        return cache, x + jnp.einsum("bhk,hkd->bd", mixed, weights["out"])

    weights = _shaped(jnp.bfloat16, qkv=(2048, 3, 16, 128), out=(16, 128, 2048))
    cache = _shaped(jnp.bfloat16, k=(64, 2048, 16, 128), v=(64, 2048, 16, 128))
    x, place = jax.ShapeDtypeStruct((64, 2048), jnp.bfloat16), jax.ShapeDtypeStruct((), jnp.int32)
    return Step(step, (weights, cache, x, place), donate_argnums=(1,))


def _cross_attention() -> Step:
    """Queries of one sequence over keys and values of another, heads made outside."""

    def forward(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
        return attend(q, k, v, causal_mask(q.shape[1]))

    heads = jax.ShapeDtypeStruct((8, 1024, 16, 64), jnp.bfloat16)
    return Step(forward, (heads, heads, heads))


def _convolutions() -> Step:
    """Two convolutions, each with its norm, and what goes around them, forward."""

    def forward(weights: Tree, x: jax.Array) -> jax.Array:
        y = jax.nn.relu(batch_norm(weights["norm"], convolve(weights["first"], x)))
        out: jax.Array = jax.nn.relu(x + convolve(weights["second"], y))
        return out

    norm = _shaped(jnp.float32, scale=(256,), bias=(256,))
    weights = {**_shaped(jnp.float32, first=(3, 3, 256, 256), second=(3, 3, 256, 256)), "norm": norm}
    return Step(forward, (weights, jax.ShapeDtypeStruct((32, 56, 56, 256), jnp.bfloat16)))


def _messages() -> Step:
    """One step of message passing: what senders say is summed where it is received."""

    def forward(weights: Tree, nodes: jax.Array, senders: jax.Array, receivers: jax.Array) -> jax.Array:
        said = jax.nn.silu((nodes @ weights["say"])[senders])
        heard = jax.ops.segment_sum(said, receivers, num_segments=nodes.shape[0])
        out: jax.Array = nodes + heard @ weights["hear"]
        return out

    weights = _shaped(jnp.float32, say=(256, 512), hear=(512, 256))
    ends = jax.ShapeDtypeStruct((65536,), jnp.int32)
    return Step(forward, (weights, jax.ShapeDtypeStruct((8192, 256), jnp.float32), ends, ends))


SMALL: Final[Mapping[str, Callable[[], Step]]] = MappingProxyType(
    {
        "mlp": _mlp,
        "embedding": _embedding,
        "head": _head,
        "attention": _attention,
        "cross attention": _cross_attention,
        "feed-forward": _feed_forward,
        "experts": _experts,
        "decode": _decode,
        "convolutions": _convolutions,
        "messages": _messages,
    }
)
"""Programs by name."""
