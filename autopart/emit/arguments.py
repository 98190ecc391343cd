"""The arguments of a call, checked against those that a plan was made for."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from autopart.errors import PlanError
from autopart.program import Graph


def flatten(graph: Graph, args: tuple[Any, ...]) -> list[Any]:
    """The leaves of ``args`` and then the program's constants, in the order of ``graph.arguments``.

    Raises:
        PlanError: the structure, a shape or a dtype is another than at tracing: a plan holds for its shapes only.
    """
    leaves, tree = jax.tree.flatten(args)
    if tree != graph.in_tree:
        raise PlanError(f"the plan was made for arguments of structure {graph.in_tree}, called with {tree}")
    given = iter(leaves)
    flat: list[Any] = []
    for argument in graph.arguments:
        if argument.constant is not None:
            flat.append(argument.constant)
            continue
        leaf, value = next(given), graph.values[argument.value]
        dtype = leaf.dtype if hasattr(leaf, "dtype") else jax.numpy.result_type(leaf)
        if (
            np.shape(leaf) != value.shape
            or jax.dtypes.canonicalize_dtype(dtype, allow_extended_dtype=True) != value.dtype
        ):
            raise PlanError(
                f"the plan was made for '{argument.name}' of {value.dtype}{list(value.shape)}, called with "
                f"{dtype}{list(np.shape(leaf))}. Fix: call partition() again for these shapes."
            )
        flat.append(leaf)
    return flat
