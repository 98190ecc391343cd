"""The site builds without a warning, holds what is public, and asks nothing of a network."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

import autopart
from scripts import docs
from scripts.api_pages import offers

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    docs.arrange(folder)
    return folder


def run_sphinx(sources: Path, out: Path, builder: str) -> subprocess.CompletedProcess[str]:
    """What ``scripts/docs.py`` runs; ``dummy`` reads pages, finds docstrings, resolves links, and writes nothing."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", builder, str(sources), str(out)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_the_site_builds_without_a_warning(sources: Path, tmp_path: Path) -> None:
    done = run_sphinx(sources, tmp_path, "dummy")
    assert done.returncode == 0, done.stderr


def loads(text: str) -> Iterator[str]:
    """What a page or a style sheet would fetch by itself."""
    yield from re.findall(r"(?:src|srcset)=[\"'](https?:[^\"']+)", text)
    yield from re.findall(r"<link[^>]+href=[\"'](https?:[^\"']+)", text)
    yield from re.findall(r"@import [^;]+|url\([\"']?(https?:[^\"')]+)", text)


def test_a_dead_link_is_warned_of_and_a_page_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    (source / "static").mkdir(parents=True)
    (source / "conf.py").write_bytes((ROOT / "docs" / "conf.py").read_bytes())
    (source / "index.md").write_text("# A\n\n[b](other.md) and [c](index.md#no-such)\n\n```python\nx = 1\n```\n")
    (source / "lost.md").write_text("# B\n")
    done = run_sphinx(source, out, "html")
    assert done.returncode != 0
    for told in ("other.md", "no-such", "isn't included in any toctree"):
        assert told in done.stderr
    pages = [path for path in out.rglob("*") if path.suffix in (".html", ".css")]
    assert {path.name for path in pages} >= {"index.html", "search.html", "furo.css"}
    assert [(p.name, found) for p in pages for found in loads(p.read_text(encoding="utf-8"))] == []
    assert list(loads('<script src="https://a.b/c.js"></script>')) == ["https://a.b/c.js"]


def test_every_public_name_has_its_place(sources: Path) -> None:
    names = [name for offer in offers() for name in offer.public]
    assert sorted(names) == sorted(autopart.__all__)
    for offer in offers():
        text = (sources / "api" / f"{offer.page}.md").read_text(encoding="utf-8")
        assert all(re.search(rf":: autopart\.{name}$", text, re.MULTILINE) for name in offer.public)


def test_every_room_says_its_idea() -> None:
    rooms = {path.parent.name for path in (ROOT / "autopart").glob("*/__init__.py")} - {"configs", "benchmarks"}
    assert rooms <= {offer.package.rpartition(".")[2] for offer in offers()}


def test_no_page_takes_a_name_of_sphinx(sources: Path) -> None:
    """Sphinx writes pages of these names itself, over ours."""
    assert not {"search", "genindex", "modindex"} & {path.stem for path in sources.rglob("*.*")}


@pytest.mark.parametrize("path", list(docs.notebooks()), ids=lambda path: path.stem)
def test_a_notebook_is_kept_as_it_ran(path: Path) -> None:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert outputs
    assert all(output.output_type != "error" and output.get("name") != "stderr" for output in outputs)


def test_contents_are_written_for_every_reader(sources: Path) -> None:
    text = (sources / "index.md").read_text(encoding="utf-8")
    assert re.findall(r":caption: (.*)", text) == list(docs.READERS) == re.findall(r"^## (.*)", text, re.MULTILINE)


def test_what_has_not_changed_is_left_alone(tmp_path: Path) -> None:
    docs.arrange(tmp_path)
    before = (tmp_path / "goals.md").stat().st_mtime_ns
    (tmp_path / "gone.md").write_text("")
    (tmp_path / "tree.md").write_text("")
    docs.arrange(tmp_path)
    assert (tmp_path / "goals.md").stat().st_mtime_ns == before
    assert not (tmp_path / "gone.md").exists()
    assert (tmp_path / "tree.md").read_text() != ""
