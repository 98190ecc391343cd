"""A decoder whose feed-forward parts are experts to which each token is routed (after GShard, arXiv 2006.16668)."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import jax
import jax.numpy as jnp

from autopart.benchmarks.models import transformer
from autopart.benchmarks.models.attention import softmax
from autopart.benchmarks.models.losses import cross_entropy
from autopart.benchmarks.models.presets import check_positive, configure
from autopart.benchmarks.models.training import Tree, training_step
from autopart.benchmarks.models.transformer import INIT_SCALE, TransformerConfig, draw_batch
from autopart.program.step import Step


@dataclass(frozen=True, kw_only=True)
class MoeConfig(TransformerConfig):
    """Sizes of the model and of its batch; `d_ff` are the hidden features of one expert, which has no biases.

    Attributes:
        experts: experts of a layer.
        choices: experts that a token is routed to.
        capacity: tokens that an expert takes of one sequence; later ones skip it.
        balance: weight of the loss that keeps the experts equally busy.

    Raises:
        ValueError: a size is below 1, or there are fewer experts than choices.
    """

    experts: int
    choices: int
    capacity: int
    balance: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, ("experts", "choices", "capacity"))
        if self.experts < self.choices:
            raise ValueError(f"field 'experts' must be at least 'choices' ({self.choices}), not {self.experts}")


PRESETS: Final = MappingProxyType(
    {
        "full": MoeConfig(
            layers=16,
            d_model=2048,
            heads=16,
            head_dim=128,
            d_ff=8192,
            vocab=32768,
            seq=1024,
            batch=256,
            experts=64,
            choices=2,
            capacity=40,
        ),
        "tiny": MoeConfig(
            layers=2,
            d_model=64,
            heads=8,
            head_dim=8,
            d_ff=128,
            vocab=128,
            seq=16,
            batch=8,
            experts=8,
            choices=2,
            capacity=8,
            compute_dtype="float32",
        ),
    }
)
"""Configurations by name. Sizes are ours, near those of GLaM's smaller models of 64 experts (arXiv 2112.06905).

Here every layer has experts; 40 places are 1.25 times what a balanced router needs of 64 experts.
"""


def init_params(config: MoeConfig, key: jax.Array) -> Tree:
    """Draws the parameters of `transformer.init_params`, with experts for ``mlp``.

    Shapes in a layer: ``experts/router`` (d_model, experts), ``experts/up`` and, if gated, ``experts/gate``
    (experts, d_model, d_ff), ``experts/down`` (experts, d_ff, d_model).
    """
    for_embed, *for_layers = jax.random.split(key, config.layers + 1)
    return transformer.init_ends(config, for_embed, [_init_layer(config, layer_key) for layer_key in for_layers])


def _init_layer(config: MoeConfig, key: jax.Array) -> Tree:
    d, e, f = config.d_model, config.experts, config.d_ff
    for_attention, for_router, for_up, for_down = jax.random.split(key, 4)
    shapes = {"router": (for_router, (d, e)), "up": (for_up, (e, d, f)), "down": (for_down, (e, f, d))}
    if config.gated:
        shapes["gate"] = (jax.random.fold_in(for_up, 1), (e, d, f))
    layer = transformer.init_layer(config, for_attention)
    experts = {name: INIT_SCALE * jax.random.normal(*drawn) for name, drawn in shapes.items()}
    return {"norm1": layer["norm1"], "attn": layer["attn"], "norm2": layer["norm2"], "experts": experts}


def route(config: MoeConfig, probabilities: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns where tokens go, and how unbalanced that is.

    `probabilities` float32 (batch, seq, experts) are the router's. The first result (batch, seq, capacity *
    experts) holds the weight of each token in each slot of its sequence: slot p * experts + e is place p of
    expert e. The weights of a token sum to 1, but for the experts that were full. First choices get their places
    first. The second is the balance loss of the first choices, a scalar: 1 if all experts are equally busy.
    """
    kinds = jax.lax.broadcasted_iota(jnp.int32, probabilities.shape, 2)
    left, taken = probabilities, jnp.zeros((probabilities.shape[0], 1, config.experts), jnp.int32)
    gates, slots, busy = [], [], []
    for _ in range(config.choices):
        best = jnp.argmax(left, axis=2)
        chosen = (best[..., None] == kinds).astype(jnp.int32)
        place = jnp.sum((taken + jnp.cumsum(chosen, axis=1) - chosen) * chosen, axis=2)
        busy.append(jnp.sum(chosen, axis=1, keepdims=True))
        taken = taken + busy[-1]
        gates.append(jnp.sum(probabilities * chosen, axis=2))
        slots.append(place * config.experts + best.astype(jnp.int32))
        left = jnp.where(chosen == 1, -1.0, left)
    total = sum(gates[1:], start=gates[0])
    numbers = jnp.arange(config.capacity * config.experts, dtype=jnp.int32)
    weights = [
        jnp.where(slot[..., None] == numbers, (gate / total)[..., None], 0.0)
        for gate, slot in zip(gates, slots, strict=True)
    ]
    share = jnp.sum(probabilities, axis=1, keepdims=True) * busy[0]
    balance = jnp.sum(share) * (config.experts / (config.seq**2 * config.batch))
    return sum(weights[1:], start=weights[0]), balance


def mix_experts(config: MoeConfig, weights: Tree, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns what the experts make of `x` (batch, seq, d_model), the same shape, and the balance loss.

    The slots of a sequence are counted places first, experts after them. In that order a tile of the experts
    does not reach from the slots that the experts see, (places, experts), to those that tokens are sent to. So
    a mesh axis can tile sequences outside and experts inside, and tokens travel by all_to_all.
    """
    router = jnp.einsum("bsd,de->bse", x.astype(jnp.float32), weights["router"])
    combine, balance = route(config, softmax(router))
    combine, weights = combine.astype(x.dtype), transformer.cast(config, weights)
    sent = jnp.einsum("bsm,bsd->bmd", (combine > 0).astype(x.dtype), x)
    rows = sent.reshape(config.batch, config.capacity, config.experts, config.d_model)
    hidden = jnp.einsum("bced,edf->bcef", rows, weights["up"])
    if config.gated:
        hidden = jax.nn.silu(jnp.einsum("bced,edf->bcef", rows, weights["gate"])) * hidden
    else:
        hidden = jax.nn.gelu(hidden)
    rows = jnp.einsum("bcef,efd->bced", hidden, weights["down"])
    return jnp.einsum("bsm,bmd->bsd", combine, rows.reshape(sent.shape)), balance


def _layer(
    config: MoeConfig, weights: Tree, carry: tuple[jax.Array, jax.Array], common: Tree
) -> tuple[jax.Array, jax.Array]:
    """Returns one pre-norm layer of (x, balance): x (batch, seq, d_model) and the sum of balance losses."""
    x, balance = carry
    x = x + transformer.attention(config, weights["attn"], transformer.scaled_norm(config, weights["norm1"], x), common)
    change, more = mix_experts(config, weights["experts"], transformer.scaled_norm(config, weights["norm2"], x))
    return x + change, balance + more


def loss(config: MoeConfig, params: Tree, batch: Tree) -> jax.Array:
    """Returns the mean cross entropy of the targets and the weighted balance loss of a layer, a float32 scalar."""

    def layer(weights: Tree, carry: tuple[jax.Array, jax.Array], common: Tree) -> tuple[jax.Array, jax.Array]:
        return _layer(config, weights, carry, common)

    table, tokens = params["embed"].astype(config.compute_dtype), batch["tokens"]
    common, start = transformer.common_of(config, tokens.shape[1]), (table[tokens], jnp.zeros(()))
    x, balance = transformer.run_layers(config, layer, params["layers"], start, common)
    entropy = cross_entropy(transformer.to_logits(config, params, table, x), batch["targets"])
    return entropy + (config.balance / config.layers) * balance


def step(preset: str = "full", **overrides: Any) -> Step:
    """Returns the training step of a preset ("full" or "tiny"); keywords override fields of `MoeConfig`.

    Raises:
        ValueError: an unknown preset or field, or a value that does not fit.
    """
    return moe_step(configure(PRESETS, preset, overrides))


def moe_step(config: MoeConfig) -> Step:
    """Returns the AdamW training step of the model that `config` describes."""
    return training_step(
        init=lambda key: init_params(config, key),
        loss=lambda params, batch: loss(config, params, batch),
        draw_batch=lambda key: draw_batch(config, key),
    )
