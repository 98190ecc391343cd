"""What the TPU compiler says of a compiled step, and what its collectives take by the device profile's links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from autopart.benchmarks.accuracy import reader
from autopart.benchmarks.accuracy.compilers import Product
from autopart.benchmarks.accuracy.verdict import PEAK, collectives_to_json
from autopart.costmodel.collectives import KIND_NAMES, collective_time, pack_axes
from autopart.costmodel.mesh import Mesh
from autopart.emit.lower import CollectiveKey

CLOCK_HZ: Final = 1.5e9
"""Of a TPU v5e (JAX scaling book, 'How to think about TPUs': jax-ml.github.io/scaling-book/tpus)."""


@dataclass(frozen=True)
class Figures:
    """A compiled step.

    Attributes:
        peak_bytes: most memory that a device holds, by the compiler.
        cycles: of a step by the compiler's estimate; collectives are not in it.
        collectives: as often as they run in a step, one for each array.
        communication_s: what the collectives take one after another, by the links of the device profile.
    """

    peak_bytes: int
    cycles: float
    collectives: Mapping[CollectiveKey, int]
    communication_s: float

    @property
    def collective_bytes(self) -> int:
        """Bytes of all collectives, each in full along its axes."""
        return sum(nbytes * count for (_, _, nbytes), count in self.collectives.items())

    @property
    def step_s(self) -> float:
        """Cycles at the chip's clock and then communication, as if nothing overlapped."""
        return self.cycles / CLOCK_HZ + self.communication_s

    def to_json(self) -> dict[str, Any]:
        """The figures as plain JSON values."""
        return {
            "peak_memory_bytes": self.peak_bytes,
            "cycles": self.cycles,
            "collective_bytes": self.collective_bytes,
            "collectives": collectives_to_json(self.collectives),
            "communication_s": self.communication_s,
            "step_s": self.step_s,
        }


def figures_of(product: Product, mesh: Mesh) -> Figures:
    """Reads a compiled step that was not refused."""
    assert not product.refused, product.text
    collectives = reader.collectives(product.module, mesh, executed=True)
    seconds = sum(count * seconds_of(key, mesh) for key, count in collectives.items())
    return Figures(product.memory_bytes[PEAK], reader.cycles(product.module), collectives, seconds)


def seconds_of(key: CollectiveKey, mesh: Mesh) -> float:
    """Seconds of one collective; one over devices that no axes of the mesh join is taken to go over all of it."""
    kind, axes, nbytes = key
    known = axes if set(axes) <= set(mesh.axis_names) else mesh.axis_names
    code = pack_axes([mesh.axis_names.index(axis) for axis in known])
    return float(collective_time(KIND_NAMES.index(kind), float(nbytes), code, mesh.links().table))
