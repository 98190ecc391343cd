"""How the arrays at the border of a program lie, by path, and the same as PartitionSpecs for trees of a user's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import PartitionSpec

from autopart.emit.lower import DimAxes, Program
from autopart.emit.spmd import spec
from autopart.errors import PlanError
from autopart.program import path_name


@dataclass(frozen=True)
class ArrayLayout:
    """One array and how it lies over the mesh.

    Attributes:
        shape: dimensions of the unpartitioned array.
        dtype: element type by name.
        axes: mesh axes that tile each dimension, outermost first.
        donated: the step may overwrite its buffer.
    """

    shape: tuple[int, ...]
    dtype: str
    axes: DimAxes
    donated: bool = False

    @property
    def spec(self) -> PartitionSpec:
        """The layout as a PartitionSpec."""
        return spec(self.axes)

    @property
    def type_text(self) -> str:
        """Element type and shape: ``float32[64,16]``."""
        return f"{self.dtype}[{','.join(str(size) for size in self.shape)}]"


def spec_text(axes: DimAxes) -> str:
    """A layout as people write it: ``P('data', None, 'model')``."""
    return str(spec(axes)).replace("PartitionSpec", "P").replace(",)", ")")


def argument_layouts(program: Program) -> dict[str, ArrayLayout]:
    """The program's arguments by path, constants that it closed over too."""
    values = program.problem.graph.values
    return {
        a.name: ArrayLayout(values[a.value].shape, str(values[a.value].dtype), axes, a.donated)
        for a, axes in zip(program.problem.graph.arguments, program.arguments, strict=True)
    }


def output_layouts(program: Program) -> dict[str, ArrayLayout]:
    """The program's results by path; one that becomes an argument has the argument's path."""
    values = program.problem.graph.values
    return {
        o.name: ArrayLayout(values[o.value].shape, str(values[o.value].dtype), axes)
        for o, axes in zip(program.problem.graph.outputs, program.outputs, strict=True)
    }


def tree_specs(tree: Any, layouts: Mapping[str, ArrayLayout], path: str | None = None) -> Any:
    """PartitionSpecs in the structure of ``tree``, whose leaves are some of the arrays of ``layouts``.

    Args:
        tree: a pytree of arrays, or of anything with a shape.
        layouts: arrays by path.
        path: below which path the tree stands (``""``: its own paths are whole); by default the shallowest at which all
            of its leaves are found, by path and shape.

    Raises:
        PlanError: it stands nowhere, or in several places that are equally deep.
    """
    found, structure = jax.tree_util.tree_flatten_with_path(tree)
    leaves = [(path_name(keys), tuple(np.shape(leaf))) for keys, leaf in found]
    if not leaves:
        return tree
    place = _place(leaves, layouts) if path is None else path.strip("/")
    wrong = _first_misfit(place, leaves, layouts)
    if wrong is not None:
        raise PlanError(f"the tree does not stand at '{place}' of the plan's arguments: {wrong}. {_roots(layouts)}")
    return jax.tree.unflatten(structure, [layouts[_below(place, name)].spec for name, _ in leaves])


Leaves = Sequence[tuple[str, tuple[int, ...]]]
"""Path within the tree, and shape."""


def _place(leaves: Leaves, layouts: Mapping[str, ArrayLayout]) -> str:
    """The shallowest path below which all leaves are found."""
    places = _places(leaves[0][0], layouts)
    fitting = [place for place in places if _first_misfit(place, leaves, layouts) is None]
    shallowest = [place for place in fitting if _depth(place) == min(map(_depth, fitting))]
    if len(shallowest) == 1:
        return shallowest[0]
    if shallowest:
        options = ", ".join(f"path='{place}'" for place in sorted(shallowest))
        raise PlanError(f"the tree stands at several places of the plan's arguments. Fix: say which: {options}.")
    nearest = max(places, key=lambda place: (_found(place, leaves, layouts), -_depth(place)), default=None)
    why = (
        f"no argument ends in '{leaves[0][0]}'"
        if nearest is None
        else f"nearest is '{nearest}', but {_first_misfit(nearest, leaves, layouts)}"
    )
    raise PlanError(f"the tree is no part of the plan's arguments: {why}. {_roots(layouts)}")


def _places(name: str, layouts: Iterable[str]) -> list[str]:
    """Every path below which there is an array called ``name``."""
    if not name:
        return list(layouts)
    return [full[: -len(name)].rstrip("/") for full in layouts if full == name or full.endswith(f"/{name}")]


def _first_misfit(place: str, leaves: Leaves, layouts: Mapping[str, ArrayLayout]) -> str | None:
    for name, shape in leaves:
        full = _below(place, name)
        if full not in layouts:
            return f"the plan has no '{full}'"
        if layouts[full].shape != shape:
            return f"'{full}' has shape {layouts[full].shape} in the plan and {shape} here"
    return None


def _found(place: str, leaves: Leaves, layouts: Mapping[str, ArrayLayout]) -> int:
    return sum(_below(place, name) in layouts for name, _ in leaves)


def _below(place: str, name: str) -> str:
    return "/".join(part for part in (place, name) if part)


def _depth(place: str) -> int:
    return len(place.split("/")) if place else 0


def _roots(layouts: Iterable[str]) -> str:
    roots = list(dict.fromkeys(name.partition("/")[0] for name in layouts))
    return f"The plan's arguments are {', '.join(roots[:8])}{', ...' if len(roots) > 8 else ''}."
