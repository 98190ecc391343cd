"""XLA's answer: its solver picks all shardings of a step's arguments and results while the TPU compiler compiles it.

The solver is reached through JAX's GSPMD partitioner only, and only jaxlib's compiler for TPU holds it, so this runs in
the environment that ``environment.py`` makes.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jax
from jax.sharding import PartitionSpec

from autopart.benchmarks.accuracy.compilers import ONE_FOR_EACH_ARRAY, TPU, Product, device_mesh, product_of
from autopart.benchmarks.accuracy.description import Description

SOLVER_SECONDS: Final = "xla_tpu_auto_spmd_partitioning_solver_timeout_seconds"
MEMORY_GB: Final = "xla_tpu_auto_spmd_partitioning_memory_budget_gb"

ANSWERED: Final = re.compile(r"\.after_auto_spmd_sharding\.")
"""The dump that XLA writes as soon as its solver has answered; compilation goes on after."""

DimAxes = tuple[tuple[str, ...], ...]
"""Mesh axes of each dimension, outermost first."""


@dataclass(frozen=True)
class Answer:
    """What XLA picked.

    Attributes:
        inputs, outputs: layouts of the leaves of arguments and results, in the order of their trees.
        answer_s: seconds from the beginning of tracing until its solver had answered.
        compile_s: seconds until the step was compiled.
        product: the compiled step.
    """

    inputs: tuple[DimAxes, ...]
    outputs: tuple[DimAxes, ...]
    answer_s: float
    compile_s: float
    product: Product

    def to_json(self) -> dict[str, Any]:
        """The answer as plain JSON values."""
        return {**vars(self), "product": self.product.to_json()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Answer:
        """The answer that ``to_json`` wrote."""
        inputs, outputs = (tuple(_tuples(dims) for dims in document[key]) for key in ("inputs", "outputs"))
        product = Product(**document["product"])
        return cls(inputs, outputs, document["answer_s"], document["compile_s"], product)


def _tuples(dims: Sequence[Sequence[str]]) -> DimAxes:
    return tuple(tuple(axes) for axes in dims)


def options_of(seconds: float, memory_gb: float | None) -> dict[str, Any]:
    """Compiler options: the time that the solver has, and the memory, ``None`` for what XLA takes unasked.

    Unasked, XLA allows itself little more than the least memory that it can prove necessary.
    """
    return {SOLVER_SECONDS: round(seconds), **({} if memory_gb is None else {MEMORY_GB: round(memory_gb)})}


def solve(program: Description, options: Mapping[str, Any]) -> Answer:
    """Compiles a step with all its shardings left to XLA.

    Raises:
        RuntimeError: the compiler holds no solver.
    """
    from jax._src.named_sharding import AUTO  # type: ignore[attr-defined]  # Not in the JAX that the project runs on.

    jax.config.update("jax_use_shardy_partitioner", False)  # With Shardy everything would silently be replicated.
    every = AUTO(device_mesh(TPU, program.mesh))
    step = program.step
    with tempfile.TemporaryDirectory() as folder:
        dumps = {"xla_dump_to": folder, "xla_dump_hlo_pass_re": ".*auto.sharding.*"}
        clock, begin = time.time(), time.perf_counter()
        jitted = jax.jit(step.fn, in_shardings=every, out_shardings=every, donate_argnums=step.donate_argnums)
        lowered = jitted.lower(*step.args)
        compiled = lowered.compile(compiler_options={**ONE_FOR_EACH_ARRAY[TPU], **dumps, **options})
        seconds = time.perf_counter() - begin
        answered = answered_at(Path(folder)) - clock
    inputs, outputs = (
        layouts(found, avals) for found, avals in (
            (compiled.input_shardings[0], step.args), (compiled.output_shardings, lowered.out_info)
        )
    )  # fmt: skip
    return Answer(inputs, outputs, answered, seconds, product_of(compiled, seconds))


def answered_at(folder: Path) -> float:
    """Unix time at which XLA wrote the program with the shardings of its solver.

    Raises:
        RuntimeError: it has not.
    """
    found = [os.stat(path).st_mtime for path in folder.iterdir() if ANSWERED.search(path.name)]
    if not found:
        raise RuntimeError("this TPU compiler holds no auto-sharding solver: it wrote no program after one")
    return min(found)


def layouts(shardings: Any, arrays: Any) -> tuple[DimAxes, ...]:
    """The layouts of a tree of shardings beside one of arrays; an argument that the step does not read is whole."""
    leaves = jax.tree.leaves(shardings, is_leaf=lambda leaf: leaf is None)
    return tuple(
        dim_axes(getattr(sharding, "spec", PartitionSpec()), len(array.shape))
        for sharding, array in zip(leaves, jax.tree.leaves(arrays), strict=True)
    )


def dim_axes(spec: PartitionSpec, rank: int) -> DimAxes:
    """A PartitionSpec as mesh axes of each dimension."""
    dims = [() if axes is None else (axes,) if isinstance(axes, str) else tuple(axes) for axes in spec]
    return (*dims, *[()] * (rank - len(dims)))
