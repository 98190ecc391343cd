"""A plan file in training scripts of flax, optax and orbax users: trees get specs, arrays are placed, steps run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest
from flax import nnx
from flax.training.train_state import TrainState

from autopart import Manual, MeshError, PlanError, SavedPlan, load_plan, partition, save_plan
from tests.third_party.proof import DATA, MESH, MODEL

BATCH = {"x": jax.random.normal(jax.random.key(1), (16, 8)), "y": jnp.ones((16, 4))}
OPTIMIZER = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-2))


class Net(nn.Module):
    """Two layers of linen."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.Dense(4, name="down")(nn.gelu(nn.Dense(32, name="up")(x)))


MODULE = Net()


def loss(params: Any, batch: Any) -> Any:
    return jnp.mean((MODULE.apply(params, batch["x"]) - batch["y"]) ** 2)


def step(params: Any, opt_state: Any, batch: Any) -> Any:
    value, gradients = jax.value_and_grad(loss)(params, batch)
    updates, opt_state = OPTIMIZER.update(gradients, opt_state, params)
    return optax.apply_updates(params, updates), opt_state, value


def device_mesh(**axes: int) -> jax.sharding.Mesh:
    return jax.make_mesh(tuple(axes.values()), tuple(axes), axis_types=(jax.sharding.AxisType.Auto,) * len(axes))


def saved(folder: Path, fn: Any, *args: Any, kernel: str) -> SavedPlan:
    """Data parallel and one kernel over the model axis: planned in one process, read as in another."""
    tactics = [Manual({"batch": 0}, DATA), Manual({kernel: 1}, MODEL)]
    plan = partition(fn, *args, mesh=MESH, tactics=tactics, donate_argnums=(0, 1) if len(args) == 3 else 0)
    save_plan(plan, folder / "plan.json")
    return load_plan(folder)


@pytest.fixture(scope="module")
def params() -> Any:
    return MODULE.init(jax.random.key(0), BATCH["x"])


@pytest.fixture(scope="module")
def linen(tmp_path_factory: pytest.TempPathFactory, params: Any) -> SavedPlan:
    args = (params, OPTIMIZER.init(params), BATCH)
    return saved(tmp_path_factory.mktemp("plan"), step, *args, kernel="params/params/up/kernel")


def test_linen_and_optax_trees_are_placed_and_the_step_runs(linen: SavedPlan, params: Any) -> None:
    mesh, opt_state = device_mesh(data=4, model=2), OPTIMIZER.init(params)
    places = linen.shardings({"params": params, "opt_state": opt_state, "batch": BATCH}, mesh)
    assert linen.specs(params) == jax.tree.map(lambda s: s.spec, places["params"])
    assert linen.specs(opt_state) == jax.tree.map(lambda s: s.spec, places["opt_state"])
    args = (places["params"], places["opt_state"], places["batch"])
    placed = jax.device_put((params, opt_state, BATCH), args)
    kernel = placed[0]["params"]["up"]["kernel"]
    assert {shard.data.shape for shard in kernel.addressable_shards} == {(8, 16)}
    moments = placed[1][1][0].mu["params"]["up"]["kernel"]
    assert moments.sharding == kernel.sharding
    assert {shard.data.shape for shard in placed[2]["x"].addressable_shards} == {(4, 8)}
    found = jax.jit(step, in_shardings=args, out_shardings=(*args[:2], None))(*placed)
    assert found[0]["params"]["up"]["kernel"].sharding == kernel.sharding
    wanted = jax.jit(step)(params, opt_state, BATCH)
    for a, b in zip(jax.tree.leaves(wanted), jax.tree.leaves(found), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_train_state_in_one_argument(tmp_path: Path, params: Any) -> None:
    state = cast("Any", TrainState).create(apply_fn=MODULE.apply, params=params, tx=OPTIMIZER)

    def train(state: Any, batch: Any) -> Any:
        return state.apply_gradients(grads=jax.grad(loss)(state.params, batch))

    plan = saved(tmp_path, train, state, BATCH, kernel="state/params/params/up/kernel")
    specs = plan.specs(state)
    assert isinstance(specs, TrainState)
    assert specs.params == plan.specs(params)  # Shallower than the moments, which have the same paths.
    assert specs.params["params"]["up"]["kernel"] == jax.sharding.PartitionSpec(None, MODEL)
    placed = jax.device_put(state, plan.shardings(state, device_mesh(data=4, model=2)))
    after = jax.jit(train)(placed, BATCH)
    np.testing.assert_allclose(
        after.params["params"]["up"]["kernel"], train(state, BATCH).params["params"]["up"]["kernel"], rtol=1e-4
    )


def test_an_nnx_state_and_its_model(tmp_path: Path) -> None:
    rngs = nnx.Rngs(0)
    model = nnx.Sequential(nnx.Linear(8, 32, rngs=rngs), nnx.gelu, nnx.Linear(32, 4, rngs=rngs))
    definition, state = nnx.split(model)

    def train(params: Any, opt_state: Any, batch: Any) -> Any:
        def mean(params: Any) -> Any:
            return jnp.mean((nnx.merge(definition, params)(batch["x"]) - batch["y"]) ** 2)

        value, gradients = jax.value_and_grad(mean)(params)
        updates, opt_state = OPTIMIZER.update(gradients, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, value

    plan = saved(tmp_path, train, state, OPTIMIZER.init(state), BATCH, kernel="params/layers/0/kernel/value")
    placed = jax.device_put(state, plan.shardings(state))  # A mesh over this process's devices.
    merged = nnx.merge(definition, placed)
    kernel = cast("Any", merged.layers[0]).kernel[...]
    assert kernel.sharding.spec == jax.sharding.PartitionSpec(None, MODEL)
    np.testing.assert_allclose(merged(BATCH["x"]), model(BATCH["x"]), rtol=1e-4, atol=1e-6)


def test_orbax_restores_onto_the_plans_devices(linen: SavedPlan, params: Any, tmp_path: Path) -> None:
    places = linen.shardings(params, device_mesh(data=4, model=2))
    wanted = jax.tree.map(lambda x, place: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), params, places)
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "checkpoint", params)
        checkpointer.wait_until_finished()
        restored = checkpointer.restore(tmp_path / "checkpoint", wanted)
    for before, after, place in zip(*map(jax.tree.leaves, (params, restored, places)), strict=True):
        assert after.sharding == place
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("axes", [{"data": 8}, {"data": 2, "model": 4}, {"rows": 4, "model": 2}])
def test_a_mesh_of_other_axes_is_refused(linen: SavedPlan, params: Any, axes: dict[str, int]) -> None:
    with pytest.raises(MeshError, match=r"8 devices over axes {'data': 4, 'model': 2}; the mesh has 8 over"):
        linen.shardings(params, device_mesh(**axes))


def test_parameters_of_another_model_are_refused(linen: SavedPlan) -> None:
    class Wider(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            return nn.Dense(4, name="down")(nn.Dense(64, name="up")(x))

    with pytest.raises(
        PlanError, match=r"'params/params/down/kernel' has shape \(32, 4\) in the plan and \(64, 4\) here"
    ):
        linen.specs(Wider().init(jax.random.key(0), BATCH["x"]))
