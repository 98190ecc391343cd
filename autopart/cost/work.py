"""How much work an op is: floating point operations by class, and of products the sizes that fill the matrix unit.

All figures are of the unpartitioned op.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from autopart.costmodel.devices import Device
from autopart.program import BOUNDARY, Graph, Literal, Op
from autopart.sharding.rules import PRODUCTS, TRANSCENDENTAL, Rule

_CLASSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("reduce_sum", "reduce_max", "reduce_min", "reduce_prod"), "reduction"),
        **dict.fromkeys(("reduce_and", "reduce_or", "reduce_xor", "argmax", "argmin"), "reduction"),
        **dict.fromkeys(("reduce_window", "reduce_window_sum", "reduce_window_max", "reduce_window_min"), "window"),
        **dict.fromkeys(("select_and_scatter", "select_and_scatter_add", "select_and_gather_add"), "window"),
        "gather": "gather",
        **dict.fromkeys(("scatter", *(f"scatter-{what}" for what in ("add", "sub", "mul", "min", "max"))), "scatter"),
    }
)
"""Primitive -> the class of ops in ``Device.op_rates`` that it is of."""

_NOTHING: Final = ("reshape", "squeeze", "copy", "name", "optimization_barrier", "stop_gradient")
_BATCH, ROWS, COLUMNS, DEPTH = range(4)
"""What a factor is in a product: of both operands, of the left, of the right, or summed over."""


@dataclass(frozen=True)
class Product:
    """The shape of a product as the matrix unit sees it.

    Attributes:
        sizes: rows, columns, depth: elements of all dimensions of each kind.
        roles: of each factor of the op's rule 0 (neither), or 1 + its place in ``sizes``.
    """

    sizes: tuple[int, int, int]
    roles: tuple[int, ...]


def op_flops(graph: Graph, op: Op) -> float:
    """Floating point operations: two a multiply-add, one an element of pointwise ops and sums.

    The zeros between the elements of a dilated operand of a convolution are not multiplied. Sorting is counted as
    merging, n log2 n; transforms and factorisations by their textbook leading terms.
    """
    if op.primitive in BOUNDARY or op.primitive in _NOTHING or not op.operands:
        return 0.0
    if op.primitive == "dot_general":
        return _dot_flops(graph, op)
    if op.primitive == "conv_general_dilated":
        return _convolution_flops(graph, op)
    shapes = [() if isinstance(o, Literal) else graph.values[o].shape for o in op.operands]
    if op.primitive in _BY_SHAPE:
        return float(_BY_SHAPE[op.primitive](shapes[0], op.params))
    out = sum(math.prod(graph.values[r].shape) for r in op.results)
    most = max(out, *(math.prod(shape) for shape in shapes))
    return float(most * math.prod(op.params.get("window_dimensions", ())))


def work_seconds(graph: Graph, op: Op, device: Device) -> float:
    """Seconds that one ``device`` would take for the op, its matrix unit filled, memory no limit."""
    flops, own = op_flops(graph, op), device.op_rates.get(_class_of(graph, op), 0.0)
    if own and flops:
        return (_looked_up(graph, op) or flops) / own
    if op.primitive in PRODUCTS:
        return flops / (device.flops_for(str(_work_dtype(graph, op))) * device.matmul_efficiency)
    return flops / (device.transcendental_rate if op.primitive in TRANSCENDENTAL else device.vector_rate)


def tile_of(graph: Graph, op: Op, device: Device) -> tuple[int, int, int]:
    """Rows, columns and depth in whose multiples a product is made."""
    if op.primitive == "conv_general_dilated" and device.op_rates.get(_class_of(graph, op)):
        return device.convolution_tile, device.convolution_tile, 1
    return device.matmul_tile


def _class_of(graph: Graph, op: Op) -> str:
    """The class of ops with a rate of its own that the op is of, or nothing."""
    if op.primitive == "dot_general":
        return "batched_product" if op.params["dimension_numbers"][1][0] else ""
    if op.primitive == "conv_general_dilated":
        return _class_of_convolution(graph, op)
    if op.primitive == "div":
        return "" if isinstance(op.operands[1], Literal) else "division"  # By a constant it is a multiplication.
    return _CLASSES.get(op.primitive, "")


def _class_of_convolution(graph: Graph, op: Op) -> str:
    """By the pixels of the window, which is the result where one array slides over another: the gradient of weights."""
    numbers, rhs = op.params["dimension_numbers"], _shape(graph, op, 1)
    slid = math.prod(rhs[d] for d in numbers.rhs_spec[2:])
    pixels = math.prod(graph.values[op.results[0]].shape[d] for d in numbers.out_spec[2:])
    return "convolution_1x1" if min(slid, pixels) == 1 else "convolution"


def _looked_up(graph: Graph, op: Op) -> float:
    """Elements that a lookup brings, or that are written to places looked up; 0 of any other op."""
    if _CLASSES.get(op.primitive) == "gather":
        return float(math.prod(graph.values[op.results[0]].shape))
    return float(math.prod(_shape(graph, op, 2))) if _CLASSES.get(op.primitive) == "scatter" else 0.0


def product_of(graph: Graph, op: Op, rule: Rule) -> Product:
    """The shape of a dot or convolution."""
    left, right = rule.operands[:2]
    result = rule.results[0]
    of_left, of_right, kept = set(left), set(right), set(result)
    roles = []
    for factor in range(len(rule.factors)):
        if factor in kept:
            both = factor in of_left and factor in of_right
            roles.append(_BATCH if both else ROWS if factor in of_left else COLUMNS)
        else:
            roles.append(DEPTH)
    return Product(
        _dot_sizes(graph, op) if op.primitive == "dot_general" else _convolution_sizes(graph, op), tuple(roles)
    )


def _shape(graph: Graph, op: Op, operand: int) -> tuple[int, ...]:
    source = op.operands[operand]
    return () if isinstance(source, Literal) else graph.values[source].shape


def _work_dtype(graph: Graph, op: Op) -> np.dtype[Any]:
    arrays = [o for o in op.operands if not isinstance(o, Literal)]
    return graph.values[arrays[0] if arrays else op.results[0]].dtype


def _dot_flops(graph: Graph, op: Op) -> float:
    (contracting, _), _ = op.params["dimension_numbers"]
    lhs = _shape(graph, op, 0)
    return float(2 * math.prod(graph.values[op.results[0]].shape) * math.prod(lhs[d] for d in contracting))


def _dot_sizes(graph: Graph, op: Op) -> tuple[int, int, int]:
    (left, right), (left_batch, right_batch) = op.params["dimension_numbers"]
    lhs, rhs = _shape(graph, op, 0), _shape(graph, op, 1)
    rows = math.prod(n for d, n in enumerate(lhs) if d not in left and d not in left_batch)
    columns = math.prod(n for d, n in enumerate(rhs) if d not in right and d not in right_batch)
    return rows, columns, math.prod(lhs[d] for d in left)


def _convolution_flops(graph: Graph, op: Op) -> float:
    _, _, depth = _convolution_sizes(graph, op)
    out = math.prod(graph.values[op.results[0]].shape)
    return float(2 * out * depth / math.prod(op.params["lhs_dilation"]))


def _convolution_sizes(graph: Graph, op: Op) -> tuple[int, int, int]:
    numbers, rhs = op.params["dimension_numbers"], _shape(graph, op, 1)
    out = graph.values[op.results[0]].shape
    columns = out[numbers.out_spec[1]]
    depth = math.prod(rhs[d] for d in numbers.rhs_spec[1:])
    return math.prod(out) // max(columns, 1), columns // op.params["feature_group_count"], depth


def _sort(shape: Sequence[int], params: Mapping[str, Any]) -> float:
    size = shape[params.get("dimension", -1)]
    return math.prod(shape) * max(1.0, math.log2(max(size, 1)))


def _transform(shape: Sequence[int], params: Mapping[str, Any]) -> float:
    return 5.0 * math.prod(shape) * math.log2(max(2, math.prod(params["fft_lengths"])))


def _cubic(factor: float) -> Callable[[Sequence[int], Mapping[str, Any]], float]:
    """``factor`` times rows x columns x the smaller of the two, of each matrix."""

    def flops(shape: Sequence[int], params: Mapping[str, Any]) -> float:
        return factor * math.prod(shape) * min(shape[-2:])

    return flops


_BY_SHAPE: Final[Mapping[str, Callable[[Sequence[int], Mapping[str, Any]], float]]] = MappingProxyType(
    {
        "sort": _sort,
        "top_k": lambda shape, params: _sort(shape, {}),
        "fft": _transform,
        "cholesky": _cubic(1 / 3),
        "triangular_solve": _cubic(1.0),
        "lu": _cubic(2 / 3),
        "geqrf": _cubic(2.0),
        "householder_product": _cubic(2.0),
        "eigh": _cubic(9.0),
        "svd": _cubic(20.0),
    }
)
"""Golub and Van Loan, "Matrix Computations", for the factorisations; of both operands of a solve the matrix counts."""
