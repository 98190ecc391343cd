"""Tactics as plain JSON values, and back; and the names by which they may be written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Final

from autopart.errors import TacticError
from autopart.tactics import strategies
from autopart.tactics.custom import SavedTactic, is_custom, saved
from autopart.tactics.manual import Atomic, Dim, Manual, Tactic
from autopart.tactics.resolve import Resolve
from autopart.tactics.strategies import Strategy

STRATEGIES: Final[Mapping[str, type[Strategy]]] = MappingProxyType(
    {
        kind.__name__: kind
        for kind in (
            strategies.DataParallel,
            strategies.Megatron,
            strategies.ZeRO1,
            strategies.ZeRO2,
            strategies.ZeRO3,
            strategies.EmbeddingSharding,
            strategies.VocabularySharding,
            strategies.ExpertParallel,
            strategies.MultiQuerySharding,
            strategies.EdgeSharding,
            strategies.ContextParallel,
            strategies.SequenceParallel,
        )
    }
)
"""The named strategies, the more particular first."""

TACTICS: Final[Mapping[str, type[Manual] | type[Atomic] | type[Resolve] | type[Strategy] | type[SavedTactic]]] = (
    MappingProxyType(
        {
            "Manual": Manual,
            "Atomic": Atomic,
            "Resolve": Resolve,
            **STRATEGIES,
            "FSDP": strategies.FSDP,
            "SavedTactic": SavedTactic,
        }
    )
)
"""All tactics that a file may name."""


def to_json(tactic: Tactic) -> dict[str, Any]:
    """A tactic as plain JSON values.

    Raises:
        TacticError: it leaves a dimension to a function (`Manual.resolved` writes down what it chose), or is of a
            user's own class that does not say its fields.
    """
    tactic = saved(tactic) if is_custom(tactic) else tactic
    kind = {"tactic": type(tactic).__name__}
    if isinstance(tactic, Strategy):
        values = {field.name: getattr(tactic, field.name) for field in fields(tactic)}
        return {**kind, **{name: value for name, value in values.items() if value != "" or name == "axis"}}
    common = {"axis": tactic.axis} | ({"name": tactic.name} if tactic.name else {})
    if isinstance(tactic, Atomic):
        return {**kind, "patterns": list(tactic.patterns), **common}
    if isinstance(tactic, SavedTactic):
        kept = None if tactic.tiles is None else _tiles(tactic.tiles)
        return {**kind, "kind": tactic.kind, "fields": dict(tactic.fields), "tiles": kept, **common}
    if isinstance(tactic, Resolve):
        return {**kind, "op": tactic.op, "factor": tactic.factor, **common}
    if not isinstance(tactic, Manual) or tactic.chooses:
        raise TacticError(f"{tactic!r} cannot be written down: it is no tactic of patterns and dimensions")
    return {**kind, "tiles": _tiles(tactic.tiles), **common}


def _tiles(tiles: Mapping[str, Any]) -> dict[str, Any]:
    return {pattern: dim.value if isinstance(dim, Dim) else dim for pattern, dim in tiles.items()}


def from_json(document: Any) -> Tactic:
    """The tactic that ``to_json`` wrote.

    Raises:
        TacticError: the document is not that of a tactic.
    """
    try:
        kind, axis, name = document["tactic"], _text(document["axis"]), _text(document.get("name", ""))
        if kind in STRATEGIES:
            return STRATEGIES[kind](**{_text(key): value for key, value in document.items() if key != "tactic"})
        if kind == "Atomic":
            if not isinstance(document["patterns"], (list, tuple)):
                raise TypeError("patterns are a list of texts")
            return Atomic(tuple(_text(p) for p in document["patterns"]), axis, name)
        if kind == "Resolve":
            return Resolve(_text(document["op"]), _text(document["factor"]), axis, name)
        if kind == "SavedTactic":
            kept = None if document["tiles"] is None else _dims(document["tiles"])
            return SavedTactic(_text(document["kind"]), dict(document["fields"]), kept, axis, name)
        if kind != "Manual":
            raise TypeError(f"unknown tactic {kind!r}; there is {', '.join(TACTICS)}")
        return Manual(_dims(document["tiles"]), axis, name)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TacticError(f"not a tactic: {json.dumps(document, default=str)[:200]} ({error})") from error


def _dims(tiles: Mapping[Any, Any]) -> dict[str, int | Dim]:
    return {_text(p): Dim(d) if isinstance(d, str) else _integer(d) for p, d in tiles.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"dimension {value!r} is not an integer")
    return value
