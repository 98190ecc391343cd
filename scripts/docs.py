"""Builds the site of the documentation from ``docs/``, the files beside the README, and the packages' docstrings."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import nbformat

from scripts.api_pages import pages

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
BESIDE = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Pages that stand where a repository has them, and their places on the site."""
READERS = {
    "A first plan": (
        "notebooks/first_plan", "notebooks/own_model", "python", "command_line", "tactics", "goals", "programs",
        "devices", "mesh_shapes",
    ),
    "Deciding between plans": (
        "notebooks/tactics", "explain", "report", "schedules", "plan_json", "notebooks/search_tree", "tree", "tracking",
        "cluster", "accuracy", "jit", "figures", "search_experts", "gap", "xla_auto", "collectives",
    ),
    "Extending": (
        "plugins", "stability", "contributing", "design", "glossary", "analysis", "folding", "api/index", "changelog",
    ),
}  # fmt: skip
"""The three readers, and their pages in order; Sphinx fails on a page that none of them has."""


def sources() -> Mapping[str, bytes]:
    """Path -> content of every file that the site is made of."""
    found = {
        path.relative_to(DOCS).as_posix(): path.read_bytes()
        for path in sorted(DOCS.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and ".ipynb_checkpoints" not in path.parts
    }
    for name, place in BESIDE.items():
        found[place] = (ROOT / name).read_bytes()
    found |= {name: text.encode() for name, text in pages().items()}
    return {name: _placed(name, content) for name, content in found.items()}


def _placed(name: str, content: bytes) -> bytes:
    """A page whose links lead to where the pages beside the README stand on the site."""
    if not name.endswith(".md"):
        return content
    text = content.decode()
    if name == "index.md":
        text += "".join(_contents(reader, pages) for reader, pages in READERS.items())
        text = text.replace("the site's API pages (`bash scripts/docs.sh` builds it)", "[the API pages](api/index.md)")
    if name in BESIDE.values():
        text = text.replace("](docs/", "](")
    for source, place in BESIDE.items():
        text = re.sub(rf"\]\((\.\./)?{re.escape(source)}(?=[)#])", f"]({place}", text)
    return text.encode()


def _contents(reader: str, names: Sequence[str]) -> str:
    """A reader's part of the sidebar."""
    return "\n".join(["", "```{toctree}", ":hidden:", f":caption: {reader}", *names, "```", ""])


def arrange(folder: Path) -> None:
    """Lays the sources out; what has not changed is not touched, so that the next build is short."""
    wanted = sources()
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
    for name, content in wanted.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def build(out: Path) -> int:
    """Builds the site into ``out/html``; returns Sphinx's exit status, which is not 0 where anything was warned of."""
    arrange(out / "source")
    command = ["-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", str(out / "doctrees")]
    return subprocess.run([sys.executable, *command, str(out / "source"), str(out / "html")], cwd=ROOT).returncode


def notebooks() -> Iterator[Path]:
    """The tutorials."""
    yield from sorted((DOCS / "notebooks").glob("*.ipynb"))


def run_notebook(path: Path, folder: Path) -> None:
    """Runs a notebook in ``folder`` and stores what it shows, each thing once and in the form that a page shows."""
    from nbclient import NotebookClient

    book = nbformat.read(path, as_version=4)
    NotebookClient(book, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    shown: set[str] = set()
    for cell in book.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            _trim(output.get("data", {}), shown)
    book.metadata.get("language_info", {}).pop("version", None)
    nbformat.write(book, path)


def _trim(data: dict[str, str], shown: set[str]) -> None:
    """Of a picture, the text that no page shows goes; of one that was shown before, the picture."""
    html = data.get("text/html")
    if html is None:
        return
    if html in shown and len(html) > 100_000:
        del data["text/html"]
    else:
        del data["text/plain"]
        shown.add(html)


def main(argv: Sequence[str] | None = None) -> int:
    """Builds; returns the exit status."""
    parser = argparse.ArgumentParser(prog="bash scripts/docs.sh", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "docs", help="folder (default: build/docs)")
    parser.add_argument("--run", action="store_true", help="run the notebooks first and store what they show")
    options = parser.parse_args(argv)
    if options.run:
        scratch = options.out / "notebooks"
        scratch.mkdir(parents=True, exist_ok=True)
        for path in notebooks():
            print(f"running {path.relative_to(ROOT)}", file=sys.stderr)
            run_notebook(path, scratch)
        shutil.rmtree(scratch)
    status = build(options.out)
    if status == 0:
        print(options.out / "html" / "index.html")
    return status


if __name__ == "__main__":
    sys.exit(main())
