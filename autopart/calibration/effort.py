"""How much is measured: sizes and rounds, for a host or an accelerator."""

from __future__ import annotations

from dataclasses import dataclass

Shape = tuple[int, int, int]
"""A matrix multiplication: rows, contracted, columns."""


@dataclass(frozen=True)
class Effort:
    """Sizes of what is measured; of one device.

    Attributes:
        rounds: timings of every probe, in turns; their median counts.
        matmuls: shapes; large ones, and skinny ones as tensor parallelism leaves them.
        matmul_flops: work of one timing, about.
        stream_bytes: sizes of arrays that are read and written.
        stream_total_bytes: bytes of one timing, about.
        vector_elements: elements of the arrays on which functions are timed.
        passes: how often such a function runs over them in one timing.
        collective_bytes: bytes in full of the values that travel.
    """

    rounds: int
    matmuls: tuple[Shape, ...]
    matmul_flops: float
    stream_bytes: tuple[int, ...]
    stream_total_bytes: int
    vector_elements: int
    passes: int
    collective_bytes: tuple[int, ...]


_KB, _MB = 2**10, 2**20

HOST = Effort(
    rounds=7,
    matmuls=((128, 128, 128), (256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (2048, 64, 512), (32, 1024, 1024),
             (1024, 1024, 64)),
    matmul_flops=1e9,
    stream_bytes=(256 * _KB, _MB, 4 * _MB, 16 * _MB),
    stream_total_bytes=32 * _MB,
    vector_elements=2**18,
    passes=2,
    collective_bytes=(4 * _KB, 64 * _KB, _MB, 8 * _MB),
)  # fmt: skip
"""For devices that share the cores of a host."""

ACCELERATOR = Effort(
    rounds=15,
    matmuls=((1024, 1024, 1024), (2048, 2048, 2048), (4096, 4096, 4096), (8192, 8192, 8192), (16384, 256, 4096),
             (128, 8192, 8192), (8192, 8192, 256)),
    matmul_flops=4e13,
    stream_bytes=(16 * _MB, 64 * _MB, 256 * _MB, 1024 * _MB),
    stream_total_bytes=8192 * _MB,
    vector_elements=2**26,
    passes=8,
    collective_bytes=(64 * _KB, _MB, 16 * _MB, 256 * _MB),
)  # fmt: skip
"""For a GPU, or another device with memory of its own."""

QUICK = Effort(
    rounds=3,
    matmuls=((128, 128, 128), (256, 256, 256), (32, 512, 512)),
    matmul_flops=5e7,
    stream_bytes=(64 * _KB, _MB),
    stream_total_bytes=4 * _MB,
    vector_elements=2**15,
    passes=1,
    collective_bytes=(4 * _KB, 256 * _KB),
)
"""A look in a few seconds: the same probes, too small to be believed."""
