"""The page on plug-ins runs as it stands, block after block, and its plug-ins pass the suites that it names."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import autopart

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plugins.md"
SUITES = ("TestCoin", "TestMine", "TestRows")


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    """The page as a module."""
    module = ModuleType("page_of_plugins")
    sys.modules[module.__name__] = module  # Where its classes are said to be.
    text = PAGE.read_text()
    for block in re.finditer(r"```python\n(.*?)```", text, re.DOTALL):
        line = text[: block.start(1)].count("\n")
        exec(compile("\n" * line + block.group(1), str(PAGE), "exec"), vars(module))  # Our own text.
    yield module
    del sys.modules[module.__name__]


def test_what_was_plugged_in_had_a_part(page: Any) -> None:
    assert len(page.best.metrics) > 0
    assert page.rows.rows[-1].simulations == 60
    assert page.plan.problem.mesh.device_profile == page.mine
    assert page.again.schedule[0] == page.Widest("model", "/w")
    assert sum(tactic.axis == "model" for tactic in page.again.schedule) >= 1


@pytest.mark.parametrize("suite", SUITES)
def test_the_suites_of_the_page_pass(page: Any, suite: str, tmp_path: Path) -> None:
    laws = [name for name in dir(getattr(page, suite)) if name.startswith("test_")]
    assert laws
    for name in laws:
        law = getattr(getattr(page, suite)(), name)
        folder = tmp_path / name
        folder.mkdir()
        law(**({"tmp_path": folder} if "tmp_path" in inspect.signature(law).parameters else {}))


def test_all_suites_of_the_page_are_tried(page: Any) -> None:
    assert {name for name in vars(page) if name.startswith("Test")} == set(SUITES)


def test_the_version_is_one_whether_installed_or_checked_out() -> None:
    text = (PAGE.parents[1] / "setup.cfg").read_text()
    assert "version = attr: autopart.version.__version__" in text
    assert re.fullmatch(r"\d+\.\d+\.\d+", autopart.__version__)
    assert "__version__" in autopart.__all__


def test_what_is_experimental_says_so() -> None:
    """The list in the docs and the docstrings agree."""
    text = (PAGE.parent / "stability.md").read_text()
    listed = set(re.findall(r"^- `autopart\.([\w.]+)`", text, re.MULTILINE))
    marked = {name for name in autopart.__all__ if "Experimental." in (getattr(autopart, name).__doc__ or "")}
    import autopart.testing as testing

    assert "Experimental." in str(testing.__doc__)
    assert listed == marked | {"testing"}
