"""A model by name: ``module.callable`` to the step that it returns."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from autopart.errors import AutopartError, PlanError, TraceError
from autopart.program.step import Step
from autopart.search.extras import MissingExtraError

_OURS = "autopart.benchmarks.models."
_OURS_ONCE = "benchmarks.models."
"""As run folders of earlier versions name our models."""


def load_step(target: str, fields: Mapping[str, Any]) -> Step:
    """Imports ``target`` and calls it with ``fields``; ``None`` fields are left out.

    The callable returns a ``Step``, ``(function, arguments)`` or ``(function, arguments, donate_argnums)``.

    Raises:
        TraceError: it cannot be imported or called, or returns something else.
        MissingExtraError: it is one of ours, and takes a package that is not installed.
    """
    module_name, _, name = target.rpartition(".")
    if not module_name:
        raise TraceError(f"model.target '{target}' is not of the form module.callable, e.g. my_module.my_step")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        factory = getattr(importlib.import_module(module_name), name)
    except MissingExtraError:
        raise
    except (ImportError, AttributeError) as error:
        raise TraceError(
            f"cannot import model.target '{target}': {error}. Fix: run where the module is, or install it."
        ) from error
    if not isinstance(fields, Mapping):
        raise TraceError(f"model.fields={fields!r}: must be keyword arguments by name")
    given = {key: value for key, value in fields.items() if value is not None}
    try:
        made = factory(**given)
    except AutopartError:
        raise
    except Exception as error:
        raise TraceError(f"model {target}({_call(given)}) failed: {type(error).__name__}: {error}") from error
    return as_step(made, target)


def check_trusted(target: str, trusted: str | None, command: str) -> None:
    """A run folder may come from someone else, so a model that is not one of ours must be named by the caller too.

    Raises:
        PlanError: it is not; the message says with which ``command`` to name it.
    """
    if not target.startswith(_OURS) and target != trusted:
        raise PlanError(
            f"the run folder asks to import and call '{target}'. Fix: if you trust it, say so: "
            f"{command} --target {target}"
        )


def current_name(target: str) -> str:
    """What a model that a run folder names is called today: one of ours had another name in earlier versions."""
    module = target.removeprefix(_OURS_ONCE).split(".")[0]
    ours = target.startswith(_OURS_ONCE) and (files(_OURS.rstrip(".")) / f"{module}.py").is_file()
    return f"autopart.{target}" if ours else target


def as_step(made: Any, target: str) -> Step:
    """What a model callable may return, as a ``Step``.

    Raises:
        TraceError: it is neither a Step nor (function, arguments[, donate_argnums]).
    """
    if isinstance(made, Step):
        return made
    if isinstance(made, tuple) and len(made) in (2, 3) and callable(made[0]) and isinstance(made[1], (tuple, list)):
        return Step(made[0], tuple(made[1]), tuple(made[2]) if len(made) == 3 else ())
    raise TraceError(
        f"{target} returned {type(made).__name__}; it must return an autopart.Step, (function, arguments) or "
        "(function, arguments, donate_argnums), the arguments as jax.ShapeDtypeStruct"
    )


def _call(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in fields.items())
