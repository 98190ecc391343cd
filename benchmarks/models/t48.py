"""T48: a 48-layer decoder language model of 32 billion parameters with multi-query attention, after PartIR's.

What arXiv 2401.11202 tells of it is its depth, its size and that one head of keys and values serves all heads of
queries. The other sizes are ours; like T32 it has biases, GELU and a tied embedding.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from autopart.benchmarks.models.presets import configure
from autopart.benchmarks.models.transformer import TransformerConfig, transformer_step
from autopart.program.step import Step

PRESETS: Final = MappingProxyType(
    {
        "full": TransformerConfig(
            layers=48,
            d_model=8192,
            heads=64,
            head_dim=128,
            d_ff=32768,
            vocab=32768,
            seq=2048,
            batch=64,
            kv_heads=1,
        ),
        "tiny": TransformerConfig(
            layers=2,
            d_model=64,
            heads=8,
            head_dim=8,
            d_ff=256,
            vocab=128,
            seq=16,
            batch=8,
            kv_heads=1,
            compute_dtype="float32",
        ),
    }
)
"""Configurations by name."""


def step(preset: str = "full", **overrides: Any) -> Step:
    """Returns the training step of a preset ("full" or "tiny"); keywords override `TransformerConfig` fields.

    Raises:
        ValueError: an unknown preset or field, or a value that does not fit.
    """
    return transformer_step(configure(PRESETS, preset, overrides))
