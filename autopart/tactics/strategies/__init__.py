"""The known strategies as tactics: each finds its arguments by structure, in any program."""

from autopart.tactics.strategies.context_parallel import ContextParallel
from autopart.tactics.strategies.data_parallel import DataParallel
from autopart.tactics.strategies.edge_sharding import EdgeSharding
from autopart.tactics.strategies.embedding import EmbeddingSharding, VocabularySharding
from autopart.tactics.strategies.expert_parallel import ExpertParallel
from autopart.tactics.strategies.megatron import Megatron
from autopart.tactics.strategies.multi_query import MultiQuerySharding
from autopart.tactics.strategies.sequence_parallel import SequenceParallel
from autopart.tactics.strategies.strategy import ArgumentStrategy, Strategy, owners
from autopart.tactics.strategies.zero import FSDP, ZeRO1, ZeRO2, ZeRO3

__all__ = [
    "ArgumentStrategy",
    "ContextParallel",
    "DataParallel",
    "EdgeSharding",
    "EmbeddingSharding",
    "ExpertParallel",
    "FSDP",
    "Megatron",
    "MultiQuerySharding",
    "SequenceParallel",
    "Strategy",
    "VocabularySharding",
    "ZeRO1",
    "ZeRO2",
    "ZeRO3",
    "owners",
]
