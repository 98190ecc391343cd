"""Small games to try strategies, priors and observers on: those that users have too."""

from autopart.testing.games import AssignmentGame, ChainOfGroups, TabledAssignment, TableGame

__all__ = ["AssignmentGame", "ChainOfGroups", "TableGame", "TabledAssignment"]
