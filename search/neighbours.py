"""Looking at the states one action away."""

import numpy as np

from autopart.search.choice import promising_edges
from autopart.search.walk import Walk

TEMPERATURE = 0.3
"""How much expected gains count in what is looked at first; see `promising_edges`."""


def look_around(walk: Walk, rng: np.random.Generator, count: int) -> int:
    """Evaluate up to `count` children never seen from here, the promising ones first; return how many edges were tried.

    The walk comes back to where it stood. A session that is to stop ends the look early.
    """
    node, here = walk.expand(), walk.actions
    untried = np.array([edge for edge in np.flatnonzero(node.is_open) if node.children[edge] is None], np.intp)
    tried = 0
    for edge in promising_edges(node, untried, walk.graph.gains, rng, TEMPERATURE, count):
        if walk.session.stop() is not None:
            break
        walk.step(edge)
        walk.go(here)
        tried += 1
    return tried


def open_children(walk: Walk) -> list[tuple[tuple[float, ...], int]]:
    """Return (rank, edge) of every known child of the node here behind which something new may lie."""
    node, nodes = walk.expand(), walk.graph.nodes
    known = [(int(edge), node.children[edge]) for edge in np.flatnonzero(node.is_open)]
    return [(walk.session.rank(nodes[key].metrics), edge) for edge, key in known if key is not None]
