"""What devices, links, collectives and memory cost, over plain numbers and arrays.

This package stands on the ground: it imports the standard library, numpy and numba only, and knows
nothing of JAX, programs or partitioning. Units are SI and carried in names (``_bytes``, ``_s``,
``_flops``); 1 TB is 1e12 bytes, 1 GiB is 2**30.
"""

from costmodel.collectives import (
    ALL_GATHER,
    ALL_REDUCE,
    ALL_SLICE,
    ALL_TO_ALL,
    COLLECTIVE_PERMUTE,
    KIND_NAMES,
    REDUCE_SCATTER,
    collective_time,
    pack_axes,
    ring_time,
    unpack_axes,
)
from costmodel.devices import DEVICES, Device, device
from costmodel.errors import CostModelError
from costmodel.links import AxisLinks, Link
from costmodel.memory import peak_bytes
from costmodel.mesh import Mesh
from costmodel.roofline import roofline_time

__all__ = [
    "ALL_GATHER",
    "ALL_REDUCE",
    "ALL_SLICE",
    "ALL_TO_ALL",
    "COLLECTIVE_PERMUTE",
    "DEVICES",
    "KIND_NAMES",
    "REDUCE_SCATTER",
    "AxisLinks",
    "CostModelError",
    "Device",
    "Link",
    "Mesh",
    "collective_time",
    "device",
    "pack_axes",
    "peak_bytes",
    "ring_time",
    "roofline_time",
    "unpack_axes",
]
