"""Loops and conditions of a jaxpr as regions of a flat graph: their bodies in place, ops at every border."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax.extend.core as jex
import numpy as np

from autopart.errors import TraceError
from autopart.program.graph import (
    BRANCH_JOIN,
    COND,
    ENTER,
    LOOP_CARRY,
    SCAN,
    SCAN_SLICE,
    SCAN_STACK,
    WHILE,
    Literal,
    Op,
    Operand,
    Region,
    Value,
)

ASSUMED_TRIPS = 16
"""Iterations of a ``while`` whose number cannot be read from the program, unless the user says otherwise."""


@dataclass
class Bodies:
    """A control as it is walked: as ``Control``, but ``begin`` is where in the list of ops it was met."""

    number: int
    kind: str
    region: int
    regions: tuple[int, ...]
    begin: int
    source_info: tuple[Any, ...]
    params: Mapping[str, Any]
    test: Operand | None = None
    assumed: bool = False


class RegionBuilder(abc.ABC):
    """Collects values, ops and regions; a walker of jaxprs derives from it.

    Ops at a border may be added at any time; ``compact`` puts all ops in their places.
    """

    def __init__(self, assumed_trips: int) -> None:
        self.values: list[Value] = []
        self.ops: list[Op] = []
        self.regions: list[Region] = [Region(0, -1, -1, 1, 0, 0)]
        self.bodies: list[Bodies] = []
        self.region = 0
        self._assumed_trips = assumed_trips
        self._entered: dict[tuple[int, int], int] = {}

    @abc.abstractmethod
    def inline(self, body: Any, operands: list[Operand], call: Any) -> list[Operand]:
        """Walks a jaxpr in place of the equation that calls it."""

    @abc.abstractmethod
    def source(self, eqn: Any) -> tuple[Any, ...]:
        """Where the equation was written, and the calls around it."""

    def add_value(self, aval: Any, producer: int, region: int) -> int:
        """A new value; returns its index.

        Raises:
            TraceError: it is no array.
        """
        if not hasattr(aval, "shape"):
            raise TraceError(f"a value of type {aval} is not an array; autopart partitions programs over arrays only")
        shape = tuple(int(size) for size in aval.shape)
        self.values.append(Value(len(self.values), shape, aval.dtype, producer, region))
        return len(self.values) - 1

    def scan(self, eqn: Any, operands: list[Operand]) -> list[Operand]:
        """The body once, between what enters, the carries, the slices and the stacks."""
        p = eqn.params
        n_consts, n_carry = p["num_consts"], p["num_carry"]
        params = {"length": int(p["length"]), "reverse": bool(p["reverse"]), "unroll": int(p["unroll"])}
        bodies = self._open(SCAN, eqn, [params["length"]], params)
        [region] = bodies.regions
        consts = [self._enter(o, region) for o in operands[:n_consts]]
        avals = [v.aval for v in p["jaxpr"].jaxpr.invars[n_consts:]]
        carries = [
            self._carry(o, aval, [region], bodies)
            for o, aval in zip(operands[n_consts : n_consts + n_carry], avals, strict=False)
        ]
        slices = [
            self._border(SCAN_SLICE, [o], [(aval, region)], bodies.number)[0]
            for o, aval in zip(operands[n_consts + n_carry :], avals[n_carry:], strict=True)
        ]
        inner = [*consts, *(self.ops[op].results[0] for op in carries), *slices]
        results = self._body(region, p["jaxpr"], inner, eqn)
        for op, following in zip(carries, results[:n_carry], strict=True):
            self._close_carry(op, following)
        stacks = [
            self._border(SCAN_STACK, [o], [(v.aval, bodies.region)], bodies.number)[0]
            for o, v in zip(results[n_carry:], eqn.outvars[n_carry:], strict=True)
        ]
        return [*(self.ops[op].results[1] for op in carries), *stacks]

    def while_loop(self, eqn: Any, operands: list[Operand]) -> list[Operand]:
        """Test and body once each; the number of trips is read from the program or assumed."""
        p = eqn.params
        n_test, n_body = p["cond_nconsts"], p["body_nconsts"]
        first = operands[n_test + n_body :]
        known = _trips(p["cond_jaxpr"].jaxpr, p["body_jaxpr"].jaxpr, operands[:n_test], first, n_body)
        trips = self._assumed_trips if known is None else known
        bodies = self._open(WHILE, eqn, [trips + 1, trips], {})
        test_region, body_region = bodies.regions
        test_consts = [self._enter(o, test_region) for o in operands[:n_test]]
        body_consts = [self._enter(o, body_region) for o in operands[n_test : n_test + n_body]]
        carries = [self._carry(o, v.aval, bodies.regions, bodies) for o, v in zip(first, eqn.outvars, strict=True)]
        inside = [[self.ops[op].results[k] for op in carries] for k in (0, 1)]
        [test] = self._body(test_region, p["cond_jaxpr"], [*test_consts, *inside[0]], eqn)
        results = self._body(body_region, p["body_jaxpr"], [*body_consts, *inside[1]], eqn)
        for op, following in zip(carries, results, strict=True):
            self._close_carry(op, following)
        bodies.test, bodies.assumed = test, known is None
        return [self.ops[op].results[2] for op in carries]

    def condition(self, eqn: Any, operands: list[Operand]) -> list[Operand]:
        """Every case once; their results are joined."""
        branches = eqn.params["branches"]
        bodies = self._open(COND, eqn, [1] * len(branches), {})
        entered = [[self._enter(o, region) for o in operands[1:]] for region in bodies.regions]
        results = [
            self._body(region, branch, inner, eqn)
            for region, branch, inner in zip(bodies.regions, branches, entered, strict=True)
        ]
        joined = [
            self._border(BRANCH_JOIN, list(cases), [(v.aval, bodies.region)], bodies.number)[0]
            for cases, v in zip(zip(*results, strict=True), eqn.outvars, strict=True)
        ]
        bodies.test = operands[0]
        return list(joined)

    def _open(self, kind: str, eqn: Any, trips: Sequence[int], params: Mapping[str, Any]) -> Bodies:
        number, first = len(self.bodies), len(self.regions)
        self.regions += [Region(first + k, self.region, number, count, 0, 0) for k, count in enumerate(trips)]
        regions = tuple(range(first, len(self.regions)))
        self.bodies.append(Bodies(number, kind, self.region, regions, len(self.ops), self.source(eqn), params))
        return self.bodies[-1]

    def _border(
        self, name: str, operands: list[Operand], results: Sequence[tuple[Any, int]], control: int
    ) -> tuple[int, ...]:
        """An op at the border; ``results`` are abstract values and the regions in which they exist."""
        index = len(self.ops)
        made = tuple(self.add_value(aval, index, region) for aval, region in results)
        bodies = self.bodies[control]
        self.ops.append(
            Op(index, name, tuple(operands), made, {}, None, bodies.source_info, -1, bodies.region, control)
        )  # fmt: skip
        return made

    def entered(self, value: Operand, region: int) -> Operand:
        """What a value of the whole program is in a region, by way of all regions between."""
        if isinstance(value, Literal) or region == 0:
            return value
        key = (value, region)
        if key not in self._entered:
            entered = self._enter(self.entered(value, self.regions[region].parent), region)
            assert isinstance(entered, int)
            self._entered[key] = entered
        return self._entered[key]

    def _enter(self, operand: Operand, region: int) -> Operand:
        if isinstance(operand, Literal):
            return operand
        return self._border(ENTER, [operand], [(self.values[operand], region)], self.regions[region].control)[0]

    def _carry(self, first: Operand, aval: Any, regions: Sequence[int], bodies: Bodies) -> int:
        """A carry whose next value is not known yet; returns the op."""
        places = [*regions, bodies.region]
        results = self._border(LOOP_CARRY, [first], [(aval, region) for region in places], bodies.number)
        return self.values[results[0]].producer

    def _close_carry(self, op: int, following: Operand) -> None:
        self.ops[op] = replace(self.ops[op], operands=(self.ops[op].operands[0], following))

    def _body(self, region: int, body: Any, operands: list[Operand], eqn: Any) -> list[Operand]:
        around, self.region = self.region, region
        results = self.inline(body, operands, eqn)
        self.region = around
        return results


def _trips(test: Any, body: Any, consts: Sequence[Operand], first: Sequence[Operand], n_body: int) -> int | None:
    """Iterations of ``while i < n: ...; i += step`` for literal ``first[i]``, ``n`` and ``step``; else ``None``."""
    comparisons = [eqn for eqn in test.eqns if eqn.primitive.name == "lt"]
    if len(test.eqns) != 1 or not comparisons or test.outvars != comparisons[0].outvars:
        return None
    outside = dict(zip(test.invars, [*consts, *first], strict=True))
    counter, limit = comparisons[0].invars
    if isinstance(counter, jex.Literal) or counter not in test.invars[len(consts) :]:
        return None
    place = test.invars.index(counter) - len(consts)
    begin, step = _number(outside[counter]), _step(body, n_body + place, place)
    end = _number(_literal(limit) if isinstance(limit, jex.Literal) else outside[limit])
    if not isinstance(limit, jex.Literal) and limit in test.invars[len(consts) :]:
        position = test.invars.index(limit) - len(consts)
        if body.outvars[position] is not body.invars[n_body + position]:
            return None
    if begin is None or end is None or step is None or step <= 0:
        return None
    return max(0, -(-(end - begin) // step))


def _step(body: Any, argument: int, result: int) -> int | None:
    """By how much the body adds to a counter, if that is a literal."""
    for eqn in body.eqns:
        if eqn.primitive.name == "add" and eqn.outvars[0] is body.outvars[result]:
            for one, other in (eqn.invars, reversed(eqn.invars)):
                if one is body.invars[argument] and isinstance(other, jex.Literal):
                    return _number(_literal(other))
    return None


def _literal(atom: Any) -> Literal:
    return Literal(atom.val, atom.aval.dtype)


def _number(operand: Operand) -> int | None:
    if isinstance(operand, Literal) and np.issubdtype(operand.dtype, np.integer):
        return int(operand.value)
    return None
