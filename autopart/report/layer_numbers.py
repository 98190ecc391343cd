"""Which layer an op is of, numbered as the program runs through them."""

from __future__ import annotations

import numpy as np

from autopart.folding import edges_of, layers_of
from autopart.partitioning import groups_of
from autopart.program import ARGUMENT, Graph
from autopart.sharding import Int32Array


def layer_numbers(graph: Graph) -> Int32Array:
    """(ops,) the layer of each, from 0 in the order in which the program comes to them first; -1: in none."""
    layers = layers_of(graph, groups_of(graph), edges_of(graph))
    inside = layers.unit >= 0
    if not inside.any():
        return np.full(len(graph.ops), -1, np.int32)
    low, high = int(layers.layer[inside].min()), int(layers.layer[inside].max())
    run = np.array([op.primitive != ARGUMENT for op in graph.ops]) & inside
    first = int(np.flatnonzero(run if run.any() else inside)[0])
    again = np.flatnonzero(layers.unit == layers.unit[first])
    falls = len(again) > 1 and layers.layer[again[1]] < layers.layer[again[0]]
    return np.where(inside, high - layers.layer if falls else layers.layer - low, -1).astype(np.int32)
