"""T32: a 32-layer decoder language model of 5 billion parameters, after that of the PartIR paper.

Its sizes are ours, chosen to give what arXiv 2401.11202 describes: 9 tensors a layer, a tied embedding.
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
            layers=32,
            d_model=3584,
            heads=32,
            head_dim=112,
            d_ff=14336,
            vocab=32768,
            seq=2048,
            batch=48,
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
