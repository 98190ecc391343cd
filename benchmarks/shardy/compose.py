"""Shardy's rules of all ops that a primitive is lowered to, as one rule between what goes in and what comes out.

Factors of different ops that meet in a dimension of a value are one factor. It is what the strictest of the ops
says of it, and cut no finer than all of them allow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from autopart.benchmarks.shardy.ties import Dim, Flow, Tie, Ties

Node: TypeAlias = "tuple[int, int, int]"
"""A value, a dimension of it, and the size of what stands before this part of the dimension."""

_WHOLE = "whole"
_STRICTEST = (
    ("need_replication", Flow.NEED_REPLICATION),
    ("permutation", Flow.PERMUTATION),
    ("reduction", Flow.REDUCTION),
)


def has_rule(document: Mapping[str, Any]) -> bool:
    """Whether the primitive is lowered to ops that Shardy has rules for, beside constants."""
    ops = [op for op in document["ops"] if not op["free"]]
    return bool(ops) and all(op["rule"] is not None for op in ops)


def shardys_ties(document: Mapping[str, Any]) -> Ties:
    """The rule of a flat function (see `autopart.benchmarks.shardy.populate.flat`)."""
    groups = _Groups(document)
    return groups.ties([*document["arguments"], *document["results"]], len(document["arguments"]))


class _Groups:
    """Parts of dimensions joined where factors meet."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._shapes = document["values"]
        self._parent: dict[Node, Node] = {}
        self._sizes: dict[Node, int] = {}
        self._marks: dict[Node, set[str]] = {}
        self._alias = {value: value for value in range(len(self._shapes))}
        for one, other in document["same"]:
            first, second = self._value(one), self._value(other)
            self._alias[max(first, second)] = min(first, second)
        for op in document["ops"]:
            arrays = [self._value(v) for v in (*op["operands"], *op["results"])]
            if op["rule"] is not None:
                self._apply(op["rule"], arrays)
            elif not op["free"]:
                for value in arrays:
                    self._keep_whole(value)

    def _value(self, value: int) -> int:
        while self._alias[value] != value:
            value = self._alias[value]
        return value

    def _find(self, node: Node) -> Node:
        while self._parent.setdefault(node, node) != node:
            node = self._parent[node]
        return node

    def _join(self, one: Node, other: Node) -> None:
        root, leaf = self._find(one), self._find(other)
        if root != leaf:
            self._parent[leaf] = root
            self._sizes[root] = math.gcd(self._sizes.get(root, 0), self._sizes.pop(leaf, 0))
            self._marks.setdefault(root, set()).update(self._marks.pop(leaf, set()))

    def _mark(self, node: Node, mark: str) -> None:
        self._marks.setdefault(self._find(node), set()).add(mark)

    def _keep_whole(self, value: int) -> None:
        for dim, size in enumerate(self._shapes[value]):
            if size > 1:
                self._mark((value, dim, 1), _WHOLE)

    def _apply(self, rule: Mapping[str, Any], arrays: list[int]) -> None:
        nodes: dict[int, list[Node]] = {}
        for value, dims in zip(arrays, (*rule["operands"], *rule["results"]), strict=True):
            for dim, factors in enumerate(dims):
                before = 1
                for factor in (f for f in factors if rule["sizes"][f] > 1):
                    nodes.setdefault(factor, []).append((value, dim, before))
                    before *= rule["sizes"][factor]
                if before == 1 and self._shapes[value][dim] > 1:
                    self._mark((value, dim, 1), _WHOLE)
        for factor, members in nodes.items():
            for node in members:
                self._join(members[0], node)
            root = self._find(members[0])
            self._sizes[root] = math.gcd(self._sizes.get(root, 0), rule["sizes"][factor])
            for mark in ("reduction", "permutation", "need_replication", "blocked"):
                if factor in rule[mark]:
                    self._mark(root, mark)
            # JAX gives its calls of libraries rules that name every dimension, but tie those of a batch only.
            if rule["custom"] and len(members) == 1:
                self._mark(root, _WHOLE)

    def ties(self, arrays: list[int], operands: int) -> Ties:
        """What is left between the arrays that go in and come out."""
        major: dict[Node, set[Dim]] = {}
        minor: dict[Node, set[tuple[int, Dim]]] = {}
        for array, value in enumerate(map(self._value, arrays)):
            for dim, size in enumerate(self._shapes[value]):
                if size > 1:
                    root = self._find((value, dim, 1))
                    self._sizes.setdefault(root, size)
                    major.setdefault(root, set()).add((array, dim))
        for node in list(self._parent):
            for array, value in enumerate(map(self._value, arrays)):
                if node[0] == value and node[2] > 1:
                    minor.setdefault(self._find(node), set()).add((node[2], (array, node[1])))
        found = (self._tie(root, dims, minor.get(root, set())) for root, dims in major.items())
        return tuple(tie for tie in found if tie is not None and not _alone(tie, operands))

    def _tie(self, root: Node, dims: set[Dim], minor: set[tuple[int, Dim]]) -> Tie | None:
        marks = self._marks.get(root, set())
        if marks & {_WHOLE, "blocked"}:
            return None
        word, flow = next(((word, flow) for word, flow in _STRICTEST if word in marks), ("", Flow.PASS))
        return Tie(frozenset(dims), self._sizes[root], flow, word, frozenset(minor))


def _alone(tie: Tie, operands: int) -> bool:
    """Whether nothing flows along a tie: it has one dimension, which the op neither makes freely nor sums away."""
    made = any(array >= operands for array, _ in tie.dims)
    single = len(tie.dims) + len(tie.minor) == 1
    return single and (tie.flow in (Flow.PERMUTATION, Flow.NEED_REPLICATION) or (tie.flow is Flow.PASS and not made))
