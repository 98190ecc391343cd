"""Tables and progress in the terminal, by rich."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from autopart.cli.mesh_table import shapes_table
from autopart.cost.metrics import METRICS
from autopart.costmodel.mesh import Mesh
from autopart.partitioning.conflicts import conflicts_of
from autopart.partitioning.indivisible import refusals
from autopart.partitioning.mesh_shapes import shape_text
from autopart.plan.plan import Plan
from autopart.planner.listener import Listener
from autopart.search import Progress as SearchProgress
from autopart.text.quantities import bytes_text, seconds_text
from autopart.text.readable import plain_table

_MOST_RECIPES = 10
_MOST_LINES = 4
_BINDING = {
    "peak_memory_bytes": "memory",
    "step_s": "step time",
    "communication_s": "communication",
    "communication_bytes": "communicated bytes",
    "compute_s": "compute",
}


def console(stderr: bool = False) -> Console:
    """A terminal in which names and source lines stand as they are (``:100:`` is no emoji)."""
    return Console(stderr=stderr, emoji=False, highlight=False, soft_wrap=False)


def show_plan(terminal: Console, plan: Plan) -> None:
    """The plan by parameter pattern, its collectives, and the comparison with the known recipes."""
    terminal.print(_layout_table(plan))
    terminal.print(_collectives_table(plan))
    if plan.recipes:
        terminal.print(_recipes_table(plan))
    if shapes := plan.search.get("shapes"):
        mesh = plan.problem.mesh
        terminal.print(shapes_table(shapes, dict(mesh.axes), mesh.device_profile.hbm_usable_bytes))
    terminal.print(_summary(plan))


def _layout_table(plan: Plan) -> Table:
    axes = " × ".join(f"{name} {size}" for name, size in plan.problem.mesh.axes.items())
    table = plain_table(f"Plan over {axes}")
    table.add_column("argument", overflow="fold")
    table.add_column("", justify="right", style="dim", no_wrap=True)
    table.add_column("shape", overflow="fold")
    table.add_column("layout", overflow="fold")
    for pattern, shape, text, count in plan.layout_by_pattern():
        sizes = "×".join(str(size) for size in shape)
        table.add_row(escape(pattern), f"×{count}" if count > 1 else "", sizes, escape(text))
    return table


def _collectives_table(plan: Plan) -> Table:
    rows = plan.program.totals()
    table = plain_table("Collectives of a step")
    table.add_column("collective")
    table.add_column("axis")
    for heading in ("count", "bytes", "time"):
        table.add_column(heading, justify="right")
    for kind, axes, count, nbytes, seconds in rows:
        table.add_row(kind, ", ".join(axes), str(count), bytes_text(nbytes), seconds_text(seconds))
    if not rows:
        table.add_row("none", "", "", "", "")
    return table


def _recipes_table(plan: Plan) -> Table:
    table = plain_table("Against the known recipes")
    table.add_column("strategy")
    for heading in ("a device", "a step", "collectives", ""):
        table.add_column(heading, justify="right", no_wrap=True)
    room = plan.problem.mesh.device_profile.hbm_usable_bytes
    ordered = sorted(plan.recipes.items(), key=lambda item: (item[1]["peak_memory_bytes"] > room, item[1]["step_s"]))
    for name, figures in [("this plan", plan.metrics), *ordered[:_MOST_RECIPES]]:
        fits = figures["peak_memory_bytes"] <= room
        cells = (
            bytes_text(figures["peak_memory_bytes"]),
            seconds_text(figures["step_s"]),
            seconds_text(figures["communication_s"]),
            "" if fits else "does not fit",
        )
        style = "bold green" if name == "this plan" else "" if fits else "dim"
        table.add_row(escape(name.replace("+", " + ")), *cells, style=style)
    hidden = len(ordered) - _MOST_RECIPES
    more = f"; {hidden} more in metrics.json" if hidden > 0 else ""
    table.caption = f"BP: batch, MP: Megatron, SP: sequences, EP: experts, Z2, Z3: ZeRO{more}"
    return table


def _summary(plan: Plan) -> str:
    device = plan.problem.mesh.device_profile
    lines = [f"Estimate: {plan.report.line()}. A {device.name} device has {bytes_text(device.hbm_usable_bytes)}."]
    compute, exposed, idle = (seconds_text(plan.metrics[name]) for name in ("compute_s", "exposed_s", "idle_s"))
    whole = seconds_text(plan.metrics["communication_s"])
    lines.append(f"Step: {compute} of compute, {exposed} of communication exposed (of {whole}), {idle} idle.")
    conflicts = conflicts_of(plan.state.problem).of(plan.state)
    if conflicts:
        lines.append(
            f"Conflicts: {len(conflicts)} ops stay whole on an axis, for neighbours ask for several tilings of it."
        )
    lines += [f"Loop: {loop}." for loop in plan.loops()[:_MOST_LINES]]
    refused = refusals(plan.problem)
    lines += [f"Refused: {refusal.text()}." for refusal in refused[:_MOST_LINES]]
    if len(refused) > _MOST_LINES:
        lines.append(f"Refused: {len(refused) - _MOST_LINES} more dimensions that an axis does not divide.")
    if "simulations" in plan.search:
        done, seconds = plan.search["simulations"], plan.search["seconds"]
        rate = done / max(seconds, 1e-9)
        stop = plan.search["stop"]
        lines.append(f"Search: {done} simulations in {seconds:.1f} s ({rate:.0f}/s), stopped by {stop}.")
    return "\n".join(lines)


class SearchBar(Listener):
    """Live progress of a search: best so far, simulations a second, what is binding."""

    def __init__(self, terminal: Console, simulations: int | None) -> None:
        self._progress = Progress(
            BarColumn(bar_width=8), TimeElapsedColumn(), TextColumn("{task.fields[text]}"),
            console=terminal, transient=True,
        )  # fmt: skip
        self._shape, self._told = "", "known recipes first; a first start compiles the kernels"
        self._task = self._progress.add_task("search", total=simulations, text=self._told)

    def __enter__(self) -> SearchBar:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()

    def on_shape(self, mesh: Mesh) -> None:
        """Says which mesh is searched from now on, where there are several."""
        self._shape = f"on {shape_text(mesh.axis_sizes)}: "
        self._progress.update(self._task, text=f"{self._shape}{self._told}")

    def on_progress(self, progress: SearchProgress) -> None:
        """Redraws the line."""
        best = dict(zip(METRICS, progress.best_metrics, strict=False))  # What goals ask for comes after.
        self._told = (
            f"{progress.simulations} states, {progress.simulations / max(progress.seconds, 1e-9):.0f}/s; best "
            f"{seconds_text(best['step_s'])}, {bytes_text(best['peak_memory_bytes'])}; "
            f"binding: {_BINDING.get(progress.binding, progress.binding)}"
        )
        self._progress.update(self._task, completed=progress.simulations, text=f"{self._shape}{self._told}")
