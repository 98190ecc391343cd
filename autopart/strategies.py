"""Where schedules written by earlier versions import named strategies from; today ``from autopart import Megatron``."""

from autopart.tactics.strategies import (
    FSDP,
    ContextParallel,
    DataParallel,
    EdgeSharding,
    EmbeddingSharding,
    ExpertParallel,
    Megatron,
    MultiQuerySharding,
    SequenceParallel,
    VocabularySharding,
    ZeRO1,
    ZeRO2,
    ZeRO3,
)

__all__ = [
    "FSDP",
    "ContextParallel",
    "DataParallel",
    "EdgeSharding",
    "EmbeddingSharding",
    "ExpertParallel",
    "Megatron",
    "MultiQuerySharding",
    "SequenceParallel",
    "VocabularySharding",
    "ZeRO1",
    "ZeRO2",
    "ZeRO3",
]
