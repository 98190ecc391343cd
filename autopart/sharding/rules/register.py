"""How a user gives the rule of a primitive of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from autopart.errors import RuleError
from autopart.sharding.rules.grammar import Notation, one_sided, parse
from autopart.sharding.rules.registry import Localise, RegisteredRule, add
from autopart.sharding.rules.replicated import REFUSED, TRACED
from autopart.sharding.rules.rule import Kind
from autopart.sharding.rules.table import RULES

_MONOIDS = {"sum": Kind.SUM, "max": Kind.MAX, "min": Kind.MIN, "or": Kind.OR, "and": Kind.AND}


def register_rule(
    primitive: Any,
    rule: str,
    *,
    reduction_factors: Iterable[str] | Mapping[str, str] = (),
    need_replication_factors: Iterable[str] = (),
    localise: Localise | None = None,
) -> RegisteredRule:
    """Says how a primitive of one's own may be tiled, in the grammar of JAX's ``custom_partitioning``.

    >>> registered = autopart.register_rule("my_product", "... i k, k j -> ... i j", reduction_factors=("k",))
    >>> autopart.unregister_rule("my_product")

    A factor that no result has, and that is no reduction, must stay whole; so must one that no operand has,
    unless ``localise`` says how to make a part of it. A primitive that is called with the same parameters on
    tiles must do there what it does on the whole; one that has a shape among its parameters needs ``localise``.

    Args:
        primitive: the primitive, or its name.
        rule: operands and results, one factor a dimension; a leading ``...`` is any number of dimensions.
        reduction_factors: factors whose parts are summed, or a mapping to ``sum``, ``max``, ``min``, ``or``, ``and``.
        need_replication_factors: factors that must stay whole.
        localise: called as ``localise(tiles, *operands, **params)`` to run on tiles (see ``Tiles``).

    Returns:
        The registration; as a context manager it is taken back at the end.

    Raises:
        RuleError: the rule is malformed, names factors that it does not have, or the primitive has one.
    """
    name = primitive if isinstance(primitive, str) else str(primitive.name)
    notation = parse(rule)
    if name in RULES or name in TRACED or name in REFUSED:
        raise RuleError(f"'{name}' is one of JAX's primitives, for which autopart has a rule or a reason for none")
    reductions = _reductions(notation, reduction_factors)
    whole = _whole(notation, reductions, tuple(need_replication_factors), localise is not None)
    registration = RegisteredRule(name, notation, reductions, whole, localise)
    add(registration)
    return registration


def _reductions(notation: Notation, given: Iterable[str] | Mapping[str, str]) -> dict[str, Kind]:
    named = dict(given) if isinstance(given, Mapping) else dict.fromkeys(_tuple(notation, given), "sum")
    in_results = {name for dims in notation.results for name in dims}
    for name, monoid in named.items():
        if name not in notation.names():
            raise RuleError(f"rule '{notation.text}' has no factor '{name}' to reduce")
        if name in in_results:
            raise RuleError(f"rule '{notation.text}': factor '{name}' is reduced, so no result may have it")
        if monoid not in _MONOIDS:
            raise RuleError(f"'{monoid}' of factor '{name}' is none of {', '.join(_MONOIDS)}")
    if len(set(named.values())) > 1:
        raise RuleError(f"rule '{notation.text}': parts combine in one way, not by {' and '.join(named.values())}")
    return {name: _MONOIDS[monoid] for name, monoid in named.items()}


def _tuple(notation: Notation, given: Iterable[str]) -> tuple[str, ...]:
    if isinstance(given, str):
        raise RuleError(f"rule '{notation.text}': give factors as a tuple, ('{given}',), not as a text")
    return tuple(given)


def _whole(
    notation: Notation, reductions: Mapping[str, Kind], needed: tuple[str, ...], localised: bool
) -> frozenset[str]:
    for name in _tuple(notation, needed):
        if name not in notation.names():
            raise RuleError(f"rule '{notation.text}' has no factor '{name}' to replicate")
        if name in reductions:
            raise RuleError(f"rule '{notation.text}': factor '{name}' cannot be both reduced and replicated")
    return frozenset(needed) | one_sided(notation, reductions, localised)
