"""The partitioning game that ``search`` plays: actions, states by hash, metrics, priors.

``pruning`` makes it smaller without losing plans; ``ilp`` writes it as tables of costs for integer programming.
"""

from autopart.game.actions import ActionTable, action_table, groups_after
from autopart.game.game_parts import FoldError, GameParts, actions_name, game_name, state_of
from autopart.game.guided_prior import GuidedPrior
from autopart.game.partition_game import PartitionGame, seeds_of
from autopart.game.reserved_axes import reserved_table

__all__ = [
    "ActionTable",
    "FoldError",
    "GameParts",
    "GuidedPrior",
    "PartitionGame",
    "action_table",
    "actions_name",
    "game_name",
    "groups_after",
    "reserved_table",
    "seeds_of",
    "state_of",
]
