"""A plan: the schedule that won, what it does to memory, time and collectives, and the ways to run it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax

from autopart.emit import ArrayLayout, DimAxes, Program, argument_layouts, spec, spec_text, tree_specs, value_layouts
from autopart.emit import jit as emit_jit
from autopart.emit.lower import lower
from autopart.emit.spmd import spmd
from autopart.errors import PlanError
from autopart.explain import Explanation, Report, Subject, WhyNot, explain, label_of, residents_at_peak, summary
from autopart.explain.why_not import why_not
from autopart.goals import AnyGoal, counted_of, default_goals, on_mesh
from autopart.partitioning import Problem, State, check_device_mesh, mesh_of_devices
from autopart.program import COND, cover, select, source_line
from autopart.report import Picture, to_model_explorer
from autopart.report.html import Goal, Reported
from autopart.search import SearchTree
from autopart.tactics import Manual, Note, Tactic, apply_schedule, schedule_source, written_schedule
from autopart.text import Rows, bytes_text, cell, seconds_text


@dataclass(frozen=True)
class Plan:
    """A partitioning of a program over a mesh.

    Attributes:
        problem: the program and the mesh.
        schedule: tactics in order; applied to the program they give the plan's state.
        recipes: the known recipes that it was compared with, by name.
        search: how the search went (plain values; empty for a schedule by hand).
        tree: every state that the last search looked at; a notebook shows it.
        device_mesh: the jax Mesh that the user gave, if one was given.
    """

    problem: Problem
    schedule: tuple[Tactic, ...]
    recipes: dict[str, dict[str, float]] = field(default_factory=dict)
    search: dict[str, Any] = field(default_factory=dict)
    device_mesh: Any = None
    tree: SearchTree | None = field(default=None, compare=False)

    @cached_property
    def state(self) -> State:
        """The partition state; do not change it."""
        state = State(self.problem)
        apply_schedule(state, self.schedule)
        return state

    @cached_property
    def program(self) -> Program:
        """The explicit SPMD program."""
        return lower(self.state)

    @cached_property
    def report(self) -> Report:
        """Figures of the plan."""
        return Report.of(self.state, self.program)

    @property
    def reports(self) -> tuple[Report, ...]:
        """Figures after each tactic, and what it tiled."""
        return self.subject.reports

    @property
    def metrics(self) -> dict[str, float]:
        """The plan's figures by name, see ``analysis.METRICS``."""
        return self.report.metrics

    def measure(self, name: str) -> float:
        """One figure: of ``analysis.METRICS``, or a measure of ``measures`` such as ``communication_bytes_on:model``.

        Raises:
            GoalError: there is no such figure.
        """
        state = State(self.problem, counted_of(self.problem, (name,)))
        apply_schedule(state, self.schedule)
        return float(state.metrics()[state.metric_names.index(name)])

    @cached_property
    def jax_mesh(self) -> Any:
        """The mesh to run on: the user's, with axes that jit may shard over, or one over this process's devices.

        Raises:
            MeshError: there are fewer devices than the mesh has.
        """
        if self.device_mesh is not None:
            return self.device_mesh
        return mesh_of_devices(self.problem.mesh)

    @cached_property
    def in_specs(self) -> Any:
        """PartitionSpecs in the structure of the function's arguments."""
        return emit_jit.argument_specs(self.program)

    @cached_property
    def out_specs(self) -> Any:
        """PartitionSpecs in the structure of the function's result."""
        return emit_jit.output_specs(self.program)

    @property
    def in_shardings(self) -> Any:
        """NamedShardings of the arguments on ``jax_mesh``."""
        return emit_jit.named(self.in_specs, self.jax_mesh)

    @property
    def out_shardings(self) -> Any:
        """NamedShardings of the result on ``jax_mesh``."""
        return emit_jit.named(self.out_specs, self.jax_mesh)

    @cached_property
    def value_layouts(self) -> list[DimAxes]:
        """Mesh axes that tile each dimension of every value, in the order of ``problem.graph.values``."""
        return value_layouts(self.state)

    @cached_property
    def arguments(self) -> dict[str, ArrayLayout]:
        """How every argument lies, by path."""
        return argument_layouts(self.program)

    def specs(self, tree: Any, path: str | None = None) -> Any:
        """PartitionSpecs in the structure of ``tree``: parameters, optimizer state, or several in a dict by name.

        Args:
            tree: a pytree of arrays or ``jax.ShapeDtypeStruct`` whose paths and shapes are those of arguments.
            path: below which path of the arguments it stands, if it stands at several, e.g. ``"params"``.

        Raises:
            PlanError: it stands nowhere among the arguments, or at several places that are equally deep.
        """
        return tree_specs(tree, self.arguments, path)

    def shardings(self, tree: Any, mesh: Any = None, path: str | None = None) -> Any:
        """NamedShardings in the structure of ``tree``; see ``specs``.

        Args:
            tree: as of ``specs``.
            mesh: ``jax.sharding.Mesh`` with the plan's axes; by default ``jax_mesh``.
            path: as of ``specs``.

        Raises:
            PlanError: as of ``specs``.
            MeshError: the mesh has other axes than the plan, or there are too few devices.
        """
        mesh = self.jax_mesh if mesh is None else check_device_mesh(mesh, self.problem.mesh)
        return emit_jit.named(self.specs(tree, path), mesh)

    def jit(self) -> Callable[..., Any]:
        """The step under ``jax.jit`` with the plan's shardings; the compiler places the collectives."""
        step = emit_jit.constrained(self.program, self.jax_mesh)
        return jax.jit(
            step, in_shardings=self.in_shardings, out_shardings=self.out_shardings, donate_argnums=self.donate_argnums
        )  # fmt: skip

    def spmd(self, mesh: Any = None) -> Callable[..., Any]:
        """The explicit program: a ``jax.shard_map`` function with exactly the collectives that were counted."""
        return spmd(self.program, self.jax_mesh if mesh is None else mesh)

    @cached_property
    def donate_argnums(self) -> tuple[int, ...]:
        """Positions of the arguments that were traced as donated in full."""
        flags = [a.donated for a in self.problem.graph.arguments if a.constant is None]
        args = jax.tree.unflatten(self.problem.graph.in_tree, flags)
        return tuple(i for i, arg in enumerate(args) if jax.tree.leaves(arg) and all(jax.tree.leaves(arg)))

    def schedule_source(self) -> str:
        """The schedule as readable Python."""
        axes = dict(self.problem.mesh.axes)
        notes = [Note(report.tiles, report.line()) for report in self.reports]
        return schedule_source(written_schedule(self.problem, self.schedule), axes, notes)

    def layout_by_pattern(self) -> list[tuple[str, tuple[int, ...], str, int]]:
        """Layout of the arguments, one row a group of equal layout: (pattern, shape, PartitionSpec, count)."""
        axes = dict(zip((a.name for a in self.problem.graph.arguments), self.program.arguments, strict=True))
        rows, everything = [], list(axes)
        for group in self.problem.groups:
            texts: dict[str, list[str]] = {}
            for name in group.names:
                texts.setdefault(str(spec(axes[name])).replace("PartitionSpec", "P"), []).append(name)
            for text, names in texts.items():
                pattern = group.pattern if len(texts) == 1 else cover(names, everything) or ", ".join(names)
                rows.append((pattern, group.shape, text, len(names)))
        return rows

    def loops(self) -> list[str]:
        """The loops of the program in words: how often each is taken to run, and where it was written."""
        graph = self.problem.graph
        return [
            f"{control.kind} of {graph.regions[control.regions[-1]].trips} iterations"
            f"{' (assumed)' if control.assumed else ''} at {source_line(control.source_info)}"
            for control in graph.controls
            if control.kind != COND
        ]

    def memory_timeline(self) -> list[tuple[str, int]]:
        """Bytes that a device holds, group after group of ops in program order: (primitive and source line, bytes)."""
        positions, held = self.state.memory_timeline()
        return [
            (label_of(self.state, op) if op >= 0 else "arguments", nbytes)
            for op, nbytes in zip(positions.tolist(), held.tolist(), strict=True)
        ]

    @cached_property
    def subject(self) -> Subject:
        """The schedule applied once more, with where every tile comes from: what explanations read."""
        return Subject(self.problem, self.schedule)

    def explain(self, target: str | None = None) -> Explanation:
        """Why the plan is what it is; see ``docs/explain.md``.

        Args:
            target: ``None`` for the whole plan, a collective (``ar12``), a filter of collectives
                (``all_gather:model``), or a tensor: path, pattern, name inside the program, or line (``file.py:12``).

        Raises:
            PlanError: nothing is called so; the message says what is nearest.
        """
        return explain(self.subject, target)

    def why_not(self, other: Any, goals: Sequence[AnyGoal] | None = None) -> WhyNot:
        """Why this plan and not another of the same program and mesh.

        Args:
            other: a plan, a saved plan (``autopart.load_plan(folder)``), or a schedule.
            goals: what counts, in order; by default to fit in the device's memory, be fast, be small.

        Raises:
            PlanError: the other plan is of another mesh, or is no schedule.
            TacticError: a tactic of it does not fit this program.
            GoalError, SearchError: a goal makes no sense, or names no figure, axis or array.
        """
        mesh = getattr(other, "mesh", None) or getattr(getattr(other, "problem", None), "mesh", self.problem.mesh)
        if mesh != self.problem.mesh:
            raise PlanError(f"the other plan is of another mesh: {mesh!r}, not {self.problem.mesh!r}")
        wanted = default_goals(self.problem.mesh) if goals is None else on_mesh(goals, self.problem.mesh)[0]
        return why_not(self.subject, plan_of(self.problem, getattr(other, "schedule", other)).subject, wanted)

    def picture(self, pattern: str) -> Picture:
        """Which device holds which part of an argument, a result, or a value that the program names.

        Args:
            pattern: its path or name, or a pattern of several that lie alike (``params/layers/*/mlp/up``).

        Raises:
            TacticError: the pattern matches nothing.
            PlanError: it matches values that do not lie alike.
        """
        graph, tags = self.problem.graph, self.problem.graph.tags
        border = {o.name: [o.value] for o in graph.outputs} | {a.name: [a.value] for a in graph.arguments}
        named = {name: [graph.ops[op].results[0] for op in ops] for name, ops in tags.items()} | border
        names = select(pattern, tuple(border), tuple(tags))
        found = {(graph.values[v].shape, self.value_layouts[v]) for name in names for v in named[name]}
        if len(found) > 1:
            some = "; ".join(f"{shape} as {spec_text(axes)}" for shape, axes in sorted(found)[:4])
            raise PlanError(f"'{pattern}' names values that do not lie alike: {some}. Fix: name one of {names[:4]}.")
        [(shape, axes)] = found
        return Picture(pattern, shape, axes, self.problem.mesh.axes)

    def to_model_explorer(self) -> dict[str, Any]:
        """The plan as plain values for ``json.dump`` that Google's Model Explorer opens: ops, layouts, collectives."""
        return to_model_explorer(self.problem.graph, self.program, self.value_layouts)

    def to_html(self, title: str = "Plan") -> str:
        """The plan's report: one page that opens from disk and loads nothing; ``docs/report.md`` says what it shows.

        Args:
            title: stands above it.
        """
        goals: tuple[Goal, ...] = (
            tuple((goal.metric, goal.limit) for goal in default_goals(self.problem.mesh))
            if self.tree is None
            else self.tree.goals
        )
        measured = self.tree.metric_names if self.tree is not None else ()
        more = {name: self.measure(name) for name, _ in goals if name in measured and name not in self.metrics}
        figures = {**self.metrics, **more}
        about = Reported(
            self.subject, self.schedule_source(), goals, figures, self.recipes, self.search, self.tree
        )  # fmt: skip
        from autopart.report.html.assemble import report_page  # Its drawings take networkx: half a second to import.

        return report_page(about, title)

    def _repr_html_(self) -> str:
        """What a notebook shows: figures, layouts, collectives, the known recipes, and the schedule."""
        axes = " × ".join(f"{name} {size}" for name, size in self.problem.mesh.axes.items())
        layouts = [
            (p, "×".join(map(str, shape)), text, str(count)) for p, shape, text, count in self.layout_by_pattern()
        ]
        totals = [
            (kind, ", ".join(on), str(count), bytes_text(nbytes), seconds_text(seconds))
            for kind, on, count, nbytes, seconds in self.program.totals()
        ]
        room = self.problem.mesh.device_profile.hbm_usable_bytes
        known = [(f["peak_memory_bytes"], f["step_s"], name) for name, f in self.recipes.items()]
        recipes = [
            (name, bytes_text(memory), seconds_text(step), "" if memory <= room else "does not fit")
            for memory, step, name in sorted(known, key=lambda row: (row[0] > room, row[1]))
        ]
        tables = [
            Rows("Arguments", ("path", "shape", "layout", "arrays"), layouts, numbers=[3]),
            Rows("Collectives of a step", ("kind", "axes", "count", "bytes", "time"), totals, numbers=[2, 3, 4]),
            Rows(
                "Known recipes, the best first", ("recipe", "a device", "a step", ""), recipes, numbers=[1, 2], most=10
            ),
        ]
        shown = [table for table in tables if table.rows]
        return cell(f"Plan over {axes}: {self.report.line()}", shown, self.schedule_source())

    def memory_by_kind(self, most: int = 8) -> list[tuple[str, str, float, int]]:
        """What is alive at the memory peak: (what, role, bytes, count), largest first."""
        return summary(residents_at_peak(self.state))[:most]


def plan_of(problem: Problem, schedule: Sequence[Tactic], device_mesh: Any = None) -> Plan:
    """The plan of a schedule by hand.

    Raises:
        TacticError: a tactic does not fit.
        PlanError: the schedule is not a sequence of tactics.
    """
    if not all(hasattr(tactic, "steps") for tactic in schedule):
        raise PlanError("a schedule is a list of tactics: Manual(...), Atomic(...), Megatron(...), ...")
    written = [t.resolved(problem) if isinstance(t, Manual) and t.chooses else t for t in schedule]
    plan = Plan(problem, tuple(written), device_mesh=device_mesh)
    assert plan.state.depth == len(plan.schedule)
    return plan
