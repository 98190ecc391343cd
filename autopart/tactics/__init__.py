"""Tactics: what a person or a search does to a state, by hand or as a known strategy.

``Manual``, ``Atomic`` and ``Resolve`` name values; ``strategies`` find theirs by structure. Tactics are written as
Python (``as_source``) and as plain values (``as_json``), made short (``simplify``) and known again (``recognise``).
"""

from autopart.tactics.manual import FIRST_DIVISIBLE_DIM, REPLICATED, Atomic, Dim, Manual, Tactic, apply_schedule

__all__ = ["FIRST_DIVISIBLE_DIM", "REPLICATED", "Atomic", "Dim", "Manual", "Tactic", "apply_schedule"]
