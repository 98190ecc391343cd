"""A walk to somewhere new: how strategies start again, and how they come to an end."""

import numpy as np

from autopart.search.choice import prior_edge
from autopart.search.walk import Step, Walk


def discover(walk: Walk, rng: np.random.Generator) -> bool:
    """Walk from the root, by the prior, to a state never seen; return whether there was one left.

    It never enters an exhausted part. A session that is to stop ends the walk early, as if there were more.
    """
    walk.unwind()
    while walk.session.stop() is None:
        if not walk.expand().exhausted:
            if walk.step(prior_edge(walk.node, rng)) is Step.NEW:
                return True
        elif walk.path:
            walk.back()
        else:
            return False
    return True
