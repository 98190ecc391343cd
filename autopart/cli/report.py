"""``autopart report RUN``: traces the model of a run folder anew and writes its report."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from autopart.cli.explain import plan_of_run
from autopart.cli.run_folder import read_run, with_story, write_report


def report_run(folder: Path, trusted_target: str | None, terminal: Console) -> Path:
    """Writes ``report.html`` into a run folder and returns where it is.

    Raises:
        PlanError, SearchError: no run folder, a damaged file, a program that has changed, or it cannot be written.
        TraceError, MeshError: see the message.
    """
    run = read_run(folder)
    plan = with_story(folder, plan_of_run(run, trusted_target, terminal, "report"))
    with terminal.status("writing the report"):
        path = write_report(folder, plan, str(run.model.get("name", run.model["target"])))
    terminal.print(f"Report: {path}", markup=False, soft_wrap=True)
    return path
