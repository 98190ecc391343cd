"""Canonical text of a primitive's parameters: equal for equal programs, in any process, on any machine."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np


def params_text(params: Mapping[str, Any]) -> str:
    """The parameters in order of their names, without memory addresses or source positions.

    Inner jaxprs are written out with their variables numbered, arrays as a hash of their bytes;
    functions (of which a primitive that holds its jaxpr has no need) by name.
    """
    return ",".join(f"{name}={_text(params[name])}" for name in sorted(params))


def array_text(array: Any) -> str:
    """Shape, dtype and a hash of the contents of an array; typed random keys by their key data."""
    import jax

    kind = ""
    if jax.numpy.issubdtype(array.dtype, jax.dtypes.prng_key):
        kind, array = f"{array.dtype}:", jax.random.key_data(array)
    plain = np.ascontiguousarray(np.asarray(array))
    digest = hashlib.sha256(plain.tobytes()).hexdigest()[:16]
    return f"{kind}{plain.dtype}{list(plain.shape)}#{digest}"


def _text(x: Any) -> str:
    if isinstance(x, enum.Enum):
        return f"{type(x).__name__}.{x.name}"
    if x is None or isinstance(x, (bool, int, float, complex, str, bytes)):
        return repr(x)
    if isinstance(x, (np.dtype, np.generic)):
        return str(x)
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return f"{type(x).__name__}({','.join(_text(item) for item in x)})"
    if isinstance(x, (tuple, list)):
        return f"({','.join(_text(item) for item in x)})"
    if isinstance(x, (set, frozenset)):
        return f"{{{','.join(sorted(_text(item) for item in x))}}}"
    if isinstance(x, Mapping):
        return f"{{{','.join(sorted(f'{_text(k)}:{_text(v)}' for k, v in x.items()))}}}"
    if hasattr(x, "eqns") and hasattr(x, "invars"):
        return _jaxpr_text(x)
    if hasattr(x, "jaxpr") and hasattr(x, "consts"):
        return f"{_jaxpr_text(x.jaxpr)}[{','.join(_text(const) for const in x.consts)}]"
    if hasattr(x, "shape") and hasattr(x, "dtype") and hasattr(x, "__array__"):
        return array_text(x)
    if isinstance(x, type) or callable(x):
        return getattr(x, "__qualname__", type(x).__name__)
    if dataclasses.is_dataclass(x):
        fields = ",".join(f"{f.name}={_text(getattr(x, f.name))}" for f in dataclasses.fields(x))
        return f"{type(x).__name__}({fields})"
    if hasattr(x, "operand_mappings"):
        return str(x)  # A sharding rule of custom_partitioning, which has no repr of its own.
    written = repr(x)
    return type(x).__name__ if " at 0x" in written else written


def _jaxpr_text(jaxpr: Any) -> str:
    number: dict[Any, int] = {}

    def atom(a: Any) -> str:
        if hasattr(a, "val"):
            return f"{_text(a.val)}:{a.aval.dtype}"
        return f"%{number[a]}"

    def bind(variables: Any) -> str:
        for variable in variables:
            number[variable] = len(number)
        return ",".join(str(variable.aval) for variable in variables)

    heads = f"{bind(jaxpr.constvars)};{bind(jaxpr.invars)}"
    lines = []
    for eqn in jaxpr.eqns:
        inputs = ",".join(atom(a) for a in eqn.invars)
        lines.append(f"{bind(eqn.outvars)}={eqn.primitive.name}[{params_text(eqn.params)}]({inputs})")
    return f"{{{heads}|{';'.join(lines)}|{','.join(atom(a) for a in jaxpr.outvars)}}}"
