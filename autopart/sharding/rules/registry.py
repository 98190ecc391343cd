"""Rules that users register for primitives of their own.

The one place of the project that holds state of a module: a rule belongs to a primitive, which JAX itself
registers for the whole process, and it must be found however deep in a traced function the primitive stands.
A registration can be taken back, and is where it is used as a context manager.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from autopart.errors import RuleError
from autopart.sharding.rules.grammar import Notation, resolve
from autopart.sharding.rules.op_context import Context
from autopart.sharding.rules.rule import Kind, Rule


@dataclass(frozen=True)
class Tiles:
    """Where a device stands, for a function that runs a primitive on tiles.

    Attributes:
        result_shapes: shapes of the tiles of the results.
        axes: per factor of the rule the mesh axes that cut it, outermost first; ``jax.lax.axis_index(axes)``
            is the number of the device's tile.
    """

    result_shapes: tuple[tuple[int, ...], ...]
    axes: Mapping[str, tuple[str, ...]]


Localise = Callable[..., Any]
"""``localise(tiles: Tiles, *operands, **params)``: the primitive's result, or results, on this device's tiles."""


@dataclass(frozen=True)
class RegisteredRule:
    """A rule that a user gave, and a context manager that takes it back.

    Attributes:
        primitive: name of the primitive.
        notation: the rule.
        reductions: factors whose parts are combined, and how.
        whole: factors that are not offered.
        localise: how the primitive runs on tiles; ``None``: with the same parameters.
    """

    primitive: str
    notation: Notation
    reductions: Mapping[str, Kind]
    whole: frozenset[str]
    localise: Localise | None

    def rule(self, context: Context) -> Rule:
        """The rule at the op's shapes; raises RuleError where it does not fit them."""
        return resolve(self.notation, context, self.reductions, set(self.whole))

    def __enter__(self) -> RegisteredRule:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        unregister_rule(self.primitive)


_REGISTERED: dict[str, RegisteredRule] = {}


def add(registration: RegisteredRule) -> None:
    """Makes the rule known; raises RuleError if its primitive has one."""
    name = registration.primitive
    if name in _REGISTERED:
        raise RuleError(
            f"'{name}' has the rule '{_REGISTERED[name].notation.text}'. Fix: autopart.unregister_rule('{name}') first."
        )
    _REGISTERED[name] = registration


def unregister_rule(primitive: Any) -> None:
    """Takes back the rule of a primitive (or of its name); there need not be one."""
    _REGISTERED.pop(primitive if isinstance(primitive, str) else str(primitive.name), None)


def registered_rule(primitive: str) -> RegisteredRule | None:
    """The rule that was registered for a primitive's name."""
    return _REGISTERED.get(primitive)
