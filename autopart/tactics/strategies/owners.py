"""Which parameter a value is."""

from __future__ import annotations

from collections.abc import Container

from autopart.partitioning.problem import Problem


def owners(problem: Problem, names: Container[str]) -> dict[int, str]:
    """Value -> the argument, one of ``names``, that it is, or is a cast or rearrangement of."""
    graph, weight_like = problem.graph, problem.tables.weight_like
    owner = {a.value: a.name for a in graph.arguments if a.name in names}
    for op in graph.ops:
        source = op.operands[0] if op.operands and weight_like[op.results[0]] else None
        if isinstance(source, int) and source in owner:
            owner[op.results[0]] = owner[source]
    return owner
