"""A plan that was saved: PartitionSpecs for a training script without tracing, and the way back to a full plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autopart.costmodel.errors import CostModelError
from autopart.costmodel.mesh import Mesh
from autopart.costmodel.profile import Device
from autopart.emit.array_layouts import ArrayLayout, tree_specs
from autopart.emit.constraints import Constraint
from autopart.emit.jit import named
from autopart.emit.lower import CollectiveKey, DimAxes
from autopart.errors import PlanError, TacticError
from autopart.partitioning.jax_mesh import as_mesh, check_device_mesh, mesh_of_devices
from autopart.partitioning.problem import Problem
from autopart.plan.changes import Changes, compared
from autopart.plan.document import FORMAT, VERSION, digest
from autopart.plan.earlier import EARLIER, upgraded
from autopart.plan.plan import Plan
from autopart.program.control_flow import ASSUMED_TRIPS
from autopart.program.trace import trace
from autopart.tactics.as_json import from_json
from autopart.tactics.custom import restored
from autopart.tactics.manual import Tactic

PLAN_FILE = "plan.json"


@dataclass(frozen=True)
class SavedPlan:
    """What a plan file says.

    Attributes:
        fingerprint: of the program that the plan was made for.
        operations: number of its ops.
        mesh: the mesh it was made for.
        schedule: the tactics.
        arguments, outputs: how they lie, by path.
        constraints: values inside at which data moves, and how they lie.
        collectives: how many of each kind, axes and bytes stand in the program.
        runs: how often they run in a step; in a loop once for each trip.
        metrics: figures by name.
        version: of the file; one of version 1 has no arguments, outputs and constraints, and no trips in ``runs``.
    """

    fingerprint: str
    operations: int
    mesh: Mesh
    schedule: tuple[Tactic, ...]
    arguments: Mapping[str, ArrayLayout]
    outputs: Mapping[str, ArrayLayout]
    constraints: tuple[Constraint, ...]
    collectives: Mapping[CollectiveKey, int]
    runs: Mapping[CollectiveKey, int]
    metrics: Mapping[str, float]
    version: int = VERSION

    def specs(self, tree: Any, path: str | None = None) -> Any:
        """PartitionSpecs in the structure of ``tree``: parameters, optimizer state, or several in a dict by name.

        Args:
            tree: a pytree of arrays or ``jax.ShapeDtypeStruct`` whose paths and shapes are those of arguments.
            path: below which path of the arguments it stands, if it stands at several, e.g. ``"params"``.

        Raises:
            PlanError: it stands nowhere among the arguments, or at several places that are equally deep; or the file is
                of version 1, which has no shapes.
        """
        if self.version == 1:
            raise PlanError(
                "the plan file is of version 1, which does not say the shapes of arrays. Fix: save it anew: "
                "autopart.save_plan(saved.apply(fn, *args), 'plan.json')"
            )
        return tree_specs(tree, self.arguments, path)

    def shardings(self, tree: Any, mesh: Any = None, path: str | None = None) -> Any:
        """NamedShardings in the structure of ``tree``; see ``specs``.

        Args:
            tree: as of ``specs``.
            mesh: ``jax.sharding.Mesh`` with the plan's axes; by default one over this process's devices.
            path: as of ``specs``.

        Raises:
            PlanError: as of ``specs``.
            MeshError: the mesh has other axes than the plan, or there are too few devices.
        """
        mesh = mesh_of_devices(self.mesh) if mesh is None else check_device_mesh(mesh, self.mesh)
        return named(self.specs(tree, path), mesh)

    def compare(
        self,
        fn: Callable[..., Any],
        *args: Any,
        mesh: Any = None,
        device: str | Device | None = None,
        donate_argnums: int | Sequence[int] = (),
        while_trips: int = ASSUMED_TRIPS,
    ) -> Changes:
        """Traces ``fn`` and says what differs from the program that the plan was made for, and what still applies.

        Args are those of ``autopart.partition``; ``mesh`` is the plan's own by default.

        Raises:
            TraceError, MeshError: bad input.
        """
        ours, theirs = (self.mesh, None) if mesh is None else as_mesh(mesh, device)
        graph = trace(fn, *args, donate_argnums=donate_argnums, while_trips=while_trips)
        return self.compare_problem(Problem.of(graph, ours), theirs)

    def compare_problem(self, problem: Problem, device_mesh: Any = None) -> Changes:
        """``compare`` for a program that is traced already."""
        changes = compared(
            problem, self.fingerprint, self.operations, self.mesh, self.arguments, self.schedule, device_mesh
        )  # fmt: skip
        return changes if self.version > 1 else replace(changes, arguments=())  # Of which version 1 says nothing.

    def apply(
        self,
        fn: Callable[..., Any],
        *args: Any,
        mesh: Any = None,
        device: str | Device | None = None,
        donate_argnums: int | Sequence[int] = (),
        while_trips: int = ASSUMED_TRIPS,
        allow_changed: bool = False,
    ) -> Plan:
        """The full plan again, for ``fn``.

        Args:
            fn: the step; see ``autopart.partition`` for what is not said here.
            args: its arguments.
            mesh: another mesh than the plan's own.
            device: device profile or its name, for JAX's own meshes.
            donate_argnums: arguments whose buffers the step may reuse.
            while_trips: iterations to assume of a ``while``.
            allow_changed: take what still applies to a program that has changed (``compare`` says what that is).

        Raises:
            PlanError: the program is not the one that the plan was made for, or a tactic does not apply.
            TraceError, MeshError: bad input.
        """
        changes = self.compare(
            fn, *args, mesh=mesh, device=device, donate_argnums=donate_argnums, while_trips=while_trips
        )
        if not allow_changed and not (changes.same_program and changes.applies):
            raise PlanError(
                f"{changes}\nFix: search again, or apply(..., allow_changed=True) to take what still applies."
            )
        return changes.plan


def load_plan(path: str | Path, tactics: Sequence[type] = ()) -> SavedPlan:
    """Reads ``plan.json``, or that of a run folder.

    Args:
        path: where it is.
        tactics: classes of tactics of one's own that it may have; nothing that the file names is imported, and of a
            class that is not among these the tiles are taken as they were saved, with a warning.

    Raises:
        PlanError: there is no such file, or it is damaged, edited, or of another version.
    """
    path = Path(path)
    path = path / PLAN_FILE if path.is_dir() else path
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if text.strip() else None
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PlanError(f"no plan at {path}. Fix: name the run folder that autopart printed.") from error
    except OSError as error:
        raise PlanError(f"{path} cannot be read: {error.strerror or error}. Fix: see who may read it.") from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise PlanError(f"{path} is damaged: {error}. Fix: restore it, or run the search again.") from error
    if document is None:
        raise PlanError(f"{path} is empty. Fix: restore it, or run the search again.")
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise PlanError(f"{path} is not a plan of autopart.")
    if document.get("version") not in (*EARLIER, VERSION):
        raise PlanError(
            f"{path} is a plan of version {document.get('version')!r}; this autopart reads up to {VERSION}. Fix: apply "
            "the schedule.py beside it: autopart apply schedule=... writes a plan of this version."
        )
    body = {key: value for key, value in document.items() if key != "digest"}
    if document.get("digest") != digest(body):
        raise PlanError(
            f"{path} is damaged or was edited (its digest does not match). Fix: restore it; to change a plan, edit "
            "schedule.py and apply that: autopart apply schedule=..."
        )
    try:
        return _read(body if body["version"] == VERSION else upgraded(body), tactics)
    except (KeyError, TypeError, ValueError, AttributeError, TacticError, CostModelError) as error:
        raise PlanError(f"{path} is damaged: {error}") from error


def _read(body: Mapping[str, Any], tactics: Sequence[type]) -> SavedPlan:
    keys = [(c["kind"], tuple(c["axes"]), int(c["full_bytes"])) for c in body["collectives"]]
    return SavedPlan(
        str(body["program"]["fingerprint"]),
        int(body["program"]["operations"]),
        Mesh.from_json(body["mesh"]),
        restored([from_json(tactic) for tactic in body["tactics"]], tactics),
        {name: _array(row) for name, row in body["arguments"].items()},
        {name: _array(row) for name, row in body["outputs"].items()},
        tuple(_constraint(row) for row in body["constraints"]),
        dict(zip(keys, (int(c["count"]) for c in body["collectives"]), strict=True)),
        dict(zip(keys, (int(c["runs"]) for c in body["collectives"]), strict=True)),
        {str(name): float(value) for name, value in body["metrics"].items()},
        int(body["version"]),
    )


def _array(row: Mapping[str, Any]) -> ArrayLayout:
    shape, axes = tuple(int(size) for size in row["shape"]), _axes(row["spec"])
    if len(shape) != len(axes):
        raise ValueError(f"a layout of {len(axes)} dimensions for shape {shape}")
    return ArrayLayout(shape, str(row["dtype"]), axes, bool(row.get("donated", False)))


def _constraint(row: Mapping[str, Any]) -> Constraint:
    return Constraint(
        str(row["at"]), str(row["op"]), str(row.get("name", "")), tuple(int(size) for size in row["shape"]),
        str(row["dtype"]), _axes(row["spec"]), tuple(_axes(axes) for axes in row.get("read_as", ())), int(row["count"]),
    )  # fmt: skip


def _axes(entries: Sequence[Any]) -> DimAxes:
    return tuple(() if e is None else (e,) if isinstance(e, str) else tuple(str(name) for name in e) for e in entries)
