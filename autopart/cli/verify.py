"""``autopart verify RUN``: reads a run folder, executes its plan on host devices, compares, reports."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from autopart.cli.load import check_trusted, load_step
from autopart.cli.run_folder import Run
from autopart.errors import PlanError
from autopart.plan import Verification
from autopart.plan.verify import verify
from autopart.program import Step

_MOST_BYTES = 2 * 10**9


def verify_run(run: Run, trusted_target: str | None, console: Console) -> Verification:
    """Verifies a run and shows what was compared.

    Raises:
        PlanError: the folder names another target than ``trusted_target``, or the model is too large to
            execute and has no small preset.
        VerificationError, TacticError, MeshError, TraceError: see the message.
    """
    target, fields = run.model["target"], dict(run.model["fields"])
    check_trusted(target, trusted_target, f"autopart verify {run.folder}")
    with console.status("tracing"):
        full = load_step(target, fields)
        overrides = dict(run.model.get("verify") or {})
        small = load_step(target, {**_kept(fields, overrides), **overrides}) if overrides else full
    _check_size(small)
    with console.status("running the original and the partitioned step on host devices"):
        verification = verify(full, small, run.plan)
    show(console, verification)
    return verification


def _kept(fields: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """Fields that mean the same at any size; a preset brings its own sizes."""
    if "preset" not in overrides:
        return fields
    return {name: value for name, value in fields.items() if isinstance(value, bool)}


def _check_size(step: Step) -> None:
    import jax

    nbytes = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(step.args) if hasattr(x, "dtype"))
    if nbytes > _MOST_BYTES:
        raise PlanError(
            f"the model's arguments take {nbytes / 1e9:.0f} GB: too much to execute here. Fix: give a small preset, "
            "e.g. +model.verify.preset=tiny, when searching."
        )


def show(console: Console, verification: Verification) -> None:
    """What was compared, in one table."""
    mesh = " × ".join(f"{name} {size}" for name, size in verification.mesh.axes.items())
    title = f"Verified on {verification.mesh.size} host devices ({mesh})"
    table = Table("checked", "result", title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for name, rows in (("explicit program", verification.outputs), ("jit with shardings", verification.jit_outputs)):
        worst = max(rows, key=lambda row: row.error / row.tolerance if row.tolerance else row.error)
        table.add_row(
            f"{name} = original",
            f"{len(rows)} of {len(rows)} outputs equal; "
            f"largest relative difference {worst.error:.1e} ({escape(worst.name)})",
        )
    for name, counts in (("collectives, full size", verification.full_collectives),
                         ("collectives, executed", verification.collectives)):  # fmt: skip
        kinds = ", ".join(f"{n} {kind}" for kind, n in counts.items() if n) or "none"
        table.add_row(f"{name}: Program = StableHLO", kinds)
    console.print(table)
