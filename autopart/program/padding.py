"""A window that sums takes over the zeros that were padded around and between the elements it reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autopart.program.graph import Literal, Op


def absorb(pad: Op, window: Mapping[str, Any]) -> dict[str, Any] | None:
    """Parameters of a ``reduce_window_sum`` that reads the operand of ``pad`` instead of its result.

    The gradient of pooling is written as a padding and a window: the padded array has no tiles that stand where
    those of the gradient stand, the dilated window has. ``None`` if it pads with another value, or less than nothing.
    """
    value = pad.operands[1]
    if not isinstance(value, Literal) or np.any(np.asarray(value.value) != 0) or set(window["base_dilation"]) != {1}:
        return None
    around = [
        (int(low + more_low), int(high + more_high))
        for (low, high, _), (more_low, more_high) in zip(
            pad.params["padding_config"], window["padding"], strict=True
        )
    ]  # fmt: skip
    if any(low < 0 or high < 0 for low, high in around):
        return None
    between = tuple(int(interior) + 1 for _, _, interior in pad.params["padding_config"])
    return {**window, "padding": tuple(around), "base_dilation": between}
