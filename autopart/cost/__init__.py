"""Seconds and bytes of a layout.

How much work an op is, what the compiler fuses, when values have buffers, what collectives take, and how compute and
links run side by side: kernels over the arrays of ``sharding``, priced by ``costmodel``.
"""

from autopart.cost.collective_sums import Counted, empty_tally, tally_changes
from autopart.cost.measured_costs import STREAMS, Ledger, Table, empty_ledger
from autopart.cost.metrics import (
    COMMUNICATION_BYTES,
    COMMUNICATION_S,
    COMPUTE_S,
    EXPOSED_S,
    IDLE_S,
    METRICS,
    PEAK,
    STEP_S,
    filled_part,
)
from autopart.cost.static_costs import Costs, Repeats, costs_of

__all__ = [
    "COMMUNICATION_BYTES",
    "COMMUNICATION_S",
    "COMPUTE_S",
    "Costs",
    "Counted",
    "EXPOSED_S",
    "IDLE_S",
    "Ledger",
    "METRICS",
    "PEAK",
    "Repeats",
    "STEP_S",
    "STREAMS",
    "Table",
    "costs_of",
    "empty_ledger",
    "empty_tally",
    "filled_part",
    "tally_changes",
]
