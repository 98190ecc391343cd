"""Tracking: what a search tells while it runs, and what it came to, kept where people compare runs."""

from autopart.tracking.composite import Composite
from autopart.tracking.jsonl import JsonLines
from autopart.tracking.tracker import Row, TrackedRun, Tracker
from autopart.tracking.wandb import Wandb

__all__ = ["Composite", "JsonLines", "Row", "TrackedRun", "Tracker", "Wandb"]
