"""Links between neighbours on a mesh axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from costmodel.errors import CostModelError


@dataclass(frozen=True, slots=True)
class Link:
    """What joins a device to its neighbours on a mesh axis.

    Attributes:
        bandwidth_bytes_per_s: bytes per second that a device sends in one direction.
        latency_s: seconds from sending to receiving one hop away.
        torus: True for a ring of point-to-point links, which carries both directions at once where it
            closes; False for a switch that joins every pair at the one-way bandwidth.

    Raises:
        CostModelError: a bandwidth that is not positive, or a negative latency.
    """

    bandwidth_bytes_per_s: float
    latency_s: float
    torus: bool = False

    def __post_init__(self) -> None:
        if not self.bandwidth_bytes_per_s > 0:
            raise CostModelError(f"link bandwidth must be positive, not {self.bandwidth_bytes_per_s} bytes/s")
        if not self.latency_s >= 0:
            raise CostModelError(f"link latency must not be negative: {self.latency_s} s")

    def ring_bandwidth_bytes_per_s(self, n: int) -> float:
        """Returns the bytes per second that one device sends into a ring of `n` devices on this link.

        A torus of more than two devices sends both ways at once. Two devices have one link between them,
        so nothing is doubled. That every longer ring closes is an assumption: it holds for whole torus
        dimensions and for rings snaked through a grid with an even side, not for a bare line.
        """
        return self.bandwidth_bytes_per_s * (2.0 if self.torus and n > 2 else 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class AxisLinks:
    """The links of a mesh, as the arrays that the kernels take.

    Attributes:
        sizes: (axes,) int64, devices on each axis.
        table: (sets of axes, kinds, lines, 2) float64, what every collective takes: see
            ``collectives.collective_time``.
        stream: (axes,) int64, in 0..7. Collectives on axes of one stream share a physical link, so they take turns;
            those on axes of different streams run side by side.
    """

    sizes: npt.NDArray[np.int64]
    table: npt.NDArray[np.float64]
    stream: npt.NDArray[np.int64]
