"""Time of one fused computation on one device."""

from __future__ import annotations

from autopart.costmodel.kernel import kernel


@kernel
def roofline_time(work_s: float, nbytes: float, bandwidth: float) -> float:
    """Returns the seconds that a computation takes when compute and memory traffic overlap fully.

    ``max(work_s, nbytes / bandwidth)``: `work_s` seconds that its operations take at the rates that one
    believes in, `nbytes` bytes moved between memory and the compute units at `bandwidth` bytes per second.
    Charge it at fusion boundaries: pointwise chains that the compiler fuses move only their outer operands
    and results.

    Source: Williams, Waterman, Patterson, "Roofline", CACM 52(4), 2009.
    """
    return max(work_s, nbytes / bandwidth)
