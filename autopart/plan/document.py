"""``plan.json``: a plan as versioned, checked, plain JSON; ``docs/plan_json.md`` says what each field means."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autopart.emit.array_layouts import ArrayLayout, argument_layouts, output_layouts
from autopart.emit.constraints import Constraint, constraints
from autopart.emit.lower import DimAxes
from autopart.files import write_text
from autopart.plan.plan import Plan
from autopart.tactics.as_json import to_json
from autopart.tactics.custom import written_schedule

FORMAT = "autopart-plan"
VERSION = 2


def to_document(plan: Plan) -> dict[str, Any]:
    """The plan as plain values; holds no time of day and no wall time, so equal plans give equal text."""
    graph, program = plan.problem.graph, plan.program
    runs = program.executed_counts()
    body = {
        "format": FORMAT,
        "version": VERSION,
        "program": {"fingerprint": graph.fingerprint(), "operations": len(graph.ops)},
        "mesh": plan.problem.mesh.to_json(),
        "tactics": [to_json(tactic) for tactic in written_schedule(plan.problem, plan.schedule)],
        "metrics": plan.metrics,
        "collectives": [
            {"kind": kind, "axes": list(axes), "full_bytes": nbytes, "count": count, "runs": runs[kind, axes, nbytes]}
            for (kind, axes, nbytes), count in sorted(program.collective_counts().items())
        ],
        "arguments": {name: _array(layout) for name, layout in argument_layouts(program).items()},
        "outputs": {name: _array(layout) for name, layout in output_layouts(program).items()},
        "constraints": [_constraint(row) for row in constraints(program)],
        **({"shapes": plan.search["shapes"]} if "shapes" in plan.search else {}),
    }
    return {**body, "digest": digest(body)}


def _array(layout: ArrayLayout) -> dict[str, Any]:
    row = {"shape": list(layout.shape), "dtype": layout.dtype, "spec": _axes(layout.axes)}
    return row | ({"donated": True} if layout.donated else {})


def _constraint(row: Constraint) -> dict[str, Any]:
    return {
        "at": row.at,
        "op": row.op,
        **({"name": row.name} if row.name else {}),
        "shape": list(row.shape),
        "dtype": row.dtype,
        "spec": _axes(row.axes),
        **({"read_as": [_axes(axes) for axes in row.read_as]} if row.read_as else {}),
        "count": row.count,
    }


def _axes(axes: DimAxes) -> list[Any]:
    return [None if not names else names[0] if len(names) == 1 else list(names) for names in axes]


def digest(body: Mapping[str, Any]) -> str:
    """What tells a plan that was damaged or edited."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def document_text(document: Mapping[str, Any]) -> str:
    """JSON with one tactic, collective, argument, output or constraint a line, so that two plans compare by line."""
    entries = []
    for key, value in document.items():
        if isinstance(value, dict):
            rows, brackets = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()], "{}"
        elif isinstance(value, list):
            rows, brackets = [f"  {json.dumps(item)}" for item in value], "[]"
        else:
            rows, brackets = [json.dumps(value)], ""
        inside = ",\n".join(rows)
        text = f"{brackets[0]}\n{inside}\n {brackets[1]}" if brackets and rows else brackets or inside
        entries.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(entries) + "\n}\n"


def save_plan(plan: Plan, path: str | Path) -> None:
    """Writes ``plan.json``, which ``autopart.load_plan`` reads.

    Raises:
        PlanError: it cannot be written; what was there before is kept.
    """
    write_text(Path(path), document_text(to_document(plan)))
