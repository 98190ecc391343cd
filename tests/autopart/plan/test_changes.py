"""What differs between a saved plan's program and another, path by path, and what still applies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from autopart.costmodel.mesh import Mesh
from autopart.emit.array_layouts import ArrayLayout
from autopart.partitioning.problem import Problem
from autopart.plan.changes import (
    DONATION,
    DTYPE,
    MISSING,
    NEW,
    RENAMED,
    SHAPE,
    ArgumentChange,
    Changes,
    argument_changes,
    compared,
    renames,
)
from autopart.plan.plan import plan_of
from autopart.tactics.manual import Atomic, Manual, Tactic
from tests.autopart.tiny import MESH, array, problem_of


def network(layers: int, mlp: str = "up", width: int = 32, dtype: str = "float32", extra: bool = False) -> Any:
    """A function of so many layers, with its abstract arguments."""

    def fn(params: Any, x: Any) -> Any:
        for layer in params["layers"]:
            x = jnp.tanh(x @ layer[mlp]) @ layer["down"]
        return x * params["scale"] if extra else x

    params: dict[str, Any] = {
        "layers": [{mlp: array(16, width, dtype=dtype), "down": array(width, 16, dtype=dtype)} for _ in range(layers)]
    }
    return fn, params | ({"scale": array(16)} if extra else {}), array(8, 16)


SCHEDULE: Sequence[Tactic] = (
    Manual({"x": 0}, "batch"),
    Manual({"params/layers/*/up": 1, "params/layers/1/down": 1}, "model"),
    Atomic(("params/layers/*/up",), "batch"),
)


def changes(before: Any, after: Any, mesh: Mesh = MESH, donate: Sequence[int] = ()) -> Changes:
    plan = plan_of(problem_of(*before), SCHEDULE)
    graph = problem_of(*after, donate=donate).graph
    return compared(
        Problem.of(graph, mesh), plan.problem.graph.fingerprint(), len(plan.problem.graph.ops), MESH,
        plan.arguments, plan.schedule,
    )  # fmt: skip


def kinds(found: Changes) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for change in found.arguments:
        out.setdefault(change.kind, []).append(change.path)
    return out


def test_the_same_program_has_nothing_to_tell() -> None:
    found = changes(network(2), network(2))
    assert found.is_same
    assert found.applies
    assert found.arguments == ()
    assert not found.moved
    assert not found.misfits
    assert found.plan.schedule == tuple(SCHEDULE)


def test_more_layers_are_new_and_the_patterns_reach_them() -> None:
    found = changes(network(2), network(4))
    assert kinds(found) == {NEW: [f"params/layers/{n}/{w}" for n in (2, 3) for w in ("down", "up")]}
    assert found.applies
    assert "model" in found.plan.state.tiles_of_argument("params/layers/3/up")
    assert "  new: params/layers/*/up (×2, first params/layers/2/up) float32[16,32]" in found.lines()


def test_fewer_layers_are_missing_and_what_named_them_no_longer_applies() -> None:
    found = changes(network(2), network(1))
    assert kinds(found) == {MISSING: ["params/layers/1/down", "params/layers/1/up"]}
    assert not found.applies
    assert list(found.tactics[1].refused) == ["params/layers/1/down"]
    assert found.tactics[1].kept == Manual({"params/layers/*/up": 1}, "model")
    assert found.schedule == (SCHEDULE[0], Manual({"params/layers/*/up": 1}, "model"), SCHEDULE[2])
    text = str(found)
    assert "Tactics: 2 of 3 apply in full." in text
    assert "tactic 2: pattern 'params/layers/1/down' matches no argument" in text


def test_a_renamed_parameter_is_recognised_in_every_layer() -> None:
    found = changes(network(2), network(2, mlp="up_kernel"))
    assert kinds(found) == {RENAMED: ["params/layers/0/up", "params/layers/1/up"]}
    assert [c.after for c in found.arguments] == ["params/layers/0/up_kernel", "params/layers/1/up_kernel"]
    assert found.tactics[1].kept == Manual({"params/layers/1/down": 1}, "model")
    assert found.tactics[2].kept is None
    line = "  perhaps renamed: params/layers/*/up (×2, first params/layers/0/up) -> params/layers/*/up_kernel"
    assert line in found.lines()


def test_another_shape_is_told_and_where_a_layout_no_longer_holds() -> None:
    found = changes(network(2), network(2, width=33))
    assert set(kinds(found)) == {SHAPE}
    assert ArgumentChange(SHAPE, "params/layers/0/up", "[16, 32]", "[16, 33]") in found.arguments
    assert set(found.misfits) == {"params/layers/0/up", "params/layers/1/up", "params/layers/0/down"}
    assert "dimension 1 of size 33 cannot be cut into 2" in found.misfits["params/layers/0/up"]
    assert found.tactics[1].kept == Manual({"params/layers/1/down": 1}, "model")
    assert "cannot be cut into 2 parts on 'model'" in found.tactics[1].refused["params/layers/*/up"]


def test_another_dtype_donation_and_body_are_told() -> None:
    assert set(kinds(changes(network(2), network(2, dtype="bfloat16")))) == {DTYPE}
    donated = changes(network(2), network(2), donate=(0,))
    assert set(kinds(donated)) == {DONATION}
    assert not donated.same_program

    def other(params: Any, x: Any) -> Any:
        return network(2)[0](params, x) + 1

    body = changes(network(2), (other, *network(2)[1:]))
    assert body.arguments == ()
    assert not body.same_program
    before, after = body.operations
    assert after == before + 1
    assert f"({before} ops then, {after} now)" in str(body)


def test_a_mesh_without_the_axis_leaves_what_it_has() -> None:
    found = changes(network(2), network(2), Mesh({"batch": 8}, "cpu"))
    assert found.same_program
    assert not found.is_same
    assert found.schedule == (SCHEDULE[0], SCHEDULE[2])
    assert all("the mesh has no axis 'model'" in why for why in found.misfits.values())


def test_what_lies_in_another_way_under_what_is_left_is_told() -> None:
    found = changes(network(2), network(2, mlp="up_kernel"))
    assert found.moved == {"params/layers/0/down": ("P('model')", "P()")}  # It followed its pair's tile.


def layout(*shape: int, dtype: str = "float32") -> ArrayLayout:
    return ArrayLayout(shape, dtype, ((),) * len(shape))


def test_renames_need_one_shape_dtype_and_number_and_a_path_alike() -> None:
    gone = {f"layers/{n}/attn/qkv": layout(8, 8) for n in range(3)}
    assert renames(gone, {f"layers/{n}/attention/qkv": layout(8, 8) for n in range(3)}) == {
        f"layers/{n}/attn/qkv": f"layers/{n}/attention/qkv" for n in range(3)
    }
    assert not renames(gone, {f"layers/{n}/attention/qkv": layout(8, 4) for n in range(3)})
    assert not renames(gone, {f"layers/{n}/attention/qkv": layout(8, 8, dtype="bfloat16") for n in range(3)})
    assert not renames(gone, {f"layers/{n}/attention/qkv": layout(8, 8) for n in range(2)})
    assert not renames({"kernel": layout(4)}, {"zzz": layout(4)})


def test_the_most_alike_are_paired_and_each_once() -> None:
    gone = {"a/first": layout(4), "a/second": layout(4)}
    new = {"b/second": layout(4), "b/first": layout(4)}
    assert renames(gone, new) == {"a/first": "b/first", "a/second": "b/second"}
    assert renames(gone, {"b/first": layout(4)}) == {"a/first": "b/first"}


def test_changes_against_a_graph_need_no_plan() -> None:
    graph = problem_of(*network(1)).graph
    saved = {"params/layers/0/up": layout(16, 32), "params/layers/0/down": layout(32, 16), "y": layout(8, 16)}
    assert argument_changes(saved, graph) == (
        ArgumentChange(MISSING, "y", before="float32[8,16]"),
        ArgumentChange(NEW, "x", after="float32[8,16]"),
    )
