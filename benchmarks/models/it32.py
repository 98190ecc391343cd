"""IT32: inference of T32, a loop that decodes one token of every sequence at a time with a cache of keys and values."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from autopart.benchmarks.models import t32, transformer
from autopart.benchmarks.models.attention import MASKED_SCORE, by_kv_head, rotate, softmax, split_qkv, turns
from autopart.benchmarks.models.presets import check_positive, configure
from autopart.benchmarks.models.training import Tree, fast_key
from autopart.benchmarks.models.transformer import TransformerConfig
from autopart.program.step import Step

SCAN, WHILE = "scan", "while"

PROMPTS = 24
"""How many prompts are looked at to find one that leaves no doubt about any token."""

LIVELINESS = 10.0
"""How much larger than for training the layers' weights are drawn.

A model that is fresh for training hardly moves the residual stream, so it would say one token for ever.
"""


@dataclass(frozen=True, kw_only=True)
class It32Config(TransformerConfig):
    """Sizes of the model, of its batch and of what it decodes.

    `seq` are the places of the cache, `seq` - `steps` of them filled before the loop begins. Parameters are of
    the compute dtype; there is no backward pass, so `remat` changes nothing.

    With ``kv_heads=1``, multi-query attention, the cache has one head for all: there is nothing of it to split
    by heads.

    Attributes:
        steps: tokens decoded of each sequence.
        loop: ``"scan"`` or ``"while"``, how the loop is written.

    Raises:
        ValueError: a size is below 1, the cache has no place before the loop, or another loop is asked for.
    """

    steps: int
    loop: str = SCAN

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, ("steps",))
        if self.steps >= self.seq:
            raise ValueError(f"field 'steps' must be below 'seq' ({self.seq}), not {self.steps}")
        if self.loop not in (SCAN, WHILE):
            raise ValueError(f"field 'loop' must be '{SCAN}' or '{WHILE}', not {self.loop!r}")

    @property
    def filled(self) -> int:
        """Places of the cache that are filled before the loop begins."""
        return self.seq - self.steps


def _decoding(config: TransformerConfig, steps: int) -> It32Config:
    """The sizes of a training model, for inference."""
    return It32Config(**{**vars(config), "remat": False}, steps=steps)


PRESETS: Final = MappingProxyType(
    {"full": _decoding(t32.PRESETS["full"], 1536), "tiny": _decoding(t32.PRESETS["tiny"], 8)}
)
"""Configurations by name."""


def init_params(config: It32Config, key: jax.Array) -> Tree:
    """Draws the parameters of `transformer.init_params` in the compute dtype."""
    return transformer.cast(config, transformer.init_params(config, key))


def empty_cache(config: It32Config) -> Tree:
    """Returns ``[{"k", "v"}, ...]``, zeros of the compute dtype for each layer: (batch, seq, heads, head_dim).

    The heads are those of keys and values. With ``scan`` it is one such dictionary whose arrays have a leading
    dimension more, the layers.
    """
    shape = (config.batch, config.seq, config.kv_heads or config.heads, config.head_dim)
    layers = [{name: jnp.zeros(shape, config.compute_dtype) for name in ("k", "v")} for _ in range(config.layers)]
    return transformer.stack(layers) if config.scan else layers


def _project(config: It32Config, weights: Tree, x: jax.Array, place: jax.Array) -> tuple[jax.Array, ...]:
    """Returns queries, keys and values (batch, heads, head_dim) of `x` (batch, d_model) at ``place``."""
    if "qkv" in weights:
        q, k, v = split_qkv(jnp.einsum("bd,dchk->cbhk", x, weights["qkv"]))
    else:
        q, k, v = (jnp.einsum("bd,dhk->bhk", x, weights[name]) for name in ("q", "k", "v"))
    if config.rope_theta:
        q, k = (rotate(part, turns(config.rope_theta, place, config.head_dim)) for part in (q, k))
    return q, k, v


def _look_back(config: It32Config, q: jax.Array, cache: Tree, place: jax.Array) -> jax.Array:
    """Returns attention of `q` (batch, heads, head_dim) over the places of a layer's cache up to ``place``, as `q`."""
    grouped = config.kv_heads > 0
    to_scores, to_values = ("bgrk,btgk->bgrt", "bgrt,btgk->bgrk") if grouped else ("bhk,bthk->bht", "bht,bthk->bhk")
    heads = by_kv_head(q, config.kv_heads) if grouped else q
    scores = jnp.einsum(to_scores, heads, cache["k"]).astype(jnp.float32) * config.head_dim**-0.5
    seen = jax.lax.broadcasted_iota(jnp.int32, scores.shape, scores.ndim - 1) <= place
    weighted = softmax(jnp.where(seen, scores, MASKED_SCORE)).astype(q.dtype)
    return jnp.einsum(to_values, weighted, cache["v"]).reshape(q.shape)


def _attention(
    config: It32Config, weights: Tree, cache: Tree, x: jax.Array, place: jax.Array
) -> tuple[Tree, jax.Array]:
    """Returns a layer's cache with the keys and values of ``place``, and attention over it by `x` (batch, d_model).

    What goes in and out has two names each, for it may be made in one layout and read in another: projections are
    split by heads, and a cache with one head by sequences.
    """
    q, k, v = _project(config, weights, x, place)
    q = checkpoint_name(checkpoint_name(q, "query_heads"), "query")
    k, v = checkpoint_name(k, "key"), checkpoint_name(v, "value")
    zero = jnp.zeros((), jnp.int32)
    cache = {
        name: jax.lax.dynamic_update_slice(
            cache[name], new[:, None], (zero, place, zero, zero), allow_negative_indices=False
        )
        for name, new in (("k", k), ("v", v))
    }
    mixed = checkpoint_name(_look_back(config, q, cache, place), "attended")
    return cache, transformer.close_attention(weights, checkpoint_name(mixed, "attended_heads"))


def _layer(config: It32Config, weights: Tree, cache: Tree, x: jax.Array, place: jax.Array) -> tuple[Tree, jax.Array]:
    """Returns the cache and the residual stream `x` (batch, d_model) after one layer."""
    normal = transformer.scaled_norm(config, weights["norm1"], x)
    cache, mixed = _attention(config, weights["attn"], cache, normal, place)
    x = x + mixed
    normal = transformer.scaled_norm(config, weights["norm2"], x)
    return cache, x + transformer.mlp(config, weights["mlp"], normal[:, None])[:, 0]


def advance(
    config: It32Config, params: Tree, cache: Tree, token: jax.Array, place: jax.Array
) -> tuple[Tree, jax.Array]:
    """Returns the cache after `token` int32 (batch,) at ``place``, and the likeliest next token, of its shape."""
    cache, scores = score(config, params, cache, token, place)
    return cache, jnp.argmax(scores, axis=1).astype(jnp.int32)


def score(config: It32Config, params: Tree, cache: Tree, token: jax.Array, place: jax.Array) -> tuple[Tree, jax.Array]:
    """Returns the cache after `token` int32 (batch,) at ``place``, and what speaks for each next token, (batch, vocab).

    Scores are float32.
    """
    x = params["embed"][token]
    if config.scan:

        def layer(x: jax.Array, weights_and_cache: tuple[Tree, Tree]) -> tuple[jax.Array, Tree]:
            cache, x = _layer(config, *weights_and_cache, x, place)
            return x, cache

        x, cache = jax.lax.scan(layer, x, (params["layers"], cache))
    else:
        caches = []
        for weights, before in zip(params["layers"], cache, strict=True):
            after, x = _layer(config, weights, before, x, place)
            caches.append(after)
        cache = caches
    return cache, transformer.to_logits(config, params, params["embed"], x)


def decode(config: It32Config, params: Tree, cache: Tree, token: jax.Array) -> tuple[Tree, jax.Array]:
    """Returns the cache when it is full, and the tokens decoded, int32 (batch, steps).

    `token` int32 (batch,) is the last of the prompt, the one that stands at the last place filled and is not yet
    in the cache.
    """
    first = config.filled - 1

    if config.loop == SCAN:

        def body(carry: tuple[Tree, jax.Array], place: jax.Array) -> tuple[tuple[Tree, jax.Array], jax.Array]:
            after = advance(config, params, *carry, place)
            return after, after[1]

        places = jnp.arange(first, first + config.steps, dtype=jnp.int32)
        (cache, _), tokens = jax.lax.scan(body, (cache, token), places)
        return cache, tokens.T

    def step(carry: tuple[jax.Array, Tree, jax.Array, jax.Array]) -> tuple[jax.Array, Tree, jax.Array, jax.Array]:
        number, cache, token, tokens = carry
        cache, token = advance(config, params, cache, token, number + first)
        written = jax.lax.dynamic_update_slice(
            tokens, token[:, None], (jnp.zeros((), jnp.int32), number), allow_negative_indices=False
        )
        return number + 1, cache, token, written

    tokens = jnp.zeros((config.batch, config.steps), jnp.int32)
    start = (jnp.zeros((), jnp.int32), cache, token, tokens)
    _, cache, _, tokens = jax.lax.while_loop(lambda carry: carry[0] < config.steps, step, start)
    return cache, tokens


def read_prompt(config: It32Config, params: Tree, prompt: jax.Array) -> Tree:
    """Returns the cache after all of `prompt` int32 (batch, filled) but its last token."""

    def body(cache: Tree, at: tuple[jax.Array, jax.Array]) -> tuple[Tree, None]:
        return advance(config, params, cache, *at)[0], None

    places = jnp.arange(config.filled - 1, dtype=jnp.int32)
    cache, _ = jax.lax.scan(body, empty_cache(config), (prompt[:, :-1].T, places))
    return cache


def least_lead(config: It32Config, params: Tree, cache: Tree, token: jax.Array) -> jax.Array:
    """Returns by how much the likeliest token leads the next, where it leads least in all that is decoded."""

    def body(carry: tuple[Tree, jax.Array], place: jax.Array) -> tuple[tuple[Tree, jax.Array], jax.Array]:
        cache, scores = score(config, params, *carry, place)
        best, tokens = jax.lax.top_k(scores, 2)
        return (cache, tokens[:, 0].astype(jnp.int32)), jnp.min(best[:, 0] - best[:, 1])

    first = config.filled - 1
    _, leads = jax.lax.scan(body, (cache, token), jnp.arange(first, first + config.steps, dtype=jnp.int32))
    return jnp.min(leads)


def draw_inputs(config: It32Config, seed: int) -> tuple[Tree, Tree, jax.Array]:
    """Draws parameters and a prompt; returns what `decode` takes: parameters, cache, last token of the prompt.

    Of some prompts the one is taken whose every token is the clearest choice: where two tokens are about as
    likely, sums in another order would choose the other, and all that follows would differ.
    """
    for_params, for_prompts = jax.random.split(fast_key(seed))

    @jax.jit
    def draw(key: jax.Array) -> tuple[tuple[Tree, Tree, jax.Array], jax.Array]:
        params = init_params(config, for_params)
        params = {**params, "layers": jax.tree.map(lambda leaf: leaf * LIVELINESS, params["layers"])}
        prompt = jax.random.randint(key, (config.batch, config.filled), 0, config.vocab, dtype=jnp.int32)
        made = params, read_prompt(config, params, prompt), prompt[:, -1]
        return made, least_lead(config, *made)

    best: tuple[Tree, Tree, jax.Array] | None = None
    lead = -1.0
    for key in jax.random.split(for_prompts, PROMPTS):
        made, clear = draw(key)
        if float(clear) > lead:
            best, lead = made, float(clear)
    assert best is not None, "some prompt leads by more than nothing"
    return best


def step(preset: str = "full", **overrides: Any) -> Step:
    """Returns the decode loop of a preset ("full" or "tiny"); keywords override fields of `It32Config`.

    It is ``decode(params, cache, token) -> (cache, tokens)``, with the cache donated.

    Raises:
        ValueError: an unknown preset or field, or a value that does not fit.
    """
    return decode_step(configure(PRESETS, preset, overrides))


def decode_step(config: It32Config) -> Step:
    """Returns the decode loop of the model that `config` describes, see `step`."""

    def step(params: Tree, cache: Tree, token: jax.Array) -> tuple[Tree, jax.Array]:
        return decode(config, params, cache, token)

    args = (
        jax.eval_shape(lambda: init_params(config, jax.random.key(0))),
        jax.eval_shape(lambda: empty_cache(config)),
        jax.ShapeDtypeStruct((config.batch,), jnp.int32),
    )
    return Step(step, args, donate_argnums=(1,), inputs=lambda seed: draw_inputs(config, seed))
