"""Tree search over any deterministic one-player game: play it with a `Strategy` towards `Goals`."""

from autopart.search.annealing import Annealing
from autopart.search.beam import Beam
from autopart.search.bounds import BoundedGame
from autopart.search.budget import Budget, StopReason
from autopart.search.choices import ChoiceProblem, Edge, Row, TabledGame
from autopart.search.crew import Cluster, Traffic
from autopart.search.distributed import Distributed
from autopart.search.errors import SearchError
from autopart.search.evolution import Evolution
from autopart.search.exhaustive import Exhaustive
from autopart.search.explorer import Explorer
from autopart.search.gains import Gains
from autopart.search.game import Game
from autopart.search.goals import AtMost, Goal, Goals, Minimise, Weighted
from autopart.search.graph import Node, SearchGraph
from autopart.search.greedy import Greedy
from autopart.search.ilp import ILP
from autopart.search.journal import Header, Journal, JournalError
from autopart.search.mcts import MCTS
from autopart.search.observer import Improvement, NullObserver, Observer, Observers, Progress
from autopart.search.priors import Prior, StaticPrior, UniformPrior
from autopart.search.random_search import RandomSearch
from autopart.search.recorded import Record, Recorded
from autopart.search.strategies import STRATEGIES, make_strategy
from autopart.search.strategy import SearchResult, SeedOutcome, Strategy
from autopart.search.tree import SearchTree, tree_of

__all__ = [
    "ILP",
    "MCTS",
    "STRATEGIES",
    "Annealing",
    "AtMost",
    "Beam",
    "BoundedGame",
    "Budget",
    "ChoiceProblem",
    "Cluster",
    "Distributed",
    "Edge",
    "Evolution",
    "Explorer",
    "Exhaustive",
    "Gains",
    "Game",
    "Goal",
    "Goals",
    "Greedy",
    "Header",
    "Improvement",
    "Journal",
    "JournalError",
    "Minimise",
    "Node",
    "NullObserver",
    "Observer",
    "Observers",
    "Prior",
    "Progress",
    "RandomSearch",
    "Record",
    "Recorded",
    "Row",
    "SearchError",
    "SearchGraph",
    "SearchResult",
    "SearchTree",
    "SeedOutcome",
    "StaticPrior",
    "Strategy",
    "StopReason",
    "TabledGame",
    "Traffic",
    "UniformPrior",
    "Weighted",
    "make_strategy",
    "tree_of",
]
