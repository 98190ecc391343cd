"""A parameter called like markup does nothing in a browser, wherever a plan shows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from autopart.api import Auto, partition
from autopart.plan import Plan
from search import Budget
from tests.autopart.report.test_markup import MARKUP
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
