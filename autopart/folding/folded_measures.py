"""What goals count on the whole program, asked of the folded one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from autopart.cost import Counted
from autopart.folding.fold import Folded
from autopart.goals import Reserved


def folded_ops(ops: npt.NDArray[np.bool_], folded: Folded) -> npt.NDArray[np.bool_] | None:
    """The same choice of ops in a folded program; ``None`` if it tells the layers left out from the one for them."""
    kept = ops[folded.kept]
    return kept if np.array_equal(kept[folded.stands_for], ops) else None


def folded_counted(counted: Sequence[Counted], folded: Folded) -> tuple[Counted, ...] | None:
    """What is counted in a folded program to come to the figures of the whole; ``None`` if that cannot be."""
    kept = [folded_ops(one.ops, folded) for one in counted]
    if any(ops is None for ops in kept):
        return None
    return tuple(replace(one, ops=ops) for one, ops in zip(counted, kept, strict=True) if ops is not None)


def folded_reserved(reserved: Sequence[Reserved], folded: Folded) -> tuple[Reserved, ...] | None:
    """The same on a folded program; ``None`` if they tell its layers apart."""
    kept = [folded_ops(one.ops, folded) for one in reserved]
    if any(ops is None for ops in kept):
        return None
    return tuple(replace(one, ops=ops) for one, ops in zip(reserved, kept, strict=True) if ops is not None)
