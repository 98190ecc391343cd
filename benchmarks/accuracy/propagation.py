"""Shardy, asked through jaxlib's own MLIR passes, without compiling: which collectives its reshards would be."""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import jax
import numpy as np
from jaxlib.mlir import ir, passmanager

from autopart.benchmarks.accuracy.description import Description, placed
from autopart.benchmarks.accuracy.verdict import DONE, Verdict
from autopart.costmodel.mesh import Mesh
from autopart.emit.lower import CollectiveKey

PIPELINE: Final = (
    "builtin.module(sdy-propagation-pipeline,"
    "func.func(sdy-insert-explicit-reshards{enable-full-version=true}),func.func(sdy-reshard-to-collectives))"
)
"""Propagation to the end, then a reshard wherever layouts differ, then the collectives that make the reshards."""

COMMUNICATING: Final = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "collective_permute")
_ALL_SLICE: Final = "sdy.all_slice"
_AXIS = re.compile(r'"(\w+)"(?::\((\d+)\)(\d+))?')


def judge(program: Description) -> Verdict:
    """Lowers ``plan.jit()`` for host devices and lets Shardy partition it; memory and cycles it cannot tell."""
    begin = time.perf_counter()
    devices = np.array(jax.devices()[: program.mesh.size]).reshape(program.mesh.axis_sizes)
    plan = program.plan(jax.sharding.Mesh(devices, program.mesh.axis_names))
    step: Any = plan.jit()
    lowered = step.lower(*placed(program.step.args, plan))
    found = collectives(partitioned(lowered.compiler_ir("stablehlo")), program.mesh)
    return Verdict(DONE, collectives=found, seconds=time.perf_counter() - begin)


def partitioned(module: Any) -> Any:
    """A copy of a lowered module after ``PIPELINE``; lowered modules are cached, so they stay as they are."""
    context = module.context
    copy = ir.Module.parse(module.operation.get_asm(), context=context)
    with context:
        passmanager.PassManager.parse(PIPELINE).run(copy.operation)
    return copy


def collectives(module: Any, mesh: Mesh) -> Counter[CollectiveKey]:
    """The collectives of a partitioned module by kind, mesh axes and full bytes, those of a loop's body once.

    Shardy reduces to all devices and then slices; where the slice is the only reader and takes the same axes apart,
    that is a reduce_scatter, which XLA makes of it too.
    """
    found: Counter[CollectiveKey] = Counter()
    for operation in _operations(module.operation):
        kind = operation.name.removeprefix("sdy.")
        if not operation.name.startswith("sdy.") or kind not in COMMUNICATING:
            continue
        scattered = kind == "all_reduce" and _is_scattered(operation)
        axes = _moved_axes(operation, kind)
        size = math.prod(part or mesh.axes[name] for name, part in axes.items())
        names = tuple(name for name in mesh.axis_names if name in axes)
        if size == 1:
            continue
        held = _local_bytes(operation.results[0], str(operation.attributes["out_sharding"]), mesh)
        nbytes = held if kind in ("all_reduce", "all_gather") else held * size
        found["reduce_scatter" if scattered else kind, names, nbytes] += 1
    return found


def _operations(top: Any) -> Iterator[Any]:
    """Every operation inside another."""
    for region in top.regions:
        for block in region:
            for inner in block:
                yield inner.operation
                yield from _operations(inner.operation)


def _is_scattered(reduction: Any) -> bool:
    """Whether the only reader of an all_reduce slices its result along the very axes that were reduced."""
    users = [use.owner for use in reduction.results[0].uses]
    if len(users) != 1 or users[0].name != _ALL_SLICE:
        return False
    sliced = _axes(str(users[0].attributes["slicing_axes"]))
    return sliced.keys() == _axes(str(reduction.attributes["reduction_axes"])).keys()


def _moved_axes(operation: Any, kind: str) -> dict[str, int]:
    """Axes along which a collective moves data, with the size of the part of an axis, or 0 for all of it."""
    names = {
        "all_reduce": "reduction_axes",
        "all_gather": "gathering_axes",
        "reduce_scatter": "reduce_scatter_axes",
        "all_to_all": "params",
    }
    if kind in names:
        return _axes(str(operation.attributes[names[kind]]))
    # What is permuted was laid out along the axes that it ends up on, in another order or on other dimensions.
    return _axes(str(operation.attributes["out_sharding"]))


def _axes(text: str) -> dict[str, int]:
    return {name: int(part) if part else 0 for name, _, part in _AXIS.findall(text)}


def _local_bytes(value: Any, sharding: str, mesh: Mesh) -> int:
    """Bytes of one device's tile of a value that is laid out as a sharding says."""
    array = ir.RankedTensorType(value.type)
    parts = math.prod(part or mesh.axes[name] for name, part in _axes(sharding).items())
    bits = re.search(r"(\d+)", str(array.element_type))
    assert bits is not None, str(array)
    return math.prod(array.shape) * max(int(bits.group(1)), 8) // 8 // parts
