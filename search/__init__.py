"""Tree search over any deterministic one-player game: play it with a `Strategy` towards `Goals`."""

from search.annealing import Annealing
from search.beam import Beam
from search.bounds import BoundedGame
from search.budget import Budget, StopReason
from search.choices import ChoiceProblem, Edge, Row, TabledGame
from search.crew import Cluster, Traffic
from search.distributed import Distributed
from search.errors import SearchError
from search.evolution import Evolution
from search.exhaustive import Exhaustive
from search.explorer import Explorer
from search.gains import Gains
from search.game import Game
from search.goals import AtMost, Goal, Goals, Minimise, Weighted
from search.graph import Node, SearchGraph
from search.greedy import Greedy
from search.ilp import ILP
from search.journal import Header, Journal, JournalError
from search.mcts import MCTS
from search.observer import Improvement, NullObserver, Observer, Observers, Progress
from search.priors import Prior, StaticPrior, UniformPrior
from search.random_search import RandomSearch
from search.recorded import Record, Recorded
from search.strategies import STRATEGIES, make_strategy
from search.strategy import SearchResult, SeedOutcome, Strategy
from search.tree import SearchTree, tree_of

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
