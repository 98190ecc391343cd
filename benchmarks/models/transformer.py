"""A decoder-only transformer language model: 9 tensors a layer and one tied embedding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import jax
import jax.numpy as jnp

from autopart.step import Step
from benchmarks.models.presets import check_positive
from benchmarks.models.training import Tree, training_step

NORM_EPSILON = 1e-6
MASKED_SCORE = -1e30
INIT_SCALE = 0.02

CarryT = TypeVar("CarryT")
"""What goes from layer to layer."""


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of the model and of its batch.

    Attributes:
        layers: transformer layers.
        d_model: features of the residual stream.
        heads: attention heads.
        head_dim: features of a head.
        d_ff: hidden features of the feed-forward part.
        vocab: token kinds.
        seq: tokens a sequence.
        batch: sequences a step.
        remat: recompute each layer in the backward pass rather than keep its activations.
        scan: keep the parameters of all layers in stacked arrays and run the layers by ``jax.lax.scan``.
        compute_dtype: dtype of activations; parameters and optimizer state are float32, and so is the
            arithmetic of norms, softmax and loss.

    Raises:
        ValueError: a size is below 1.
    """

    layers: int
    d_model: int
    heads: int
    head_dim: int
    d_ff: int
    vocab: int
    seq: int
    batch: int
    remat: bool = True
    scan: bool = False
    compute_dtype: str = "bfloat16"

    def __post_init__(self) -> None:
        check_positive(self, ("layers", "d_model", "heads", "head_dim", "d_ff", "vocab", "seq", "batch"))


def init_params(config: TransformerConfig, key: jax.Array) -> Tree:
    """Draws the parameters, float32: ``{"embed", "layers": [{"norm1", "attn", "norm2", "mlp"}, ...]}``.

    Shapes: ``embed`` (vocab, d_model); in a layer ``norm1/scale`` and ``norm2/scale`` (d_model,),
    ``attn/qkv`` (d_model, 3, heads, head_dim), ``attn/out`` (heads, head_dim, d_model), ``attn/out_bias``
    (d_model,), ``mlp/up`` (d_model, d_ff), ``mlp/up_bias`` (d_ff,), ``mlp/down`` (d_ff, d_model),
    ``mlp/down_bias`` (d_model,). With ``scan``, ``layers`` is one such tree whose arrays have a leading
    dimension more, the layers.
    """
    for_embed, *for_layers = jax.random.split(key, config.layers + 1)
    layers = [init_layer(config, layer_key) for layer_key in for_layers]
    return {
        "embed": INIT_SCALE * jax.random.normal(for_embed, (config.vocab, config.d_model)),
        "layers": stack(layers) if config.scan else layers,
    }


def stack(layers: list[Tree]) -> Tree:
    """Returns one tree of the equal trees `layers`, its arrays stacked along a new leading dimension."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *layers)


def run_layers(
    config: TransformerConfig,
    layer: Callable[[Tree, CarryT, jax.Array], CarryT],
    layers: Tree,
    carry: CarryT,
    mask: jax.Array,
) -> CarryT:
    """Returns what the layers, one after another, make of `carry`, recomputed and scanned as `config` says.

    `layer` takes the weights of one, the carry and the mask.
    """
    apply = jax.checkpoint(layer) if config.remat else layer
    if config.scan:
        last, _ = jax.lax.scan(lambda carry, weights: (apply(weights, carry, mask), None), carry, layers)
        return last
    for weights in layers:
        carry = apply(weights, carry, mask)
    return carry


def init_layer(config: TransformerConfig, key: jax.Array) -> Tree:
    """Draws the parameters of one layer, see `init_params`."""
    d, h, k, f = config.d_model, config.heads, config.head_dim, config.d_ff
    for_qkv, for_out, for_up, for_down = jax.random.split(key, 4)
    return {
        "norm1": {"scale": jnp.ones((d,))},
        "attn": {
            "qkv": INIT_SCALE * jax.random.normal(for_qkv, (d, 3, h, k)),
            "out": INIT_SCALE * jax.random.normal(for_out, (h, k, d)),
            "out_bias": jnp.zeros((d,)),
        },
        "norm2": {"scale": jnp.ones((d,))},
        "mlp": {
            "up": INIT_SCALE * jax.random.normal(for_up, (d, f)),
            "up_bias": jnp.zeros((f,)),
            "down": INIT_SCALE * jax.random.normal(for_down, (f, d)),
            "down_bias": jnp.zeros((d,)),
        },
    }


def rms_norm(x: jax.Array) -> jax.Array:
    """Returns `x` (..., d_model) over its root mean square, float32."""
    x = x.astype(jnp.float32)
    mean_square = jnp.sum(x * x, axis=-1, keepdims=True) / x.shape[-1]
    return x * jax.lax.rsqrt(mean_square + NORM_EPSILON)


def softmax(scores: jax.Array) -> jax.Array:
    """Returns the softmax of `scores` over its last dimension; no gradient flows through the maximum."""
    top = jnp.max(jax.lax.stop_gradient(scores), axis=-1, keepdims=True)
    weights = jnp.exp(scores - top)
    return weights / jnp.sum(weights, axis=-1, keepdims=True)


def log_softmax(scores: jax.Array) -> jax.Array:
    """Returns the logarithm of the softmax of `scores` over its last dimension, likewise."""
    top = jnp.max(jax.lax.stop_gradient(scores), axis=-1, keepdims=True)
    shifted = scores - top
    return shifted - jnp.log(jnp.sum(jnp.exp(shifted), axis=-1, keepdims=True))


def causal_mask(seq: int) -> jax.Array:
    """Returns what is added to scores (seq, seq), float32: 0 where a token may look, else `MASKED_SCORE`."""
    rows, columns = (jax.lax.broadcasted_iota(jnp.int32, (seq, seq), dim) for dim in (0, 1))
    return jax.lax.select(rows >= columns, jnp.zeros((seq, seq)), jnp.full((seq, seq), MASKED_SCORE))


def cast(config: TransformerConfig, weights: Tree) -> Tree:
    """Returns `weights` in the compute dtype."""
    return jax.tree.map(lambda weight: weight.astype(config.compute_dtype), weights)


def split_qkv(qkv: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns the three parts of `qkv` (3, ...)."""
    q, k, v = (jax.lax.index_in_dim(qkv, i, axis=0, keepdims=False) for i in range(3))
    return q, k, v


def attention(config: TransformerConfig, weights: Tree, x: jax.Array, mask: jax.Array) -> jax.Array:
    """Returns causal self-attention over `x` (batch, seq, d_model), the same shape; `mask` (seq, seq)."""
    weights = cast(config, weights)
    q, k, v = split_qkv(jnp.einsum("bsd,dchk->cbshk", x, weights["qkv"]))
    scores = jnp.einsum("bshk,bthk->bhst", q, k).astype(jnp.float32) * config.head_dim**-0.5
    mixed = jnp.einsum("bhst,bthk->bshk", softmax(scores + mask).astype(x.dtype), v)
    out: jax.Array = jnp.einsum("bshk,hkd->bsd", mixed, weights["out"]) + weights["out_bias"]
    return out


def mlp(config: TransformerConfig, weights: Tree, x: jax.Array) -> jax.Array:
    """Returns the feed-forward part of `x` (batch, seq, d_model), the same shape."""
    weights = cast(config, weights)
    hidden = jax.nn.gelu(jnp.einsum("bsd,df->bsf", x, weights["up"]) + weights["up_bias"])
    out: jax.Array = jnp.einsum("bsf,fd->bsd", hidden, weights["down"]) + weights["down_bias"]
    return out


def _layer(config: TransformerConfig, weights: Tree, x: jax.Array, mask: jax.Array) -> jax.Array:
    """Returns one pre-norm layer of `x` (batch, seq, d_model), the same shape and dtype."""
    dtype = config.compute_dtype
    x = x + attention(config, weights["attn"], (rms_norm(x) * weights["norm1"]["scale"]).astype(dtype), mask)
    return x + mlp(config, weights["mlp"], (rms_norm(x) * weights["norm2"]["scale"]).astype(dtype))


def logits(config: TransformerConfig, params: Tree, tokens: jax.Array) -> jax.Array:
    """Returns next-token logits of `tokens` int32 (batch, seq): float32 (batch, seq, vocab)."""

    def layer(weights: Tree, x: jax.Array, mask: jax.Array) -> jax.Array:
        return _layer(config, weights, x, mask)

    table = params["embed"].astype(config.compute_dtype)
    mask = causal_mask(tokens.shape[1])
    x = run_layers(config, layer, params["layers"], table[tokens], mask)
    x = rms_norm(x).astype(config.compute_dtype)
    return jnp.einsum("bsd,vd->bsv", x, table).astype(jnp.float32)


def loss(config: TransformerConfig, params: Tree, batch: Tree) -> jax.Array:
    """Returns the mean cross entropy of the targets, a float32 scalar."""
    return cross_entropy(logits(config, params, batch["tokens"]), batch["targets"])


def cross_entropy(scores: jax.Array, targets: jax.Array) -> jax.Array:
    """Returns the mean cross entropy of `targets` int32 (...) under `scores` float32 (..., kinds), a scalar.

    It is one sum over a constant. The target's log-probability is picked by comparing with an iota rather
    than by a gather, so that split kinds stay split.
    """
    log_p = log_softmax(scores)
    kinds = jax.lax.broadcasted_iota(jnp.int32, log_p.shape, log_p.ndim - 1)
    picked = jnp.where(targets[..., None] == kinds, log_p, 0.0)
    mean: jax.Array = jnp.sum(picked) * (-1.0 / targets.size)
    return mean


def draw_batch(config: TransformerConfig, key: jax.Array) -> Tree:
    """Draws ``{"tokens", "targets"}``, int32 (batch, seq): targets are the tokens one place later.

    Each sequence counts upwards, modulo the vocabulary, from a token drawn at random, so that there is
    something to learn.
    """
    start = jax.random.randint(key, (config.batch, 1), 0, config.vocab, dtype=jnp.int32)
    text = (start + jnp.arange(config.seq + 1, dtype=jnp.int32)) % config.vocab
    return {"tokens": text[:, :-1], "targets": text[:, 1:]}


def transformer_step(config: TransformerConfig) -> Step:
    """Returns the AdamW training step of the model that `config` describes."""
    return training_step(
        init=lambda key: init_params(config, key),
        loss=lambda params, batch: loss(config, params, batch),
        draw_batch=lambda key: draw_batch(config, key),
    )
