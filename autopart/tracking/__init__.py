"""Tracking: what a search tells while it runs, and what it came to, kept where people compare runs."""

from autopart.tracking.composite import TIMEOUT_S, Composite
from autopart.tracking.curves import PERIOD_S, Curves
from autopart.tracking.jsonl import ROWS, JsonLines
from autopart.tracking.tracker import Row, TrackedRun, Tracker
from autopart.tracking.wandb import NOTE, Wandb, WandbMode

__all__ = [
    "Composite",
    "Curves",
    "JsonLines",
    "NOTE",
    "PERIOD_S",
    "ROWS",
    "Row",
    "TIMEOUT_S",
    "TrackedRun",
    "Tracker",
    "Wandb",
    "WandbMode",
]
