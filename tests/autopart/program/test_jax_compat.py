"""What differs between versions of JAX is met in one place, and the same program is the same on each."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from autopart.program.graph import LOOP_CARRY, SCAN_SLICE, Graph
from autopart.program.jax_compat import common_params, scan_counts
from autopart.program.trace import trace

ROOT = Path(__file__).parents[3]
X = jax.ShapeDtypeStruct((8, 4), jnp.float32)


class Inline(enum.Enum):
    AUTO = "auto"
    JAX_EARLY = "jax_early"
    XLA_LATE = "xla_late"


def scanned(x: Any) -> Any:
    scale = x[0] * 2
    return lax.scan(lambda carry, row: (carry + row * scale, carry), x[0], x)


def softmax(x: Any) -> Any:
    return jnp.exp(x - x.max(1, keepdims=True)) / jnp.exp(x - x.max(1, keepdims=True)).sum(1, keepdims=True)


def root(x: Any) -> Any:
    return lax.custom_root(lambda y: y - x, x, lambda f, y: y, lambda g, y: y)


PROGRAMS = {
    "scan": (scanned, "43036c29312aec2a7dcac8b02e49f584"),
    "softmax": (softmax, "705c0736a0162e579a59df1c3268379d"),
    "erfc": (lax.erfc, "81bd828d2abc63b783d17b3d3e8cbdb2"),
    "top_k": (lambda x: lax.top_k(x, 2), "2f4dfd012f47b5f78890f446d8f9635b"),
    "custom_root": (root, "5f2164d1e341680884ea25665378cdc5"),
}
"""A function of ``X`` that versions of JAX write with other parameters, and its fingerprint on all of them."""


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_has_one_fingerprint_on_every_jax(name: str) -> None:
    fn, fingerprint = PROGRAMS[name]
    assert trace(fn, X).fingerprint() == fingerprint


def test_the_operands_of_a_scan_are_told_apart() -> None:
    def kinds(graph: Graph) -> list[int]:
        return [sum(op.primitive == kind for op in graph.ops) for kind in (LOOP_CARRY, SCAN_SLICE)]

    assert kinds(trace(scanned, X)) == [1, 1]
    [eqn] = [eqn for eqn in jax.make_jaxpr(scanned)(X).eqns if eqn.primitive.name == "scan"]
    assert scan_counts(eqn.params) == (1, 1)


def test_what_says_no_counts_is_no_scan() -> None:
    with pytest.raises(KeyError):
        scan_counts({"length": 3})


def test_added_parameters_are_left_out_only_where_they_say_what_always_was() -> None:
    assert common_params("top_k", {"k": 2, "is_stable": True}) == {"k": 2}
    assert common_params("top_k", {"k": 2, "is_stable": False}) == {"k": 2, "is_stable": False}
    assert common_params("exp", {"accuracy": None}) == {"accuracy": None}  # The oldest has it too.


@pytest.mark.parametrize(("given", "common"), [("AUTO", False), ("JAX_EARLY", True), ("XLA_LATE", Inline.XLA_LATE)])
def test_how_a_call_is_inlined_is_said_as_before(given: str, common: Any) -> None:
    assert common_params("jit", {"inline": Inline[given]}) == {"inline": common}
    assert common_params("jit", {"inline": True}) == {"inline": True}


def test_no_other_file_asks_for_a_version_of_jax() -> None:
    files = [path for folder in ("autopart", "search", "costmodel") for path in (ROOT / folder).rglob("*.py")]
    assert ROOT / "autopart" / "program" / "jax_compat.py" in files
    asking = [
        path.relative_to(ROOT).as_posix()
        for path in files
        if any(word in path.read_text() for word in ("jax.version", "jax.__version_info__", "jaxlib.__version__"))
    ]
    assert asking == []
