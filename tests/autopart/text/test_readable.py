"""Text for people is the same wherever it is shown."""

from __future__ import annotations

import pytest
import rich.console

from autopart.text.readable import Readable, plain_table, text_of

LONG = "[red]a line[/red] of " + "many words " * 30 + "that nothing breaks"


class Told(Readable):
    def parts(self) -> list[str]:
        return [LONG, "second"]


@pytest.mark.parametrize("width", [30, 60])
def test_lines_stay_whole_and_tables_fit(width: int) -> None:
    table = plain_table("Title")
    table.add_column("words", overflow="fold")
    table.add_row("x" * 200)
    title, *body = text_of([LONG, table, ""], width).split("\n")[1:]
    assert text_of([LONG], width) == LONG
    assert title == "Title"
    assert max(len(line) for line in body) <= width
    assert "".join(line.strip() for line in body).count("x") == 200


def test_text_has_no_colours_and_comes_back_in_a_notebook_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(rich.console, "_is_jupyter", lambda: True)
    table = plain_table("Title")
    table.add_column("words")
    table.add_row("bold", style="bold")
    assert text_of([table], 40).split() == ["Title", "words", "─────", "bold"]
    assert repr(Told()) == str(Told()) == f"{LONG}\nsecond"
