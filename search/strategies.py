"""Every strategy by its name."""

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final

from autopart.search.annealing import Annealing
from autopart.search.beam import Beam
from autopart.search.errors import SearchError
from autopart.search.evolution import Evolution
from autopart.search.exhaustive import Exhaustive
from autopart.search.greedy import Greedy
from autopart.search.ilp import ILP
from autopart.search.mcts import MCTS
from autopart.search.priors import Prior, UniformPrior
from autopart.search.random_search import RandomSearch
from autopart.search.strategy import Strategy

STRATEGIES: Final[Mapping[str, type[Strategy]]] = MappingProxyType(
    {
        "random": RandomSearch,
        "greedy": Greedy,
        "beam": Beam,
        "annealing": Annealing,
        "evolution": Evolution,
        "exhaustive": Exhaustive,
        "ilp": ILP,
        "mcts": MCTS,
    }
)
"""What `make_strategy` makes, simplest first."""


def make_strategy(name: str, seed: int = 0, prior: Prior | None = None, **options: Any) -> Strategy:
    """Return a strategy by its name; `options` are the fields of its class.

    Raises SearchError for a name or an option that there is not, or an option out of range.
    """
    if name not in STRATEGIES:
        near = get_close_matches(name, STRATEGIES)
        ours = [*near, *(other for other in STRATEGIES if other not in near)]
        raise SearchError(f"no strategy {name!r}: there are {', '.join(ours)}")
    kind = STRATEGIES[name]
    known = kind.__dataclass_fields__  # type: ignore[attr-defined]  # each strategy is a dataclass
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise SearchError(f"{name} has no option {', '.join(unknown)}; it has {', '.join(known)}")
    made: Strategy = kind(seed=seed, prior=prior or UniformPrior(), **options)  # type: ignore[call-arg]
    return made
