"""Cells of notebooks: what programs name is text, and long tables are cut."""

from __future__ import annotations

from html.parser import HTMLParser

from autopart.text.notebook_cell import Rows, cell

MARKUP = "<img src=x onerror=alert(1)>"


class Parsed(HTMLParser):
    """The elements and the text of a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)

    def handle_data(self, data: str) -> None:
        self.words += data


def test_every_word_is_escaped() -> None:
    parsed = Parsed(cell(MARKUP, [Rows(MARKUP, (MARKUP, "n"), [(MARKUP, "1")], [1])], MARKUP))
    assert "img" not in parsed.elements
    assert parsed.words.count(MARKUP) == 5


def test_columns_of_numbers_stand_right() -> None:
    text = cell("t", [Rows("t", ("name", "n"), [("a", "1")], [1])])
    assert text.count('class="number"') == 2
    assert ".autopart .number { text-align: right;" in text


def test_rows_beyond_the_most_are_counted() -> None:
    cut = Rows("t", ("n",), [(str(n),) for n in range(10)], most=3).markup().text
    assert Parsed(cut).elements.count("tr") == 1 + 3
    assert "and 7 more" in cut
    assert "more" not in Rows("t", ("n",), [("1",)], most=3).markup().text


def test_a_long_table_is_folded() -> None:
    long = Rows("t", ("n",), [(str(n),) for n in range(25)])
    assert "<details>" in long.markup().text
    assert "<details open" in Rows("t", ("n",), [("1",)]).markup().text
