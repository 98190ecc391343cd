"""Rows, a run, and a tracker of a user's own, for the tests of trackers."""

from autopart.testing.runs import RUN, Memory, row

__all__ = ["RUN", "Memory", "row"]
