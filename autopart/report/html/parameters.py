"""The tree of a program's arguments: how each lies over the mesh, equal layers in one line."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from autopart.emit import ArrayLayout, argument_layouts, spec_text
from autopart.program import Bundle, bundled
from autopart.report.html.colours import layout
from autopart.report.html.reported import Reported, Section, note
from autopart.text import Markup, bytes_text, element

_MOST_PATHS = 200
_OPEN_DEPTH = 2
"""Branches that are open at first."""


@dataclass
class _Branch:
    """A node of the tree of patterns.

    Attributes:
        inside: branches by name.
        leaves: bundles of arguments that end here.
        arrays, nbytes: how many arguments there are below, and the bytes of them that a device holds.
    """

    inside: dict[str, _Branch] = field(default_factory=dict)
    leaves: list[tuple[str, Bundle]] = field(default_factory=list)
    arrays: int = 0
    nbytes: float = 0.0


def parameters(about: Reported) -> Section:
    """The tree, folded below its first levels."""
    layouts = argument_layouts(about.subject.program)
    rows = ((name, (array.type_text, spec_text(array.axes))) for name, array in layouts.items())
    root = _Branch()
    for bundle in bundled(rows):
        _plant(root, bundle, _device_bytes(about, layouts[bundle.paths[0]]))
    head = element("div", *(element("span", text) for text in ("", "arrays", "type", "layout", "a device")),
                   class_="leaf head")  # fmt: skip
    tree = element("div", head, *_grown(about, root, layouts, 0), class_="parameters")
    words = (
        f"{root.arrays} arrays, {bytes_text(root.nbytes)} on a device. * stands for numbers, {{a,b}} for names of "
        "which the same is said. Bytes are those that one device holds of all arrays of a line."
    )
    return Section("parameters", "Arguments", [tree, note(words)], {})


def _device_bytes(about: Reported, array: ArrayLayout) -> float:
    parts = math.prod(about.subject.problem.mesh.axes[axis] for axes in array.axes for axis in axes)
    return math.prod(array.shape) * np.dtype(array.dtype).itemsize / parts


def _plant(root: _Branch, bundle: Bundle, nbytes: float) -> None:
    *above, last = bundle.pattern.split("/")
    branch, count = root, len(bundle.paths)
    for name in [None, *above]:
        branch = branch if name is None else branch.inside.setdefault(name, _Branch())
        branch.arrays += count
        branch.nbytes += nbytes * count
    branch.leaves.append((last, bundle))


def _grown(about: Reported, branch: _Branch, layouts: dict[str, ArrayLayout], depth: int) -> list[Markup]:
    out = []
    for name, inner in branch.inside.items():
        while not inner.leaves and len(inner.inside) == 1:  # What has one branch only is written on one line.
            [(more, inner)] = inner.inside.items()
            name = f"{name}/{more}"
        words = element("summary", element("b", name), element("small", f"{inner.arrays} arrays, "),
                        element("small", f"{bytes_text(inner.nbytes)} a device"))  # fmt: skip
        state = {"open": ""} if depth < _OPEN_DEPTH else {}
        out.append(element("details", words, *_grown(about, inner, layouts, depth + 1), **state))
    return [*out, *(_leaf(about, name, bundle, layouts) for name, bundle in branch.leaves)]


def _leaf(about: Reported, name: str, bundle: Bundle, layouts: dict[str, ArrayLayout]) -> Markup:
    array, count = layouts[bundle.paths[0]], len(bundle.paths)
    cells = (
        element("span", name, title=bundle.pattern),
        element("span", f"×{count}" if count > 1 else ""),
        element("code", array.type_text),
        layout(array.axes, about.subject.axis_names),
        element("span", bytes_text(_device_bytes(about, array) * count)),
    )
    if count == 1:
        return element("div", *cells, class_="leaf")
    paths = [element("li", path) for path in bundle.paths[:_MOST_PATHS]]
    more = [element("li", f"and {count - _MOST_PATHS} more")] if count > _MOST_PATHS else []
    return element("details", element("summary", *cells, class_="leaf"), element("ul", *paths, *more), class_="many")
