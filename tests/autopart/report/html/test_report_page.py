"""A report as a person uses it in a browser, from disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autopart.explain.collective_rows import rows_of
from autopart.explain.collectives import selected
from autopart.plan.plan import Plan
from autopart.text.quantities import bytes_text, seconds_text
from tests.autopart.report.html.reports import by_experts, opened, searched

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page

SECTIONS = ["summary", "parameters", "collectives", "memory", "layers", "dataflow", "search", "tree"]


@pytest.fixture
def pages(browser: BrowserContext, tmp_path: Path) -> Iterator[Callable[[str], Page]]:
    with opened(browser, tmp_path) as open_page:
        yield open_page


def rows(page: Page) -> Locator:
    return page.locator("#collectives-table tbody tr:not(.space)")


def column(page: Page, number: int) -> list[str]:
    return [str(text) for text in rows(page).locator(f"td:nth-child({number})").all_inner_texts()]


def tall(plan: Plan) -> str:
    """A report that shows all of its rows at once."""
    return plan.to_html().replace("max-height: 480px", "max-height: 9000px")


def drawn_charts(page: Page) -> int:
    """Brings every chart into sight, waits for it and says how many there are."""
    places = page.locator("[data-chart]").all()
    for place in places:
        place.scroll_into_view_if_needed()
        place.locator("canvas").wait_for()
        box = place.locator("canvas").bounding_box()
        assert box is not None
        assert box["width"] > 100
    return len(places)


def test_every_section_is_there_and_draws(pages: Any) -> None:
    page = pages(searched().to_html("mlp"))
    assert page.locator("h1").inner_text() == "mlp"
    assert [section.get_attribute("id") for section in page.locator("section").all()] == SECTIONS
    assert page.locator("nav a").count() == len(SECTIONS)
    assert drawn_charts(page) >= 6
    page.locator("#tree .search-tree[data-ready]").wait_for()
    summary = page.locator("#summary").inner_text()
    for text in (seconds_text(searched().metrics["step_s"]), "Goals", "this plan", "Schedule", "met"):
        assert text in summary
    assert page.locator("#summary tr.good").count() == 1


def test_a_plan_without_a_search_has_the_other_sections(pages: Any) -> None:
    page = pages(by_experts("t32").to_html())
    assert [section.get_attribute("id") for section in page.locator("section").all()] == SECTIONS[:-2]
    assert drawn_charts(page) == 3


def test_it_draws_on_dark_ground_too(pages: Any) -> None:
    page = pages(by_experts("mlp").to_html())
    drawn_charts(page)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 23)"
    drawn_charts(page)


def test_the_page_may_load_and_evaluate_nothing(pages: Any) -> None:
    page = pages(by_experts("mlp").to_html())
    policy = page.locator("meta[http-equiv]").get_attribute("content")
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe-eval" not in policy


def test_collectives_are_sorted_by_every_column(pages: Any) -> None:
    plan: Plan = by_experts("t32")
    page = pages(tall(plan))
    expected = [bytes_text(row.full_bytes) for row in rows_of(selected(plan.subject, ""))]
    assert sorted(column(page, 8)) == sorted(expected)
    heads = page.locator("#collectives-table th button")
    assert heads.count() == 9
    assert page.locator("#collectives-table th").nth(8).get_attribute("aria-sort") == "descending"
    heads.nth(1).click()
    kinds = column(page, 2)
    assert kinds == sorted(kinds)
    assert len(set(kinds)) > 2
    heads.nth(1).click()
    assert column(page, 2) == sorted(kinds, reverse=True)
    heads.nth(7).click()
    sizes = [row.full_bytes for row in sorted(rows_of(selected(plan.subject, "")), key=lambda row: -row.full_bytes)]
    assert column(page, 8) == [bytes_text(size) for size in sizes]


def test_collectives_are_filtered_by_kind_axis_and_words(pages: Any) -> None:
    plan = by_experts("t32")
    page = pages(tall(plan))
    every = rows(page).count()
    page.get_by_label("kind", exact=True).select_option("all_gather")
    assert set(column(page, 2)) == {"all_gather"}
    page.get_by_label("kind", exact=True).select_option("all_reduce")
    page.get_by_label("axis", exact=True).select_option("model")
    assert set(column(page, 2)) == {"all_reduce"}
    assert set(column(page, 3)) == {"model"}
    page.get_by_label("kind", exact=True).select_option("")
    page.get_by_label("axis", exact=True).select_option("")
    page.get_by_label("filter").fill("mlp/up")
    assert 0 < rows(page).count() < every
    assert all("mlp/up" in tensor for tensor in column(page, 4))
    page.get_by_label("filter").fill("nothing is called so")
    assert rows(page).count() == 0
    assert "0 rows" in page.locator("#collectives-table .count").inner_text()


def test_equal_layers_come_apart_and_a_row_tells_where_it_is_from(pages: Any) -> None:
    plan = by_experts("t32")
    page = pages(tall(plan))
    page.get_by_label("equal layers together").uncheck()
    found = selected(plan.subject, "")
    assert f"{len(found)} rows" in page.locator("#collectives-table .count").inner_text()
    page.locator("#collectives-table th button").first.click()
    rows(page).first.click()
    facts = page.locator("#collectives-table .facts").inner_text()
    one = next(one for one in found if one.id == column(page, 1)[0])
    assert str(one.made) in facts
    assert all(str(cause.action) in facts for cause in one.causes)
    rows(page).first.click()
    assert page.locator("#collectives-table .facts").is_hidden()


def test_only_rows_in_sight_are_in_the_page(pages: Any) -> None:
    plan = by_experts("t32")
    page = pages(plan.to_html().replace("max-height: 480px", "height: 112px"))  # Four rows.
    page.get_by_label("equal layers together").uncheck()
    total = len(selected(plan.subject, ""))
    assert rows(page).count() < total
    page.locator("#collectives-table .scroll").evaluate("scroll => scroll.scrollTo(0, 1e9)")
    last = min(selected(plan.subject, ""), key=lambda one: one.step_s).step_s
    page.locator("#collectives-table td", has_text=seconds_text(last)).last.wait_for()
    assert page.locator("#collectives-table .scroll").evaluate("s => s.scrollHeight") >= 28 * total


def test_arguments_unfold(pages: Any) -> None:
    plan = by_experts("t32")
    page = pages(plan.to_html())
    tree = page.locator("#parameters .parameters")
    name = "params/layers/1/mlp/up"
    assert not page.get_by_text(name, exact=True).is_visible()
    for _ in range(6):  # Every level opens the next.
        for closed in tree.locator("details:not([open]) > summary").all():
            if closed.is_visible():
                closed.click()
    assert page.get_by_text(name, exact=True).is_visible()
    count = len(plan.arguments)
    assert f"{count} arrays" in page.locator("#parameters .note").inner_text()


def test_the_drawing_marks_collectives_and_tells_layouts(pages: Any) -> None:
    page = pages(by_experts("t32").to_html())
    forward = page.locator("#dataflow details").first
    assert forward.locator("svg g.ops").count() > 5
    assert forward.locator("svg g.move", has_text="all_gather batch").count() > 0
    assert forward.locator("svg g.layout", has_text="P(batch").count() > 0
    assert forward.locator("svg g.argument", has_text="mlp/up").count() > 0
    page.locator("#dataflow details summary").nth(1).click()
    assert page.locator("#dataflow details").nth(1).locator("svg").is_visible()


def test_the_explorer_draws_with_the_library_of_the_page(pages: Any) -> None:
    page = pages(searched().to_html())
    assert page.locator(".tree-chart").count() == 1
    page.locator("#tree").get_by_role("button", name="Metrics").click()
    page.locator("#tree .chart[data-ready] canvas").wait_for()
