"""How a plan is asked for and found: ``partition``, searches after one another or over mesh shapes, why none fits."""

from autopart.planner.api import partition, partition_graph
from autopart.planner.auto import EMBEDDED, RAY, Auto
from autopart.planner.checks import AnyTactic
from autopart.planner.listener import Listener, Listeners
from autopart.planner.tracked_run import TREE_PAGE, Tracking, write_tree_page

__all__ = [
    "AnyTactic",
    "Auto",
    "EMBEDDED",
    "Listener",
    "Listeners",
    "RAY",
    "TREE_PAGE",
    "Tracking",
    "partition",
    "partition_graph",
    "write_tree_page",
]
