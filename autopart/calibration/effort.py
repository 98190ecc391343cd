"""How much is measured: sizes and rounds, for a host or an accelerator."""

from __future__ import annotations

from dataclasses import dataclass

Shape = tuple[int, int, int]
"""A matrix multiplication: rows, contracted, columns."""

Image = tuple[int, int, int, int, int]
"""A convolution: images, pixels a side, features, features made, pixels a side of the window."""


@dataclass(frozen=True)
class Effort:
    """Sizes of what is measured; of one device.

    Attributes:
        rounds: timings of every probe, in turns; the fastest counts.
        matmuls: shapes; large ones, and skinny ones as tensor parallelism leaves them.
        matmul_flops: work of one timing, about.
        stream_bytes: sizes of arrays that are read and written.
        stream_total_bytes: bytes of one timing, at most, and of two arrays at least.
        vector_elements: elements of the arrays on which functions are timed.
        passes: how often such a function runs over them in one timing.
        images: convolutions; windows of the same size are slid over the same images.
        batched: products with a batch: batch, rows, contracted, columns.
        sums: rows and columns of what is summed up.
        lookups: places of a table, rows looked up or written, columns.
        collective_bytes: bytes in full of the values that travel.
        interleaved: arrays in full that are gathered and scattered along each dimension.
    """

    rounds: int
    matmuls: tuple[Shape, ...]
    matmul_flops: float
    stream_bytes: tuple[int, ...]
    stream_total_bytes: int
    vector_elements: int
    passes: int
    images: tuple[Image, ...]
    batched: tuple[tuple[int, int, int, int], ...]
    sums: tuple[tuple[int, int], ...]
    lookups: tuple[tuple[int, int, int], ...]
    collective_bytes: tuple[int, ...]
    interleaved: tuple[tuple[int, ...], ...]


_KB, _MB = 2**10, 2**20

HOST = Effort(
    rounds=15,
    matmuls=((128, 128, 128), (256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (2048, 64, 512), (32, 1024, 1024),
             (1024, 1024, 64)),
    matmul_flops=1e9,
    stream_bytes=(64 * _KB, 256 * _KB, _MB, 4 * _MB),
    stream_total_bytes=24 * _MB,
    vector_elements=2**18,
    passes=2,
    images=((2, 16, 64, 64, 3), (4, 16, 32, 32, 3), (4, 16, 8, 8, 3), (4, 16, 16, 16, 3), (4, 16, 32, 32, 1),
            (8, 8, 16, 64, 1)),
    batched=((8, 128, 32, 128), (8, 128, 128, 32), (64, 64, 8, 64), (16, 64, 64, 16), (8, 256, 128, 128)),
    sums=((512, 512), (2048, 64), (64, 2048)),
    lookups=((128, 1024, 64), (512, 1024, 128), (1024, 128, 256)),
    collective_bytes=(4 * _KB, 64 * _KB, _MB, 8 * _MB),
    interleaved=((1024, 1024), (512, 1024), (8, 128, 1024)),
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
    images=((64, 56, 64, 64, 3), (64, 28, 128, 128, 3), (64, 112, 16, 16, 3), (64, 14, 256, 1024, 1),
            (64, 14, 1024, 256, 1)),
    batched=((128, 1024, 64, 1024), (128, 1024, 1024, 64), (512, 256, 128, 256)),
    sums=((8192, 8192), (65536, 1024), (1024, 65536)),
    lookups=((4096, 65536, 512), (65536, 16384, 1024)),
    collective_bytes=(64 * _KB, _MB, 16 * _MB, 256 * _MB),
    interleaved=((8192, 8192), (4096, 8192), (64, 1024, 1024)),
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
    images=((1, 8, 32, 32, 3), (1, 8, 8, 8, 3), (1, 8, 8, 8, 1)),
    batched=((4, 32, 16, 32),),
    sums=((64, 64),),
    lookups=((32, 64, 16),),
    collective_bytes=(4 * _KB, 256 * _KB),
    interleaved=((8, 16, 64),),
)
"""A look in a few seconds: the same probes, too small to be believed."""
