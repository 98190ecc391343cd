"""The first section: what the plan costs, whether it is what was asked for, and what known recipes would have cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from autopart.report.html.colours import chip
from autopart.report.html.reported import Goal, Reported, Section, note
from autopart.text import Markup, Row, bytes_text, element, folded, seconds_text, table

_SHOWN = 12
"""Recipes that are shown unfolded."""


def summary(about: Reported) -> Section:
    """Figures, goals, recipes, and the schedule tactic by tactic."""
    parts = [_mesh(about), _cards(about), *_goals(about), *_recipes(about), *_shapes(about), *_schedule(about)]
    return Section("summary", "Summary", parts, {})


def figure_text(name: str, figure: float) -> str:
    """A figure with the unit that its name says."""
    kind = name.partition("_on:")[0]
    if kind.endswith("_bytes"):
        return bytes_text(figure)
    return seconds_text(figure) if kind.endswith("_s") else f"{figure:.4g}"


def words_of(name: str) -> str:
    """A figure's name as people say it."""
    return {"step_s": "step time", "peak_memory_bytes": "memory of a device"}.get(
        name, name.removesuffix("_s").removesuffix("_bytes").replace("_", " ")
    )


def _mesh(about: Reported) -> Markup:
    mesh = about.subject.problem.mesh
    axes = [chip(f"{name} {size}", [name], mesh.axis_names) for name, size in mesh.axes.items()]
    devices = f"{mesh.size} × {mesh.device_profile.name}"
    return element("p", element("b", devices), " as ", *axes, class_="mesh")


def _cards(about: Reported) -> Markup:
    figures, usable = about.figures, about.subject.problem.mesh.device_profile.hbm_usable_bytes
    cards = [
        ("a step", seconds_text(figures["step_s"]), f"{seconds_text(figures['compute_s'])} of compute"),
        ("memory", bytes_text(figures["peak_memory_bytes"]),
         f"{figures['peak_memory_bytes'] / usable:.0%} of {bytes_text(usable)}"),
        ("communication", seconds_text(figures["communication_s"]),
         f"{seconds_text(figures['exposed_s'])} of it waited for"),
        ("binds", about.explained.binding, f"{sum(about.subject.report.collectives.values())} collectives a step"),
    ]  # fmt: skip
    return element("div", *(
        element("div", element("span", what), element("strong", value), element("small", more))
        for what, value, more in cards
    ), class_="cards")  # fmt: skip


def _goals(about: Reported) -> Iterator[Markup]:
    rows = []
    for name, limit in about.goals:
        figure = about.figures.get(name)
        reached = "" if figure is None else figure_text(name, figure)
        wanted = "as small as may be" if limit is None else f"at most {figure_text(name, limit)}"
        met = None if figure is None or limit is None else figure <= limit
        rows.append(Row([words_of(name), wanted, reached, {None: "", True: "met", False: "not met"}[met]],
                        "bad" if met is False else ""))  # fmt: skip
    yield element("h3", "Goals, the most important first")
    yield table(["goal", "wanted", "reached", ""], rows, [2])


def rank(figures: Mapping[str, float], goals: tuple[Goal, ...]) -> tuple[float, ...]:
    """How figures rank under goals, the smaller the better: excess over limits, and what is to be small, in order."""
    costs = []
    for name, limit in goals:
        figure = figures.get(name, 0.0)
        costs.append(figure if limit is None else max(0.0, figure - limit))
    return tuple(costs)


def _recipes(about: Reported) -> Iterator[Markup]:
    if not about.recipes:
        return
    plan = about.figures
    every = [("this plan", plan), *sorted(about.recipes.items(), key=lambda item: rank(item[1], about.goals))]
    rows = [Row(_recipe_cells(name, figures, plan, about), _style(name, figures, about)) for name, figures in every]
    headings = ["strategy", "a device", "a step", "to this plan", "collectives", ""]
    caption = "BP: batch, MP: Megatron, SP: sequences, EP: experts, Z2, Z3: ZeRO. The best under the goals first."
    yield element("h3", "Against the known recipes")
    yield element("p", _verdict(about))
    yield table(headings, rows[:_SHOWN], [1, 2, 3, 4], caption)
    if len(rows) > _SHOWN:
        yield folded(f"{len(rows) - _SHOWN} more", table(headings, rows[_SHOWN:], [1, 2, 3, 4]), is_open=False)


def _verdict(about: Reported) -> str:
    """Which is best, in a sentence."""
    name, best = min(about.recipes.items(), key=lambda item: rank(item[1], about.goals))
    ours, known = about.figures["step_s"], best["step_s"]
    if rank(about.figures, about.goals) > rank(best, about.goals):
        return f"{name.replace('+', ' + ')} ranks better than this plan."
    if rank(about.figures, about.goals) == rank(best, about.goals):
        return f"This plan is as good as the best known recipe, {name.replace('+', ' + ')}."
    return (
        f"This plan ranks best. The best known recipe is {name.replace('+', ' + ')}: "
        f"{seconds_text(known)} a step, {known / ours - 1:+.1%}, and {bytes_text(best['peak_memory_bytes'])} a device."
    )


def _recipe_cells(
    name: str, figures: Mapping[str, float], plan: Mapping[str, float], about: Reported
) -> list[str | Markup]:
    usable = about.subject.problem.mesh.device_profile.hbm_usable_bytes
    return [
        name.replace("+", " + "), bytes_text(figures["peak_memory_bytes"]), seconds_text(figures["step_s"]),
        "" if figures is plan else f"{figures['step_s'] / plan['step_s'] - 1:+.1%}",
        seconds_text(figures["communication_s"]),
        "" if figures["peak_memory_bytes"] <= usable else "does not fit",
    ]  # fmt: skip


def _style(name: str, figures: Mapping[str, float], about: Reported) -> str:
    if figures is about.figures:
        return "good"
    fits = figures["peak_memory_bytes"] <= about.subject.problem.mesh.device_profile.hbm_usable_bytes
    return "" if fits else "dim"


def _shapes(about: Reported) -> Iterator[Markup]:
    """The meshes that were searched, where there were several."""
    shapes = about.search.get("shapes") or ()
    if not shapes:
        return
    rows = []
    for shape in shapes:
        name, figures = " × ".join(f"{axis} {size}" for axis, size in shape["axes"].items()), shape["metrics"]
        if not figures:
            rows.append(Row([name, "", "", "", shape.get("refused", "not searched")], "dim"))
            continue
        chosen = shape["axes"] == dict(about.subject.problem.mesh.axes)
        memory, step = bytes_text(figures["peak_memory_bytes"]), seconds_text(figures["step_s"])
        told, style = ("this plan", "good") if chosen else ("", "")
        rows.append(Row([name, str(shape["states"]), memory, step, told], style))
    yield element("h3", "Mesh shapes")
    yield table(["mesh", "states", "a device", "a step", ""], rows, [1, 2, 3])


def _schedule(about: Reported) -> Iterator[Markup]:
    subject = about.subject
    yield element("h3", "Schedule, tactic by tactic")
    untiled = about.explained.untiled
    rows = [Row(["", "nothing tiled", bytes_text(untiled["peak_memory_bytes"]), seconds_text(untiled["step_s"]), ""])]
    for effect in about.explained.tactics:
        first, *more = effect.label.split("\n")
        kinds = ", ".join(f"{count:+d} {kind}" for kind, count in effect.collectives.items()) or "as before"
        words = element("div", first, *(element("div", line.strip(), class_="more") for line in more))
        figures = effect.metrics
        rows.append(Row([str(effect.number), words, bytes_text(figures["peak_memory_bytes"]),
                         seconds_text(figures["step_s"]), kinds]))  # fmt: skip
    yield table(["", "tactic", "a device", "a step", "collectives"], rows, [2, 3])
    yield folded("As Python (schedule.py)", element("pre", about.source), is_open=False)
    if not subject.schedule:
        yield note("The schedule is empty: every device holds and does everything.")
