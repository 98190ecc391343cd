"""The one exception of the cost model."""

from __future__ import annotations


class CostModelError(ValueError):
    """A device, mesh or link was described wrongly; the message says what is wrong and what to do."""
