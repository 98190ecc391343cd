"""How a program lies on a mesh: sharding rules, the state's marks, and the one decision of layouts and collectives.

The program becomes flat arrays (``flat_program``); rules say which dimensions are tiled together (``rules``);
kernels spread tiles to a fixed point (``propagate``) and decide which collective stands where (``layout``).
Estimates, the SPMD program and reports all read that decision.
"""

from autopart.sharding.decide import decide_changes
from autopart.sharding.flat_program import (
    FlatProgram,
    Float64Array,
    Int8Array,
    Int32Array,
    Int64Array,
    UInt32Array,
    last_reads,
    pointers,
)
from autopart.sharding.layout import (
    AXES,
    BASE,
    DIM,
    FORM,
    FORM_FIRST_USE,
    FORM_LAST_USE,
    FORM_MOVED,
    FORM_MOVES_BEGIN,
    FORM_MOVES_END,
    KIND,
    Dirty,
    Layout,
)
from autopart.sharding.packed_layout import tiled_axes
from autopart.sharding.propagate import ATOMIC, TILE, Marks, Steps, divides, legal_actions

__all__ = [
    "ATOMIC",
    "AXES",
    "BASE",
    "Int8Array",
    "Dirty",
    "DIM",
    "FORM",
    "FORM_FIRST_USE",
    "FORM_LAST_USE",
    "FORM_MOVED",
    "FORM_MOVES_BEGIN",
    "FORM_MOVES_END",
    "Float64Array",
    "UInt32Array",
    "Int32Array",
    "KIND",
    "Layout",
    "Int64Array",
    "Marks",
    "Steps",
    "TILE",
    "FlatProgram",
    "decide_changes",
    "divides",
    "last_reads",
    "legal_actions",
    "pointers",
    "tiled_axes",
]
