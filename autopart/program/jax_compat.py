"""All that this project knows of the differences between versions of JAX.

What a version lacks or says otherwise is found by looking for it, never by its number, so that a version that comes
later is met by what it does. The rest of the project sees one JAX, the oldest that it supports.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from jax import lax

NEWER_RULES = ("log2", "one_minus_square", "polynomial")
"""Primitives with a sharding rule that the oldest JAX of those supported does not have."""

_DEFAULTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "erfc": {"accuracy": None},
        "reduce_max": {"out_sharding": None},
        "reduce_min": {"out_sharding": None},
        "top_k": {"is_stable": True},
    }
)
"""Primitive -> parameters that newer versions have added, and the value at which the op is what it was before."""


def scan_counts(params: Mapping[str, Any]) -> tuple[int, int]:
    """How many operands of a ``scan`` are constants and how many are carries; the others are sliced.

    Raises:
        KeyError: the parameters say it in none of the ways that are known.
    """
    if "num_consts" in params:
        return int(params["num_consts"]), int(params["num_carry"])
    consts, carries, _ = params["ft_in"].unpack()
    return len(consts), len(carries)


def common_params(primitive: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters of an op as the oldest supported JAX would write them, where that means the same.

    For texts and fingerprints: an op is bound with the parameters that its own JAX gave it.
    """
    defaults = _DEFAULTS.get(primitive, {})
    kept = {name: value for name, value in params.items() if name not in defaults or value != defaults[name]}
    inline = kept.get("inline")
    if primitive in ("jit", "pjit") and isinstance(inline, enum.Enum) and inline.name in ("AUTO", "JAX_EARLY"):
        kept["inline"] = inline.name != "AUTO"
    return kept


def expansion(primitive: Any, params: Mapping[str, Any]) -> Callable[..., Any] | None:
    """The function on arrays that JAX's own high-level primitive stands for; ``None`` for any other.

    Newer versions make ``lax.custom_root`` one. Those of users and of other packages are left as they are.
    """
    inner = params.get("_prim")
    if primitive.name != "call_hi_primitive" or not type(inner).__module__.startswith("jax."):
        return None
    return lambda *arrays: primitive.to_lojax(*arrays, **params)


def has_rule_primitive(name: str) -> bool:
    """Whether the installed JAX has a primitive of ``NEWER_RULES``, or it is one that every version has."""
    return name not in NEWER_RULES or hasattr(lax, f"{name}_p")
