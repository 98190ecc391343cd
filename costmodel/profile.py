"""What one device can do: its figures, checked, and to JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Final

from autopart.costmodel.errors import CostModelError
from autopart.costmodel.links import Link, number, read_fields
from autopart.costmodel.measured import Lines, read_lines

_ALWAYS: Final = ("bfloat16", "float32")
SLOW_OPS: Final = (
    "convolution", "convolution_1x1", "batched_product", "division",
    "reduction", "window", "gather", "scatter",
)  # fmt: skip
"""Classes of ops that may have a rate of their own: products of other forms, and what is slower than pointwise work."""

_NARROW_INTEGERS: Final = ("int8", "uint8", "int4", "uint4", "int2", "uint2", "bool")


@dataclass(frozen=True, eq=False)
class Device:
    """One device as JAX sees it: a core on TPU v3, a whole chip elsewhere.

    Attributes:
        name: what users write to choose it.
        peak_flops: matrix multiplication peak by dtype name, in flops per second; a multiply-add is two.
            Must hold ``"bfloat16"`` and ``"float32"``. Read it through `flops_for`.
        hbm_bytes: bytes of device memory.
        hbm_bandwidth_bytes_per_s: bytes per second between device memory and the compute units.
        matmul_efficiency: part of the peak that a large matrix multiplication is believed to reach, in (0, 1].
        links: kinds of links by name, nearest first; at most one is a torus.
        hbm_usable_bytes: what is left of the memory for a program; all of it where it is not given.
        vector_flops: elementwise peak in operations per second; that of matrix multiplication where it is not given.
        transcendental_flops: exponentials, logarithms and their like per second; `vector_flops` where not given.
        op_rates: of classes of ops (`SLOW_OPS`) what they were measured to do per second: flops of convolutions and of
            products with a batch, elements divided and summed up, elements times those of the window, elements looked
            up and written to looked-up places. A class that is not given has the rate of products or of elementwise
            work.
        convolution_tile: features in whose multiples convolutions with a rate of their own are made.
        matmul_tile: rows, columns and depth in whose multiples matrices are multiplied; shapes are padded to it.
        lanes: elements in whose multiples rows of arrays are kept in memory; 1 where arrays are not padded.
        op_overhead_s: seconds that a fused group takes however small it is.
        overlaps: True where collectives run beside compute.
        rearranging_s_per_byte: seconds a byte in full that an all_gather or a reduce_scatter takes more where it is not
            along the first dimension, because the parts are copied to lie together.
        divides_in_products: False where the compiler writes a quotient to memory before a product reads it.
        collective_lines: what collectives were measured to take over the device's own links, by kind and number of
            devices taking part: seconds before the first byte and seconds a byte in full. Where a kind has none, the
            links decide.

    Raises:
        CostModelError: a figure is not possible, or a dtype that must be there is missing.
    """

    name: str
    peak_flops: Mapping[str, float]
    hbm_bytes: int
    hbm_bandwidth_bytes_per_s: float
    matmul_efficiency: float
    links: Mapping[str, Link]
    hbm_usable_bytes: int = 0
    vector_flops: float | None = None
    transcendental_flops: float | None = None
    op_rates: Mapping[str, float] = field(default_factory=dict)
    convolution_tile: int = 1
    matmul_tile: tuple[int, int, int] = (1, 1, 1)
    lanes: int = 1
    op_overhead_s: float = 0.0
    overlaps: bool = True
    rearranging_s_per_byte: float = 0.0
    divides_in_products: bool = True
    collective_lines: Lines = field(default_factory=dict)

    @property
    def vector_rate(self) -> float:
        """Elementwise operations a second."""
        return self.vector_flops or self.peak_flops["float32"] * self.matmul_efficiency

    @property
    def transcendental_rate(self) -> float:
        """Exponentials and the like a second."""
        return self.transcendental_flops or self.vector_rate

    def __post_init__(self) -> None:
        object.__setattr__(self, "hbm_usable_bytes", self.hbm_usable_bytes or self.hbm_bytes)
        object.__setattr__(self, "collective_lines", read_lines(self.collective_lines))
        object.__setattr__(self, "peak_flops", MappingProxyType(dict(self.peak_flops)))
        object.__setattr__(self, "op_rates", MappingProxyType(dict(self.op_rates)))
        object.__setattr__(self, "links", MappingProxyType(dict(self.links)))
        object.__setattr__(self, "matmul_tile", tuple(self.matmul_tile))
        self._check_figures()
        if len(self.matmul_tile) != 3 or any(not isinstance(n, int) or n < 1 for n in self.matmul_tile):
            raise self._wrong("matmul_tile must be rows, columns and depth, as [128, 128, 32]", self.matmul_tile)
        if self.convolution_tile < 1:
            raise self._wrong("convolution_tile must be 1 or more", self.convolution_tile)
        for what in ("overlaps", "divides_in_products"):
            if not isinstance(getattr(self, what), bool):
                raise self._wrong(f"{what} must be true or false", getattr(self, what))
        if not self.links:
            raise self._wrong("links must name at least one kind of link", dict(self.links))
        if sum(link.torus for link in self.links.values()) > 1:
            raise self._wrong("links must have one torus at most", list(self.links))

    def _check_figures(self) -> None:
        if missing := [dtype for dtype in _ALWAYS if dtype not in self.peak_flops]:
            raise CostModelError(f"device {self.name!r}: peak_flops lacks {', '.join(missing)}: add it")
        figures = ("hbm_bytes", "hbm_usable_bytes", "hbm_bandwidth_bytes_per_s", "vector_flops", "transcendental_flops")
        named = {what: getattr(self, what) for what in figures if getattr(self, what) is not None}
        named |= {f"peak_flops[{dtype!r}]": flops for dtype, flops in self.peak_flops.items()}
        if strangers := [what for what in self.op_rates if what not in SLOW_OPS]:
            raise self._wrong(f"op_rates may have {', '.join(SLOW_OPS)}", strangers[0])
        named |= {f"op_rates[{what!r}]": rate for what, rate in self.op_rates.items()}
        for what, figure in named.items():
            if not figure > 0:
                raise self._wrong(f"{what} must be positive", figure)
        if self.hbm_usable_bytes > self.hbm_bytes:
            raise self._wrong(f"hbm_usable_bytes must not exceed hbm_bytes={self.hbm_bytes}", self.hbm_usable_bytes)
        if not 0 < self.matmul_efficiency <= 1:
            raise self._wrong("matmul_efficiency must be in (0, 1]", self.matmul_efficiency)
        for what in ("op_overhead_s", "rearranging_s_per_byte"):
            if not getattr(self, what) >= 0:
                raise self._wrong(f"{what} must not be negative", getattr(self, what))
        if not self.lanes >= 1:
            raise self._wrong("lanes must be positive", self.lanes)

    def _wrong(self, what: str, value: object) -> CostModelError:
        return CostModelError(f"device {self.name!r}: {what}, not {value}")

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
        """Returns the profile as plain JSON values; links are a list of pairs, for their order counts."""
        document = {part.name: getattr(self, part.name) for part in fields(self)}
        measured = self.collective_lines.items()
        return document | {
            "peak_flops": dict(self.peak_flops),
            "op_rates": dict(self.op_rates),
            "links": [[name, link.to_json()] for name, link in self.links.items()],
            "matmul_tile": list(self.matmul_tile),
            "collective_lines": {kind: {str(n): list(line) for n, line in lines.items()} for kind, lines in measured},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Device:
        """Returns the profile that `to_json` wrote; links may be a mapping too, and what has a default be left out.

        Raises:
            CostModelError: a field is missing, unknown or wrong.
        """
        plain = (
            "name", "peak_flops", "op_rates", "matmul_tile", "overlaps", "divides_in_products", "links",
            "collective_lines",
        )  # fmt: skip
        known = read_fields(cls, document, "a device", plain)
        if not isinstance(known["name"], str):
            raise CostModelError(f"a device's name must be text, not {known['name']!r}")
        for what, by in (("peak_flops", "dtype"), ("op_rates", "class of ops")):
            figures = known.setdefault(what, {})
            if not isinstance(figures, Mapping):
                raise CostModelError(f"{what} must be figures by {by}, not {figures!r}")
            known[what] = {name: number(figure, f"{what}: {name}") for name, figure in figures.items()}
        if not isinstance(known.get("matmul_tile", ()), (list, tuple)):
            raise CostModelError(f"matmul_tile must be three whole numbers, not {known['matmul_tile']!r}")
        for what in ("hbm_bytes", "hbm_usable_bytes"):
            known[what] = int(known.get(what, 0))
        known["convolution_tile"] = int(known.get("convolution_tile", 1))
        known["lanes"] = int(known.get("lanes", 1))
        return cls(**known | {"links": _read_links(known["links"])})

    def _key(self) -> tuple[object, ...]:
        mappings = ("peak_flops", "op_rates", "links", "collective_lines")
        figures = tuple(getattr(self, part.name) for part in fields(self) if part.name not in mappings)
        measured = frozenset((kind, *lines.items()) for kind, lines in self.collective_lines.items())
        rates = frozenset(self.peak_flops.items()), frozenset(self.op_rates.items())
        return (*figures, *rates, tuple(self.links.items()), measured)

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Device) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __reduce__(self) -> tuple[Any, ...]:
        return Device.from_json, (self.to_json(),)


def _read_links(document: object) -> dict[str, Link]:
    """The links by name; an error says which of them is wrong."""
    if isinstance(document, Mapping):
        document = list(document.items())
    if not isinstance(document, list) or any(len(pair) != 2 for pair in document):
        raise CostModelError(f"links must be descriptions by name, not {document!r}")
    links = {}
    for name, link in document:
        try:
            links[str(name)] = Link.from_json(link)
        except CostModelError as error:
            raise CostModelError(f"links.{name}: {error}") from error
    return links
