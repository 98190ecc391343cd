"""The ways out of a partition state: explicit SPMD function, jit shardings, schedule source, JSON."""

from autopart.emit.array_layouts import ArrayLayout, argument_layouts, output_layouts, spec_text, tree_specs
from autopart.emit.constraints import Constraint
from autopart.emit.jit import named
from autopart.emit.lower import CollectiveKey, DimAxes, Move, Program, by_kind, value_layouts
from autopart.emit.spmd import spec
from autopart.emit.stablehlo import lowered_collectives

__all__ = [
    "ArrayLayout",
    "CollectiveKey",
    "Constraint",
    "DimAxes",
    "Move",
    "Program",
    "argument_layouts",
    "by_kind",
    "lowered_collectives",
    "named",
    "output_layouts",
    "spec",
    "spec_text",
    "tree_specs",
    "value_layouts",
]
