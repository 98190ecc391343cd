"""The values inside a program that a user of GSPMD would constrain: those at which data moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from autopart.emit.jit import base_axes
from autopart.emit.lower import DimAxes, Program
from autopart.program import NAME, Op, short_source_line
from autopart.sharding import BASE


@dataclass(frozen=True)
class Constraint:
    """Values of one line of the program that are laid out alike.

    Attributes:
        at: file, line and function that made them, without folders; the same line may make several kinds.
        op: primitive that made them.
        name: their ``checkpoint_name``, if they have one.
        shape: dimensions of one unpartitioned value.
        dtype: element type by name.
        axes: mesh axes per dimension once partial sums are reduced.
        read_as: other layouts that they are brought into for their readers.
        count: how many values.
    """

    at: str
    op: str
    name: str
    shape: tuple[int, ...]
    dtype: str
    axes: DimAxes
    read_as: tuple[DimAxes, ...]
    count: int


def constraints(program: Program) -> tuple[Constraint, ...]:
    """The values inside that a move completes or takes, in program order, equal ones of equal lines together.

    There propagation from the arguments alone might choose otherwise. Arguments, with their casts and rearrangements,
    are left out: their layout is that of the argument.
    """
    graph, problem = program.problem.graph, program.problem
    axes, readings, names = base_axes(program), _readings(program), _names(graph.ops)
    rows: Counter[Constraint] = Counter()
    for value in sorted({move.value for move in program.moves()}):
        if problem.tables.weight_like[value]:
            continue
        op, array = graph.ops[graph.values[value].producer], graph.values[value]
        rows[Constraint(
            short_source_line(op.source_info),
            op.primitive, names.get(value, ""), array.shape, str(array.dtype), axes[value],
            tuple(readings.get(value, ())), 1,
        )] += 1  # fmt: skip
    return tuple(Constraint(**{**vars(row), "count": count}) for row, count in rows.items())


def _readings(program: Program) -> dict[int, list[DimAxes]]:
    """Value -> the layouts other than its own in which ops read it or it is returned, in program order."""
    graph, found = program.problem.graph, dict[int, dict[DimAxes, None]]()
    for apply in program.applies():
        op, rule = graph.ops[apply.op], program.problem.rules[apply.op]
        for operand, form, factors in zip(op.operands, apply.forms, rule.operands, strict=True):
            if isinstance(operand, int) and form not in (None, BASE):
                layout = tuple(program.axes_of_factor(op.index, factor) for factor in factors)
                found.setdefault(operand, {})[layout] = None
    for output, form, layout in zip(graph.outputs, program.output_forms, program.outputs, strict=True):
        if form != BASE:
            found.setdefault(output.value, {})[layout] = None
    return {value: list(layouts) for value, layouts in found.items()}


def _names(ops: Iterable[Op]) -> dict[int, str]:
    """Names that ``jax.ad_checkpoint.checkpoint_name`` gives, to what it takes and to what it makes."""
    named = [op for op in ops if op.primitive == NAME]
    return {value: str(op.params["name"]) for op in named for value in (*op.operands, *op.results)
            if isinstance(value, int)}  # fmt: skip
