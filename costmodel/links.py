"""Links between devices: one kind of wire each, as data."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from autopart.costmodel.errors import CostModelError


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way in which a communication library drives a link: a class of latency and bandwidth.

    Attributes:
        name: such as ``"ll"``; a collective over several links uses one protocol on all of them.
        ring_share, tree_share: part of the link's bandwidth that rings and trees reach, in (0, 1].
        ring_start_s, tree_start_s: seconds before the first step.
        ring_hop_s, tree_hop_s: seconds a step.

    Raises:
        CostModelError: a share is not in (0, 1], or a time is negative.
    """

    name: str
    ring_share: float
    ring_start_s: float
    ring_hop_s: float
    tree_share: float
    tree_start_s: float
    tree_hop_s: float

    def __post_init__(self) -> None:
        for what in ("ring_share", "tree_share"):
            if not 0 < getattr(self, what) <= 1:
                raise CostModelError(f"protocol {self.name!r}: {what} must be in (0, 1], not {getattr(self, what)}")
        for what in ("ring_start_s", "ring_hop_s", "tree_start_s", "tree_hop_s"):
            if not 0 <= getattr(self, what) < math.inf:
                raise CostModelError(f"protocol {self.name!r}: {what} must be seconds, not {getattr(self, what)}")


@dataclass(frozen=True, slots=True)
class Link:
    """What joins a device to others.

    Attributes:
        bandwidth_bytes_per_s: bytes per second that a device sends in one direction: over one wire of a torus, into
            the network where a switch joins every pair.
        latency_s: seconds from sending to receiving one hop away; protocols have figures of their own.
        torus: True for point-to-point wires between neighbours, which carry both directions at once; False for a
            switch.
        dimensions: of the torus.
        wrap_every: a dimension of the torus closes to a ring where its size is a multiple of this.
        wrap_whole: True where that must hold of every dimension, or none closes.
        devices: the most devices that this link joins; None where there is no limit.
        protocols: how a library with several ways drives the link, or () for a plain ring.

    Raises:
        CostModelError: a figure that is impossible.
    """

    bandwidth_bytes_per_s: float
    latency_s: float
    torus: bool = False
    dimensions: int = 1
    wrap_every: int = 1
    wrap_whole: bool = False
    devices: int | None = None
    protocols: tuple[Protocol, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.bandwidth_bytes_per_s < math.inf:
            raise CostModelError(f"link bandwidth must be positive, not {self.bandwidth_bytes_per_s} bytes/s")
        if not 0 <= self.latency_s < math.inf:
            raise CostModelError(f"link latency must not be negative: {self.latency_s} s")
        for what, least in (("dimensions", 1), ("wrap_every", 1), ("devices", 2)):
            count = getattr(self, what)
            if not (isinstance(count, int) and count >= least) and not (what == "devices" and count is None):
                raise CostModelError(f"link {what} must be a whole number from {least}, not {count!r}")
        if self.torus and self.protocols:
            raise CostModelError("a link is a torus or has protocols, not both: protocols are ways to use a switch")
        names = [protocol.name for protocol in self.protocols]
        if len(set(names)) != len(names):
            raise CostModelError(f"a link names each protocol once, not {', '.join(names)}")

    def to_json(self) -> dict[str, Any]:
        """Returns the link as plain JSON values."""
        return asdict(self) | {"protocols": [asdict(protocol) for protocol in self.protocols]}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Link:
        """Returns the link that `to_json` wrote; what has a default may be left out.

        Raises:
            CostModelError: it is no mapping, or a field is missing, unknown or wrong.
        """
        known = read_fields(cls, document, "a link", ("torus", "wrap_whole", "protocols"))
        protocols = known.pop("protocols", ())
        if not isinstance(protocols, (list, tuple)):
            raise CostModelError(f"a link's protocols must be a list, not {protocols!r}")
        each = tuple(Protocol(**read_fields(Protocol, one, "a protocol", ("name",))) for one in protocols)
        return cls(**known, protocols=each)


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


def read_fields(kind: type, document: object, what: str, plain: tuple[str, ...]) -> dict[str, Any]:
    """Returns a document's fields for the dataclass `kind`, with numbers read; fields in `plain` are left as they are.

    Raises:
        CostModelError: it is no mapping, a field is unknown or missing, or a figure is no number.
    """
    if not isinstance(document, Mapping):
        raise CostModelError(f"{what} must be fields with values, not {document!r}")
    known = {field.name: field for field in fields(kind)}
    if strangers := [str(name) for name in document if name not in known]:
        raise CostModelError(f"{what} has no field {strangers[0]!r}; there is {', '.join(known)}")
    required = [n for n, field in known.items() if field.default is MISSING and field.default_factory is MISSING]
    if missing := [name for name in required if name not in document]:
        raise CostModelError(f"{what} lacks {', '.join(missing)}: add it")
    return {n: v if n in plain or v is None else number(v, f"{what}: {n}") for n, v in document.items()}


def number(value: object, what: str) -> float:
    """Returns a figure; YAML reads ``1e-6`` as text, which is meant as a number here.

    Raises:
        CostModelError: it is neither a number nor the text of one.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return float(value)
    raise CostModelError(f"{what} must be a number, not {value!r}")
