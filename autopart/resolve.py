"""Where schedules written by earlier versions import ``Resolve`` from; today ``from autopart import Resolve``."""

from autopart.tactics.resolve import Resolve

__all__ = ["Resolve"]
