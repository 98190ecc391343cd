"""Verification: the partitioned program gives the same answer, with the collectives that were counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from autopart.costmodel.mesh import Mesh
from autopart.emit import by_kind, lowered_collectives
from autopart.errors import MeshError, PlanError, VerificationError
from autopart.partitioning import Problem
from autopart.plan.plan import Plan, plan_of
from autopart.plan.saved import SavedPlan
from autopart.program import Step, trace_step

HOST_DEVICES = 8
_TOLERANCE = {"float64": 1e-9, "complex128": 1e-9, "float32": 1e-4, "complex64": 1e-4, "float16": 2e-2,
              "bfloat16": 5e-2}  # fmt: skip


@dataclass(frozen=True)
class OutputCheck:
    """One compared output.

    Attributes:
        name: path of the output.
        error: largest difference, relative to the largest magnitude of the original.
        tolerance: what the dtype allows; integers must be equal.
    """

    name: str
    error: float
    tolerance: float

    @property
    def equal(self) -> bool:
        """Whether the outputs agree; NaN never does."""
        return self.error <= self.tolerance


@dataclass(frozen=True)
class Verification:
    """What was compared.

    Attributes:
        outputs: outputs of the explicit program; ``jit_outputs`` those of ``plan.jit()``.
        collectives: counts by kind of the executed program, equal in Program and StableHLO.
        full_collectives: the same of the plan at full size.
        mesh: the host mesh that was executed on.
    """

    outputs: tuple[OutputCheck, ...]
    jit_outputs: tuple[OutputCheck, ...]
    collectives: dict[str, int]
    full_collectives: dict[str, int]
    mesh: Mesh


def check_collectives(plan: Plan) -> dict[str, int]:
    """Counts by kind, after proving that Program and lowered StableHLO agree kind by kind, axes and bytes.

    Raises:
        VerificationError: they do not.
    """
    counted, lowered = plan.program.collective_counts(), lowered_collectives(plan.program)
    if counted != lowered:
        raise VerificationError(
            f"collectives differ: counted but not lowered {dict(counted - lowered)}, lowered but not counted "
            f"{dict(lowered - counted)}"
        )
    return by_kind(counted)


def check_document(problem: Problem, document: SavedPlan) -> Plan:
    """The plan of a file, after proving that the file still speaks of this program and of what it does.

    Raises:
        PlanError: the program is another than the one the plan was made for; the message says in what.
        VerificationError: the re-applied schedule gives other collectives than the file says.
    """
    changes = document.compare_problem(problem)
    if not changes.same_program:
        raise PlanError(f"{changes}\nFix: search again, or check out its code.")
    if dict(changes.plan.program.collective_counts()) != dict(document.collectives):
        raise VerificationError("the schedule, re-applied, gives other collectives than plan.json says")
    return changes.plan


def host_mesh(mesh: Mesh) -> Mesh:
    """A mesh of at most 8 host devices with the same axes: (16, 2) becomes (4, 2)."""
    sizes = dict.fromkeys(mesh.axes, 1)
    room = HOST_DEVICES
    grown = True
    while grown:
        grown = False
        for axis in mesh.axes:
            if room >= 2 and mesh.axes[axis] % (sizes[axis] * 2) == 0:
                sizes[axis] *= 2
                room //= 2
                grown = True
    return Mesh(sizes, "cpu")


def execute(step: Step, plan: Plan) -> tuple[tuple[OutputCheck, ...], tuple[OutputCheck, ...]]:
    """Runs the original, the explicit program and ``plan.jit()`` on this process's devices and compares.

    What is allowed to an output of floats is what the coarsest floating type of the program allows: a sum of
    bfloat16 products in another order differs by as much, whatever type it is returned in.

    Raises:
        MeshError: there are too few devices.
        VerificationError: some output differs.
    """
    if len(jax.devices()) < plan.problem.mesh.size:
        raise MeshError(f"verification needs {plan.problem.mesh.size} devices, this process has {len(jax.devices())}")
    args = step.inputs(0) if step.inputs is not None else random_inputs(step.args)
    loosest = max((_TOLERANCE.get(str(v.dtype), 0.0) for v in plan.problem.graph.values), default=0.0)
    names = [o.name for o in plan.problem.graph.outputs]
    wanted = jax.tree.leaves(jax.jit(step.fn)(*args))
    checks = []
    for kind, run in (("explicit", jax.jit(plan.spmd())), ("jit", plan.jit())):
        fresh = jax.tree.map(_copy, args)  # plan.jit() donates its arguments.
        found = jax.tree.leaves(run(*fresh))
        rows = tuple(_compare(*row, loosest) for row in zip(names, wanted, found, strict=True))
        wrong = [row for row in rows if not row.equal]
        if wrong:
            worst = max(wrong, key=lambda row: row.error / (row.tolerance or 1.0))
            raise VerificationError(
                f"{len(wrong)} of {len(rows)} outputs of the {kind} program differ; the worst is {worst.name} by "
                f"{worst.error:.3g} (allowed {worst.tolerance:.3g})"
            )
        checks.append(rows)
    return checks[0], checks[1]


def _is_key(x: Any) -> bool:
    return bool(jax.numpy.issubdtype(x.dtype, jax.dtypes.prng_key))


def _copy(x: Any) -> Any:
    """The array off any device; random keys, which cannot leave JAX, in a buffer of their own."""
    if not (hasattr(x, "dtype") and _is_key(x)):
        return np.asarray(x)
    return jax.random.wrap_key_data(jax.numpy.array(jax.random.key_data(x)), impl=jax.random.key_impl(x))


def _compare(name: str, wanted: Any, found: Any, loosest: float) -> OutputCheck:
    if wanted.shape != found.shape or wanted.dtype != found.dtype:
        return OutputCheck(name, float("inf"), 0.0)
    dtype = str(wanted.dtype)
    if _is_key(wanted):
        wanted, found = jax.random.key_data(wanted), jax.random.key_data(found)
    a, b = np.asarray(wanted), np.asarray(found)
    if dtype not in _TOLERANCE:
        return OutputCheck(name, float(np.sum(a != b)), 0.0)
    wide = np.complex128 if dtype.startswith("complex") else np.float64
    a, b = a.astype(wide), b.astype(wide)
    same = (a == b) | (np.isnan(a) & np.isnan(b))  # Equal infinities have no difference that is a number.
    a, b = np.where(same, 0.0, a), np.where(same, 0.0, b)
    scale = float(np.max(np.abs(np.asarray(wanted, wide)), initial=0.0, where=np.isfinite(wanted))) or 1.0
    with np.errstate(invalid="ignore"):
        error = float(np.max(np.abs(a - b), initial=0.0)) / scale
    return OutputCheck(name, float("inf") if np.isnan(error) else error, max(_TOLERANCE[dtype], loosest))


def random_inputs(args: Sequence[Any], seed: int = 0) -> tuple[Any, ...]:
    """Arguments of the given shapes: small positive floats, integers 0 and 1, random keys."""
    rng = np.random.default_rng(seed)

    def leaf(x: Any) -> Any:
        if not hasattr(x, "dtype"):
            return x
        if _is_key(x):
            return jax.random.split(jax.random.key(seed), x.shape)
        if np.issubdtype(x.dtype, np.integer) or x.dtype == np.bool_:
            return rng.integers(0, 2, x.shape).astype(x.dtype)
        return jax.numpy.asarray(rng.uniform(0.01, 1.0, x.shape), x.dtype)

    made: tuple[Any, ...] = jax.tree.map(leaf, tuple(args))
    return made


def verify(full: Step, small: Step, document: SavedPlan) -> Verification:
    """Verifies a plan file: collectives at full size, answers and collectives at a size that runs here.

    Args:
        full: the step that the plan was made for.
        small: the same step in a preset that 8 host devices can execute.
        document: the plan file.

    Raises:
        PlanError, VerificationError, TacticError, MeshError: see the message.
    """
    plan = check_document(Problem.of(trace_step(full), document.mesh), document)
    full_collectives = check_collectives(plan)
    mesh = host_mesh(document.mesh)
    graph = trace_step(small)
    little = plan_of(Problem.of(graph, mesh), document.schedule)
    collectives = check_collectives(little)
    outputs, jit_outputs = execute(small, little)
    return Verification(outputs, jit_outputs, collectives, full_collectives, mesh)
