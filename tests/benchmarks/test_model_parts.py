"""What the models are made of: routing, messages, resolutions, norms, and decoding with a cache."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autopart.benchmarks.models import attention, gns, it32, layers, llama3_8b, moe, t32, t48, transformer, unet
from autopart.benchmarks.models.presets import configure
from autopart.benchmarks.models.training import fast_key


def normal(seed: int, *shape: int) -> jax.Array:
    return jax.random.normal(jax.random.key(seed), shape)


def drawn(module: Any, config: Any) -> Any:
    """Parameters of a model; compiled as one, for that is faster."""
    return jax.jit(functools.partial(module.init_params, config))(fast_key(0))


def routed(config: moe.MoeConfig) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Probabilities, weights (batch, seq, capacity, experts) and the balance loss of random tokens."""
    probabilities = jax.nn.softmax(normal(0, config.batch, config.seq, config.experts))
    combine, balance = moe.route(config, probabilities)
    return probabilities, combine.reshape(config.batch, config.seq, config.capacity, config.experts), balance


def test_a_router_with_room_sends_each_token_to_its_likeliest_experts() -> None:
    config = configure(moe.PRESETS, "tiny", {"capacity": 16})
    probabilities, combine, _ = routed(config)
    np.testing.assert_allclose(combine.sum((2, 3)), 1.0, rtol=1e-6)
    best, experts = jax.lax.top_k(probabilities, config.choices)
    wanted = jnp.sum(jax.nn.one_hot(experts, config.experts) * (best / best.sum(2, keepdims=True))[..., None], 2)
    np.testing.assert_allclose(combine.sum(2), wanted, rtol=1e-5)
    assert int(jnp.max(jnp.sum(combine > 0, axis=1))) == 1  # No slot is given twice.


def test_a_full_expert_skips_later_tokens_and_second_choices() -> None:
    config = configure(moe.PRESETS, "tiny", {"capacity": 2})
    probabilities, combine, _ = routed(config)
    assert np.all(jnp.sum(combine > 0, axis=(1, 2)) <= 2)
    assert np.any(combine.sum((2, 3)) < 0.5)
    first = jnp.argmax(probabilities, axis=2)[0]
    for expert in range(config.experts):
        asking = [token for token in range(config.seq) if first[token] == expert]
        assert all(bool(combine[0, token, :, expert].any()) for token in asking[:2])
        assert not any(bool(combine[0, token, :, expert].any()) for token in asking[2:])


def test_equally_busy_experts_cost_one() -> None:
    config = moe.PRESETS["tiny"]
    certain = jnp.tile(jnp.eye(config.experts), (config.batch, config.seq // config.experts, 1))
    assert float(moe.route(config, certain)[1]) == pytest.approx(1.0)
    all_to_one = jnp.zeros_like(certain).at[..., 0].set(1.0)
    assert float(moe.route(config, all_to_one)[1]) == pytest.approx(config.experts)


@pytest.mark.parametrize("gated", [False, True])
def test_experts_in_slots_are_experts_by_token(gated: bool) -> None:
    config = configure(moe.PRESETS, "tiny", {"capacity": 16, "gated": gated})
    d, e, f = config.d_model, config.experts, config.d_ff
    weights = {"router": normal(1, d, e), "up": normal(2, e, d, f), "down": normal(3, e, f, d)}
    if gated:
        weights["gate"] = normal(5, e, d, f)
    x = normal(4, config.batch, config.seq, d)
    mixed, _ = moe.mix_experts(config, weights, x)
    probabilities = jax.nn.softmax(jnp.einsum("bsd,de->bse", x, weights["router"]))
    best, chosen = jax.lax.top_k(probabilities, config.choices)
    hidden = jnp.einsum("bsd,edf->bsef", x, weights["up"])
    gate = jnp.einsum("bsd,edf->bsef", x, weights["gate"]) if gated else hidden
    opened = jax.nn.silu(gate) * hidden if gated else jax.nn.gelu(hidden)
    of_all = jnp.einsum("bsef,efd->bsed", opened, weights["down"])
    of_chosen = jnp.take_along_axis(of_all, chosen[..., None], axis=2)
    wanted = jnp.sum(of_chosen * (best / best.sum(2, keepdims=True))[..., None], axis=2)
    np.testing.assert_allclose(mixed, wanted, rtol=1e-4, atol=1e-3)


def test_a_simulator_knows_no_order_of_edges_and_no_names_of_nodes() -> None:
    config = gns.PRESETS["tiny"]
    params = drawn(gns, config)
    batch = gns.draw_batch(config, jax.random.key(1))
    predict = jax.jit(functools.partial(gns.predict, config, params))
    wanted = predict(batch)
    edges, nodes = (jax.random.permutation(jax.random.key(2), size) for size in (config.edges, config.nodes))
    shuffled = {**batch, **{name: batch[name][:, edges] for name in ("edges", "senders", "receivers")}}
    np.testing.assert_allclose(predict(shuffled), wanted, rtol=1e-3, atol=1e-4)
    names = jnp.argsort(nodes)
    renamed = {
        **batch,
        "nodes": batch["nodes"][:, nodes],
        "senders": names[batch["senders"]],
        "receivers": names[batch["receivers"]],
    }
    np.testing.assert_allclose(predict(renamed), wanted[:, nodes], rtol=1e-3, atol=1e-4)


def test_messages_travel_one_edge_a_step() -> None:
    config = configure(gns.PRESETS, "tiny", {"graphs": 1, "nodes": 8, "edges": 8})
    params = drawn(gns, config)
    ring = jnp.arange(8, dtype=jnp.int32)[None]
    batch = {**gns.draw_batch(config, jax.random.key(1)), "senders": ring, "receivers": (ring + 1) % 8}
    changed = {**batch, "nodes": batch["nodes"].at[0, 0].add(1.0)}
    predict = jax.jit(functools.partial(gns.predict, config, params))
    before, after = predict(batch), predict(changed)
    differs = jnp.any(jnp.abs(before - after) > 1e-6, axis=(0, 2))
    assert differs.tolist() == [place <= config.steps for place in range(8)]


def test_a_unet_sees_the_time_and_the_whole_picture() -> None:
    config = unet.PRESETS["tiny"]
    params = drawn(unet, config)
    images, time = normal(1, 8, 8, 8, 3), jnp.linspace(0.1, 0.9, 8)
    noise = jax.jit(functools.partial(unet.predict, config, params))
    base = noise(images, time)
    assert base.shape == images.shape
    assert not np.allclose(base, noise(images, time[::-1]), atol=1e-3)
    corner = noise(images.at[:, 0, 0].add(1.0), time)
    assert not np.allclose(base[:, 7, 7], corner[:, 7, 7], atol=1e-4)
    one = noise(images.at[0].add(1.0), time)
    np.testing.assert_allclose(base[1:], one[1:], rtol=1e-5, atol=1e-5)


def test_norms() -> None:
    x, weights = 3.0 + 2.0 * normal(0, 4, 6, 6, 16), layers.init_norm(16)
    by_batch = layers.batch_norm(weights, x)
    np.testing.assert_allclose(by_batch.mean((0, 1, 2)), 0.0, atol=1e-5)
    np.testing.assert_allclose(by_batch.std((0, 1, 2)), 1.0, rtol=1e-4)
    by_group = layers.group_norm(weights, x, 4).reshape(4, 6, 6, 4, 4)
    np.testing.assert_allclose(by_group.mean((1, 2, 4)), 0.0, atol=1e-5)
    np.testing.assert_allclose(by_group.std((1, 2, 4)), 1.0, rtol=1e-4)
    by_place = layers.layer_norm({"scale": jnp.full(16, 2.0), "bias": jnp.ones(16)}, x)
    np.testing.assert_allclose(by_place.mean(3), 1.0, atol=1e-5)
    np.testing.assert_allclose(by_place.std(3), 2.0, rtol=1e-3)


def test_shared_keys_and_values_are_repeated_ones() -> None:
    q, mask = normal(0, 2, 6, 8, 4), attention.causal_mask(6)
    for kv_heads in (1, 2, 8):
        k, v = normal(1, 2, 6, kv_heads, 4), normal(2, 2, 6, kv_heads, 4)
        # Queries 0 to 7 read heads 0, 0, ..., 1, 1, ...
        every_k, every_v = (jnp.repeat(part, 8 // kv_heads, axis=2) for part in (k, v))
        wanted = attention.attend(q, every_k, every_v, mask)
        np.testing.assert_allclose(attention.attend(q, k, v, mask), wanted, rtol=1e-5, atol=1e-6)


def test_rotary_positions_tell_distances_alone() -> None:
    q, k = normal(0, 8), normal(1, 8)

    def score(place: int, other: int) -> float:
        turned = [
            attention.rotate(x[None], attention.turns(100.0, jnp.int32(at), 8)) for x, at in ((q, place), (k, other))
        ]
        return float(jnp.vdot(*turned))

    assert score(5, 3) == pytest.approx(score(12, 10), rel=1e-4)
    assert score(0, 0) == pytest.approx(float(jnp.vdot(q, k)), rel=1e-5)
    assert abs(score(5, 3) - score(5, 2)) > 1e-3
    # The first pair of features, 0 and 4, turns by one radian a place.
    first = attention.rotate(jnp.eye(8)[:1], attention.turns(100.0, jnp.int32(2), 8))
    np.testing.assert_allclose(first[0], [np.cos(2), 0, 0, 0, np.sin(2), 0, 0, 0], atol=1e-6)


@pytest.mark.parametrize("module", [t48, llama3_8b], ids=lambda module: module.__name__)
def test_any_decoder_decodes_what_it_says_of_the_whole_text(module: Any) -> None:
    trained = module.PRESETS["tiny"]
    config = it32.It32Config(**vars(trained), steps=8)
    params = transformer.init_params(config, fast_key(0))
    params = {**params, "layers": jax.tree.map(lambda leaf: leaf * it32.LIVELINESS, params["layers"])}
    text = jax.random.randint(jax.random.key(1), (config.batch, config.seq), 0, config.vocab)
    wanted = jax.jit(functools.partial(transformer.logits, trained))(params, text)

    def place(cache: Any, at: tuple[jax.Array, jax.Array]) -> tuple[Any, jax.Array]:
        return it32.score(config, params, cache, *at)

    _, scores = jax.lax.scan(place, it32.empty_cache(config), (text.T, jnp.arange(config.seq)))
    np.testing.assert_allclose(scores.transpose(1, 0, 2), wanted, rtol=1e-3, atol=1e-3)


@pytest.fixture(scope="module")
def serving() -> tuple[Any, Any, jax.Array]:
    """Parameters, the cache after a prompt, and the prompt."""
    config = it32.PRESETS["tiny"]
    params, _, _ = it32.draw_inputs(config, 0)
    prompt = jax.random.randint(jax.random.key(5), (config.batch, config.filled), 0, config.vocab)
    return params, it32.read_prompt(config, params, prompt), prompt


def test_decoding_says_what_the_model_says_of_the_whole_text(serving: tuple[Any, Any, jax.Array]) -> None:
    params, cache, prompt = serving
    config = it32.PRESETS["tiny"]
    _, tokens = it32.decode(config, params, cache, prompt[:, -1])
    assert tokens.shape == (config.batch, config.steps)
    assert len(np.unique(tokens)) > 8  # Something is said.
    text = jnp.concatenate([prompt, tokens], axis=1)
    scores = transformer.logits(t32.PRESETS["tiny"], params, text[:, :-1])
    assert np.array_equal(jnp.argmax(scores, axis=2)[:, config.filled - 1 :], tokens)


@pytest.mark.parametrize("loop", [it32.SCAN, it32.WHILE])
@pytest.mark.parametrize("scan", [False, True])
def test_both_loops_decode_step_by_step(serving: tuple[Any, Any, jax.Array], loop: str, scan: bool) -> None:
    params, cache, prompt = serving
    config = it32.PRESETS["tiny"]
    one = jax.jit(lambda cache, token, place: it32.advance(config, params, cache, token, place))
    filled, token, said = cache, prompt[:, -1], []
    for place in range(config.filled - 1, config.seq - 1):
        filled, token = one(filled, token, jnp.int32(place))
        said.append(token)
    step = it32.step("tiny", loop=loop, scan=scan)
    if scan:
        params = {**params, "layers": transformer.stack(params["layers"])}
        cache, filled = transformer.stack(cache), transformer.stack(filled)
    found, tokens = jax.jit(step.fn)(params, cache, prompt[:, -1])
    assert np.array_equal(tokens, jnp.stack(said, axis=1))
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(filled), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_a_decode_step_is_abstract_and_gives_its_cache_back() -> None:
    before = len(jax.live_arrays())
    step = it32.step()
    cache, tokens = jax.eval_shape(step.fn, *step.args)
    assert len(jax.live_arrays()) == before
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), cache) == jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype), step.args[1]
    )
    assert (tokens.shape, str(tokens.dtype), step.donate_argnums) == ((48, 1536), "int32", (1,))
    assert {leaf.shape for leaf in jax.tree.leaves(step.args[1])} == {(48, 2048, 32, 112)}
