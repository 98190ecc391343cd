"""XLA's compilers for TPU (ahead of time, without a TPU) and host devices, and its partitioner, asked of a program."""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import jax
import numpy as np

from autopart.benchmarks.accuracy import hlo, reader
from autopart.benchmarks.accuracy import verdict as v
from autopart.benchmarks.accuracy.description import Description, placed
from autopart.benchmarks.accuracy.errors import JudgeError
from autopart.benchmarks.accuracy.verdict import Verdict
from autopart.costmodel.mesh import Mesh
from autopart.emit.lower import CollectiveKey
from autopart.files import write_json
from autopart.plan.plan import Plan

CPU, TPU = "cpu", "tpu"
PARTITIONER = "partitioner"
"""What XLA's partitioner leaves, before a compiler for some device goes on; the same for all devices."""

SPMD, JIT = "spmd", "jit"
"""The two ways out of a plan."""

TOPOLOGIES: Final[Mapping[tuple[str, int], str]] = MappingProxyType(
    {
        ("tpu_v3", 8): "v3:2x2",
        ("tpu_v4", 4): "v4:2x2x1",
        ("tpu_v4", 8): "v4:2x2x2",
        ("tpu_v5e", 4): "v5e:2x2",
        ("tpu_v5e", 8): "v5e:2x4",
        ("tpu_v5e", 16): "v5e:4x4",
        ("tpu_v5p", 8): "v5p:2x2x2",
        ("tpu_v6e", 4): "v6e:2x2",
        ("tpu_v6e", 8): "v6e:2x4",
        ("tpu_v6e", 16): "v6e:4x4",
    }
)
"""Names of topologies by device profile and number of devices, as libtpu knows them."""

CHIPS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType({"tpu_v4": {"chip_config_name": "megacore"}})
"""How the cores of a chip are joined to JAX devices, where libtpu would otherwise list each core."""

ONE_FOR_EACH_ARRAY: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        CPU: {"xla_disable_hlo_passes": "cpu-all-reduce-combiner"},
        TPU: {"xla_jf_crs_combiner_threshold_count": 1},
        PARTITIONER: {"xla_dump_hlo_pass_re": ".*spmd-partitioning.*", "xla_backend_optimization_level": 0},
    }
)
"""Options that keep the compiler from combining collectives of several arrays into one.

The partitioner combines nothing. What it leaves is dumped, and what follows is not of interest, so it is to be quick.
"""

EFFORT: Final = "exec_time_optimization_effort"
"""Option of the TPU compiler: -1 leaves out what makes a program fast at the cost of long compilation."""


def judge(compiler: str, program: Description, emit: str, effort: float, cache: Path | None) -> Verdict:
    """Compiles ``plan.spmd()`` or ``plan.jit()`` of a program and reads what came out; arguments as of `product`."""
    return _read(product(compiler, program, emit, effort, cache), compiler, program.mesh)


def product(compiler: str, program: Description, emit: str, effort: float, cache: Path | None) -> Product:
    """Compiles ``plan.spmd()`` or ``plan.jit()`` of a program.

    Args:
        compiler: ``cpu``, ``tpu`` or ``partitioner``.
        program: what to compile.
        emit: ``spmd`` or ``jit``.
        effort: of the TPU compiler, from -1 (quick) to 1; 0 is what it does unasked.
        cache: folder of verdicts by hash of lowered text, options and versions.
    """
    plan = program.plan(device_mesh(compiler, program.mesh))
    explicit = jax.jit(
        plan.spmd(), in_shardings=plan.in_shardings, out_shardings=plan.out_shardings,
        donate_argnums=plan.donate_argnums,
    )  # fmt: skip
    step: Any = explicit if emit == SPMD else plan.jit()
    lowered = step.lower(*placed(program.step.args, plan))
    options = dict(ONE_FOR_EACH_ARRAY[compiler])
    if compiler == TPU and effort:
        options[EFFORT] = effort
    where = None if cache is None else cache / f"{_key(lowered.as_text(), options, compiler, program.mesh)}.json"
    if where is not None and where.exists():
        return Product(**json.loads(where.read_text(encoding="utf-8")))
    made = _compile(lowered, options, compiler)
    if where is not None:
        write_json(where, made.to_json())
    return made


def device_mesh(compiler: str, mesh: Mesh) -> jax.sharding.Mesh:
    """The mesh over devices that the compiler compiles for."""
    devices = _tpu_devices(mesh) if compiler == TPU else np.array(jax.devices()[: mesh.size])
    return jax.sharding.Mesh(devices.reshape(mesh.axis_sizes), mesh.axis_names)


@dataclass(frozen=True)
class Product:
    """What a compiler makes of a lowered program, as it rests in the cache.

    Attributes:
        text: HLO, compressed, as base64; what a compiler that refuses says.
        refused: whether it does.
        memory_bytes: by part, see ``verdict.MEMORY``.
        seconds: that it took.
    """

    text: str
    refused: bool
    memory_bytes: dict[str, int]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The product as plain JSON values; keywords that make it again."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def module(self) -> hlo.Module:
        """The HLO, read; of what was not refused."""
        return hlo.parse(zlib.decompress(base64.b64decode(self.text)).decode())


def _tpu_devices(mesh: Mesh) -> Any:
    """Devices of a TPU topology, which can be compiled for and not run on.

    Raises:
        JudgeError: no topology is known for the mesh.
    """
    from jax.experimental import topologies

    device = mesh.device_profile.name
    name = TOPOLOGIES.get((device, mesh.size))
    if name is None:
        known = ", ".join(f"{size} {device}" for device, size in TOPOLOGIES)
        raise JudgeError(f"no TPU topology of {mesh.size} {device}; known: {known}")
    return np.array(topologies.get_topology_desc(name, "tpu", **CHIPS.get(device, {})).devices)


def _key(text: str, options: Mapping[str, Any], compiler: str, mesh: Mesh) -> str:
    packages = ("jax", "jaxlib", "libtpu") if compiler == TPU else ("jax", "jaxlib")
    versions = [metadata.version(package) for package in packages]
    parts = [compiler, mesh.device_profile.name, mesh.axis_sizes, mesh.axis_names, options, versions, text]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _compile(lowered: Any, options: Mapping[str, Any], compiler: str) -> Product:
    begin = time.perf_counter()
    if compiler == PARTITIONER:
        return Product(_packed(partitioned(lowered, options)), False, {}, time.perf_counter() - begin)
    try:
        compiled = lowered.compile(compiler_options=dict(options))
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return Product(str(error).splitlines()[0], True, {}, time.perf_counter() - begin)
    return product_of(compiled, time.perf_counter() - begin)


def product_of(compiled: Any, seconds: float) -> Product:
    """What rests of a compiled step that took some seconds."""
    memory = compiled.memory_analysis()
    parts = {
        v.PEAK: memory.peak_memory_in_bytes,
        v.ARGUMENT: memory.argument_size_in_bytes,
        v.OUTPUT: memory.output_size_in_bytes,
        v.ALIAS: memory.alias_size_in_bytes,
        v.TEMPORARY: memory.temp_size_in_bytes,
    }
    return Product(_packed(compiled.as_text()), False, parts, seconds)


def partitioned(lowered: Any, options: Mapping[str, Any] = ONE_FOR_EACH_ARRAY[PARTITIONER]) -> str:
    """HLO of a lowered step after XLA's partitioner."""
    with tempfile.TemporaryDirectory() as folder:
        lowered.compile(compiler_options={**options, "xla_dump_to": folder})
        [dump] = Path(folder).glob("*.after_spmd-partitioning.*")
        return dump.read_text(encoding="utf-8")


def partitioned_collectives(plan: Plan, args: tuple[Any, ...]) -> Counter[CollectiveKey]:
    """The collectives that XLA's partitioner places in ``plan.jit()`` of abstract arguments."""
    step: Any = plan.jit()
    return reader.collectives(hlo.parse(partitioned(step.lower(*placed(args, plan)))), plan.problem.mesh)


def _packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode())).decode()


def _read(made: Product, compiler: str, mesh: Mesh) -> Verdict:
    if made.refused:
        return Verdict(v.REFUSED, made.text, seconds=made.seconds)
    found = Verdict(v.DONE, collectives=reader.collectives(made.module, mesh), seconds=made.seconds)
    if compiler != TPU:  # The figures of memory for a CPU leave temporaries out.
        return found
    return replace(found, memory_bytes=made.memory_bytes, cycles=reader.cycles(made.module))
