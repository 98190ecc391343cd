"""Peak memory of a program from what each of its positions allocates and frees."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from costmodel.kernel import kernel


@kernel
def peak_bytes(
    resident: float,
    alloc: npt.NDArray[np.float64],
    free: npt.NDArray[np.float64],
    transient: npt.NDArray[np.float64],
) -> tuple[float, int]:
    """Returns the most bytes ever live, and the first program position at which they are.

    `alloc`, `free` and `transient` are float64 arrays of one length, one entry a program position.
    `resident` bytes are live before the first position (arguments, constants). At position ``i``
    ``alloc[i]`` bytes become live, ``transient[i]`` more are live only while it runs (buffers of a
    collective, scratch), and ``free[i]`` bytes, whose last use it is, go when it has run. An empty
    program peaks at `resident`, at position -1, which is also the answer when no position exceeds it.

    Byte counts are exact below 2**53. The arrays are not checked: a shorter one is a caller's bug.
    """
    live = resident
    peak = resident
    position = -1
    for i in range(alloc.shape[0]):
        live += alloc[i]
        at_work = live + transient[i]
        if at_work > peak:
            peak = at_work
            position = i
        live -= free[i]
    return peak, position
