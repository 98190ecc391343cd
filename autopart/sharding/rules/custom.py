"""The rule that a function under JAX's ``custom_partitioning`` carries."""

from __future__ import annotations

from typing import Any

from autopart.sharding.rules.grammar import Notation, one_sided, resolve
from autopart.sharding.rules.op_context import Context
from autopart.sharding.rules.rule import Rule

CUSTOM_PARTITIONING = "custom_partitioning"


def carried_notation(params: Any) -> Notation | None:
    """The rule that an op of ``custom_partitioning`` carries; ``None`` if it has none that can be read.

    A rule that is itself a function asks for a mesh and compiler types, which there are none of yet.
    """
    carried = params.get("sharding_rule")
    if not hasattr(carried, "operand_mappings"):
        return None
    sides = [
        tuple(tuple(_name(dim) for dim in array) for array in side)
        for side in (carried.operand_mappings, carried.result_mappings)
    ]
    return Notation(str(carried), *sides)


def _name(dim: Any) -> str | None:
    """A factor; a dimension of several factors stays whole, and JAX's one-letter ellipsis is written out."""
    if not isinstance(dim, str):
        return None
    return f"...{dim[1:]}" if dim[0] == "…" else dim


def custom_partitioning(context: Context) -> Rule | None:
    """The carried rule at the op's shapes, or ``None``.

    Only factors that pass through are offered: what is reduced is reduced by the function's own ``partition``
    callback, with a collective that no one has decided on or priced.
    """
    carried: Any = context.op.params.get("sharding_rule")
    notation = carried_notation(context.op.params)
    if notation is None:
        return None
    compound = {
        name
        for array in (*carried.operand_mappings, *carried.result_mappings)
        for dim in array
        if not isinstance(dim, str)
        for name in dim
    }
    kept = (*carried.reduction_factors, *carried.need_replication_factors, *carried.permutation_factors)
    return resolve(notation, context, {}, {*compound, *kept, *one_sided(notation, {}, False)})
