"""The passes of a training step: which of them an op belongs to."""

from __future__ import annotations

from autopart.program import Op

FORWARD, BACKWARD, REST = PHASES = ("forward", "backward", "rest")


def phase_of(op: Op) -> str:
    """The pass, as JAX's name stacks tell it; of a program without gradients all is ``rest``."""
    stacks = " ".join(str(info.name_stack) for info in op.source_info)
    return BACKWARD if "transpose(" in stacks else FORWARD if "jvp(" in stacks else REST
