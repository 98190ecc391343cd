"""Pictures of shardings: each device stands where JAX puts its part of the array."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from autopart import DataParallel, Manual, Megatron, PlanError, TacticError
from autopart.emit.spmd import spec
from autopart.plan.plan import plan_of
from autopart.report.picture import Picture
from tests.autopart.text.test_notebook_cell import MARKUP
from tests.autopart.tiny import array, problem_of, tiny

AXES = {"a": 2, "b": 2, "c": 2}
LAYOUTS: list[tuple[tuple[int, ...], tuple[tuple[str, ...], ...]]] = [
    ((16,), (("b",),)),
    ((16, 8), ((), ())),
    ((16, 8), (("a",), ("c",))),
    ((16, 8), (("c", "a"), ())),
    ((16, 8), ((), ("b", "c", "a"))),
    ((4, 8, 16), (("b",), (), ("c", "a"))),
    ((4, 8, 16), (("b",), ("c",), ("a",))),
]


@pytest.mark.parametrize(("shape", "axes"), LAYOUTS)
def test_devices_hold_what_jax_gives_them(shape: tuple[int, ...], axes: tuple[tuple[str, ...], ...]) -> None:
    mesh = jax.make_mesh(tuple(AXES.values()), tuple(AXES))
    held = NamedSharding(mesh, spec(axes)).devices_indices_map(shape)
    picture = Picture("x", shape, axes, AXES)
    for number, device in enumerate(mesh.devices.flat):
        begins = [index.start or 0 for index in held[device]]
        sizes = [size // picture.parts(dim) for dim, size in enumerate(shape)]
        assert picture.tiles[number].tolist() == [begin // size for begin, size in zip(begins, sizes, strict=True)]


def test_a_cell_lists_the_devices_that_hold_it() -> None:
    assert Picture("x", (8, 4), (("a",), ("c",)), AXES).grid == [["0, 2", "1, 3"], ["4, 6", "5, 7"]]
    assert Picture("x", (8, 4), ((), ("a",)), AXES).grid == [["0-3", "4-7"]]
    assert Picture("x", (8,), ((),), AXES).grid == [["0-7"]]
    assert Picture("x", (), (), AXES).grid == [["0-7"]]


def test_tiled_dimensions_are_drawn_before_others() -> None:
    assert Picture("x", (4, 8, 16), (("a",), (), ("b",)), AXES).drawn == (0, 2)
    assert Picture("x", (4, 8, 16), ((), ("a",), ()), AXES).drawn == (1, 2)
    three = Picture("x", (4, 8, 16), (("a",), ("b",), ("c",)), AXES)
    assert three.drawn == (0, 1)
    assert three.grid[0][0] == "0-1"  # Both tiles of the third dimension.
    assert "dimension 2 in 2 on c" in three.caption


def test_many_tiles_have_a_gap() -> None:
    picture = Picture("x", (4096, 64), (("a",), ("b",)), {"a": 64, "b": 2})
    assert len(picture.grid) == 12
    assert picture.grid[10] == ["…", "…"]
    assert picture.grid[11] == ["126", "127"]


def test_many_devices_are_counted() -> None:
    picture = Picture("x", (8,), (("b",),), {"a": 100, "b": 2})
    assert picture.grid == [["0, 2, 4, 6, … (100)", "1, 3, 5, 7, … (100)"]]


def test_it_prints_as_a_grid() -> None:
    text = str(Picture("w", (8, 4), (("a",), ("c",)), AXES))
    assert "w 8×4, dimension 0 in 2 on a; dimension 1 in 2 on c: tiles of 4×2." in text
    assert "│ 0, 2 │ 1, 3 │" in text
    assert "whole on every device" in str(Picture("w", (8, 4), ((), ()), AXES))


def test_names_in_a_notebook_are_text() -> None:
    shown = Picture(MARKUP, (8,), ((),), AXES)._repr_html_()
    assert "<img" not in shown
    assert "&lt;img" in shown


def test_a_plan_draws_arguments_results_and_named_values() -> None:
    plan = plan_of(tiny("t32"), [DataParallel("batch"), Megatron("model")])
    up = plan.picture("params/layers/*/mlp/up")
    assert (up.shape, spec(up.axes)) == ((64, 256), PartitionSpec(None, "model"))
    assert up.mesh == {"batch": 4, "model": 2}
    assert plan.picture("batch/tokens").axes[0] == ("batch",)
    assert plan.picture("residual").axes[0] == ("batch",)
    arguments = {a.name: axes for a, axes in zip(plan.problem.graph.arguments, plan.program.arguments, strict=True)}
    assert all(plan.picture(name).axes == axes for name, axes in arguments.items())


def test_values_that_lie_in_different_ways_have_no_picture() -> None:
    plan = plan_of(tiny("t32"), [Manual({"params/layers/0/mlp/up": 1}, "model")])
    with pytest.raises(PlanError, match=r"do not lie alike: .*Fix: name one of"):
        plan.picture("params/layers/*/mlp/up")
    with pytest.raises(TacticError, match="Near misses"):
        plan.picture("params/layers/*/mlp/upp")


def test_a_scattered_sum_is_drawn_as_it_is_kept() -> None:
    def fn(x: Any, w: Any) -> Any:
        return x @ w

    plan = plan_of(problem_of(fn, array(8, 16), array(16, 8)), [Manual({"x": 1}, "model"), Manual({"w": 1}, "batch")])
    [output] = plan.problem.graph.outputs
    assert plan.value_layouts[output.value] == plan.program.outputs[0]
    assert np.shape(plan.picture("w").grid) == (2, 4)
