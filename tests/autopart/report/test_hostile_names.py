"""A parameter called like markup does nothing in a browser, wherever a plan shows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from autopart.plan.plan import Plan
from autopart.planner.api import partition
from autopart.planner.auto import Auto
from autopart.planner.checks import AnyTactic
from autopart.program.tag import tag
from autopart.search import Budget
from autopart.tactics.manual import Manual
from tests.autopart.report.html.reports import opened
from tests.autopart.text.test_notebook_cell import MARKUP
from tests.autopart.tiny import MESH, array

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Dialog


def hostile_plan() -> Plan:
    def step(params: dict[str, Any], data: jax.Array) -> tuple[dict[str, Any], jax.Array]:
        loss, grads = jax.value_and_grad(lambda p: jnp.sum((data @ p[MARKUP]) ** 2))(params)
        return jax.tree.map(lambda p, g: p - g, params, grads), loss

    return partition(step, {MARKUP: array(16, 8)}, array(8, 16), mesh=MESH, tactics=[Auto(budget=Budget(40))])


def test_nothing_that_a_plan_shows_is_read_as_markup(browser: BrowserContext, tmp_path: Path) -> None:
    plan, heard = hostile_plan(), list[str]()
    assert plan.tree is not None

    def dismissed(dialog: Dialog) -> None:
        heard.append(dialog.message)
        dialog.dismiss()

    picture = plan.picture(f"params/{MARKUP}")
    shown = (plan, plan.problem.graph, picture, plan.tree)
    text = "".join(part._repr_html_() for part in shown) + plan.tree.explorer().fragment()
    (tmp_path / "page.html").write_text(f"<!DOCTYPE html><meta charset=utf-8>{text}", encoding="utf-8")
    page = browser.new_page()
    page.on("dialog", dismissed)
    page.goto((tmp_path / "page.html").as_uri())
    page.locator("body > .search-tree[data-ready]").wait_for()
    frame = page.frame_locator("iframe")
    frame.locator(".search-tree[data-ready]").wait_for()
    for place in (page.locator("body"), frame.locator("body")):
        assert MARKUP in place.inner_text()
        assert place.locator("img").count() == 0
    page.close()
    assert heard == []


def hostile_layers() -> Plan:
    """Layers whose parameters and values are called like markup."""
    ends = f"</script>{MARKUP}"

    def step(params: dict[str, Any], data: jax.Array) -> Any:
        def loss(params: dict[str, Any]) -> jax.Array:
            hidden = data
            for number in range(6):
                layer = params[MARKUP][str(number)]
                hidden = tag(hidden + jnp.tanh(hidden @ layer[ends]) @ layer["down"], MARKUP)
            return jnp.sum(hidden**2)

        return jax.tree.map(lambda p, g: p - g, params, jax.grad(loss)(params))

    params = {MARKUP: {str(number): {ends: array(16, 32), "down": array(32, 16)} for number in range(6)}}
    tactics: list[AnyTactic] = [
        Manual({MARKUP: 0}, "batch"),
        Manual({"params/**/down": 0}, "model"),
        Auto(budget=Budget(40)),
    ]
    return partition(step, params, array(8, 16), mesh=MESH, tactics=tactics)


def test_nothing_in_a_report_is_read_as_markup(browser: BrowserContext, tmp_path: Path) -> None:
    plan = hostile_layers()
    with opened(browser, tmp_path) as open_page:
        page = open_page(plan.to_html(MARKUP))
        page.locator("#tree .search-tree[data-ready]").wait_for()
        for place in page.locator("[data-chart]").all():
            place.scroll_into_view_if_needed()
            place.locator("canvas").wait_for()
            for part in (0.1, 0.5, 0.9):  # Over marks, whose names are then shown.
                box = place.locator("canvas").bounding_box()
                assert box is not None
                page.mouse.move(box["x"] + part * box["width"], box["y"] + 0.6 * box["height"])
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        page.get_by_label("equal layers together").uncheck()
        page.locator("#collectives-table tbody tr:not(.space)").first.click()
        page.get_by_role("button", name="Best answer").click()
        page.get_by_role("button", name="Metrics").click()
        page.locator("#tree .chart canvas").wait_for()
        for section in ("summary", "parameters", "collectives", "dataflow", "tree"):
            text = page.locator(f"#{section}").evaluate("section => section.textContent")
            assert MARKUP in text, section
        assert page.title() == MARKUP
        assert page.locator("img").count() == 0
