"""What hydra says of a command line that it refuses, in one message: what is wrong, what there is, what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml
from hydra.errors import HydraException, MissingConfigException, OverrideParseException, SearchPathException
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from autopart.costmodel.nearness import near_misses, nearest_first
from autopart.costmodel.strict_yaml import yaml_text
from autopart.errors import AutopartError, CommandLineError, PlanError

_THEIRS: Final = ("hydra", "omegaconf")
_OURS: Final = ("autopart", "hydra_plugins", "search", "costmodel")
_BUILDING_BLOCK: Final = "all-"
"""With what the names of our files begin that other choices are made of."""

_SEE = "autopart --help lists the choices; --cfg job shows every setting of a run"


def explained(error: Exception, config_dir: str | None = None) -> AutopartError | None:
    """An error of hydra, or of what it reads, as one of ours; ``None`` where it is a fault of the program.

    Args:
        error: that ended hydra, and came from no run.
        config_dir: the folder of the user's that ``--config-dir`` names.
    """
    if isinstance(error, MissingConfigException):
        return CommandLineError(_absent(error, config_dir))
    if isinstance(error, OverrideParseException):
        return CommandLineError(f"the override {error.override!r} cannot be read: {_lines(error)}. Fix: NAME=VALUE.")
    if isinstance(error, yaml.YAMLError):
        return CommandLineError(f"a YAML file cannot be read: {yaml_text(error)}. Fix: mend it there.")
    if isinstance(error, UnicodeDecodeError):
        file = _file_of(error.object, config_dir) or "a file of the configuration"
        return CommandLineError(f"{file} is no text: {_lines(error)}. Fix: save it as UTF-8.")
    if isinstance(error, SearchPathException):
        return CommandLineError(f"{_lines(error)}. Fix: --config-dir of a folder that there is.")
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        return CommandLineError(_refused(error))
    if isinstance(error, OSError):
        at = f" {error.filename}" if error.filename else ""
        return PlanError(
            f"the run folder{at} cannot be made or written: {error.strerror or error}. "
            "Fix: hydra.run.dir=FOLDER (a sweep: hydra.sweep.dir=FOLDER) where you may write."
        )
    if _raised_in(error) in _THEIRS:  # A ValueError, an AssertionError, ...: of what it was given.
        return CommandLineError(f"{_lines(error) or type(error).__name__}. Fix: {_SEE}.")
    return None


def unknown_setting(error: Exception, override: str = "") -> str:
    """What is said of a setting that there is not: what there is beside it, near misses first.

    Args:
        error: omegaconf's; a ``ConfigKeyError`` or a ``ConfigAttributeError``.
        override: by which it was named.
    """
    name = override.lstrip("+~").partition("=")[0] or str(getattr(error, "full_key", ""))
    parent, stranger = getattr(error, "parent_node", None), str(getattr(error, "key", None) or name)
    full = str(getattr(error, "full_key", None) or name)
    above = full.removesuffix(stranger).rstrip(".")
    keys = (
        [key for key in map(str, parent) if key != "hydra" and not key.startswith("_")]
        if isinstance(parent, DictConfig) and parent
        else []
    )
    prefix = f"{above}." if above else ""
    fix = _instead(prefix, stranger, name, keys, override)
    if full in _groups():
        return f"{name}: no {full} is chosen. Fix: choose one before it, {full}=NAME, or leave {name} out."
    there = ", ".join(f"{prefix}{key}" for key in nearest_first(stranger, keys)) or f"nothing in {above}"
    return f"no setting {full}; there is {there}. Fix: {fix}."


def _instead(prefix: str, stranger: str, name: str, keys: Sequence[str], override: str) -> str:
    near = near_misses(stranger, keys)
    if near:
        rest = name.removeprefix(prefix + stranger)
        return f"{prefix}{near[0]}{rest}={override.partition('=')[2]}" if override else f"{prefix}{near[0]}"
    own = f"add one of your own: +{override or name}"
    return f"choose one of these, or {own}" if keys else own


def _absent(error: MissingConfigException, config_dir: str | None) -> str:
    """Of a file that is none of a group, or of a whole configuration that there is not."""
    path = error.missing_cfg_file
    if path is None:
        return f"{_lines(error)}. Fix: leave --config-path out, or name a package of configurations."
    group, _, name = path.rpartition("/")
    if "primary config" in str(error):
        there = ", ".join(nearest_first(path, _yaml_names(config_dir)))
        return f"no configuration {path!r}; there is {there}. Fix: --config-name one of these, or leave it out."
    if not error.options:
        return f"{_lines(error)}. Fix: take it out of the defaults of the file that names it, or write it."
    known = [option for option in error.options if not option.startswith(_BUILDING_BLOCK)]
    near = near_misses(name, known)
    own = f", or write {group}/{name}.yaml here" if name and "/" not in group else ""
    fix = f"{group}={near[0]}" if near else f"choose one of these{own}"
    return f"no {group} {name!r}; there is {', '.join(nearest_first(name, known))}. Fix: {fix}."


def _yaml_names(config_dir: str | None) -> list[str]:
    """The configurations that a whole run may be made of: ours, and those of the folder of the user's."""
    places: list[Any] = [files("configs"), *([Path(config_dir)] if config_dir and Path(config_dir).is_dir() else [])]
    found = {item.name.rpartition(".")[0] for place in places for item in place.iterdir() if _is_yaml(item.name)}
    return sorted(found)


def _file_of(content: bytes, config_dir: str | None) -> Path | None:
    """The user's file that begins like this: who reads files says of what is no text only the bytes."""
    places = [Path(), *([Path(config_dir)] if config_dir else [])]
    paths = (path for place in places for path in (*place.glob("*.y*ml"), *place.glob("*/*.y*ml")) if path.is_file())
    return next((path for path in paths if content[:512] == path.read_bytes()[: len(content[:512])]), None)


def _is_yaml(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


def _refused(error: Exception) -> str:
    """Of what hydra read and could not compose."""
    cause = error.__cause__
    text = str(error)
    named = re.search(r"use \+(\S.*)$", text, re.MULTILINE)
    if isinstance(cause, (ConfigAttributeError, ConfigKeyError)) and named:
        return unknown_setting(cause, named[1])
    if group := re.search(r"Could not override '([^']+)'\. No match in the defaults list", text):
        groups = _groups()
        near = near_misses(group[1], groups)
        fix = f"{near[0]}=..." if near else _SEE
        return f"no choice of {group[1]}; there is {', '.join(nearest_first(group[1], groups))}. Fix: {fix}."
    if text.startswith("Ambiguous value"):
        given = re.search(r"'(.*)'", text)
        return f"{given[1] if given else ''}: several values are a sweep. Fix: autopart -m ..., or one value."
    if "requires --multirun" in text:
        return f"{_lines(error)}. Fix: autopart -m ..."
    if merged := re.match(r"Error merging override (.*)", text):
        by_name = str(cause).startswith("Cannot merge DictConfig with")
        return f"{merged[1]}: {'must be values by name, {name: value}' if by_name else _lines(cause)}. Fix: {_SEE}."
    said = [text_of for text_of in (_lines(error), _lines(cause)) if text_of]
    return f"{': '.join(dict.fromkeys(said)) or type(error).__name__}. Fix: {_SEE}."


def _groups() -> list[str]:
    """The groups of choices that come with us, as a command line names them."""
    return sorted(
        item.name
        for item in files("configs").iterdir()
        if item.is_dir() and item.name.isidentifier() and item.name not in ("hydra", "__pycache__")
    )


def _lines(error: object) -> str:
    """What an error says without what hydra adds for its own readers, in one line."""
    if error is None:
        return ""
    own = []
    for line in str(error).splitlines():
        if line.startswith(("Config search path", "Search path", "See https", "    full_key", "    object_type")):
            break
        own.append(line.strip())
    return " ".join(filter(None, own)).rstrip(".:")


def _raised_in(error: BaseException) -> str:
    """The package, hydra's or ours, whose code raised it, or called what did."""
    package, frame = "", error.__traceback__
    while frame is not None:
        name = str(frame.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        package = name if name in (*_THEIRS, *_OURS) else package
        frame = frame.tb_next
    return package
