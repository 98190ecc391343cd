"""How to choose among the open edges of a node."""

import math

import numpy as np
import numpy.typing as npt

from search.gains import Gains
from search.graph import Node
from search.priors import FloatArray


def prior_edge(node: Node, rng: np.random.Generator) -> int:
    """Draw an open edge by its prior."""
    edges = np.flatnonzero(node.is_open)
    return _draw(edges, node.priors[edges], rng)


def promising_edge(node: Node, gains: Gains, rng: np.random.Generator, temperature: float) -> int:
    """Draw an open edge by its prior x exp(expected gain / (their standard deviation x temperature))."""
    edges = np.flatnonzero(node.is_open)
    expected = gains.expected([node.actions[edge] for edge in edges])
    spread = float(expected.std()) or 1.0
    return _draw(edges, node.priors[edges] * np.exp((expected - expected.max()) / (spread * temperature)), rng)


def puct_edge(node: Node, gains: Gains, rng: np.random.Generator, exploration: float, max_weight: float) -> int:
    """Return the open edge with the highest Q + U; a tie is drawn.

    An edge with prior P (among the open ones) and n visits, at a node with N visits and A actions:
        Q = (1 - max_weight) child mean + max_weight child best, of a visited edge;
        Q = the node's own value + the action's expected gain, of one that is not;
        Q is then scaled so that the least and greatest of node and open edges are 0 and 1;
        U = exploration sqrt(A) P sqrt(N) / (1 + n).
    The sqrt(A) keeps one setting good for few actions and for many: with it, no edge of a uniform prior
    waits longer than about A / exploration^2 visits.
    """
    edges = np.flatnonzero(node.is_open)
    if len(edges) == 1:
        return int(edges[0])
    visits = node.edge_visits[edges]
    blended = (1 - max_weight) * node.child_mean[edges] + max_weight * node.child_best[edges]
    guessed = node.own + gains.expected([node.actions[edge] for edge in edges])
    quality = np.where(visits > 0, blended, guessed)
    here = (1 - max_weight) * node.mean + max_weight * node.best
    low, high = min(here, float(quality.min())), max(here, float(quality.max()))
    scaled = (quality - low) / (high - low) if high > low else np.zeros(len(edges))
    priors = node.priors[edges] / node.priors[edges].sum()
    scores = scaled + exploration * math.sqrt(len(node.actions) * node.visits) * priors / (1 + visits)
    ties = np.flatnonzero(scores == scores.max())
    return int(edges[ties[0] if len(ties) == 1 else ties[rng.integers(len(ties))]])


def _draw(edges: npt.NDArray[np.intp], weights: FloatArray, rng: np.random.Generator) -> int:
    mass = np.cumsum(weights)
    drawn = int(np.searchsorted(mass, rng.random() * mass[-1], side="right"))
    return int(edges[min(drawn, len(edges) - 1)])
