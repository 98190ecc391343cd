"""What a search saw, as arrays: kept with a run, handed to other tools, and shown in notebooks and browsers."""

from autopart.search.tree.build import tree_of
from autopart.search.tree.record import SearchTree

__all__ = ["SearchTree", "tree_of"]
