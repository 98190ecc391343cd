"""The known strategies as tactics: each finds its arguments by structure, in any program."""

from autopart.strategies.context import ContextParallel
from autopart.strategies.data_parallel import DataParallel
from autopart.strategies.edges import EdgeSharding
from autopart.strategies.embedding import EmbeddingSharding, VocabularySharding
from autopart.strategies.experts import ExpertParallel
from autopart.strategies.megatron import Megatron
from autopart.strategies.multi_query import MultiQuerySharding
from autopart.strategies.sequence import SequenceParallel
from autopart.strategies.strategy import ArgumentStrategy, Strategy
from autopart.strategies.zero import FSDP, ZeRO1, ZeRO2, ZeRO3

__all__ = [
    "FSDP",
    "ArgumentStrategy",
    "ContextParallel",
    "DataParallel",
    "EdgeSharding",
    "EmbeddingSharding",
    "ExpertParallel",
    "Megatron",
    "MultiQuerySharding",
    "SequenceParallel",
    "Strategy",
    "VocabularySharding",
    "ZeRO1",
    "ZeRO2",
    "ZeRO3",
]
