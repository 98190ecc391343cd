"""The explorer of a search tree, as a person uses it in a browser."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autopart.search import SearchTree
from autopart.search.tree import page as tree_page
from tests.search.trees import MARKUP, hostile, searched

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Dialog, Page


@pytest.fixture
def pages(browser: BrowserContext, tmp_path: Path) -> Iterator[Any]:
    """Opens HTML in a new page; a script that fails, a dialog or a request to a network fails the test."""
    faults: list[str] = []

    def dismissed(dialog: Dialog) -> None:
        faults.append(dialog.message)
        dialog.dismiss()

    def opened(text: str, ready: str = ".search-tree[data-ready]") -> Page:
        path = tmp_path / "page.html"
        path.write_text(text, encoding="utf-8")
        page = browser.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", dismissed)
        page.on("request", lambda request: faults.extend([request.url] if request.url.startswith("http") else []))
        page.goto(path.as_uri())
        page.wait_for_selector(ready)
        return page

    yield opened
    for page in browser.pages:
        page.close()
    assert faults == []


def shown(page: Page) -> list[str]:
    """The actions of the rows in the page, without marks."""
    texts = page.locator(".list .row > span:first-child").all()
    return [str(text.get_attribute("title")) for text in texts]


def chosen(page: Page) -> str:
    return page.locator(".facts h4").first.inner_text()


def explorer(tree: SearchTree) -> str:
    return tree.explorer().page("search")


def test_it_opens_at_the_root_with_its_children(pages: Any) -> None:
    _, tree = searched()
    page = pages(explorer(tree))
    rows = shown(page)
    assert rows[0] == "start"
    children = tree.edge_child[: tree.edge_ptr[1]]
    assert len(rows) == 1 + len(children)
    assert chosen(page) == "State 0 · seed nothing"
    visits = [int(text) for text in page.locator(".list .row > span:nth-child(2)").all_inner_texts()]
    assert visits == [200, *sorted(tree.visits[children].tolist(), reverse=True)]


def test_a_click_expands_a_node_and_tells_of_it(pages: Any) -> None:
    _, tree = searched()
    page = pages(explorer(tree))
    before = len(shown(page))
    page.locator(".list .row").nth(1).locator(".twist").click()
    assert len(shown(page)) > before
    state = int(chosen(page).split()[1])
    assert page.locator(".facts ol li").all_inner_texts() == list(tree.actions_to(state))
    facts = page.locator(".facts").inner_text()
    assert "size bytes (limit 8.00 MiB)" in facts
    assert f"visits\t{tree.visits[state]}" in facts
    page.locator(".list .row").nth(1).locator(".twist").click()
    assert len(shown(page)) == before


def test_the_best_answer_is_a_click_away(pages: Any) -> None:
    _, tree = searched()
    page = pages(explorer(tree))
    page.get_by_role("button", name="Best answer").click()
    assert chosen(page) == f"State {tree.best_state} · the best"
    path = [tree.details[tree.edge_action[edge]] for edge in tree.path]
    assert page.locator(".facts ol li").all_inner_texts() == path
    assert page.locator(".list .row.chosen .star").inner_text() == "★"


def test_filters_by_visits_and_depth_hide_and_are_lifted_for_the_best(pages: Any) -> None:
    _, tree = searched()
    page = pages(explorer(tree))
    least = sorted(tree.visits[tree.edge_child[: tree.edge_ptr[1]]].tolist())[-3]
    page.get_by_label("visits ≥").fill(str(least))
    page.get_by_label("visits ≥").blur()
    kept = [int(text) for text in page.locator(".list .row > span:nth-child(2)").all_inner_texts()]
    assert min(kept) == least
    assert len(kept) < 1 + int(tree.edge_ptr[1])
    page.get_by_label("depth ≤").fill("1")
    page.get_by_label("depth ≤").blur()
    assert page.locator(".list [aria-expanded]").count() == 1  # Only the root can be opened.
    page.get_by_role("button", name="Best answer").click()
    assert chosen(page) == f"State {tree.best_state} · the best"
    assert page.get_by_label("depth ≤").input_value() == ""


def test_the_order_and_the_colour_can_be_chosen(pages: Any) -> None:
    _, tree = searched()
    page = pages(explorer(tree))
    swatch = page.locator(".list .row .swatch").first
    before = swatch.get_attribute("style")
    page.get_by_label("colour").select_option("visits")
    assert swatch.get_attribute("style") != before  # The root has the most visits and not the best value.
    page.get_by_label("order").select_option("first found")
    edges = sorted(range(int(tree.edge_ptr[1])), key=lambda edge: tree.edge_child[edge])
    assert shown(page)[1:] == [tree.labels[tree.edge_action[edge]] for edge in edges]


def test_the_keys_walk_the_tree(pages: Any) -> None:
    page = pages(explorer(searched()[1]))
    page.locator(".list").focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert page.locator(".list .row.chosen").get_attribute("aria-level") == "3"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.locator(".list .row.chosen").get_attribute("aria-level") == "2"


def test_other_ways_to_a_state_can_be_followed(pages: Any) -> None:
    _, tree = searched()
    state = next(s for s in range(len(tree)) if (tree.edge_child == s).sum() > 1 and tree.depth[s] == 2)
    page = pages(explorer(tree))
    first = page.locator(".list .row", has_text=tree.labels[tree.edge_action[tree.way_to(state)[0]]]).first
    first.locator(".twist").click()
    last = page.locator('.list .row[aria-level="3"]', has_text=tree.labels[tree.edge_action[tree.way_to(state)[1]]])
    last.first.click()
    assert int(chosen(page).split()[1]) == state
    ways = page.locator(".facts .ways button")
    assert ways.count() == int((tree.edge_child == state).sum()) - 1
    ways.first.click()
    assert int(chosen(page).split()[1]) == state
    assert page.locator(".facts ol li").all_inner_texts() != list(tree.actions_to(state))


MARK_OF_THE_BEST = """canvas => {
    const { width, height } = canvas, pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
    const at = [];
    for (let i = 0; i < width * height; i++) {
        const [red, green, blue] = pixels.slice(4 * i, 4 * i + 3);
        if (red === 0x9a && green === 0x67 && blue === 0) at.push([i % width, Math.floor(i / width)]);
    }
    const middle = (place) => at.map((point) => point[place]).sort((a, b) => a - b)[Math.floor(at.length / 2)];
    return [middle(0) * canvas.clientWidth / width, middle(1) * canvas.clientHeight / height];
}"""


def test_a_point_of_the_scatter_leads_to_its_node(pages: Any) -> None:
    _, tree = searched()
    page = pages(explorer(tree))
    page.get_by_role("button", name="Metrics").click()
    canvas = page.locator(".chart canvas")
    page.locator(".chart[data-ready]").wait_for()
    x, y = canvas.evaluate(MARK_OF_THE_BEST)
    canvas.click(position={"x": x, "y": y})
    assert page.locator(".list").is_visible()
    assert chosen(page) == f"State {tree.best_state} · the best"


def test_only_rows_in_sight_are_in_the_page(pages: Any) -> None:
    _, tree = searched(3000, 8)
    page = pages(explorer(tree))
    page.get_by_label("order").select_option("first found")
    for _ in range(4):  # Opens what is closed, from the first row on.
        for at in range(20):
            row = page.locator(f'.list .row[data-at="{at}"][aria-expanded="false"] .twist')
            if row.count():
                row.click()
    rows = page.locator(".list > div").first.bounding_box()["height"] / 24
    in_sight = page.locator(".list").bounding_box()["height"] / 24
    assert in_sight + 12 < rows
    assert len(shown(page)) <= in_sight + 12
    page.locator(".list").evaluate("list => list.scrollTo(0, 1e9)")
    page.locator(f'.list .row[data-at="{rows - 1:.0f}"]').wait_for()


def test_names_from_user_code_are_text(pages: Any) -> None:
    page = pages(explorer(hostile()))
    page.get_by_role("button", name="Best answer").click()
    assert MARKUP in page.locator(".facts ol").inner_text()
    assert MARKUP in page.locator(".list .row.chosen").inner_text()
    page.get_by_role("button", name="Metrics").click()
    page.locator(".chart canvas").wait_for()
    assert page.locator("img").count() == 0


def test_a_notebook_cell_shows_it_in_a_frame(pages: Any) -> None:
    page = pages(f"<body>{hostile()._repr_html_()}</body>", "iframe")
    frame = page.frame_locator("iframe")
    frame.locator(".search-tree[data-ready]").wait_for()
    frame.get_by_role("button", name="Metrics").click()
    frame.locator(".chart canvas").wait_for()
    assert frame.locator("img").count() == 0


def test_two_share_a_page_and_one_library(pages: Any) -> None:
    one, other = searched()[1].explorer(), hostile().explorer()
    text = f"<body>{one.fragment()}{other.fragment(with_chart=False)}</body>"
    page = pages(text)
    page.wait_for_function("document.querySelectorAll('.search-tree[data-ready]').length === 2")
    page.get_by_role("button", name="Metrics").nth(1).click()
    page.locator(".chart canvas").wait_for()
    assert page.locator(".tree-chart").count() == 1


def test_without_the_library_the_second_view_says_so(pages: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "vl_convert":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    tree_page.chart_library.cache_clear()
    try:
        page = pages(explorer(searched()[1]))
    finally:
        tree_page.chart_library.cache_clear()
    page.get_by_role("button", name="Metrics").click()
    page.get_by_text("takes vl-convert-python").wait_for()
