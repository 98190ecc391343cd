"""A schedule by name: a ``.py`` file that is read but never run, a plan.json, or a list in a module of the user's.

A file may come from someone else. It holds imports, a docstring and ``SCHEDULE = [Tactic(literals), ...]``; anything
else is refused with its line. A dotted name is the user's own code: it is imported, and may do what Python can.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from autopart.errors import AutopartError, PlanError, TacticError
from autopart.plan.saved import PLAN_FILE, SavedPlan, load_plan
from autopart.tactics import TACTICS, Dim, Tactic, restored

NAME = "SCHEDULE"

DIMENSIONS: Final[Mapping[str, Dim]] = MappingProxyType({dim.name: dim for dim in Dim})
"""Dimensions that a schedule file may name."""


@dataclass(frozen=True)
class NamedSchedule:
    """A schedule that was read.

    Attributes:
        tactics: in order.
        saved: the plan file that it is from, if it is from one.
    """

    tactics: tuple[Tactic, ...]
    saved: SavedPlan | None = None


def load_schedule(name: str, tactics: Sequence[type] = ()) -> NamedSchedule:
    """The schedule that a user names.

    Args:
        name: a path that ends in ``.py`` (read, never run), a plan.json or the folder of a run, or
            ``module.NAME`` (imported).
        tactics: classes of tactics of one's own that the file may have (see ``SavedTactic``).

    Raises:
        PlanError: it is none of these, or the file says something else than a schedule.
        TacticError: a tactic in it is none; the message names the line.
    """
    path = Path(name)
    if name.endswith(".py"):
        return NamedSchedule(read_schedule(path, tactics))
    if name.endswith(".json") or path.is_dir():
        saved = load_plan(path / PLAN_FILE if path.is_dir() else path, tactics)
        return NamedSchedule(saved.schedule, saved)
    if all(part.isidentifier() for part in name.split(".")) and "." in name:
        return NamedSchedule(_imported(name))
    raise PlanError(
        f"schedule={name}: not a schedule. Fix: name a file that ends in .py, a plan.json, the folder of a run, or "
        "a list in a module of yours (my_module.SCHEDULE)."
    )


def read_schedule(path: Path, tactics: Sequence[type] = ()) -> tuple[Tactic, ...]:
    """The tactics of a schedule file, which is parsed and not run.

    Raises:
        PlanError, TacticError: see ``load_schedule``.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text, str(path))
    except FileNotFoundError as error:
        raise PlanError(f"no schedule at {path}. Fix: name the schedule.py, or the folder, of a run.") from error
    except SyntaxError as error:
        raise PlanError(f"{path}:{error.lineno}: not Python: {error.msg}") from error
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise PlanError(f"{path} cannot be read as a schedule: {error}") from error
    return restored(_Reader(path, text).schedule(tree), tactics)


class _Reader:
    """Reads the tree of a schedule file."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text

    def schedule(self, tree: ast.Module) -> tuple[Tactic, ...]:
        """The tactics of the one ``SCHEDULE``."""
        found: list[ast.expr] = []
        for statement in tree.body:
            match statement:
                case ast.Expr(value=ast.Constant(value=str())):
                    continue
                case ast.Import() | ast.ImportFrom():
                    self._check_import(statement)
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if name == NAME:
                    found.append(value)
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if name == NAME:
                    found.append(value)
                case _:
                    raise self._error(statement, f"a schedule file holds imports and {NAME} = [...] only")
        if len(found) != 1:
            raise PlanError(f"{self._path}: must say {NAME} = [...] once, says it {len(found)} times")
        if not isinstance(found[0], (ast.List, ast.Tuple)):
            raise self._error(found[0], f"{NAME} must be a list of tactics")
        return tuple(self._tactic(node) for node in found[0].elts)

    def _check_import(self, statement: ast.Import | ast.ImportFrom) -> None:
        modules = (
            [statement.module or ""] if isinstance(statement, ast.ImportFrom) else [a.name for a in statement.names]
        )
        ours = all(module.partition(".")[0] in ("autopart", "__future__") for module in modules)
        if not ours or any(alias.asname for alias in statement.names):
            raise self._error(
                statement, "nothing is imported; only the names of autopart's tactics are known, as they are"
            )

    def _tactic(self, node: ast.expr) -> Tactic:
        match node:
            case (
                ast.Call(func=ast.Name(id=name))
                | ast.Call(func=ast.Attribute(value=ast.Name(id="autopart"), attr=name))
            ):
                pass
            case _:
                raise self._error(node, f"a tactic is one of {', '.join(TACTICS)} with its arguments")
        if name == "Auto":
            raise self._error(
                node, "Auto searches, which a schedule file does not: autopart model=... searches after it"
            )
        if name not in TACTICS:
            raise self._error(node, f"no tactic '{name}'; there is {', '.join(TACTICS)}")
        if any(keyword.arg is None for keyword in node.keywords):
            raise self._error(node, "write the arguments out, without **")
        positional = [self._literal(argument) for argument in node.args]
        keywords = {str(keyword.arg): self._literal(keyword.value) for keyword in node.keywords}
        try:
            tactic: Tactic = TACTICS[name](*positional, **keywords)
        except (AutopartError, TypeError, ValueError) as error:
            raise TacticError(f"{self._path}:{node.lineno}: {name}: {error}") from error
        return tactic

    def _literal(self, node: ast.expr) -> Any:
        """Texts, numbers, lists and dicts of them, and the dimensions that have names."""
        match node:
            case ast.Constant(value=str() | int() | float() | None as value):  # bool is an int
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return -value
            case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="autopart" | "Dim"), attr=name) if (
                name in DIMENSIONS
            ):
                return DIMENSIONS[name]
            case ast.List(elts=items):
                return [self._literal(item) for item in items]
            case ast.Tuple(elts=items):
                return tuple(self._literal(item) for item in items)
            case ast.Dict(keys=keys, values=values) if None not in keys:
                return self._dict(node, [key for key in keys if key is not None], values)
        raise self._error(
            node, f"must be written out: a text, a number, a list, a dict or one of {', '.join(DIMENSIONS)}"
        )

    def _dict(self, node: ast.expr, keys: Sequence[ast.expr], values: Sequence[ast.expr]) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, value in zip(keys, values, strict=True):
            if not isinstance(key, ast.Constant):
                raise self._error(key, "a key must be a text, written out")
            if key.value in found:
                raise self._error(key, f"the key {key.value!r} stands twice")
            found[key.value] = self._literal(value)
        return found

    def _error(self, node: ast.stmt | ast.expr, why: str) -> PlanError:
        # As it is written: to write it anew recurses, and what is nested deeply enough never gets there.
        line = " ".join((ast.get_source_segment(self._text, node) or "").split())
        return PlanError(
            f"{self._path}:{node.lineno}: {line if len(line) <= 60 else line[:57] + '...'}\n  {why}. The file is read "
            "and not run. Fix: write it out, or put it in a module and name that: schedule=my_module.SCHEDULE."
        )


def _imported(name: str) -> tuple[Tactic, ...]:
    module_name, _, attribute = name.rpartition(".")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        schedule = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise PlanError(f"cannot import schedule '{name}': {error}. Fix: run where the module is.") from error
    if not isinstance(schedule, Sequence) or not all(hasattr(tactic, "steps") for tactic in schedule):
        raise PlanError(f"'{name}' is {schedule!r:.80}: must be a list of tactics")
    return tuple(schedule)
