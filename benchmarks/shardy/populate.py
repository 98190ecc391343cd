"""Shardy's rule for every op of StableHLO modules: a process of its own, for some passes abort the process they run in.

Reads a JSON list of modules' texts from standard input and writes, a line each, what `flat` makes of them.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import sdy, stablehlo
from jaxlib.mlir.passmanager import PassManager

PIPELINE = "builtin.module(func.func(chlo-legalize-to-stablehlo),func.func(sdy-populate-op-sharding-rules))"
"""Ops of the dialect above StableHLO have no rules: they are written out first, as XLA does."""

RULE = "sdy.sharding_rule"
_CALLS = {"func.call": "callee", "stablehlo.composite": "decomposition"}
_FREE = ("stablehlo.constant", "stablehlo.iota")


def populated(text: str) -> Any:
    """The module with a rule on every op that Shardy has one for."""
    context = _context()
    with context:
        module = ir.Module.parse(text)
        PassManager.parse(PIPELINE).run(module.operation)
    return module


def _context() -> Any:
    from jax._src.interpreters.mlir import make_ir_context

    context = make_ir_context()
    sdy.register_dialect(context)
    return context


def flat(module: Any) -> dict[str, Any]:
    """The main function with calls written out, as plain values.

    Returns:
        ``values``: shape of each value; ``arguments`` and ``results``: indices of values; ``ops``: a dict each, with
        ``name``, ``operands``, ``results`` and ``rule`` (see ``_rule``; ``None`` without one); and ``same``: pairs
        of values that are one array, in and out of the bodies of loops and conditions.
    """
    return _Flat(module).document


class _Flat:
    def __init__(self, module: Any) -> None:
        self._functions = {op.attributes["sym_name"].value: op.operation for op in module.body.operations}
        self._shapes: list[list[int]] = []
        self._ops: list[dict[str, Any]] = []
        self._same: list[tuple[int, int]] = []
        [block] = self._functions["main"].regions[0]
        arguments = [self._value(argument) for argument in block.arguments]
        results = self._block(block, arguments)
        self.document = {
            "values": self._shapes, "arguments": arguments, "results": results, "ops": self._ops, "same": self._same,
        }  # fmt: skip

    def _value(self, value: Any) -> int:
        self._shapes.append(list(ir.RankedTensorType(value.type).shape))
        return len(self._shapes) - 1

    def _block(self, block: Any, arguments: list[int], outer: dict[Any, int] | None = None) -> list[int]:
        """Walks a block whose arguments are known; returns what its last op hands out."""
        env = {**(outer or {}), **dict(zip(block.arguments, arguments, strict=True))}
        *body, last = [op.operation for op in block]
        for operation in body:
            operands = [env[operand] for operand in operation.operands]
            env.update(zip(operation.results, self._operation(operation, operands, env), strict=True))
        return [env[operand] for operand in last.operands]

    def _operation(self, operation: Any, operands: list[int], env: dict[Any, int]) -> list[int]:
        if operation.name in _CALLS:
            [block] = self._functions[operation.attributes[_CALLS[operation.name]].value].regions[0]
            return self._block(block, operands)
        results = [self._value(result) for result in operation.results]
        if operation.name in ("stablehlo.while", "stablehlo.case", "stablehlo.if"):
            self._control(operation, operands, results, env)
            return results
        rule = operation.attributes.get(RULE, None)
        kind = {"name": operation.name, "free": operation.name in _FREE, "rule": rule and _rule(rule)}
        self._ops.append({**kind, "operands": operands, "results": results})
        return results

    def _control(self, operation: Any, operands: list[int], results: list[int], env: dict[Any, int]) -> None:
        """A carry is one array before, in and after a loop; a result of a condition is what each case hands out."""
        loop = operation.name == "stablehlo.while"
        for number, region in enumerate(operation.regions):
            [block] = region
            inside = [self._value(argument) for argument in block.arguments]
            out = self._block(block, inside, env)
            if loop:
                self._same += zip(operands, inside, strict=True)
            if not loop or number == 1:  # The first region of a loop is its test.
                self._same += zip(out, results, strict=True)


def _rule(attribute: Any) -> dict[str, Any]:
    """A rule as plain values: per array and dimension its factors, major first, and what kinds factors are of."""
    rule = sdy.OpShardingRuleAttr(attribute)

    def arrays(mappings: Any) -> list[list[list[int]]]:
        return [
            [list(sdy.DimMappingAttr(dim).factor_indices) for dim in sdy.TensorMappingAttr(array).dim_mappings]
            for array in mappings
        ]

    return {
        "sizes": list(rule.factor_sizes),
        "operands": arrays(rule.operand_mappings),
        "results": arrays(rule.result_mappings),
        "reduction": list(rule.reduction_factors),
        "permutation": list(rule.permutation_factors),
        "need_replication": list(rule.need_replication_factors),
        "blocked": list(rule.blocked_propagation_factors),
        "custom": bool(rule.is_custom),
    }


def main() -> None:
    """Reads modules, writes a line for each."""
    stablehlo.register_stablehlo_passes()
    for text in json.load(sys.stdin):
        print(json.dumps(flat(populated(text))), flush=True)


if __name__ == "__main__":
    main()
