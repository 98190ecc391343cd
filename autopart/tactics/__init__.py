"""Tactics: what a person or a search does to a state, by hand or as a known strategy.

``Manual``, ``Atomic`` and ``Resolve`` name values; ``strategies`` find theirs by structure. Tactics are written as
Python (``as_source``) and as plain values (``as_json``), made short (``simplify``) and known again (``recognise``).
"""

from autopart.tactics.as_json import TACTICS, from_json, to_json
from autopart.tactics.as_source import Note, schedule_source, tactic_text, tiles_text
from autopart.tactics.compositions import Recipe, atoms
from autopart.tactics.custom import SavedTactic, restored, written_schedule
from autopart.tactics.labels import label, title
from autopart.tactics.manual import (
    FIRST_DIVISIBLE_DIM,
    REPLICATED,
    Atomic,
    Dim,
    Manual,
    Tactic,
    apply_schedule,
    number_of,
)
from autopart.tactics.resolve import Resolve

__all__ = [
    "Atomic",
    "Dim",
    "FIRST_DIVISIBLE_DIM",
    "Manual",
    "Note",
    "REPLICATED",
    "Recipe",
    "Resolve",
    "SavedTactic",
    "TACTICS",
    "Tactic",
    "apply_schedule",
    "atoms",
    "from_json",
    "label",
    "number_of",
    "restored",
    "schedule_source",
    "tactic_text",
    "tiles_text",
    "title",
    "to_json",
    "written_schedule",
]
