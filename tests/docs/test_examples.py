"""Examples run: doctests of docstrings, blocks of Python in the README and the pages, and figures that a script prints.

Blocks of a page run in their order, in one namespace that has a tiny T32 under the names that the pages use. A block
that cannot run says why in a comment before it: ``<!-- not run: REASON -->``.
"""

from __future__ import annotations

import ast
import doctest
import functools
import importlib
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import pytest

import autopart
from autopart.benchmarks.models import t32
from autopart.benchmarks.pictures import folding
from autopart.benchmarks.pictures.__main__ import PICTURES
from autopart.benchmarks.pictures.rooms import names as names_of_rooms

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?:<!-- not run: (?P<why>[^>]*) -->\n)?```python\n(?P<code>.*?)^```", re.DOTALL | re.MULTILINE)
ELSEWHERE = {"jit.md": "tests/benchmarks/test_jit_document.py"}
"""Pages whose blocks another test runs, and looks at what they give."""


def blocks(text: str) -> Iterator[tuple[str, str | None]]:
    """The code of each block of Python, and why it is not run."""
    for found in BLOCK.finditer(text):
        yield found["code"], None if found["why"] is None else found["why"].strip()


WITH_A_RUN = ("plan_json.md", "tree.md")
"""Pages that speak of a plan and of the folder of its run."""

WITH_BLOCKS = [path for path in PAGES if "```python" in path.read_text(encoding="utf-8")]


@pytest.fixture
def known() -> dict[str, Any]:
    """Names that pages use without making them."""
    step = t32.step("tiny")
    params, opt_state, batch = step.args
    return {
        "autopart": autopart, "jax": jax, "step": step.fn, "train_step": step.fn, "args": step.args, "params": params,
        "opt_state": opt_state, "batch": batch, "mesh": autopart.Mesh({"data": 4, "model": 2}, device="cpu"),
        "goals": autopart.default_goals(autopart.Mesh({"data": 4, "model": 2}, device="cpu")),
    }  # fmt: skip


@functools.cache
def searched() -> autopart.Plan:
    """A plan with its search tree."""
    step, mesh = t32.step("tiny"), autopart.Mesh({"data": 4, "model": 2}, device="cpu")
    tactics = [autopart.Auto(budget=autopart.Budget(simulations=60))]
    return autopart.partition(step.fn, *step.args, mesh=mesh, tactics=tactics, donate_argnums=(0, 1))


def a_run(folder: Path) -> dict[str, Any]:
    """A searched plan, the folder of its run, and arguments that are arrays."""
    plan = searched()
    folder.mkdir(parents=True)
    autopart.save_plan(plan, folder / "plan.json")
    assert plan.tree is not None
    plan.tree.save(folder / "tree.npz")
    inputs = t32.step("tiny").inputs
    assert inputs is not None
    params, opt_state, batch = inputs(0)
    return {"plan": plan, "params": params, "opt_state": opt_state, "batch": batch}


@pytest.mark.parametrize("path", WITH_BLOCKS, ids=lambda path: path.name)
def test_the_blocks_of_a_page_run(
    path: Path, known: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    if path.name in WITH_A_RUN:
        known |= a_run(tmp_path / "runs" / "2026-01-31_t32")
    found = list(blocks(path.read_text(encoding="utf-8")))
    assert len(found) == path.read_text(encoding="utf-8").count("```python")
    if path.name in ELSEWHERE:
        assert path.stem in (ROOT / ELSEWHERE[path.name]).read_text(encoding="utf-8")
        return
    for number, (code, why) in enumerate(found, 1):
        assert why is None or len(why) > 10, f"{path.name}: block {number} says too little of why it is not run"
        ast.parse(code)
        if why is None:
            exec(compile(code, f"{path.name}, block {number}", "exec"), known)


def test_most_blocks_run() -> None:
    every = [why for path in WITH_BLOCKS for _, why in blocks(path.read_text(encoding="utf-8"))]
    assert sum(why is None for why in every) > len(every) / 2


def test_a_block_that_fails_is_seen() -> None:
    page = "a\n```python\nx = 1\n```\n<!-- not run: it needs a TPU -->\n```python\ny\n```\n"
    assert list(blocks(page)) == [("x = 1\n", None), ("y\n", "it needs a TPU")]


def with_doctests() -> Iterator[str]:
    """Modules whose docstrings hold examples."""
    for folder in ("autopart", "search", "costmodel", "benchmarks", "scripts"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            inside = path.relative_to(ROOT)
            if ">>> " in path.read_text(encoding="utf-8"):
                parts = inside.with_suffix("").parts
                yield ".".join(part for part in parts if part != "__init__")


def test_there_are_doctests() -> None:
    assert "autopart" in set(with_doctests())


@pytest.mark.parametrize("module", list(with_doctests()))
def test_doctests(module: str, known: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        found = doctest.testmod(importlib.import_module(module), extraglobs=known)
    assert found.attempted > 0
    assert found.failed == 0


def test_figures_of_folding_are_those_of_the_code() -> None:
    page = (ROOT / "docs" / "folding.md").read_text(encoding="utf-8")
    [quoted] = re.findall(r"```text\n(.*?)\n```", page, re.DOTALL)
    assert quoted == folding.figures()
    backward = folding.example().stretches[2]
    for figure in (f"{backward.passes[1].margin_s * 1e3:.4f}", f"{backward.passes[2].margin_s * 1e3:.4f}"):
        assert page.count(figure) == 2  # In the table, and in the text about it.


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_what_the_code_draws(name: str) -> None:
    assert (ROOT / "docs" / "images" / name).read_text(encoding="utf-8") == PICTURES[name]()


def test_every_room_is_in_the_picture_and_in_the_walk() -> None:
    beside = {"configs", "benchmarks", "testing"}
    rooms = {path.parent.name for path in (ROOT / "autopart").glob("*/__init__.py")} - beside
    assert rooms == set(names_of_rooms())
    walk = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    assert all(f"`{room}/`" in walk for room in rooms)
