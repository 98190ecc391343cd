"""What devices, links, collectives and memory cost, over plain numbers and arrays.

This package stands on the ground: it imports the standard library, numpy, numba and yaml only, reads
device profiles from ``configs/device``, and knows nothing of JAX, programs or partitioning. Units are
SI and carried in names (``_bytes``, ``_s``, ``_flops``); 1 TB is 1e12 bytes, 1 GiB is 2**30.
"""

from autopart.costmodel.collectives import (
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
from autopart.costmodel.devices import device, device_names, device_of
from autopart.costmodel.errors import CostModelError
from autopart.costmodel.lines import Line
from autopart.costmodel.links import AxisLinks, Link, Protocol
from autopart.costmodel.mesh import Mesh
from autopart.costmodel.placement import Part, Placement
from autopart.costmodel.profile import Device
from autopart.costmodel.roofline import roofline_time

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
