"""How to choose among the open edges of a node."""

import math

import numpy as np
import numpy.typing as npt

from autopart.search.gains import Gains
from autopart.search.graph import Node
from autopart.search.priors import FloatArray
from autopart.search.widening import widened


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


def promising_edges(
    node: Node,
    edges: npt.NDArray[np.intp],
    gains: Gains,
    rng: np.random.Generator,
    temperature: float,
    count: int,
) -> list[int]:
    """Draw up to `count` of the edges without replacement, with weights as in `promising_edge`.

    By the largest of the log-weights plus Gumbel noise (Vieira 2014, Kool et al. 2019).
    """
    if not len(edges):
        return []
    expected = gains.expected([node.actions[edge] for edge in edges])
    spread = float(expected.std()) or 1.0
    keys = np.log(node.priors[edges]) + expected / (spread * temperature) + rng.gumbel(size=len(edges))
    return [int(edge) for edge in edges[np.argsort(-keys, kind="stable")[:count]]]


def puct_edge(
    node: Node,
    gains: Gains,
    rng: np.random.Generator,
    exploration: float,
    max_weight: float,
    widening: float | None = None,
) -> int:
    """Return the open edge with the highest Q + U; a tie is drawn.

    With `widening` it chooses among those that `widened` gives. An edge with prior P (among these) and n visits,
    at a node with N visits and A actions:
        Q = (1 - max_weight) child mean + max_weight child best, of a visited edge;
        Q = the node's own value + the action's expected gain, of one that is not;
        Q is then scaled so that the least and greatest of node and open edges are 0 and 1;
        U = exploration sqrt(A) P sqrt(N) / (1 + n).
    The sqrt(A) keeps one setting good for few actions and for many: with it, no edge of a uniform prior
    waits longer than about A / exploration^2 visits.
    """
    edges = np.flatnonzero(node.is_open) if widening is None else widened(node, gains, widening)
    if len(edges) == 1:
        return int(edges[0])
    visits = node.edge_visits[edges]
    scaled = quality(node, edges, gains, max_weight)
    priors = node.priors[edges] / node.priors[edges].sum()
    scores = scaled + exploration * math.sqrt(len(node.actions) * node.visits) * priors / (1 + visits)
    ties = np.flatnonzero(scores == scores.max())
    return int(edges[ties[0] if len(ties) == 1 else ties[rng.integers(len(ties))]])


def quality(node: Node, edges: npt.NDArray[np.intp], gains: Gains, max_weight: float) -> FloatArray:
    """Return f64[len(edges)]: the Q of `puct_edge`, from 0 to 1, of the edges given."""
    blended = (1 - max_weight) * node.child_mean[edges] + max_weight * node.child_best[edges]
    guessed = node.own + gains.expected([node.actions[edge] for edge in edges])
    raw = np.where(node.edge_visits[edges] > 0, blended, guessed)
    here = (1 - max_weight) * node.mean + max_weight * node.best
    low, high = min(here, float(raw.min())), max(here, float(raw.max()))
    return (raw - low) / (high - low) if high > low else np.zeros(len(edges))


def _draw(edges: npt.NDArray[np.intp], weights: FloatArray, rng: np.random.Generator) -> int:
    mass = np.cumsum(weights)
    drawn = int(np.searchsorted(mass, rng.random() * mass[-1], side="right"))
    return int(edges[min(drawn, len(edges) - 1)])
