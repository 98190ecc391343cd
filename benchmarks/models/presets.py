"""Choosing a model's configuration: a preset by name, then fields by keyword."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    ConfigT = TypeVar("ConfigT", bound=DataclassInstance)
else:
    ConfigT = TypeVar("ConfigT")


def configure(presets: Mapping[str, ConfigT], preset: str, overrides: Mapping[str, Any]) -> ConfigT:
    """Returns the configuration called `preset` with some of its fields replaced.

    Raises:
        ValueError: there is no such preset or field (the message lists those that there are), or a value
            has another type than the preset's.
    """
    if preset not in presets:
        raise ValueError(f"unknown preset {preset!r}; choose from {', '.join(presets)}")
    config = presets[preset]
    known = [field.name for field in fields(config)]
    for name, value in overrides.items():
        if name not in known:
            raise ValueError(f"unknown field {name!r}; {type(config).__name__} has {', '.join(known)}")
        wanted = type(getattr(config, name))
        if type(value) is not wanted:
            raise ValueError(f"field {name!r} takes a value of type {wanted.__name__}, not {value!r}")
    return replace(config, **overrides)


def check_positive(config: Any, names: tuple[str, ...]) -> None:
    """Checks that the named fields of a configuration are at least 1.

    Raises:
        ValueError: one is not.
    """
    for name in names:
        if (value := getattr(config, name)) < 1:
            raise ValueError(f"field {name!r} must be at least 1, not {value}")
