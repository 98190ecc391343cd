"""``plan.json``: a plan as versioned, checked, plain JSON, and back."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autopart.errors import PlanError, TacticError
from autopart.lower import CollectiveKey, DimAxes
from autopart.notation import from_json, to_json
from autopart.plan import Plan
from autopart.tactics import Tactic
from costmodel.errors import CostModelError
from costmodel.mesh import Mesh

FORMAT = "autopart-plan"
VERSION = 1


@dataclass(frozen=True)
class PlanDocument:
    """What a plan file says.

    Attributes:
        fingerprint: of the program that the plan was made for.
        mesh: the mesh it was made for.
        schedule: the tactics.
        collectives: how many of each kind, axes and bytes.
        metrics: figures by name.
    """

    fingerprint: str
    mesh: Mesh
    schedule: tuple[Tactic, ...]
    collectives: Mapping[CollectiveKey, int]
    metrics: Mapping[str, float]


def to_document(plan: Plan) -> dict[str, Any]:
    """The plan as plain values; holds no time of day and no wall time, so equal plans give equal text."""
    graph = plan.problem.graph
    specs = {
        "arguments": {
            a.name: _axes(axes) for a, axes in zip(graph.arguments, plan.program.arguments, strict=True)
        },
        "outputs": {o.name: _axes(axes) for o, axes in zip(graph.outputs, plan.program.outputs, strict=True)},
    }  # fmt: skip
    body = {
        "format": FORMAT,
        "version": VERSION,
        "program": {"fingerprint": graph.fingerprint(), "operations": len(graph.ops)},
        "mesh": plan.problem.mesh.to_json(),
        "schedule": [to_json(tactic) for tactic in plan.schedule],
        "specs": specs,
        "metrics": plan.metrics,
        "collectives": [
            {"kind": kind, "axes": list(axes), "full_bytes": nbytes, "count": count}
            for (kind, axes, nbytes), count in sorted(plan.program.collective_counts().items())
        ],
    }
    return {**body, "digest": _digest(body)}


def _axes(axes: DimAxes) -> list[Any]:
    return [None if not names else names[0] if len(names) == 1 else list(names) for names in axes]


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def write_json(path: Path, document: Any) -> None:
    """Writes JSON so that a reader sees the old file or the new one, never a part."""
    write_text(path, json.dumps(document, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes text to a temporary file beside ``path``, flushes it to disk and renames it.

    Raises:
        PlanError: the disk is full or the folder cannot be written; what was there before is kept.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise PlanError(f"cannot write {path}: {error.strerror}. Fix: free space or choose another folder.") from error


def read_document(path: Path) -> PlanDocument:
    """Reads ``plan.json``.

    Raises:
        PlanError: there is no such file, or it is damaged, edited, or of another version.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PlanError(f"no plan at {path}. Fix: name the run folder that autopart printed.") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise PlanError(f"{path} is damaged: {error}. Fix: restore it, or run the search again.") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise PlanError(f"{path} is not a plan of autopart.")
    if document.get("version") != VERSION:
        raise PlanError(f"{path} is a plan of version {document.get('version')!r}; this autopart reads {VERSION}.")
    body = {key: value for key, value in document.items() if key != "digest"}
    if document.get("digest") != _digest(body):
        raise PlanError(
            f"{path} is damaged or was edited (its digest does not match). Fix: restore it; to change a plan, edit "
            "schedule.py and apply that."
        )
    try:
        return PlanDocument(
            str(body["program"]["fingerprint"]),
            Mesh.from_json(body["mesh"]),
            tuple(from_json(tactic) for tactic in body["schedule"]),
            {(c["kind"], tuple(c["axes"]), int(c["full_bytes"])): int(c["count"]) for c in body["collectives"]},
            {str(name): float(value) for name, value in body["metrics"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, TacticError, CostModelError) as error:
        raise PlanError(f"{path} is damaged: {error}") from error
