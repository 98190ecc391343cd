"""Profiles of accelerators: how fast they compute, what their memory holds, how they are joined.

Figures are published peaks unless the comment beside them says *assumption*. A profile describes one
JAX device, which is a core on TPU v3 and a whole chip elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Final

from costmodel.errors import CostModelError
from costmodel.links import Link

_ALWAYS: Final = ("bfloat16", "float32")
_NARROW_INTEGERS: Final = ("int8", "uint8", "int4", "uint4", "int2", "uint2", "bool")


@dataclass(frozen=True, eq=False)
class Device:
    """One device as JAX sees it.

    Attributes:
        name: what users write to choose it.
        peak_flops: matrix multiplication peak by dtype name, in flops per second; a multiply-add is two.
            Must hold ``"bfloat16"`` and ``"float32"``. Read it through `flops_for`.
        hbm_bytes: bytes of device memory.
        hbm_bandwidth_bytes_per_s: bytes per second between device memory and the compute units.
        link_bandwidth_bytes_per_s: bytes per second that one device sends one way along one mesh axis.
        link_latency_s: seconds a hop.
        torus: True where a mesh axis is a ring of point-to-point links that carries both directions,
            False where a switch joins every pair.
        matmul_efficiency: part of the peak that a large matrix multiplication is believed to reach, in
            (0, 1]; an assumption until it is calibrated.

    Raises:
        CostModelError: a figure is not positive, or a dtype that must be there is missing.
    """

    name: str
    peak_flops: Mapping[str, float]
    hbm_bytes: int
    hbm_bandwidth_bytes_per_s: float
    link_bandwidth_bytes_per_s: float
    link_latency_s: float
    torus: bool
    matmul_efficiency: float
    vector_flops: float | None = None
    transcendental_flops: float | None = None
    matmul_tile: tuple[int, int, int] = (8, 128, 128)
    op_overhead_s: float = 0.0
    overlaps: bool = True

    @property
    def vector_rate(self) -> float:
        """Elementwise operations a second."""
        return self.vector_flops or self.peak_flops["float32"] * self.matmul_efficiency

    @property
    def transcendental_rate(self) -> float:
        """Exponentials and the like a second."""
        return self.transcendental_flops or self.vector_rate

    def __post_init__(self) -> None:
        object.__setattr__(self, "peak_flops", MappingProxyType(dict(self.peak_flops)))
        if missing := [dtype for dtype in _ALWAYS if dtype not in self.peak_flops]:
            raise CostModelError(f"device {self.name!r}: peak_flops lacks {', '.join(missing)}")
        figures = {"hbm_bytes": self.hbm_bytes, "hbm_bandwidth_bytes_per_s": self.hbm_bandwidth_bytes_per_s}
        figures |= {f"peak_flops[{dtype!r}]": flops for dtype, flops in self.peak_flops.items()}
        for what, figure in figures.items():
            if not figure > 0:
                raise CostModelError(f"device {self.name!r}: {what} must be positive, not {figure}")
        if not 0 < self.matmul_efficiency <= 1:
            raise CostModelError(
                f"device {self.name!r}: matmul_efficiency must be in (0, 1], not {self.matmul_efficiency}"
            )
        _ = self.link  # A Link checks its own figures.

    @property
    def link(self) -> Link:
        """The link that joins this device to its neighbours on a mesh axis."""
        return Link(self.link_bandwidth_bytes_per_s, self.link_latency_s, self.torus)

    def flops_for(self, dtype_name: str) -> float:
        """Returns the peak flops per second for operands of a dtype, known by its numpy name.

        A dtype without a figure of its own takes that of the nearest kind: ``float8_*`` and ``float4_*``
        that of ``"float8"``, integers of 8 bits or fewer and ``bool`` that of ``"int8"``, and these, when
        missing, and ``float16`` that of ``"bfloat16"``; everything else, ``float64``, complex and wide
        integers too, that of ``"float32"``, which flatters them.
        """
        if dtype_name in self.peak_flops:
            return self.peak_flops[dtype_name]
        if dtype_name.startswith(("float8", "float4")):
            return self.peak_flops.get("float8", self.peak_flops["bfloat16"])
        if dtype_name in _NARROW_INTEGERS:
            return self.peak_flops.get("int8", self.peak_flops["bfloat16"])
        return self.peak_flops["bfloat16" if dtype_name == "float16" else "float32"]

    def to_json(self) -> dict[str, Any]:
        """Returns the profile as plain JSON values."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"peak_flops": dict(self.peak_flops)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Device:
        """Returns the profile that `to_json` wrote.

        Raises:
            CostModelError: a field is missing, unknown or wrong.
        """
        known = [field.name for field in fields(cls)]
        if set(document) != set(known):
            raise CostModelError(f"a device needs exactly {', '.join(known)}; got {', '.join(document)}")
        return cls(**{**document, "matmul_tile": tuple(document["matmul_tile"])})

    def _key(self) -> tuple[object, ...]:
        figures = tuple(getattr(self, field.name) for field in fields(self) if field.name != "peak_flops")
        return (*figures, frozenset(self.peak_flops.items()))

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Device) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __reduce__(self) -> tuple[Any, ...]:
        return Device.from_json, (self.to_json(),)


def device(name: str) -> Device:
    """Returns the profile of a known device.

    Raises:
        CostModelError: no profile has this name; the message lists those that there are.
    """
    if name not in DEVICES:
        raise CostModelError(
            f"unknown device {name!r}; known: {', '.join(DEVICES)}. Or describe yours: costmodel.Device(...)"
        )
    return DEVICES[name]


_TPU_V3: Final = Device(
    name="tpu_v3",
    # Cloud TPU docs, "TPU v3": 123 TFLOP/s bf16 a chip, of two cores that are two JAX devices. float32 at
    # JAX's default precision multiplies in bf16 and adds in float32, at the same rate.
    peak_flops={"bfloat16": 123e12 / 2, "float32": 123e12 / 2},
    hbm_bytes=16 * 2**30,  # Cloud TPU docs: 32 GiB a chip, 16 a core.
    hbm_bandwidth_bytes_per_s=900e9 / 2,  # Cloud TPU docs: 900 GB/s a chip; halving is an assumption.
    link_bandwidth_bytes_per_s=70e9,  # arXiv 2304.01433, table 4: 4 links of 70 GB/s a chip.
    link_latency_s=1e-6,  # Assumption: about a microsecond a hop.
    torus=True,  # 2D torus. Assumption: an axis has its own ring, not shared by a chip's two cores.
    matmul_efficiency=0.7,  # Assumption.
)

_TPU_V4: Final = Device(
    name="tpu_v4",
    # Cloud TPU docs, "TPU v4": 275 TFLOP/s a chip, bf16 or int8; a chip is one device (megacore).
    peak_flops={"bfloat16": 275e12, "float32": 275e12, "int8": 275e12},
    hbm_bytes=32 * 2**30,  # Cloud TPU docs.
    hbm_bandwidth_bytes_per_s=1200e9,  # Cloud TPU docs.
    link_bandwidth_bytes_per_s=50e9,  # arXiv 2304.01433, table 4: 6 links of 50 GB/s a chip.
    link_latency_s=1e-6,  # Assumption: about a microsecond a hop.
    torus=True,  # 3D torus.
    matmul_efficiency=0.7,  # Assumption.
)

_TPU_V5E: Final = Device(
    name="tpu_v5e",
    peak_flops={"bfloat16": 197e12, "float32": 197e12, "int8": 393e12},  # Cloud TPU docs, "TPU v5e".
    hbm_bytes=16 * 2**30,  # Cloud TPU docs: 16 GB, read as GiB.
    hbm_bandwidth_bytes_per_s=819e9,  # Cloud TPU docs.
    link_bandwidth_bytes_per_s=45e9,  # JAX scaling book, "TPU specs": one way, one link.
    link_latency_s=1e-6,  # Assumption: about a microsecond a hop.
    torus=True,  # 2D torus.
    matmul_efficiency=0.7,  # Assumption.
)

_A100: Final = Device(
    name="a100",
    # NVIDIA A100 80GB SXM datasheet, dense. float32 multiplies as TF32, JAX's default precision there.
    peak_flops={
        "bfloat16": 312e12,
        "float16": 312e12,
        "float32": 156e12,
        "float64": 19.5e12,
        "int8": 624e12,
    },
    hbm_bytes=80 * 2**30,  # Datasheet: 80 GB, read as GiB.
    hbm_bandwidth_bytes_per_s=2039e9,  # Datasheet.
    link_bandwidth_bytes_per_s=300e9,  # Datasheet: NVLink, 600 GB/s both ways together.
    link_latency_s=2e-6,  # Assumption: a step of an NCCL ring inside a node.
    torus=False,  # NVSwitch. An axis that leaves the node needs a Link of its own.
    matmul_efficiency=0.6,  # Assumption.
)

_H100: Final = Device(
    name="h100",
    # NVIDIA H100 SXM datasheet, halved where it quotes sparsity. float32 multiplies as TF32.
    peak_flops={
        "bfloat16": 989e12,
        "float16": 989e12,
        "float32": 494e12,
        "float64": 67e12,
        "float8": 1979e12,
        "int8": 1979e12,
    },
    hbm_bytes=80 * 2**30,  # Datasheet: 80 GB, read as GiB.
    hbm_bandwidth_bytes_per_s=3350e9,  # Datasheet.
    link_bandwidth_bytes_per_s=450e9,  # Datasheet: NVLink, 900 GB/s both ways together.
    link_latency_s=2e-6,  # Assumption: a step of an NCCL ring inside a node.
    torus=False,  # NVSwitch. An axis that leaves the node needs a Link of its own.
    matmul_efficiency=0.6,  # Assumption.
)

_CPU: Final = Device(
    name="cpu",
    # Assumption, every figure: a share of a server's cores, as one of a few host devices would have.
    peak_flops={"bfloat16": 100e9, "float32": 200e9, "float64": 100e9},
    hbm_bytes=8 * 2**30,
    hbm_bandwidth_bytes_per_s=20e9,
    link_bandwidth_bytes_per_s=5e9,
    link_latency_s=20e-6,
    torus=False,
    matmul_efficiency=0.5,
    matmul_tile=(1, 1, 1),
    overlaps=False,
)

DEVICES: Final[Mapping[str, Device]] = MappingProxyType(
    {profile.name: profile for profile in (_TPU_V3, _TPU_V4, _TPU_V5E, _A100, _H100, _CPU)}
)
"""The known profiles by name; read-only."""
