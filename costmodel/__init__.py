"""What devices, links, collectives and memory cost, over plain numbers and arrays.

This package stands on the ground: it imports the standard library, numpy, numba and yaml only, reads
device profiles from ``configs/device``, and knows nothing of JAX, programs or partitioning. Units are
SI and carried in names (``_bytes``, ``_s``, ``_flops``); 1 TB is 1e12 bytes, 1 GiB is 2**30.
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
    rearranging_time,
    unpack_axes,
)
from costmodel.devices import device, device_names, device_of
from costmodel.errors import CostModelError
from costmodel.lines import Line
from costmodel.links import AxisLinks, Link, Protocol
from costmodel.mesh import Mesh
from costmodel.placement import Part, Placement
from costmodel.profile import Device
from costmodel.roofline import roofline_time

__all__ = [
    "ALL_GATHER",
    "ALL_REDUCE",
    "ALL_SLICE",
    "ALL_TO_ALL",
    "COLLECTIVE_PERMUTE",
    "KIND_NAMES",
    "REDUCE_SCATTER",
    "AxisLinks",
    "CostModelError",
    "Device",
    "Line",
    "Link",
    "Mesh",
    "Part",
    "Placement",
    "Protocol",
    "collective_time",
    "rearranging_time",
    "device",
    "device_names",
    "device_of",
    "pack_axes",
    "roofline_time",
    "unpack_axes",
]
