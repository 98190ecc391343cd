"""The house stands: imports go down, never up and never round, and no file is a drawer for odds and ends."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

LINKED = ("search", "costmodel", "configs", "benchmarks")
"""Folders at the top of the repository that are packages of `autopart`: links in it lead to them."""

# Who stands on whom: a room may import itself and rooms of lower floors.
FLOORS = {
    "autopart.costmodel": 0,
    "autopart.search": 0,
    "autopart.configs": 0,
    "autopart.version": 0,
    "autopart.errors": 1,
    "autopart.text": 1,
    "autopart.files": 2,
    "autopart.program": 3,
    "autopart.calibration": 3,
    "autopart.sharding": 4,
    "autopart.tracking": 4,
    "autopart.cost": 5,
    "autopart.partitioning": 6,
    "autopart.tactics": 7,
    "autopart.goals": 7,
    "autopart.emit": 7,
    "autopart.strategies": 8,
    "autopart.resolve": 8,
    "autopart.folding": 8,
    "autopart.explain": 8,
    "autopart.game": 9,
    "autopart.report": 9,
    "autopart.plan": 10,
    "autopart.planner": 11,
    "autopart.cli": 12,
    "autopart.testing": 12,
    "autopart": 13,
    "autopart.benchmarks": 14,
    "scripts": 15,
    "tests": 16,
}

MOST_FILES = 8
"""Directly in `autopart/`: what is more belongs into a room."""


def modules(root: Path) -> dict[str, Path]:
    """Every module of ours under `root`, by dotted name; a package is its ``__init__.py``."""
    found = {}
    for top in ("autopart", *LINKED, "scripts", "tests"):
        for path in sorted((root / top).rglob("*.py")):
            relative = path.relative_to(root)
            if relative.parts[0] == "autopart" and relative.parts[1] in LINKED:
                continue  # Through a link, on Pythons whose `rglob` follows them.
            parts = relative.with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            found[".".join(("autopart", *parts) if top in LINKED else parts)] = path
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
            if target.partition(".")[0] in ("autopart", "scripts", "tests", *LINKED):
                graph[name].add(target)
    return graph


def room_of(name: str) -> str | None:
    """The room that a module is in; ``None`` if it is in none of the table."""
    parts = name.split(".")
    if parts[0] != "autopart" or len(parts) == 1:
        return parts[0] if parts[0] in FLOORS else None
    room = ".".join(parts[:2])
    return room if room in FLOORS else None


def past_the_door(root: Path) -> list[str]:
    """Imports of a file of another room where that room's ``__init__`` should be named, a line each.

    A function that has the name of its module is taken from there, or it would hide the module; what is imported in
    a function, so that it need not be imported at all, too.
    """
    ours, found = modules(root), []
    for name, path in ours.items():
        if not (name.startswith("autopart.") and name.split(".")[1] not in LINKED):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            if module.count(".") < 2 or module.split(".")[1] in LINKED or room_of(module) == room_of(name):
                continue
            taken = {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) else set()
            if module in ours and ours[module].name != "__init__.py" and taken != {module.rpartition(".")[2]}:
                found.append(f"{name} imports {module}: take it from {module.rpartition('.')[0]}")
    return found


def faults(root: Path) -> list[str]:
    """What is wrong with the house under `root`, a line each; nothing when it stands."""
    graph = import_graph(root)
    found = []
    for name, targets in graph.items():
        room = room_of(name)
        if room is None:
            found.append(f"{name} is in no room of the table")
            continue
        for target in sorted(targets):
            if target.partition(".")[0] in LINKED:
                found.append(f"{name} imports {target}, which is autopart.{target} wherever autopart is installed")
                continue
            other = room_of(target)
            if other is None:
                found.append(f"{name} imports {target}, which is in no room of the table")
            elif other != room and FLOORS[other] >= FLOORS[room]:
                found.append(f"{name} imports {target}, which does not stand below it")
    try:
        TopologicalSorter({name: targets - {name} for name, targets in graph.items()}).prepare()
    except CycleError as error:
        found.append("imports go round: " + " -> ".join(reversed(error.args[1])))
    found += past_the_door(root)
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


def test_every_room_of_the_table_is_there_and_looked_at() -> None:
    assert {room_of(name) for name in modules(ROOT)} == set(FLOORS)
    assert "autopart.costmodel.errors" in import_graph(ROOT)["autopart.costmodel.devices"]


def test_what_lies_directly_in_the_package_is_little() -> None:
    files = [path.name for path in (ROOT / "autopart").iterdir() if path.is_file()]
    assert len(files) <= MOST_FILES, files


@pytest.mark.parametrize("room", sorted(room for room in FLOORS if room.startswith("autopart.")))
def test_every_room_says_what_it_is(room: str) -> None:
    path = modules(ROOT)[room]
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path} needs a docstring: the room's idea"


@pytest.mark.parametrize("package", ["autopart.costmodel", "autopart.search"])
def test_the_ground_floor_knows_no_jax(package: str) -> None:
    for name, path in modules(ROOT).items():
        if room_of(name) == package:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            strangers = {base.partition(".")[0] for base, _ in named_imports(tree, package)}
            assert not strangers & {"jax", "jaxlib", "optax"}, name


def test_a_sound_house_has_no_faults(tmp_path: Path) -> None:
    root = build(
        tmp_path,
        {
            "costmodel/__init__.py": "from autopart.costmodel.links import Link\n",
            "costmodel/links.py": "import numpy\nfrom autopart.costmodel.errors import E\n",
            "costmodel/errors.py": "",
            "autopart/__init__.py": "from autopart.planner import partition\n",
            "autopart/planner/__init__.py": "from .api import partition\n",
            "autopart/planner/api.py": "import autopart.costmodel\nfrom autopart.program import graph\n",
            "autopart/program/__init__.py": "from .graph import Graph\n",
            "autopart/program/graph.py": "import networkx as utils\n",
            "benchmarks/one.py": "import autopart.planner.api\n",
        },
    )
    assert faults(root) == []


@pytest.mark.parametrize(
    "text",
    [
        "import autopart.planner.api",
        "import autopart.planner.api as up",
        "from autopart.planner import api",
        "from autopart.planner.api import partition",
        "from ..planner import api",
        "from ..planner.api import partition",
        "def f():\n    from autopart.planner.api import partition\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from autopart.planner.api import partition\n",
        "import importlib\nimportlib.import_module('autopart.planner.api')\n",
        "from importlib import import_module\nimport_module('autopart.planner.api')\n",
        "__import__('autopart.planner.api')\n",
    ],
)
def test_an_upward_import_is_caught(tmp_path: Path, text: str) -> None:
    files = {
        "autopart/sharding/layout.py": text,
        "autopart/planner/__init__.py": "",
        "autopart/planner/api.py": "def partition():\n    pass\n",
    }
    fault = "autopart.sharding.layout imports autopart.planner.api, which does not stand below it"
    assert fault in faults(build(tmp_path, files))


@pytest.mark.parametrize(
    ("text", "is_fault"),
    [
        ("from autopart.program.graph import Graph", True),
        ("from autopart.program import Graph", False),
        ("from autopart.program import graph", False),
        ("from autopart.program.graph import graph", False),
        ("def f():\n    from autopart.program.graph import Graph\n", False),
    ],
)
def test_rooms_are_entered_by_their_doors(tmp_path: Path, text: str, is_fault: bool) -> None:
    files = {"autopart/sharding/a.py": text, "autopart/program/__init__.py": "", "autopart/program/graph.py": ""}
    said = "autopart.sharding.a imports autopart.program.graph: take it from autopart.program"
    assert faults(build(tmp_path, files)) == ([said] if is_fault else [])


@pytest.mark.parametrize(
    ("module", "other"),
    [
        ("costmodel/a.py", "autopart.search.b"),
        ("search/a.py", "autopart.costmodel.b"),
        ("autopart/tactics/a.py", "autopart.goals.b"),
        ("autopart/cli/a.py", "autopart.benchmarks.b"),
        ("autopart/cli/a.py", "tests.b"),
        ("autopart/program/a.py", "autopart"),
    ],
)
def test_neighbours_and_those_above_are_not_leant_on(tmp_path: Path, module: str, other: str) -> None:
    [fault] = faults(build(tmp_path, {module: f"import {other}\n"}))
    assert f"imports {other}, which does not stand below it" in fault


@pytest.mark.parametrize("name", LINKED)
def test_a_folder_of_ours_is_imported_by_the_name_that_it_has_when_installed(tmp_path: Path, name: str) -> None:
    [fault] = faults(build(tmp_path, {"scripts/a.py": f"from {name} import b\n"}))
    assert f"which is autopart.{name} wherever" in fault


def test_a_room_that_the_table_does_not_know_is_caught(tmp_path: Path) -> None:
    [fault] = faults(build(tmp_path, {"autopart/attic/a.py": ""}))
    assert fault == "autopart.attic.a is in no room of the table"


@pytest.mark.parametrize(
    "files",
    [
        {
            "search/a.py": "import autopart.search.b\n",
            "search/b.py": "from autopart.search import a\n",
        },
        {"search/a.py": "from . import b\n", "search/b.py": "def f():\n    from .a import x\n"},
        {
            "search/__init__.py": "from autopart.search.a import x\n",
            "search/a.py": "from autopart.search import x\n",
        },
        {
            "search/a.py": "import autopart.search.b\n",
            "search/b.py": "import autopart.search.deep.c\n",
            "search/deep/c.py": "from ..a import x\n",
        },
    ],
)
def test_a_circle_is_caught(tmp_path: Path, files: dict[str, str]) -> None:
    [fault] = faults(build(tmp_path, files))
    assert "imports go round" in fault


def test_a_drawer_is_caught(tmp_path: Path) -> None:
    assert faults(build(tmp_path, {"autopart/program/utils.py": ""})) == ["autopart/program/utils.py needs a name"]
