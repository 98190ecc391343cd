"""A page shows what it is given as text, whatever stands in it."""

from __future__ import annotations

import json
from html.parser import HTMLParser

from autopart.text.html_page import Markup, Page, Row, data, element, table

EVIL = "<img src=x onerror=alert(1)>\"'&"


class Seen(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_names_do_nothing_wherever_they_stand() -> None:
    page = Page(EVIL)
    page.heading(EVIL)
    page.paragraph(EVIL)
    page.add(table([EVIL], [Row([EVIL], "bad")], (0,), EVIL), element("span", EVIL, title=EVIL))
    seen = Seen(page.html())
    assert "img" not in seen.tags
    assert seen.text.count(EVIL) == 8
    assert seen.attributes["title"] == EVIL


def test_a_page_loads_nothing() -> None:
    text = Page("a page").html()
    assert text.startswith("<!doctype html>")
    assert not {"script", "link", "img", "iframe"} & set(Seen(text).tags)
    assert "default-src 'none'" in text


def test_numbers_stand_to_the_right_and_markup_stays() -> None:
    text = table(["name", "s"], [Row(["a", "1"]), Row([element("b", "x"), "2"], "good")], (1,)).text
    assert text.count('class="number"') == 3
    assert "<b>x</b>" in text
    assert '<tr class="good">' in text
    assert element("p", Markup("<hr>")).text == "<p><hr></p>"


def test_data_ends_no_element_and_is_read_again() -> None:
    value = {EVIL: ["</script><!--", "\u2028\u2029", "&lt;", 1.5, None]}
    text = data(EVIL, value).text
    assert Seen(text).tags == ["script"]
    inside = text.partition(">")[2].removesuffix("</script>")
    assert not set("<>&\u2028\u2029") & set(inside)
    assert json.loads(inside) == value


def test_only_a_page_with_a_script_may_run_one() -> None:
    assert "script-src" not in Page("a page").html()
    text = Page("a page", style="p { margin: 0 }", script="run()").html()
    assert "script-src 'unsafe-inline'" in text
    assert text.index("p { margin: 0 }") < text.index("<body>") < text.index("run()")


def test_names_of_attributes_are_those_of_html() -> None:
    assert element("p", class_="note", data_chart="x").text == '<p class="note" data-chart="x"></p>'
