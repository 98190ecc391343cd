"""Mixtral 8x7B: a decoder of 47 billion parameters, two of whose 8 experts a layer serve each token (arXiv 2401.04088).

Sizes, tensors and arithmetic are the published ones, but for what follows. Each expert has a limit of tokens, 1.25
times what a balanced router needs; Mixtral drops none. Sequences are cut to 4096 tokens, so that they can be sent to
experts by products. The batch is ours.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from autopart.benchmarks.models.moe import MoeConfig, moe_step
from autopart.benchmarks.models.presets import configure
from autopart.program.step import Step

PRESETS: Final = MappingProxyType(
    {
        "full": MoeConfig(
            layers=32,
            d_model=4096,
            heads=32,
            head_dim=128,
            d_ff=14336,
            vocab=32000,
            seq=4096,
            batch=32,
            kv_heads=8,
            gated=True,
            biases=False,
            rope_theta=1e6,
            tied=False,
            final_scale=True,
            norm_epsilon=1e-5,
            experts=8,
            choices=2,
            capacity=1280,
        ),
        "tiny": MoeConfig(
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
            rope_theta=1e6,
            tied=False,
            final_scale=True,
            norm_epsilon=1e-5,
            experts=8,
            choices=2,
            capacity=8,
            compute_dtype="float32",
        ),
    }
)
"""Configurations by name."""


def step(preset: str = "full", **overrides: Any) -> Step:
    """Returns the training step of a preset ("full" or "tiny"); keywords override fields of `MoeConfig`.

    Raises:
        ValueError: an unknown preset or field, or a value that does not fit.
    """
    return moe_step(configure(PRESETS, preset, overrides))
