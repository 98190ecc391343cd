"""The house stands: imports go down, never up and never round, and no file is a drawer for odds and ends."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Who stands on whom: a package may import itself and packages of lower floors.
FLOORS = {
    "costmodel": 0,
    "search": 0,
    "configs": 0,
    "autopart": 1,
    "benchmarks": 2,
    "scripts": 3,
    "tests": 4,
}


def modules(root: Path) -> dict[str, Path]:
    """Every module of our packages under `root`, by dotted name; a package is its ``__init__.py``."""
    found = {}
    for package in FLOORS:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def named_imports(tree: ast.AST, package: str) -> Iterator[tuple[str, str | None]]:
    """Imports anywhere in `tree`, as (module, name taken from it): in functions, behind TYPE_CHECKING, all.

    `package` is what relative imports are relative to.
    """
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((alias.name, None) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
                base = ".".join([*above, module] if module else above)
                yield from ((base, alias.name) for alias in names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name, None


def import_graph(root: Path) -> dict[str, set[str]]:
    """Which of our modules each of our modules imports.

    A module counts only when it is named: importing ``a.b`` runs ``a/__init__.py`` too, but says nothing
    about it, so packages may gather what their modules offer.
    """
    ours = modules(root)
    graph: dict[str, set[str]] = {}
    for name, path in ours.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        graph[name] = set()
        for base, taken in named_imports(tree, package):
            inner = f"{base}.{taken}"
            target = inner if taken is not None and inner in ours else base
            if target.partition(".")[0] in FLOORS:
                graph[name].add(target)
    return graph


def faults(root: Path) -> list[str]:
    """What is wrong with the house under `root`, a line each; nothing when it stands."""
    graph = import_graph(root)
    found = []
    for name, targets in graph.items():
        own = name.partition(".")[0]
        for target in sorted(targets):
            other = target.partition(".")[0]
            if other != own and FLOORS[other] >= FLOORS[own]:
                found.append(f"{name} imports {target}, which does not stand below it")
    try:
        TopologicalSorter({name: targets - {name} for name, targets in graph.items()}).prepare()
    except CycleError as error:
        found.append("imports go round: " + " -> ".join(reversed(error.args[1])))
    found += [f"{name} imports itself" for name, targets in graph.items() if name in targets]
    found += [f"{path.relative_to(root)} needs a name" for path in modules(root).values() if path.stem == "utils"]
    return found


def build(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_house_stands() -> None:
    assert faults(ROOT) == []


def test_every_package_is_looked_at() -> None:
    seen = {name.partition(".")[0] for name in modules(ROOT)}
    assert seen >= {"costmodel", "search", "autopart", "benchmarks", "tests"}
    assert "costmodel.errors" in import_graph(ROOT)["autopart.costmodel.devices"]


@pytest.mark.parametrize("package", ["costmodel", "search"])
def test_the_ground_floor_knows_no_jax(package: str) -> None:
    for name, path in modules(ROOT).items():
        if name.partition(".")[0] == package:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            strangers = {base.partition(".")[0] for base, _ in named_imports(tree, package)}
            assert not strangers & {"jax", "jaxlib", "optax"}, name


def test_a_sound_house_has_no_faults(tmp_path: Path) -> None:
    root = build(
        tmp_path,
        {
            "costmodel/__init__.py": "from costmodel.links import Link\n",
            "costmodel/links.py": "import numpy\nfrom costmodel.errors import E\n",
            "costmodel/errors.py": "",
            "autopart/__init__.py": "from .api import plan\n",
            "autopart/api.py": "import costmodel\nfrom . import graph\n",
            "autopart/graph.py": "import networkx as utils\n",
            "benchmarks/one.py": "import autopart.api\n",
        },
    )
    assert faults(root) == []


@pytest.mark.parametrize(
    "text",
    [
        "import autopart\n",
        "import autopart.planner.api as api\n",
        "from autopart import api\n",
        "from autopart.planner.api import plan\n",
        "def f():\n    from autopart import api\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from autopart.planner.api import plan\n",
        "import importlib\nimportlib.import_module('autopart.planner.api')\n",
    ],
)
@pytest.mark.parametrize("module", ["costmodel/links.py", "search/mcts.py"])
def test_an_upward_import_is_caught(tmp_path: Path, module: str, text: str) -> None:
    root = build(tmp_path, {module: text, "autopart/__init__.py": "", "autopart/api.py": ""})
    [fault] = faults(root)
    assert "which does not stand below it" in fault


@pytest.mark.parametrize(
    ("module", "other"),
    [("costmodel/a.py", "search"), ("search/a.py", "costmodel"), ("autopart/a.py", "tests")],
)
def test_neighbours_do_not_lean_on_each_other(tmp_path: Path, module: str, other: str) -> None:
    [fault] = faults(build(tmp_path, {module: f"import {other}.b\n", f"{other}/b.py": ""}))
    assert f"imports {other}.b" in fault


@pytest.mark.parametrize(
    "files",
    [
        {"search/a.py": "import search.b\n", "search/b.py": "from search import a\n"},
        {"search/a.py": "from . import b\n", "search/b.py": "def f():\n    from .a import x\n"},
        {
            "search/__init__.py": "from search.a import x\n",
            "search/a.py": "from search import x\n",
        },
        {
            "search/a.py": "import search.b\n",
            "search/b.py": "import search.deep.c\n",
            "search/deep/c.py": "from ..a import x\n",
        },
    ],
)
def test_a_circle_is_caught(tmp_path: Path, files: dict[str, str]) -> None:
    [fault] = faults(build(tmp_path, files))
    assert "imports go round" in fault


def test_a_drawer_is_caught(tmp_path: Path) -> None:
    assert faults(build(tmp_path, {"autopart/rules/utils.py": ""})) == ["autopart/rules/utils.py needs a name"]
