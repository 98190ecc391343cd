"""Analyses that make the game smaller: equal and idle actions, named dimensions, sound lower bounds."""

from autopart.game.pruning.analyses import EVERY_ANALYSIS, NO_ANALYSIS, Analyses

__all__ = [
    "Analyses",
    "EVERY_ANALYSIS",
    "NO_ANALYSIS",
]
