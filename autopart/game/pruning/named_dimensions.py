"""Named dimensions: which dimensions of all arrays of a program are one, because ops tile them together or not at all.

Every factor of an op ties dimensions of what it reads and makes, and every value is a dimension for dimension the same
array for its op and its readers. What is tied by any chain of these has one name. (TOAST's named-dimension analysis,
of which only the names are taken: conflicts are found in states.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopart.partitioning import Problem
from autopart.sharding import FlatProgram, Int32Array


@dataclass(frozen=True)
class Dimensions:
    """The named dimensions of a program.

    Attributes:
        of_factor: (factors,) the number of the dimension, in the order of ``FlatProgram.factor_ptr``; they are numbered
            in program order, so those of arguments come first.
        names: of those that arguments have, the first argument dimension that is one: ``batch.0``, ``params/*/w.1``.
    """

    of_factor: Int32Array
    names: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many there are, with those that only values inside have."""
        return int(self.of_factor.max(initial=-1)) + 1


def dimensions_of(problem: Problem) -> Dimensions:
    """The named dimensions of a program; time grows with the number of ops."""
    from scipy.sparse import coo_array  # They take a tenth of a second, for which who does not search need not wait.
    from scipy.sparse.csgraph import connected_components

    tables = problem.tables
    count = len(tables.factor_size)
    here, there = _ties(tables)
    ties = coo_array((np.ones(len(here), np.int8), (here, there)), shape=(count, count))
    _, labels = connected_components(ties, directed=False)
    _, first, numbers = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))
    of_factor = order[numbers].astype(np.int32)
    names: dict[int, str] = {}
    for group in problem.groups:
        begin = int(tables.factor_ptr[problem.argument_ops[group.names[0]]])
        for dim in range(len(group.shape)):
            names.setdefault(int(of_factor[begin + dim]), f"{group.pattern}.{dim}")
    return Dimensions(of_factor, tuple(names[number] for number in sorted(names)))


def _ties(tables: FlatProgram) -> tuple[Int32Array, Int32Array]:
    """Pairs of factors that neighbours ask each other for."""
    edges, factors = (ptr[1:].astype(np.int64) - ptr[:-1] for ptr in (tables.edge_ptr, tables.factor_ptr))
    op = np.repeat(np.arange(len(edges)), edges)
    begin, counts = tables.factor_ptr.astype(np.int64), factors[op]
    factor = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    theirs = tables.give[np.repeat(tables.give_ptr.astype(np.int64), counts) + factor].astype(np.int64)
    here = np.repeat(begin[op], counts) + factor
    there = np.repeat(begin[tables.edge_op], counts) + theirs
    asked = theirs >= 0
    return here[asked].astype(np.int32), there[asked].astype(np.int32)
