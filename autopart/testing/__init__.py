"""What every plug-in promises, as tests: derive from a class, say how yours is made, let pytest run it. Experimental.

>>> class TestMine(autopart.testing.StrategyConformance):
...     def make(self, seed):
...         return MySearch(seed=seed)

``import autopart`` does not import this room, and this room does not import pytest.
"""

from autopart.testing.devices import DeviceConformance, check_device
from autopart.testing.priors import PriorConformance
from autopart.testing.strategies import ExplorerConformance, StrategyConformance
from autopart.testing.trackers import TrackerConformance

__all__ = [
    "DeviceConformance",
    "ExplorerConformance",
    "PriorConformance",
    "StrategyConformance",
    "TrackerConformance",
    "check_device",
]
