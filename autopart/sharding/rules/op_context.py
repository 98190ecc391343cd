"""What a rule may look at: the op, and the shapes and dtypes around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autopart.program import Graph, Literal, Op


@dataclass(frozen=True)
class Context:
    """An op with the shapes and dtypes of its operands and results (a literal has shape ``()``)."""

    op: Op
    in_shapes: tuple[tuple[int, ...], ...]
    out_shapes: tuple[tuple[int, ...], ...]
    in_dtypes: tuple[np.dtype[Any], ...]
    out_dtypes: tuple[np.dtype[Any], ...]

    @classmethod
    def of(cls, graph: Graph, op: Op) -> Context:
        """The context of ``op`` in ``graph``."""
        return cls(
            op,
            tuple(np.shape(o.value) if isinstance(o, Literal) else graph.values[o].shape for o in op.operands),
            tuple(graph.values[r].shape for r in op.results),
            tuple(o.dtype if isinstance(o, Literal) else graph.values[o].dtype for o in op.operands),
            tuple(graph.values[r].dtype for r in op.results),
        )


def family(dtype: np.dtype[Any]) -> str:
    """``bool``, ``integer``, ``float``, ``complex``, or ``other`` (8-bit floats, 4-bit integers).

    The other types are too narrow to be summed in parts.
    """
    if str(dtype) in ("bfloat16", "float16", "float32", "float64"):
        return "float"
    return {"b": "bool", "i": "integer", "u": "integer", "c": "complex"}.get(dtype.kind, "other")
