"""The example notebooks run from their first cell to their last, in a process of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.ipynb"))


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of a person's are read; the checkout can be imported."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def executed(path: Path, folder: Path) -> Any:
    book = nbformat.read(path, as_version=4)
    return NotebookClient(book, timeout=1200, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()


def shown(book: Any) -> str:
    """All that the cells show, as text."""
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert all(output.output_type != "error" for output in outputs)
    texts = [output.get("text", "") + "".join(output.get("data", {}).values()) for output in outputs]
    return "\n".join(texts)


def outputs_of(book: Any) -> list[list[str]]:
    """For each cell of code the kinds of what it shows; a site shows of a picture no text."""
    return [[output.output_type for output in cell.outputs] for cell in book.cells if cell.cell_type == "code"]


EXPECTED = {
    "first_plan": ("Plan over data 8 × model 4", "SCHEDULE = [", "numbers are devices"),
    "own_model": ("Graph of ", "on 8 devices", " nodes"),
    "search_tree": ("<iframe sandbox", "SearchTree(400 states", "states with several ways", "peak_memory_bytes"),
    "tactics": ("searched ", "numbers are devices", "What binds", "ar1: all_reduce over model", "The other plan loses"),
}


def test_all_notebooks_are_known() -> None:
    assert [path.stem for path in NOTEBOOKS] == sorted(EXPECTED)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    kept, fresh = nbformat.read(path, as_version=4), executed(path, tmp_path)
    assert outputs_of(kept) == outputs_of(fresh), "bash scripts/docs.sh --run stores what the notebooks show now"
    for expected in EXPECTED[path.stem]:
        assert expected in shown(fresh)
        assert expected in shown(kept)


def test_the_first_plan_takes_five_cells() -> None:
    [path] = [path for path in NOTEBOOKS if path.stem == "first_plan"]
    assert sum(cell.cell_type == "code" for cell in nbformat.read(path, as_version=4).cells) == 5
