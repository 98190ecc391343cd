"""The device profiles that there are: YAML files in ``configs/device``, or anywhere by path."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import yaml

from autopart.costmodel.errors import CostModelError
from autopart.costmodel.nearness import nearest_first
from autopart.costmodel.profile import Device
from autopart.costmodel.strict_yaml import read_yaml, yaml_text

__all__ = ["Device", "device", "device_names", "device_of"]

_SUFFIXES: Final = (".yaml", ".yml")


def device(name: str) -> Device:
    """Returns the profile of a known device, or the one in the YAML file at the path `name`.

    Profiles of known devices are read once a process.

    Raises:
        CostModelError: no profile has this name, and the message lists those that there are; there is no such file;
            or it is wrong, and the message names file, field and fix.
    """
    if name.endswith(_SUFFIXES):
        return _read(Path(name), name)
    if name not in device_names():
        known = ", ".join(nearest_first(name, device_names()))
        raise CostModelError(
            f"unknown device {name!r}; known: {known}. Or describe yours in a YAML file like those in configs/device "
            "and name its path."
        )
    return _known(name)


def device_names() -> tuple[str, ...]:
    """Returns the names of the profiles in ``configs/device``, sorted."""
    names = (item.name for item in _folder().iterdir() if item.name.endswith(_SUFFIXES))
    return tuple(sorted(name.rpartition(".")[0] for name in names))


def device_of(document: object, where: str) -> Device:
    """Returns the profile that a YAML document describes; `where` it stands is told in errors.

    The document has the fields of `Device`, and may have ``source``: where each figure is from, by field, which is
    for readers.

    Raises:
        CostModelError: a field is missing, unknown or wrong.
    """
    if not isinstance(document, Mapping):
        raise CostModelError(f"{where}: must be the fields of a device, not {document!r}")
    try:
        return Device.from_json({name: value for name, value in document.items() if name != "source"})
    except CostModelError as error:
        raise CostModelError(f"{where}: {error}") from error


@functools.cache
def _known(name: str) -> Device:
    return _read(_folder() / f"{name}.yaml", f"configs/device/{name}.yaml")


def _folder() -> Traversable:
    return files("autopart.configs") / "device"


def _read(file: Traversable, where: str) -> Device:
    try:
        return device_of(read_yaml(file.read_text(encoding="utf-8")), where)
    except FileNotFoundError:
        raise CostModelError(f"no device profile at {where}; known by name: {', '.join(device_names())}") from None
    except yaml.YAMLError as error:
        raise CostModelError(f"{where} cannot be read as YAML: {yaml_text(error)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise CostModelError(f"{where} cannot be read as YAML: {error}") from error
