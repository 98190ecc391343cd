"""Reads XLA's optimised HLO text: computations, instructions, and how often each runs in a step."""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_HEAD = re.compile(r"^(ENTRY )?%?([\w.\-]+) .*\{$")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?([\w.\-]+) = ")
_OPCODE = re.compile(r"\s([a-z][\w\-]*)\(")
_ARRAY = re.compile(r"([a-z]+\d+\w*|pred|token|opaque)\[([\d,]*)\]")
_CALLED = re.compile(r"\b(?:calls|body|condition|to_apply|\w+_computation)=%?([\w.\-]+)")
_BRANCHES = re.compile(r"\b(?:branch_computations|called_computations)=\{([^}]*)\}")
_LAYOUT = re.compile(r"\{[^{}]*\}")

_BITS = {"pred": 8, "token": 0, "opaque": 0, "bf16": 16}


@dataclass(frozen=True)
class Array:
    """Element type and shape of an array."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes without padding; elements narrower than a byte take one."""
        count = 1
        for size in self.shape:
            count *= size
        return count * max(_bits(self.dtype), 8) // 8 if _bits(self.dtype) else 0


@functools.cache
def _bits(dtype: str) -> int:
    if dtype in _BITS:
        return _BITS[dtype]
    found = re.match(r"[a-z]+(\d+)", dtype)
    return int(found.group(1)) if found else 0


@dataclass(frozen=True)
class Instruction:
    """One line of a computation.

    Attributes:
        name: without the percent sign.
        opcode: such as ``all-reduce-start``.
        results: the arrays that it makes, those of nested tuples one after another.
        attributes: everything after its operands, as text.
        computation: where it stands.
    """

    name: str
    opcode: str
    results: tuple[Array, ...]
    operands: str
    attributes: str
    computation: str

    @functools.cached_property
    def called(self) -> tuple[str, ...]:
        """The computations that it names, each as often as it is named."""
        listed = [name for found in _BRANCHES.findall(self.attributes) for name in re.findall(r"%?([\w.\-]+)", found)]
        return (*_CALLED.findall(self.attributes), *listed)

    @functools.cached_property
    def backend_config(self) -> dict[str, Any]:
        """What the compiler noted about it; empty where there is nothing, or what is no JSON."""
        at = self.attributes.find("backend_config=")
        if at < 0:
            return {}
        try:
            noted, _ = json.JSONDecoder().raw_decode(self.attributes[at + len("backend_config=") :])
        except json.JSONDecodeError:
            return {}
        return noted if isinstance(noted, dict) else {}


@dataclass(frozen=True)
class Module:
    """The computations of a module by name, and the one that a step runs."""

    computations: dict[str, list[Instruction]]
    entry: str
    text: str = field(repr=False, default="")

    def instructions(self) -> Iterator[tuple[Instruction, int]]:
        """Every instruction that a step may run, once, with how often it runs: bodies of loops as many times as
        they have trips, of the cases of a condition each once."""
        for name, times in self.runs.items():
            for instruction in self.computations[name]:
                yield instruction, times

    @functools.cached_property
    def runs(self) -> Counter[str]:
        """How often each computation runs in a step."""
        runs: Counter[str] = Counter()

        def visit(name: str, times: int) -> None:
            runs[name] += times
            for instruction in self.computations[name]:
                for called in instruction.called:
                    if called in self.computations:
                        visit(called, times * self.trips(instruction))

        visit(self.entry, 1)
        return runs

    def trips(self, instruction: Instruction) -> int:
        """Iterations of a while loop; 1 where they cannot be told, and for everything else.

        The compiler may note them. Otherwise they are read from the test, as a counter from zero, which is how
        JAX writes a scan: less than the only integer constant there.
        """
        if instruction.opcode != "while":
            return 1
        if known := instruction.backend_config.get("known_trip_count"):
            return int(known["n"])
        found = re.search(r"\bcondition=%?([\w.\-]+)", instruction.attributes)
        assert found, instruction.attributes
        test = [inner for name in self._within(found.group(1)) for inner in self.computations[name]]
        below = [inner for inner in test if inner.opcode == "compare" and "direction=LT" in inner.attributes]
        limits = [int(c.operands) for c in test if c.opcode == "constant" and c.results[0].dtype in ("s32", "s64")]
        return limits[0] if len(below) == 1 and len(limits) == 1 else 1

    def _within(self, name: str) -> Iterator[str]:
        """A computation, and those that it calls."""
        yield name
        for instruction in self.computations[name]:
            for called in instruction.called:
                if called in self.computations:
                    yield from self._within(called)


def parse(text: str) -> Module:
    """The module of HLO text as ``Compiled.as_text()`` gives it."""
    computations: dict[str, list[Instruction]] = {}
    entry, current = "", ""
    for line in text.splitlines():
        if line and not line[0].isspace():
            head = _HEAD.match(line)
            if head and not line.startswith("HloModule"):
                current = head.group(2)
                computations[current] = []
                entry = current if head.group(1) else entry
        elif current and (found := _INSTRUCTION.match(line)):
            computations[current].append(_instruction(found.group(1), line[found.end() :], current))
    assert entry, "HLO text has an entry computation"
    return Module(computations, entry, text)


def _instruction(name: str, rest: str, computation: str) -> Instruction:
    bare = rest[: len(rest) if not rest.startswith("(") else _closing(rest, 0) + 1]
    opcode = _OPCODE.search(rest, len(bare) if rest.startswith("(") else 0)
    assert opcode, rest[:80]
    result_text = rest[: opcode.start()]
    begin = opcode.end() - 1
    end = _closing(rest, begin)
    return Instruction(
        name, opcode.group(1), arrays(result_text), rest[begin + 1 : end], rest[end + 1 :], computation
    )  # fmt: skip


def arrays(text: str) -> tuple[Array, ...]:
    """The arrays of a type, tuples flattened: ``(bf16[2,3]{1,0}, f32[])``."""
    return tuple(
        Array(dtype, tuple(int(size) for size in sizes.split(",") if size)) for dtype, sizes in _ARRAY.findall(text)
    )


def _closing(text: str, begin: int) -> int:
    """Where the parenthesis at ``begin`` is closed."""
    depth = 0
    for found in re.compile(r"[()]").finditer(text, begin):
        depth += 1 if found.group() == "(" else -1
        if depth == 0:
            return found.start()
    raise AssertionError(f"no closing parenthesis: {text[begin : begin + 80]}")
