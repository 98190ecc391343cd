"""The models: their sizes, that nothing is materialised, that they learn, and mistakes in choosing them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import fields
from importlib import resources
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml

from autopart.benchmarks.models import (
    gns,
    it32,
    it32_mq,
    llama3_8b,
    mixtral,
    mlp,
    moe,
    resnet,
    t32,
    t48,
    transformer,
    unet,
)
from autopart.benchmarks.models.presets import configure
from autopart.program.step import Step

t32_scan = functools.partial(t32.step, scan=True)
TRAINED: dict[str, Callable[..., Step]] = {
    "mlp": mlp.step, "t32": t32.step, "t32_scan": t32_scan, "t48": t48.step, "llama3_8b": llama3_8b.step,
    "unet": unet.step, "gns": gns.step, "moe": moe.step, "resnet": resnet.step,
}  # fmt: skip
STEPS: dict[str, Callable[..., Step]] = {**TRAINED, "it32": it32.step}


@functools.cache
def tiny_step(model: str) -> Step:
    return STEPS[model]("tiny")


@functools.cache
def tiny_inputs(model: str, seed: int = 0) -> tuple[Any, ...]:
    return real_inputs(tiny_step(model), seed)


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


def test_llama_is_the_published_one() -> None:
    shapes = paths(llama3_8b.step().args[0])
    assert {path: shape for path, shape in shapes.items() if "layers" not in path} == {
        "embed": (128256, 4096),
        "norm/scale": (4096,),
        "head": (4096, 128256),
    }
    assert {path: shape for path, shape in shapes.items() if path.startswith("layers/31/")} == {
        "layers/31/norm1/scale": (4096,),
        "layers/31/attn/q": (4096, 32, 128),
        "layers/31/attn/k": (4096, 8, 128),
        "layers/31/attn/v": (4096, 8, 128),
        "layers/31/attn/out": (32, 128, 4096),
        "layers/31/norm2/scale": (4096,),
        "layers/31/mlp/up": (4096, 14336),
        "layers/31/mlp/gate": (4096, 14336),
        "layers/31/mlp/down": (14336, 4096),
    }
    assert paths(llama3_8b.step().args[2]) == {"tokens": (16, 8192), "targets": (16, 8192)}


def test_t32_batch() -> None:
    batch = t32.step().args[2]
    assert paths(batch) == {"tokens": (48, 2048), "targets": (48, 2048)}
    assert {leaf.dtype for leaf in jax.tree.leaves(batch)} == {jnp.dtype("int32")}


@pytest.mark.parametrize(
    ("make", "tensors", "parameters"),
    [
        (functools.partial(t32.step, scan=True), 9 + 1, 5_050_859_520),
        (t48.step, 11 * 48 + 1, 32_584_499_200),
        # The figures that are published of both.
        (llama3_8b.step, 9 * 32 + 3, 8_030_261_248),
        (mixtral.step, 10 * 32 + 3, 46_702_792_704),
        (unet.step, 351, 1_026_510_915),
        (gns.step, 580, 196_926_467),
        (moe.step, 8 * 16 + 1, 34_697_478_144),
        (resnet.step, 161, 25_557_032),
        # The figures that torchvision prints of the deeper ones.
        (functools.partial(resnet.step, depth=101), 314, 44_549_160),
        (functools.partial(resnet.step, depth=152), 467, 60_192_808),
        (it32.step, 289, 5_050_859_520),
    ],
)
def test_sizes_of_the_full_presets(make: Callable[..., Step], tensors: int, parameters: int) -> None:
    shapes = paths(make().args[0])
    assert (len(shapes), sum(math.prod(shape) for shape in shapes.values())) == (tensors, parameters)


def test_mlp_shapes() -> None:
    assert paths(mlp.step(layers=2).args[0]) == {
        "layers/0/w": (4096, 16384),
        "layers/0/b": (16384,),
        "layers/1/w": (16384, 4096),
        "layers/1/b": (4096,),
    }
    assert len(jax.tree.leaves(mlp.step().args[0])) == 8


@pytest.mark.parametrize("model", TRAINED)
def test_nothing_is_materialised(model: str) -> None:
    before = live_arrays()
    step = TRAINED[model]()
    assert all(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in jax.tree.leaves(step.args))
    # Carried state comes back as it went in, and the loss is a float32 scalar.
    params, opt_state, loss = jax.eval_shape(step.fn, *step.args)
    assert paths((params, opt_state)) == paths(step.args[:2])
    assert (loss.shape, str(loss.dtype)) == ((), "float32")
    assert step.donate_argnums == (0, 1)
    # Parameters and optimizer state are float32; int32 is Adam's count of steps.
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(step.args[:2])} == {"float32", "int32"}
    assert live_arrays() == before


@pytest.mark.parametrize("model", STEPS)
def test_real_inputs_have_the_promised_shapes(model: str) -> None:
    args = tiny_inputs(model)
    described = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), args)
    assert described == tiny_step(model).args
    # One step has been taken: there is a count, and there are moments; or there is a prompt in the cache.
    assert all(np.any(np.asarray(leaf)) for leaf in jax.tree.leaves(args[1]))


@pytest.mark.parametrize("model", STEPS)
def test_inputs_follow_the_seed(model: str) -> None:
    again = real_inputs(tiny_step(model), 0)
    leaves, same, other = (jax.tree.leaves(args) for args in (tiny_inputs(model), again, tiny_inputs(model, 1)))
    assert all(np.array_equal(a, b) for a, b in zip(leaves, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(leaves, other, strict=True))


@pytest.mark.parametrize("model", TRAINED)
def test_it_learns(model: str) -> None:
    fn = jax.jit(tiny_step(model).fn)
    params, opt_state, batch = tiny_inputs(model)
    losses = []
    for _ in range(8):
        params, opt_state, loss = fn(params, opt_state, batch)
        losses.append(float(loss))
    assert np.all(np.isfinite(losses))
    assert np.all(np.diff(losses) < 0)


@pytest.mark.parametrize("module", [t32, llama3_8b], ids=lambda module: module.__name__)
def test_a_fresh_language_model_knows_nothing_and_cannot_look_ahead(module: Any) -> None:
    config = module.PRESETS["tiny"]
    params = jax.jit(functools.partial(transformer.init_params, config))(jax.random.key(0))
    batch = transformer.draw_batch(config, jax.random.key(1))
    loss, logits = (jax.jit(functools.partial(f, config, params)) for f in (transformer.loss, transformer.logits))
    # A guess among 128 tokens costs ln 128 = 4.852; small random logits are near that.
    assert float(loss(batch)) == pytest.approx(math.log(128), abs=0.2)
    assert np.array_equal(batch["tokens"][:, 1:], batch["targets"][:, :-1])
    tokens = batch["tokens"]
    changed = tokens.at[:, 8:].set((tokens[:, 8:] + 1) % config.vocab)
    before, after = (logits(text) for text in (tokens, changed))
    assert np.array_equal(before[:, :8], after[:, :8])
    assert not np.allclose(before[:, 8:], after[:, 8:])


def test_recomputing_changes_no_number() -> None:
    kept, recomputed = t32.step("tiny", remat=False), t32.step("tiny", remat=True)
    args = real_inputs(kept)
    for a, b in zip(
        jax.tree.leaves(jax.jit(kept.fn)(*args)), jax.tree.leaves(jax.jit(recomputed.fn)(*args)), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("model", STEPS)
def test_presets_divide_by_eight_host_devices(model: str) -> None:
    for path, shape in paths(tiny_step(model).args).items():
        # But for windows, colours, the parts of qkv, and few layers.
        ours = [size for size in shape if size not in (1, 2, 3, 7)]
        assert all(size % 8 == 0 for size in ours), path


def test_a_preset_takes_fields_by_keyword() -> None:
    assert len(jax.tree.leaves(t32.step(layers=3).args[0])) == 9 * 3 + 1
    assert t32.step("tiny", batch=16).args[2]["tokens"].shape == (16, 16)
    assert mlp.step("tiny", compute_dtype="bfloat16").args[2]["x"].dtype == jnp.bfloat16


@pytest.mark.parametrize("model", STEPS)
def test_wrong_choices_are_told_the_right_ones(model: str) -> None:
    make, count = STEPS[model], "graphs" if model == "gns" else "batch"
    with pytest.raises(ValueError, match="unknown preset 'huge'; choose from full, tiny"):
        make("huge")
    with pytest.raises(ValueError, match=rf"unknown field 'colour'; \w+ has \w+, .*{count}"):
        make(colour=3)
    with pytest.raises(ValueError, match=f"field '{count}' takes a value of type int, not '3'"):
        make(**{count: "3"})
    with pytest.raises(ValueError, match=f"field '{count}' must be at least 1, not 0"):
        make(**{count: 0})


@pytest.mark.parametrize(
    ("module", "field", "value", "message"),
    [
        (mlp, "layers", 1, "'layers' must be at least 2"),
        (unet, "image", 30, "'image' must be divisible by 4, not 30"),
        (unet, "heads", 9, "'heads' must divide 'channels'"),
        (unet, "groups", 9, "'groups' must divide 'channels'"),
        (moe, "experts", 1, "'experts' must be at least 'choices'"),
        (resnet, "depth", 34, "'depth' must be one of 14, 50, 101, 152, not 34"),
        (t48, "kv_heads", 3, r"'kv_heads' must be 0 or divide 'heads' \(64\), not 3"),
        (t48, "kv_heads", -1, "'kv_heads' must be 0 or divide"),
        (llama3_8b, "head_dim", 127, "'head_dim' must be even for rotary positions, not 127"),
        (it32, "steps", 2048, "'steps' must be below 'seq'"),
        (it32, "loop", "for", "'loop' must be 'scan' or 'while', not 'for'"),
    ],
)
def test_a_value_that_does_not_fit(module: Any, field: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        module.step(**{field: value})


@pytest.mark.parametrize(
    "module",
    [mlp, t32, t48, llama3_8b, unet, gns, moe, mixtral, resnet, it32, it32_mq],
    ids=lambda module: module.__name__,
)
def test_settings_name_every_field(module: Any) -> None:
    name = module.__name__.rpartition(".")[2]
    document = yaml.safe_load(resources.files("autopart.configs").joinpath("model", f"{name}.yaml").read_text())
    config = module.PRESETS["full"]
    assert document["fields"] == {"preset": "full", **dict.fromkeys(field.name for field in fields(config))}
    assert (document["name"], document["target"]) == (name, f"{module.__name__}.step")


def test_configure_leaves_the_preset_alone() -> None:
    assert configure(t32.PRESETS, "tiny", {"seq": 32}).seq == 32
    assert t32.PRESETS["tiny"].seq == 16


@pytest.mark.parametrize("remat", [False, True])
def test_scanned_layers_are_the_unrolled_ones(remat: bool) -> None:
    unrolled = configure(t32.PRESETS, "tiny", {"remat": remat})
    scanned = configure(t32.PRESETS, "tiny", {"remat": remat, "scan": True})
    params = transformer.init_params(unrolled, jax.random.key(0))
    stacked = {**params, "layers": transformer.stack(params["layers"])}
    batch = transformer.draw_batch(unrolled, jax.random.key(1))

    def loss_and_gradient(config: transformer.TransformerConfig, params: Any) -> Any:
        return jax.jit(jax.value_and_grad(lambda params: transformer.loss(config, params, batch)))(params)

    loss, gradient = loss_and_gradient(unrolled, params)
    stacked_loss, stacked_gradient = loss_and_gradient(scanned, stacked)
    assert float(loss) == pytest.approx(float(stacked_loss), rel=1e-6)
    wanted = {**gradient, "layers": transformer.stack(gradient["layers"])}
    assert paths(stacked_gradient) == paths(wanted)
    for a, b in zip(jax.tree.leaves(stacked_gradient), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_scanned_layers_are_recomputed_too() -> None:
    for make in (t32_scan, functools.partial(moe.step, scan=True)):
        step = make("tiny")
        text = str(jax.make_jaxpr(step.fn)(*step.args))
        assert ("scan[" in text, "checkpoint[" in text or "remat" in text) == (True, True)
