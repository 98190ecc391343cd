"""What the sections say is what the plan says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autopart.explain.peak_memory import residents_at_peak
from autopart.plan.plan import Plan
from autopart.report.html.collectives import collectives
from autopart.report.html.curves import curves
from autopart.report.html.memory import memory
from autopart.report.html.parameters import parameters
from autopart.report.html.summary import rank, summary
from autopart.report.html.units import unit_of
from autopart.text.quantities import bytes_text
from tests.autopart.report.html.reports import about, by_experts, searched
from tests.autopart.text.test_html_page import Seen


def said(section: Any) -> str:
    return Seen(section.markup().text).text


def test_goals_are_met_or_not() -> None:
    reported = about(searched())
    limits = (("peak_memory_bytes", 1.0), ("step_s", None), ("no such figure", 3.0))
    text = said(summary(replace(reported, goals=limits)))
    assert "not met" in text
    assert "at most 1 B" in text
    assert "not met" not in said(summary(reported))


def test_the_best_recipe_is_named() -> None:
    reported = about(searched())
    known = {"slow": {**reported.figures, "step_s": 2 * reported.figures["step_s"]}}
    assert "This plan ranks best. The best known recipe is slow" in said(summary(replace(reported, recipes=known)))
    assert "+100.0%" in said(summary(replace(reported, recipes=known)))
    quick = {"quick+er": {**reported.figures, "step_s": reported.figures["step_s"] / 2}}
    assert "quick + er ranks better than this plan" in said(summary(replace(reported, recipes=quick)))
    assert "as good as" in said(summary(replace(reported, recipes={"same": dict(reported.figures)})))


def test_a_limit_comes_before_what_should_be_small() -> None:
    goals = (("memory", 4.0), ("time", None))
    assert rank({"memory": 5.0, "time": 0.0}, goals) > rank({"memory": 4.0, "time": 9.0}, goals)
    assert rank({"memory": 1.0, "time": 9.0}, goals) == rank({"memory": 4.0, "time": 9.0}, goals)


def test_meshes_that_were_searched_are_a_table() -> None:
    reported = about(searched())
    axes = dict(reported.subject.problem.mesh.axes)
    rows = [
        {"axes": axes, "states": 7, "metrics": reported.figures},
        {"axes": {"all": 8}, "states": 0, "metrics": {}, "refused": "too long"},
    ]
    text = said(summary(replace(reported, search={**reported.search, "shapes": rows})))
    assert "all 8" in text
    assert "too long" in text
    assert "Mesh shapes" not in said(summary(reported))


@pytest.mark.parametrize("model", ["mlp", "t32", "gns"])
def test_arguments_add_up_to_what_a_device_holds_of_them(model: str) -> None:
    plan = by_experts(model, "BP")
    total = sum(
        r.nbytes
        for r in residents_at_peak(Plan(plan.problem, plan.schedule).state)
        if r.role in ("parameter", "moment", "state", "input")
    )
    text = said(parameters(about(plan)))
    assert f"{len(plan.arguments)} arrays, {bytes_text(total)} on a device" in text


def test_the_timeline_reaches_the_peak_and_roles_add_up() -> None:
    plan = by_experts("t32")
    section = memory(about(plan))
    one, _ = unit_of("_bytes", plan.metrics["peak_memory_bytes"])
    points = section.charts["memory-timeline"]["layer"][0]["data"]["values"]
    assert max(point["held"] for point in points) * one == pytest.approx(plan.metrics["peak_memory_bytes"])
    roles = section.charts["memory-roles"]["data"]["values"]
    assert sum(role["held"] for role in roles) * one == pytest.approx(plan.metrics["peak_memory_bytes"])


def test_curves_end_at_the_plan() -> None:
    plan = searched()
    section = curves(about(plan))
    assert section is not None
    charts = {name: chart["layer"][0]["data"]["values"] for name, chart in section.charts.items()}
    one, _ = unit_of("_bytes", plan.metrics["peak_memory_bytes"])
    assert charts["search-0-0-states"][-1]["best"] * one == pytest.approx(plan.metrics["peak_memory_bytes"])
    assert charts["search-0-0-states"][-1]["at"] == plan.search["simulations"]
    assert len(charts["search-values"]) == len(plan.tree or ())
    assert curves(about(by_experts("mlp"))) is None


def test_stages_have_curves_of_their_own() -> None:
    reported = about(searched())
    section = curves(replace(reported, search={**reported.search, "stages": [reported.search] * 2}))
    assert section is not None
    assert "search-1-0-seconds" in section.charts
    assert "Stage 2: " in said(section)


def test_a_plan_without_collectives_says_so() -> None:
    plan = by_experts("mlp")
    assert "no collectives" in said(collectives(about(Plan(plan.problem, ()))))


def test_units_fit_the_largest_number() -> None:
    assert unit_of("communication_bytes_on:model", 3.0 * 2**20) == (2.0**20, "MiB")
    assert unit_of("step_s", 0.5) == (1e-3, "ms")
    assert unit_of("step_s", 0.0) == (1e-6, "us")
    assert unit_of("count", 5.0) == (1.0, "")
