"""Every word of the glossary is defined where it says, and the pages name files that there are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
WORDS = [line for line in GLOSSARY.splitlines() if line.startswith("| ") and not line.startswith("| word ")]
PLACE = re.compile(r"`([\w/]+\.py)`: ((?:`\w+`(?:, )?)+) \|$")


def defined(body: list[ast.stmt]) -> Iterator[str]:
    """Names that a module, or a class in it, defines or takes from another module."""
    for node in body:
        match node:
            case ast.FunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name, body=inner):
                yield name
                yield from defined(inner)
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=targets):
                yield from (n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name))
            case ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name for alias in names)


def missing(line: str, root: Path) -> list[str]:
    """What a line of the glossary names and is not there."""
    found = PLACE.search(line)
    if found is None:
        return [f"no place: {line}"]
    path = root / found[1]
    if not path.is_file():
        return [f"no file {found[1]}"]
    names = set(defined(ast.parse(path.read_text(encoding="utf-8")).body))
    return [f"{found[1]} has no {name}" for name in re.findall(r"`(\w+)`", found[2]) if name not in names]


@pytest.mark.parametrize("line", WORDS, ids=lambda line: line.split("|")[1].strip())
def test_a_word_is_defined_where_it_says(line: str) -> None:
    assert missing(line, ROOT) == []


def test_no_word_stands_twice() -> None:
    words = [line.split("|")[1].strip() for line in WORDS]
    assert len(words) > 40
    assert len(set(words)) == len(words)


def test_a_wrong_place_is_caught(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("class A:\n    x: int\n    def f(self): y = 1\n")
    assert missing("| a | b | `a.py`: `A`, `x`, `f` |", tmp_path) == []
    assert missing("| a | b | `a.py`: `y` |", tmp_path) == ["a.py has no y"]
    assert missing("| a | b | `b.py`: `A` |", tmp_path) == ["no file b.py"]
    assert missing("| a | b |", tmp_path) != []


ROOM = re.compile(r"^## `(\w+)/`", re.MULTILINE)
"""A heading of the walk: the files that it names without a folder lie in that room."""
FOLDER = re.compile(r"`([\w/]+/)`")
"""A folder that a page names: files that it names further on may lie in it."""
FILE = re.compile(r"`([\w/]+\.(?:py|sh|yaml))`")
WITHOUT = {"schedule.py", "my_module.py", "mine.py", "mine.yaml", "config.yaml", "device/mine.yaml"}
"""Files of a user or a run."""


def files_named(page: str, text: str) -> Iterator[tuple[str, list[str]]]:
    """Each file that a page names, and where it may lie."""
    folders = FOLDER.findall(text)
    rooms = list[str]()
    for part in re.split(r"(?m)^(?=## )", text):
        room = ROOM.match(part)
        if room is not None:
            rooms = [f"autopart/{room[1]}/"]
        for name in FILE.findall(part):
            if name not in WITHOUT and "NAME" not in name:
                yield name, [name, f"autopart/{name}", *(f"{f}{name}" for f in (*rooms, *folders))]


PAGES = [*sorted(path.name for path in (ROOT / "docs").glob("*.md")), "../CONTRIBUTING.md"]


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_are_there(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    wrong = [name for name, places in files_named(page, text) if not any((ROOT / place).is_file() for place in places)]
    assert wrong == []
