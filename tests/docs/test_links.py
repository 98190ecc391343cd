"""No link inside the repository is dead: pages, anchors and pictures, as GitHub resolves them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")),
]


def text_of(path: Path) -> str:
    """The Markdown of a page or of a notebook."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def prose(text: str) -> str:
    """A page without its code."""
    text = re.sub(r"(?ms)^```.*?^```", "", text)
    return "\n".join(line for line in text.split("\n") if not line.startswith("    "))


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives headings."""
    headings = re.findall(r"(?m)^#+ (.*)$", prose(text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def dead(path: Path) -> Iterator[str]:
    """Links of a page that lead nowhere; those that leave the repository are not followed."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text_of(path))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        other = path.parent / name if name else path
        outside = not other.is_file() or ROOT not in other.resolve().parents
        if outside or (anchor and anchor not in anchors(text_of(other))):
            yield target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_link_is_dead(path: Path) -> None:
    assert list(dead(path)) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_are_linked_and_not_only_named(path: Path) -> None:
    """In prose a page of the documentation is a link, so that it is looked at here."""
    assert re.findall(r"`docs/\w+\.md`", re.sub(r"`[^`\n]* [^`\n]*`", "", prose(text_of(path)))) == []


def test_a_dead_link_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    page = tmp_path / "a.md"
    page.write_text(
        "# One `two`!\n\n[x](#one-two) [y](#three) [z](b.md) [p](../c.md) [w](https://a.b)\n\n```\n[n](no)\n```\n"
    )
    assert list(dead(page)) == ["#three", "b.md", "../c.md"]
