"""Random programs: which families, how often, and what a program takes and returns."""

from __future__ import annotations

import jax
import numpy as np

from autopart.benchmarks.fuzz.families import (
    contraction,
    elementwise,
    gradients,
    indexing,
    ordering,
    randomness,
    regions,
    shaping,
    windows,
)
from autopart.benchmarks.fuzz.program import FuzzProgram
from autopart.benchmarks.fuzz.writer import Family, Script, Writer

FAMILIES = (
    Family(5, elementwise.unary, smooth=True),
    Family(6, elementwise.binary, smooth=True),
    Family(2, elementwise.compare),
    Family(2, elementwise.select),
    Family(2, elementwise.convert),
    Family(1, elementwise.waves),
    Family(6, contraction.dot, smooth=True),
    Family(4, contraction.dense, smooth=True),
    Family(2, contraction.chain, smooth=True),
    Family(5, contraction.reduce, smooth=True),
    Family(0.7, contraction.by_function),
    Family(1.5, contraction.normalise, smooth=True),
    Family(3, shaping.reshape, smooth=True),
    Family(3, shaping.transpose, smooth=True),
    Family(2, shaping.broadcast, smooth=True),
    Family(1.5, shaping.cut, smooth=True),
    Family(1.5, shaping.pad, smooth=True),
    Family(1.5, shaping.join, smooth=True),
    Family(1.5, shaping.turn, smooth=True),
    Family(0.7, shaping.split, smooth=True),
    Family(1.5, shaping.counted),
    Family(2, indexing.lookup, smooth=True),
    Family(0.7, indexing.along, smooth=True),
    Family(2, indexing.scatter, smooth=True),
    Family(1, indexing.dynamic_slice, smooth=True),
    Family(1, indexing.dynamic_update, smooth=True),
    Family(2, ordering.order),
    Family(1, ordering.cumulative, smooth=True),
    Family(4, windows.convolution, smooth=True),
    Family(3, windows.line, smooth=True),
    Family(2.5, windows.pool),
    Family(0.7, randomness.draw, deepest=1),
    Family(0.3, randomness.dropout, smooth=True, deepest=1),
    Family(0.2, randomness.shuffle, deepest=0),
    Family(1.2, regions.scan, smooth=True, deepest=1),
    Family(0.5, regions.counted_loop, smooth=True, deepest=1),
    Family(0.6, regions.while_loop, deepest=1),
    Family(0.8, regions.branches, smooth=True, deepest=1),
    Family(0.8, regions.call, smooth=True, deepest=1),
    Family(0.6, regions.mapped, smooth=True, deepest=1),
    Family(2, gradients.gradient, deepest=0),
    Family(0.6, gradients.embedding, deepest=0),
    Family(1.5, gradients.windows, deepest=0),
)
"""Every family, with its weight."""

_SIZES = (8, 8, 16, 16, 4, 4, 8, 2, 12, 6, 5, 3, 1)
_STATEMENTS = (6, 22)
_MOST_OUTPUTS = 8
_COARSE_SHARE = 0.2
_DONATED_SHARE = 0.3


def generate(seed: tuple[int, ...]) -> FuzzProgram:
    """The program of a seed: some arguments, tens of ops, and what nothing else reads as its outputs."""
    rng = np.random.default_rng(seed)
    sizes = (8, *(int(rng.choice(_SIZES)) for _ in range(3)))
    script = Script(rng, bool(rng.random() < _COARSE_SHARE), sizes, FAMILIES)
    made: list[FuzzProgram] = []

    def write() -> int:
        made.append(_write(Writer(script, "v", ())))
        return 0

    jax.eval_shape(write)
    return made[0]


def _write(writer: Writer) -> FuzzProgram:
    _first_inputs(writer)
    writer.write(writer.integer(*_STATEMENTS))
    read = {name for statement in writer.statements for name in statement.reads}
    ends = [v for v in writer.made if v.name not in read and not v.is_key]
    outputs = [str(name) for name in writer.rng.permutation([v.name for v in ends])][:_MOST_OUTPUTS]
    inputs = tuple(writer.script.inputs)
    donated = tuple(i.name for i in inputs if writer.chance(0.5)) if writer.chance(_DONATED_SHARE) else ()
    return FuzzProgram(inputs, tuple(writer.statements), tuple(outputs), donated).pruned()


def _first_inputs(writer: Writer) -> None:
    """Arguments of several types, at least two of them matrices that any mesh divides."""
    kind, sizes = "bfloat16" if writer.script.coarse else "float32", writer.script.sizes
    shapes = [(8, 16), (16, 8), *(_shape(writer, sizes) for _ in range(writer.integer(1, 4)))]
    writer.pool += [writer.input(kind if writer.chance(0.8) else "float32", shape) for shape in shapes]
    for dtype in ("int32", "int8", "uint8", "bool", "complex64"):
        if writer.chance(0.7 if dtype == "int32" else 0.25):
            writer.pool.append(writer.input(dtype, _shape(writer, sizes)))


def _shape(writer: Writer, sizes: tuple[int, ...]) -> tuple[int, ...]:
    shape = tuple(writer.choice(sizes) for _ in range(writer.choice((1, 2, 2, 2, 3, 3, 4))))
    return shape if np.prod(shape) <= 2048 else shape[:2]
