"""What was found: as JSON, as a page of the docs, and the promises that were not kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from autopart.benchmarks.accuracy import agreement
from autopart.benchmarks.accuracy import differences as named
from autopart.benchmarks.accuracy.verdict import DONE, collectives_to_json
from autopart.benchmarks.collectives import tables
from autopart.benchmarks.collectives.programs import Asked
from autopart.benchmarks.collectives.rows import NAMES, XLA, Row
from autopart.benchmarks.schedules import EXPERTS
from autopart.emit.lower import by_kind

EXPLAINED: Final = frozenset(
    (named.WHOLE_SUM, named.REPEATED, named.ADDED, named.OTHER_DTYPE, named.OTHER_BYTES, named.TWO_STEPS)
)
"""Kinds of difference between a plan and XLA's CPU compiler of which docs/jit.md speaks."""


def faults(rows: Sequence[Row]) -> list[str]:
    """A line for each schedule that does not fit, count that differs, and law that does not hold."""
    lines = []
    for row in rows:
        name = row.program.name
        if row.counts is None:
            lines.append(f"{name}: {row.fault}")
            continue
        lines += [f"disagreement: {name}: {line}" for line in row.counts.disagreements()]
        if row.derivation is not None:
            derived, counted = row.derivation.counts(), {k: n for k, n in by_kind(row.planned).items() if n}
            if derived != counted:
                lines.append(f"underived: {name}: the law gives {derived}, counted are {counted}")
    return lines


def unexplained(rows: Sequence[Row]) -> list[str]:
    """Kinds of difference of which docs/jit.md says nothing."""
    return sorted({kind for row in rows if row.comparison for kind in row.comparison.differences} - EXPLAINED)


def document(asked: Asked, rows: Sequence[Row], compiler: str | None) -> dict[str, Any]:
    """Everything as plain JSON values."""
    models: dict[str, dict[str, Any]] = {}
    for row in rows:
        models.setdefault(row.program.model, {})[row.schedule] = _row(row)
    return {
        "mesh": asked.mesh.to_json(),
        "preset": asked.preset,
        "layers": asked.layers,
        "remat": asked.remat,
        "programs": len(rows),
        "agreeing": sum(row.agree for row in rows),
        "compiler": None if compiler is None else {"name": NAMES[compiler], **summary(rows)},
        "models": models,
    }


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """How plans and the compiler agree over all programs.

    A host CPU has no reduce_scatter: programs that differ in nothing else are counted too.
    """
    compared = [row.comparison for row in rows if row.comparison is not None]
    whole = agreement.section(compared)
    done = [one for one in compared if one.verdict.status == DONE]
    kept = ("programs", "equal", "collectives", "agreeing", "differences", "by_kind", "failed")
    return {
        **{name: whole[name] for name in kept},
        "equal_but_for_reduce_scatters": sum(set(one.differences) <= {named.WHOLE_SUM} for one in done),
        "unexplained": unexplained(rows),
    }


def _row(row: Row) -> dict[str, Any]:
    out: dict[str, Any] = {"layers": row.layers, "agree": row.agree, "fault": row.fault}
    if row.counts is not None:
        out["counts"] = by_kind(row.counts.program)
        out["executed"] = by_kind(row.counts.executed)
        out["collectives"] = collectives_to_json(row.counts.program)
    if row.derivation is not None:
        out["derived"] = row.derivation.counts()
        out["law"] = row.derivation.formulas()
    if row.verdict is not None:
        out["compiler"] = {
            "status": row.verdict.status,
            "text": row.verdict.text,
            "counts": by_kind(row.verdict.collectives),
            "collectives": collectives_to_json(row.verdict.collectives),
            "differences": dict(row.comparison.differences) if row.comparison else {},
        }
    return out


def _totals(rows: Sequence[Row]) -> str:
    figures = summary(rows)
    lines = ["| kind | planned | compiled | planned, GB | compiled, GB |", "|---|---:|---:|---:|---:|"]
    for kind, row in figures["by_kind"].items():
        sizes = (row["predicted_bytes"] / 1e9, row["found_bytes"] / 1e9)
        lines.append(f"| {kind} | {row['predicted']} | {row['found']} | {sizes[0]:.1f} | {sizes[1]:.1f} |")
    return "\n".join(lines)


def markdown(asked: Asked, rows: Sequence[Row], compiler: str | None) -> str:
    """The page docs/collectives.md."""
    return "\n".join(_sections(asked, rows, compiler))


def _chosen(asked: Asked, compiler: str | None) -> str:
    """The options that say which models are on the page, and what stands beside them."""
    models = "" if set(asked.models) == EXPERTS.keys() else f" --models {' '.join(asked.models)}"
    return models + ("" if compiler == XLA else f" --compiler {compiler or 'none'}")


def _sections(asked: Asked, rows: Sequence[Row], compiler: str | None) -> list[str]:
    mesh = " x ".join(f"{axis} {size}" for axis, size in asked.mesh.axes.items())
    agreeing = sum(row.agree for row in rows)
    out = [
        "# Collectives of the expert schedules\n",
        f"    python -m benchmarks.collectives{_chosen(asked, compiler)} --markdown docs/collectives.md\n",
        f"Models in size `{asked.preset}`, {'with' if asked.remat else 'without'} recomputation, on a mesh {mesh}. "
        "Counted is what stands in the text: what is in a loop's body once. The decided state, the explicit Program "
        f"and its StableHLO agree by kind, axes and bytes in {agreeing} of {len(rows)} programs.\n",
    ]  # fmt: skip
    derived = tables.derived(rows)
    if derived is not None:
        out += [
            "## Where the counts come from\n",
            "L is the number of layers. A schedule costs the sum of its parts' terms; the benchmark checks that the "
            "sum is what was counted.\n",
            derived.markdown(),
        ]  # fmt: skip
    looped = tables.loops(rows)
    if looped is not None:
        out += ["## Loops\n", "What stands in a loop's body runs once a trip.\n", looped.markdown()]
    if compiler is not None:
        figures = summary(rows)
        out += [
            f"## Beside {NAMES[compiler]}\n",
            f"Under `{compiler}` stands what {NAMES[compiler]} makes of `plan.jit()`, the same shardings with the "
            "collectives left to it. "
            + ("It has no reduce_scatter: it sums whole and slices. " if compiler == XLA else "")
            + f"Of {figures['programs']} programs {figures['equal']} agree by kind, axes and bytes, and "
            f"{figures['equal_but_for_reduce_scatters']} in everything but that. The names of differences are those of "
            "`docs/jit.md` and `docs/accuracy.md`.\n",
            _totals(rows) + "\n",
        ]  # fmt: skip
    out += ["## By kind\n", tables.kinds(rows, compiler).markdown()]
    out += ["## By axes\n", "Bytes are those of the arrays in full along the axes.\n"]
    out.append(tables.axes(rows, compiler).markdown())
    return out
