"""The models: their sizes, that nothing is materialised, that they learn, and mistakes in choosing them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autopart.step import Step
from benchmarks.models import mlp, t32
from benchmarks.models.presets import configure

STEPS: list[Callable[..., Step]] = [mlp.step, t32.step]


def paths(tree: Any) -> dict[str, tuple[int, ...]]:
    """Shape of every leaf by its path."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf.shape for path, leaf in leaves}


def live_arrays() -> int:
    return len(jax.live_arrays())


def real_inputs(step: Step, seed: int = 0) -> tuple[Any, ...]:
    assert step.inputs is not None
    return step.inputs(seed)


def test_t32_has_289_tensors_and_five_billion_parameters() -> None:
    shapes = paths(t32.step().args[0])
    assert len(shapes) == 9 * 32 + 1
    assert sum(math.prod(shape) for shape in shapes.values()) == 5_050_859_520
    assert {path: shape for path, shape in shapes.items() if "layers" not in path} == {"embed": (32768, 3584)}
    assert {path: shape for path, shape in shapes.items() if path.startswith("layers/31/")} == {
        "layers/31/norm1/scale": (3584,),
        "layers/31/attn/qkv": (3584, 3, 32, 112),
        "layers/31/attn/out": (32, 112, 3584),
        "layers/31/attn/out_bias": (3584,),
        "layers/31/norm2/scale": (3584,),
        "layers/31/mlp/up": (3584, 14336),
        "layers/31/mlp/up_bias": (14336,),
        "layers/31/mlp/down": (14336, 3584),
        "layers/31/mlp/down_bias": (3584,),
    }


def test_t32_batch() -> None:
    batch = t32.step().args[2]
    assert paths(batch) == {"tokens": (48, 2048), "targets": (48, 2048)}
    assert {leaf.dtype for leaf in jax.tree.leaves(batch)} == {jnp.dtype("int32")}


def test_mlp_shapes() -> None:
    assert paths(mlp.step(layers=2).args[0]) == {
        "layers/0/w": (4096, 16384),
        "layers/0/b": (16384,),
        "layers/1/w": (16384, 4096),
        "layers/1/b": (4096,),
    }
    assert len(jax.tree.leaves(mlp.step().args[0])) == 8


@pytest.mark.parametrize("make", STEPS)
def test_nothing_is_materialised(make: Callable[..., Step]) -> None:
    before = live_arrays()
    step = make()
    assert all(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in jax.tree.leaves(step.args))
    # Carried state comes back as it went in, and the loss is a float32 scalar.
    params, opt_state, loss = jax.eval_shape(step.fn, *step.args)
    assert paths((params, opt_state)) == paths(step.args[:2])
    assert (loss.shape, str(loss.dtype)) == ((), "float32")
    assert step.donate_argnums == (0, 1)
    assert live_arrays() == before


@pytest.mark.parametrize("make", STEPS)
def test_parameters_and_optimizer_state_are_float32(make: Callable[..., Step]) -> None:
    dtypes = {str(leaf.dtype) for leaf in jax.tree.leaves(make().args[:2])}
    assert dtypes == {"float32", "int32"}  # int32 is Adam's count of steps.


@pytest.mark.parametrize("make", STEPS)
def test_real_inputs_have_the_promised_shapes(make: Callable[..., Step]) -> None:
    step = make("tiny")
    args = real_inputs(step)
    described = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), args)
    assert described == step.args
    # One step has been taken: there is a count, and there are moments.
    assert all(np.any(np.asarray(leaf)) for leaf in jax.tree.leaves(args[1]))


@pytest.mark.parametrize("make", STEPS)
def test_inputs_follow_the_seed(make: Callable[..., Step]) -> None:
    step = make("tiny")
    once, again, other = (jax.tree.leaves(real_inputs(step, seed)) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(once, other, strict=True))


@pytest.mark.parametrize("make", STEPS)
def test_it_learns(make: Callable[..., Step]) -> None:
    step = make("tiny")
    fn = jax.jit(step.fn)
    params, opt_state, batch = real_inputs(step)
    losses = []
    for _ in range(8):
        params, opt_state, loss = fn(params, opt_state, batch)
        losses.append(float(loss))
    assert np.all(np.isfinite(losses))
    assert np.all(np.diff(losses) < 0)


def test_a_fresh_language_model_knows_nothing_and_cannot_look_ahead() -> None:
    from benchmarks.models import transformer

    config = t32.PRESETS["tiny"]
    params = transformer.init_params(config, jax.random.key(0))
    batch = transformer.draw_batch(config, jax.random.key(1))
    # A guess among 128 tokens costs ln 128 = 4.852; small random logits are near that.
    assert float(transformer.loss(config, params, batch)) == pytest.approx(math.log(128), abs=0.2)
    assert np.array_equal(batch["tokens"][:, 1:], batch["targets"][:, :-1])
    tokens = batch["tokens"]
    changed = tokens.at[:, 8:].set((tokens[:, 8:] + 1) % config.vocab)
    before, after = (transformer.logits(config, params, text) for text in (tokens, changed))
    assert np.array_equal(before[:, :8], after[:, :8])
    assert not np.allclose(before[:, 8:], after[:, 8:])


def test_recomputing_changes_no_number() -> None:
    kept, recomputed = t32.step("tiny", remat=False), t32.step("tiny", remat=True)
    args = real_inputs(kept)
    for a, b in zip(
        jax.tree.leaves(jax.jit(kept.fn)(*args)), jax.tree.leaves(jax.jit(recomputed.fn)(*args)), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_presets_divide_by_eight_host_devices() -> None:
    for make in STEPS:
        for path, shape in paths(make("tiny").args).items():
            ours = [size for size in shape if size not in (2, 3)]
            assert all(size % 8 == 0 for size in ours), path


def test_a_preset_takes_fields_by_keyword() -> None:
    assert len(jax.tree.leaves(t32.step(layers=3).args[0])) == 9 * 3 + 1
    assert t32.step("tiny", batch=16).args[2]["tokens"].shape == (16, 16)
    assert mlp.step("tiny", compute_dtype="bfloat16").args[2]["x"].dtype == jnp.bfloat16


@pytest.mark.parametrize("make", STEPS)
def test_wrong_choices_are_told_the_right_ones(make: Callable[..., Step]) -> None:
    with pytest.raises(ValueError, match="unknown preset 'huge'; choose from full, tiny"):
        make("huge")
    with pytest.raises(ValueError, match=r"unknown field 'depth'; \w+ has layers, d_model,"):
        make(depth=3)
    with pytest.raises(ValueError, match="field 'layers' takes a value of type int, not '3'"):
        make(layers="3")
    with pytest.raises(ValueError, match="field 'batch' must be at least 1, not 0"):
        make(batch=0)


def test_an_mlp_has_an_inside() -> None:
    with pytest.raises(ValueError, match="'layers' must be at least 2"):
        mlp.step(layers=1)


def test_configure_leaves_the_preset_alone() -> None:
    assert configure(t32.PRESETS, "tiny", {"seq": 32}).seq == 32
    assert t32.PRESETS["tiny"].seq == 16
