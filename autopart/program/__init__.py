"""A JAX function as a flat dataflow graph.

``trace`` runs JAX's own tracing and writes what it gives as a ``Graph``: values and ops in program order, nested calls
inlined, loops and conditions in place between border ops, a few primitives rewritten into ones that can be tiled.
Nothing here knows of meshes. Patterns over argument paths and the names that ``tag`` gives live here too.
"""

from autopart.program.canonical import params_text
from autopart.program.control_flow import ASSUMED_TRIPS
from autopart.program.gc_pause import paused_collection
from autopart.program.graph import (
    ARGUMENT,
    BOUNDARY,
    BRANCH_JOIN,
    COND,
    ENTER,
    LOOP_CARRY,
    NAME,
    SCAN,
    SCAN_SLICE,
    SCAN_STACK,
    WHILE,
    Argument,
    Control,
    Graph,
    Literal,
    Op,
    Operand,
    Output,
    Value,
    short_source_line,
    source_line,
)
from autopart.program.path_bundles import Bundle, bundled
from autopart.program.patterns import MEANINGFUL, cover, matcher, select, starify
from autopart.program.step import Step
from autopart.program.trace import path_name, trace_step

__all__ = [
    "ARGUMENT",
    "ASSUMED_TRIPS",
    "Argument",
    "BOUNDARY",
    "BRANCH_JOIN",
    "Bundle",
    "COND",
    "Control",
    "ENTER",
    "Graph",
    "LOOP_CARRY",
    "Literal",
    "MEANINGFUL",
    "NAME",
    "Op",
    "Operand",
    "Output",
    "SCAN",
    "SCAN_SLICE",
    "SCAN_STACK",
    "Step",
    "Value",
    "WHILE",
    "bundled",
    "cover",
    "matcher",
    "params_text",
    "path_name",
    "paused_collection",
    "select",
    "short_source_line",
    "source_line",
    "starify",
    "trace_step",
]
