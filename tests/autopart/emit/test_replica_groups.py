"""The devices that a collective joins are read in every way in which JAX writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.sharding import PartitionSpec

from autopart.costmodel.mesh import Mesh
from autopart.emit.replica_groups import DeviceMesh, SubAxis, groups_of_attribute, groups_of_rows
from autopart.emit.stablehlo import count_collectives, groups_of_axes
from autopart.partitioning.jax_mesh import abstract_mesh

MESH = DeviceMesh({"a": 2, "b": 3, "c": 4}, tuple(range(24)))
PREFIX = "#stablehlo.replica_group_mesh_axes<mesh = "


def written(*axes: str) -> str:
    """What newer JAX writes for axes of ``@mesh_0``, each a name or a name and a part."""
    return f"{PREFIX}@mesh_0, axes = [{', '.join(f'#stablehlo.axis_ref<name = {axis}>' for axis in axes)}]>"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (written('"a"'), np.arange(24).reshape(2, 12).T),
        (written('"c"', '"a"'), np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2).reshape(3, 8)),
        (written('"c", sub_axis_info = (2)2'), np.arange(24).reshape(12, 2)),
        (written('"c", sub_axis_info = (1)2'), np.arange(24).reshape(6, 2, 2).transpose(0, 2, 1).reshape(-1, 2)),
        (written('"c", sub_axis_info = (1)2', '"c", sub_axis_info = (2)2'), np.arange(24).reshape(6, 4)),
        (written(), np.arange(24).reshape(24, 1)),
    ],
)
def test_axes_of_a_mesh_are_groups(text: str, rows: Any) -> None:
    assert groups_of_attribute(text, {"mesh": DeviceMesh({"x": 24}, tuple(range(24))), "mesh_0": MESH}) == (
        groups_of_rows(rows)
    )


def test_a_mesh_may_say_the_order_of_its_devices() -> None:
    mesh = DeviceMesh.of_text('#sdy.mesh<["a"=2, "b"=2], device_ids=[0, 2, 1, 3]>')
    assert mesh.groups([("b", None)]) == {frozenset((0, 2)), frozenset((1, 3))}
    assert DeviceMesh.of_text('#sdy.mesh<["a"=2, "b"=2]>').groups([("b", None)]) == {
        frozenset((0, 1)), frozenset((2, 3))
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [f'{PREFIX}@other, axes = [#stablehlo.axis_ref<name = "a">]>', "#stablehlo.rows_of_a_later_version<2>",
     written('"z"'), written('"c", sub_axis_info = (3)2')],
)  # fmt: skip
def test_what_cannot_be_read_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be read|no axes|no parts"):
        groups_of_attribute(text, {"mesh_0": MESH})


@st.composite
def split_axes(draw: st.DrawFn) -> tuple[dict[str, int], list[tuple[str, SubAxis]]]:
    """A mesh of axes that are products of parts, and some of those parts."""
    axes, chosen = {}, []
    for name in "abc"[: draw(st.integers(1, 3))]:
        sizes = draw(st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=3))
        axes[name] = math.prod(sizes)
        parts = [(name, (math.prod(sizes[:place]), size)) for place, size in enumerate(sizes)]
        chosen += [part for part in parts if draw(st.booleans())]
    return axes, draw(st.permutations(chosen))


@given(split_axes())
def test_groups_are_the_devices_that_differ_only_in_the_chosen_parts(
    case: tuple[dict[str, int], Sequence[tuple[str, SubAxis]]],
) -> None:
    axes, chosen = case
    size = math.prod(axes.values())

    def elsewhere(device: int) -> tuple[int, ...]:
        """Where a device stands, but for the chosen parts of its coordinates."""
        place = []
        for name, at in zip(axes, np.unravel_index(device, tuple(axes.values())), strict=True):
            digits = int(at)
            for axis, (before, own) in chosen:
                if axis == name:
                    minor = axes[name] // (before * own)
                    digits -= int(at) // minor % own * minor
            place.append(digits)
        return tuple(place)

    expected: dict[tuple[int, ...], set[int]] = {}
    for device in range(size):
        expected.setdefault(elsewhere(device), set()).add(device)
    found = DeviceMesh(axes, tuple(range(size))).groups(chosen)
    assert found == {frozenset(group) for group in expected.values()}


@pytest.mark.parametrize("axes", [("a",), ("b",), ("a", "c"), ("c", "b"), ("a", "b", "c")])
def test_the_installed_jax_is_read(axes: tuple[str, ...]) -> None:
    mesh = Mesh({"a": 2, "b": 3, "c": 4}, device="cpu")
    step = jax.shard_map(
        lambda x: jax.lax.psum(x, axes), mesh=abstract_mesh(mesh), in_specs=PartitionSpec(), out_specs=PartitionSpec(),
        check_vma=False,
    )  # fmt: skip
    traced = jax.jit(step).trace(jax.ShapeDtypeStruct((8,), jnp.float32)).lower(lowering_platforms=("cpu",))
    in_order = tuple(axis for axis in mesh.axis_names if axis in axes)
    assert count_collectives(traced.compiler_ir("stablehlo"), mesh) == {("all_reduce", in_order, 32): 1}
    assert in_order in groups_of_axes(mesh).values()
