"""XLA's compilers for TPU (ahead of time, without a TPU) and for 8 host devices, asked about one program."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import jax
import numpy as np

from autopart.emit.document import write_json
from benchmarks.accuracy import verdict as v
from benchmarks.accuracy.description import Description, sharded_arguments
from benchmarks.accuracy.errors import JudgeError
from benchmarks.accuracy.hlo import parse
from benchmarks.accuracy.reader import collectives, cycles
from benchmarks.accuracy.verdict import Verdict
from costmodel.mesh import Mesh

CPU, TPU = "cpu", "tpu"
SPMD, JIT = "spmd", "jit"

TOPOLOGIES: Final[Mapping[tuple[str, int], str]] = MappingProxyType(
    {
        ("tpu_v3", 8): "v3:2x2",
        ("tpu_v4", 8): "v4:2x2x1",
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

ONE_FOR_EACH_ARRAY: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        CPU: {"xla_disable_hlo_passes": "cpu-all-reduce-combiner"},
        TPU: {"xla_jf_crs_combiner_threshold_count": 1},
    }
)
"""Options that keep the compiler from combining collectives of several arrays into one."""

EFFORT: Final = "exec_time_optimization_effort"
"""Option of the TPU compiler: -1 leaves out what makes a program fast at the cost of long compilation."""


def judge(compiler: str, program: Description, emit: str, effort: float, cache: Path | None) -> Verdict:
    """Compiles ``plan.spmd()`` or ``plan.jit()`` of a program and reads what came out.

    Args:
        compiler: ``cpu`` or ``tpu``.
        program: what to compile.
        emit: ``spmd`` or ``jit``.
        effort: of the TPU compiler, from -1 (quick) to 1; 0 is what it does unasked.
        cache: folder of verdicts by hash of lowered text, options and versions.
    """
    devices = _tpu_devices(program.mesh) if compiler == TPU else np.array(jax.devices()[: program.mesh.size])
    device_mesh = jax.sharding.Mesh(devices.reshape(program.mesh.axis_sizes), program.mesh.axis_names)
    plan = program.plan(device_mesh)
    if emit == JIT:
        step = plan.jit()
    else:
        step = jax.jit(
            plan.spmd(), in_shardings=plan.in_shardings, out_shardings=plan.out_shardings,
            donate_argnums=plan.donate_argnums,
        )  # fmt: skip
    lowered = step.lower(*sharded_arguments(program.step, plan))
    options = dict(ONE_FOR_EACH_ARRAY[compiler])
    if compiler == TPU and effort:
        options[EFFORT] = effort
    where = None if cache is None else cache / f"{_key(lowered.as_text(), options, compiler, program.mesh)}.json"
    if where is not None and where.exists():
        return Verdict.from_json(json.loads(where.read_text(encoding="utf-8")))
    found = _compile(lowered, options, compiler, program.mesh)
    if where is not None:
        write_json(where, found.to_json())
    return found


def _tpu_devices(mesh: Mesh) -> Any:
    """Devices of a TPU topology, which can be compiled for and not run on.

    Raises:
        JudgeError: no topology is known for the mesh.
    """
    from jax.experimental import topologies

    name = TOPOLOGIES.get((mesh.device_profile.name, mesh.size))
    if name is None:
        known = ", ".join(f"{size} {device}" for device, size in TOPOLOGIES)
        raise JudgeError(f"no TPU topology of {mesh.size} {mesh.device_profile.name}; known: {known}")
    return np.array(topologies.get_topology_desc(platform="tpu", topology_name=name).devices)


def _key(text: str, options: Mapping[str, Any], compiler: str, mesh: Mesh) -> str:
    packages = ("jax", "jaxlib", "libtpu") if compiler == TPU else ("jax", "jaxlib")
    versions = [metadata.version(package) for package in packages]
    parts = [compiler, mesh.device_profile.name, mesh.axis_sizes, mesh.axis_names, options, versions, text]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _compile(lowered: Any, options: Mapping[str, Any], compiler: str, mesh: Mesh) -> Verdict:
    begin = time.perf_counter()
    try:
        compiled = lowered.compile(compiler_options=dict(options))
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return Verdict(v.REFUSED, str(error).splitlines()[0], seconds=time.perf_counter() - begin)
    seconds = time.perf_counter() - begin
    module = parse(compiled.as_text())
    found = Verdict(v.DONE, collectives=collectives(module, mesh), seconds=seconds)
    if compiler == CPU:  # Its figures of memory leave temporaries out.
        return found
    memory = compiled.memory_analysis()
    parts = {
        v.PEAK: memory.peak_memory_in_bytes,
        v.ARGUMENT: memory.argument_size_in_bytes,
        v.OUTPUT: memory.output_size_in_bytes,
        v.ALIAS: memory.alias_size_in_bytes,
        v.TEMPORARY: memory.temp_size_in_bytes,
    }
    return replace(found, memory_bytes=parts, cycles=cycles(module))
