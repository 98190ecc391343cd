"""Progressive widening: a node visited more often chooses among more of its actions."""

import math

import numpy as np
import numpy.typing as npt

from autopart.search.gains import Gains
from autopart.search.graph import Node


def widened(node: Node, gains: Gains, rate: float) -> npt.NDArray[np.intp]:
    """Return the ceil(rate sqrt(N)) most promising open edges of a node with N visits, the visited ones first.

    Those never visited come in the order of expected gain, then of the prior (Couëtoux et al. 2011 widen so
    for continuous actions, Chaslot et al. 2008 for many).
    """
    edges = np.flatnonzero(node.is_open)
    count = math.ceil(rate * math.sqrt(node.visits))
    if count >= len(edges):
        return edges
    expected = gains.expected([node.actions[edge] for edge in edges])
    order = np.lexsort((-node.priors[edges], -expected, node.edge_visits[edges] == 0))
    return edges[order[:count]]
