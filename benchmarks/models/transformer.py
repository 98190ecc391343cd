"""A decoder-only transformer language model: that of T32 unless its fields ask for what later ones have.

T32 has 9 tensors a layer and one tied embedding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from autopart.benchmarks.models.attention import attend, causal_mask, rotate, split_qkv, turns
from autopart.benchmarks.models.losses import cross_entropy
from autopart.benchmarks.models.presets import check_positive
from autopart.benchmarks.models.training import Tree, training_step
from autopart.program.step import Step

INIT_SCALE = 0.02

RESIDUAL = "residual"
"""Name of the residual stream, where a layer has added to it."""

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
        kv_heads: heads of keys and values, each shared by as many heads of queries; their matrices are then three.
            0: as many as heads, and one fused matrix.
        gated: the feed-forward part multiplies two products, one of them through SiLU; else it is one through GELU.
        biases: add one after attention, in the feed-forward part and after it.
        rope_theta: base of rotary positions; 0: the model knows positions by its mask alone.
        tied: the table of embeddings is the output head too.
        final_scale: scale the last norm.
        norm_epsilon: added to the mean square in norms.
        remat: recompute each layer in the backward pass rather than keep its activations.
        scan: keep the parameters of all layers in stacked arrays and run the layers by ``jax.lax.scan``.
        compute_dtype: dtype of activations; parameters and optimizer state are float32, and so is the
            arithmetic of norms, softmax and loss.

    Raises:
        ValueError: a size is below 1, or heads and their sizes do not divide as they must.
    """

    layers: int
    d_model: int
    heads: int
    head_dim: int
    d_ff: int
    vocab: int
    seq: int
    batch: int
    kv_heads: int = 0
    gated: bool = False
    biases: bool = True
    rope_theta: float = 0.0
    tied: bool = True
    final_scale: bool = False
    norm_epsilon: float = 1e-6
    remat: bool = True
    scan: bool = False
    compute_dtype: str = "bfloat16"

    def __post_init__(self) -> None:
        check_positive(self, ("layers", "d_model", "heads", "head_dim", "d_ff", "vocab", "seq", "batch"))
        if self.kv_heads < 0 or (self.kv_heads and self.heads % self.kv_heads):
            raise ValueError(f"field 'kv_heads' must be 0 or divide 'heads' ({self.heads}), not {self.kv_heads}")
        if self.rope_theta and self.head_dim % 2:
            raise ValueError(f"field 'head_dim' must be even for rotary positions, not {self.head_dim}")


def init_params(config: TransformerConfig, key: jax.Array) -> Tree:
    """Draws the parameters, float32: ``{"embed", "layers": [{"norm1", "attn", "norm2", "mlp"}, ...]}``.

    Shapes: ``embed`` (vocab, d_model); in a layer ``norm1/scale`` and ``norm2/scale`` (d_model,),
    ``attn/qkv`` (d_model, 3, heads, head_dim), or ``attn/q`` (d_model, heads, head_dim) with ``attn/k`` and
    ``attn/v`` (d_model, kv_heads, head_dim), ``attn/out`` (heads, head_dim, d_model), ``mlp/up`` and, if gated,
    ``mlp/gate`` (d_model, d_ff), ``mlp/down`` (d_ff, d_model); with biases ``attn/out_bias`` (d_model,),
    ``mlp/up_bias`` (d_ff,) and ``mlp/down_bias`` (d_model,). Where the config asks for them, ``head`` (d_model,
    vocab) and ``norm/scale`` (d_model,). With ``scan``, ``layers`` is one such tree whose arrays have a leading
    dimension more, the layers.
    """
    for_embed, *for_layers = jax.random.split(key, config.layers + 1)
    return init_ends(config, for_embed, [init_layer(config, layer_key) for layer_key in for_layers])


def init_ends(config: TransformerConfig, key: jax.Array, layers: list[Tree]) -> Tree:
    """Draws what comes before and after the layers, and returns it with them, see `init_params`."""
    params = {
        "embed": INIT_SCALE * jax.random.normal(key, (config.vocab, config.d_model)),
        "layers": stack(layers) if config.scan else layers,
    }
    if config.final_scale:
        params["norm"] = {"scale": jnp.ones((config.d_model,))}
    if not config.tied:
        params["head"] = INIT_SCALE * jax.random.normal(jax.random.fold_in(key, 1), (config.d_model, config.vocab))
    return params


def stack(layers: list[Tree]) -> Tree:
    """Returns one tree of the equal trees `layers`, its arrays stacked along a new leading dimension."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *layers)


def run_layers(
    config: TransformerConfig,
    layer: Callable[[Tree, CarryT, Tree], CarryT],
    layers: Tree,
    carry: CarryT,
    common: Tree,
) -> CarryT:
    """Returns what the layers, one after another, make of `carry`, recomputed and scanned as `config` says.

    `layer` takes the weights of one, the carry, and what is common to all.
    """
    apply = jax.checkpoint(layer) if config.remat else layer
    if config.scan:
        last, _ = jax.lax.scan(lambda carry, weights: (apply(weights, carry, common), None), carry, layers)
        return last
    for weights in layers:
        carry = apply(weights, carry, common)
    return carry


def init_layer(config: TransformerConfig, key: jax.Array) -> Tree:
    """Draws the parameters of one layer, see `init_params`."""
    d = config.d_model
    for_in, for_out, for_up, for_down = jax.random.split(key, 4)
    layer = {
        "norm1": {"scale": jnp.ones((d,))},
        "attn": _init_attention(config, for_in, for_out),
        "norm2": {"scale": jnp.ones((d,))},
        "mlp": {
            "up": INIT_SCALE * jax.random.normal(for_up, (d, config.d_ff)),
            "down": INIT_SCALE * jax.random.normal(for_down, (config.d_ff, d)),
        },
    }
    if config.gated:
        layer["mlp"]["gate"] = INIT_SCALE * jax.random.normal(jax.random.fold_in(for_up, 1), (d, config.d_ff))
    if config.biases:
        layer["attn"]["out_bias"] = jnp.zeros((d,))
        layer["mlp"] |= {"up_bias": jnp.zeros((config.d_ff,)), "down_bias": jnp.zeros((d,))}
    return layer


def _init_attention(config: TransformerConfig, for_in: jax.Array, for_out: jax.Array) -> Tree:
    d, h, k = config.d_model, config.heads, config.head_dim
    out = {"out": INIT_SCALE * jax.random.normal(for_out, (h, k, d))}
    if not config.kv_heads:
        return {"qkv": INIT_SCALE * jax.random.normal(for_in, (d, 3, h, k)), **out}
    heads = {"q": h, "k": config.kv_heads, "v": config.kv_heads}
    keys = dict(zip(heads, jax.random.split(for_in, 3), strict=True))
    return {name: INIT_SCALE * jax.random.normal(keys[name], (d, n, k)) for name, n in heads.items()} | out


def rms_norm(config: TransformerConfig, x: jax.Array) -> jax.Array:
    """Returns `x` (..., d_model) over its root mean square, float32."""
    x = x.astype(jnp.float32)
    mean_square = jnp.sum(x * x, axis=-1, keepdims=True) / x.shape[-1]
    return x * jax.lax.rsqrt(mean_square + config.norm_epsilon)


def scaled_norm(config: TransformerConfig, weights: Tree, x: jax.Array) -> jax.Array:
    """Returns `x` (..., d_model) normalised and scaled, of the compute dtype."""
    scaled: jax.Array = (rms_norm(config, x) * weights["scale"]).astype(config.compute_dtype)
    return scaled


def common_of(config: TransformerConfig, seq: int) -> Tree:
    """Returns what all layers read for `seq` tokens: ``mask`` (seq, seq) and, with rotary positions, ``turns``."""
    common: dict[str, Tree] = {"mask": causal_mask(seq)}
    if config.rope_theta:
        common["turns"] = turns(config.rope_theta, jnp.arange(seq, dtype=jnp.int32), config.head_dim)
    return common


def cast(config: TransformerConfig, weights: Tree) -> Tree:
    """Returns `weights` in the compute dtype."""
    return jax.tree.map(lambda weight: weight.astype(config.compute_dtype), weights)


def project(weights: Tree, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns queries, keys and values (batch, seq, heads, head_dim) of `x` (batch, seq, d_model)."""
    if "qkv" in weights:
        return split_qkv(jnp.einsum("bsd,dchk->cbshk", x, weights["qkv"]))
    q, k, v = (jnp.einsum("bsd,dhk->bshk", x, weights[name]) for name in ("q", "k", "v"))
    return q, k, v


def attention(config: TransformerConfig, weights: Tree, x: jax.Array, common: Tree) -> jax.Array:
    """Returns causal self-attention over `x` (batch, seq, d_model), the same shape; for `common` see `common_of`."""
    weights = cast(config, weights)
    q, k, v = project(weights, x)
    if config.rope_theta:
        q, k = (rotate(part, common["turns"]) for part in (q, k))
    k, v = checkpoint_name(k, "key"), checkpoint_name(v, "value")
    return close_attention(weights, attend(q, k, v, common["mask"]))


def close_attention(weights: Tree, mixed: jax.Array) -> jax.Array:
    """Returns what a layer adds (..., d_model) of its heads' results `mixed` (..., heads, head_dim)."""
    out: jax.Array = jnp.einsum("...hk,hkd->...d", mixed, weights["out"])
    return out + weights["out_bias"] if "out_bias" in weights else out


def mlp(config: TransformerConfig, weights: Tree, x: jax.Array) -> jax.Array:
    """Returns the feed-forward part of `x` (batch, seq, d_model), the same shape."""
    weights = cast(config, weights)
    hidden = jnp.einsum("bsd,df->bsf", x, weights["up"])
    if config.biases:
        hidden = hidden + weights["up_bias"]
    if config.gated:
        hidden = jax.nn.silu(jnp.einsum("bsd,df->bsf", x, weights["gate"])) * hidden
    else:
        hidden = jax.nn.gelu(hidden)
    out: jax.Array = jnp.einsum("bsf,fd->bsd", hidden, weights["down"])
    return out + weights["down_bias"] if config.biases else out


def _layer(config: TransformerConfig, weights: Tree, x: jax.Array, common: Tree) -> jax.Array:
    """Returns one pre-norm layer of `x` (batch, seq, d_model), the same shape and dtype.

    The sums are named ``residual``.
    """
    change = attention(config, weights["attn"], scaled_norm(config, weights["norm1"], x), common)
    x = checkpoint_name(x + change, RESIDUAL)
    change = mlp(config, weights["mlp"], scaled_norm(config, weights["norm2"], x))
    out: jax.Array = checkpoint_name(x + change, RESIDUAL)
    return out


def logits(config: TransformerConfig, params: Tree, tokens: jax.Array) -> jax.Array:
    """Returns next-token logits of `tokens` int32 (batch, seq): float32 (batch, seq, vocab)."""

    def layer(weights: Tree, x: jax.Array, common: Tree) -> jax.Array:
        return _layer(config, weights, x, common)

    table = params["embed"].astype(config.compute_dtype)
    common = common_of(config, tokens.shape[1])
    x = run_layers(config, layer, params["layers"], table[tokens], common)
    return to_logits(config, params, table, x)


def to_logits(config: TransformerConfig, params: Tree, table: jax.Array, x: jax.Array) -> jax.Array:
    """Returns float32 logits (..., vocab) of what the last layer made, `x` (..., d_model).

    `table` (vocab, d_model) are the embeddings in the compute dtype: cast once, for both their uses.
    """
    x = scaled_norm(config, params["norm"], x) if config.final_scale else rms_norm(config, x).astype(x.dtype)
    if config.tied:
        return jnp.einsum("...d,vd->...v", x, table).astype(jnp.float32)
    head = params["head"].astype(config.compute_dtype)
    scores: jax.Array = jnp.einsum("...d,dv->...v", x, head).astype(jnp.float32)
    return scores


def loss(config: TransformerConfig, params: Tree, batch: Tree) -> jax.Array:
    """Returns the mean cross entropy of the targets, a float32 scalar."""
    return cross_entropy(logits(config, params, batch["tokens"]), batch["targets"])


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
