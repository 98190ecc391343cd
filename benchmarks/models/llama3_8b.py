"""Llama 3 8B: a decoder language model of 8 billion parameters with grouped-query attention (arXiv 2407.21783).

Sizes, tensors and arithmetic are the published ones. The batch is ours, one sequence for each of 16 data-parallel
devices: far less than the millions of tokens a step that it was trained with. Attention makes its scores whole, where
production code fuses it into one kernel.
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
            d_model=4096,
            heads=32,
            head_dim=128,
            d_ff=14336,
            vocab=128256,
            seq=8192,
            batch=16,
            kv_heads=8,
            gated=True,
            biases=False,
            rope_theta=500000.0,
            tied=False,
            final_scale=True,
            norm_epsilon=1e-5,
        ),
        "tiny": TransformerConfig(
            layers=2,
            d_model=64,
            heads=16,
            head_dim=8,
            d_ff=128,
            vocab=128,
            seq=16,
            batch=8,
            kv_heads=8,
            gated=True,
            biases=False,
            rope_theta=500000.0,
            tied=False,
            final_scale=True,
            norm_epsilon=1e-5,
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
