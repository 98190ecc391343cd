"""One page about one plan: ``report.html`` of a run, which opens from disk and loads nothing."""

from autopart.report.html.reported import Goal, Reported

__all__ = [
    "Goal",
    "Reported",
]
