"""PartitionSpecs for a user's trees: where a tree stands among the arguments, and what is told otherwise."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from autopart.emit.array_layouts import ArrayLayout, argument_layouts, output_layouts, spec_text, tree_specs
from autopart.emit.lower import lower
from autopart.errors import PlanError
from autopart.partitioning.state import State
from autopart.tactics.manual import Manual, apply_schedule
from tests.autopart.tiny import tiny


def layout(*shape: int, axes: Any = None) -> ArrayLayout:
    return ArrayLayout(shape, "float32", axes or ((),) * len(shape))


LAYOUTS = {
    "params/a/w": layout(8, 4, axes=(("data",), ())),
    "params/a/b": layout(4),
    "params/scale": layout(),
    "state/mu/a/w": layout(8, 4, axes=((), ("model", "data"))),
    "state/mu/a/b": layout(4),
    "batch/x": layout(16, 8, axes=(("data",), ())),
    "x": layout(16, 8),
}


def array(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, np.float32)


WEIGHTS = {"a": {"w": array(8, 4), "b": array(4)}}


def test_a_tree_stands_at_the_shallowest_place_that_has_all_of_it() -> None:
    assert tree_specs(WEIGHTS, LAYOUTS) == {"a": {"w": P("data"), "b": P()}}
    assert tree_specs({"mu": WEIGHTS}, LAYOUTS) == {"mu": {"a": {"w": P(None, ("model", "data")), "b": P()}}}


def test_a_path_says_where_it_stands() -> None:
    for path in ("state/mu", "/state/mu/"):
        assert tree_specs(WEIGHTS, LAYOUTS, path) == {"a": {"w": P(None, ("model", "data")), "b": P()}}


def test_several_arguments_at_once_by_name() -> None:
    both = {"params": {"a": WEIGHTS["a"]}, "batch": {"x": array(16, 8)}}
    assert tree_specs(both, LAYOUTS)["batch"] == {"x": P("data")}
    assert tree_specs({"batch": {"x": array(16, 8)}}, LAYOUTS, "") == {"batch": {"x": P("data")}}


def test_anything_with_a_shape_is_a_leaf_and_an_empty_tree_is_left() -> None:
    assert tree_specs({"scale": 3.0, "a": {"b": np.zeros(4)}}, LAYOUTS) == {"scale": P(), "a": {"b": P()}}
    assert tree_specs({"a": None, "b": ()}, LAYOUTS) == {"a": None, "b": ()}
    assert tree_specs(array(16, 8), LAYOUTS, "batch/x") == P("data")


def test_one_array_stands_where_its_shape_is_alone() -> None:
    assert tree_specs(array(16, 8), LAYOUTS) == P()  # At 'x', which is shallower than 'batch/x'.
    with pytest.raises(PlanError, match="Fix: say which: path='params/a/w', path='q/a/w'"):
        tree_specs(array(8, 4), {k: v for k, v in LAYOUTS.items() if k != "state/mu/a/w"} | {"q/a/w": layout(8, 4)})


@pytest.mark.parametrize(
    ("tree", "path", "said"),
    [
        ({"a": {"w": array(8, 5)}}, None, r"nearest is 'params', but 'params/a/w' has shape \(8, 4\).*\(8, 5\) here"),
        ({"a": WEIGHTS["a"], "c": array(1)}, None, "nearest is 'params', but the plan has no 'params/c'"),
        (
            {"unheard": array(1)},
            None,
            "no argument ends in 'unheard'. The plan's arguments are params, state, batch, x",
        ),
        (WEIGHTS, "batch", "does not stand at 'batch'.*the plan has no 'batch/a/"),
    ],
)
def test_a_tree_that_stands_nowhere_is_told_why(tree: Any, path: str | None, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        tree_specs(tree, LAYOUTS, path)


def test_equally_deep_places_are_named() -> None:
    twice = LAYOUTS | {"ema/a/w": layout(8, 4), "ema/a/b": layout(4)}
    with pytest.raises(PlanError, match=r"several places.*Fix: say which: path='ema', path='params'"):
        tree_specs(WEIGHTS, twice)
    assert tree_specs(WEIGHTS, twice, "ema") == {"a": {"w": P(), "b": P()}}


def test_layouts_are_those_of_the_program() -> None:
    state = State(tiny("mlp"))
    apply_schedule(state, [Manual({"batch": 0}, "batch"), Manual({"params/layers/0/w": 1}, "model")])
    program = lower(state)
    arguments, outputs = argument_layouts(program), output_layouts(program)
    assert arguments["batch/x"].axes == (("batch",), ())
    assert arguments["params/layers/0/w"].spec == P(None, "model")
    assert arguments["params/layers/0/w"].donated
    assert not arguments["batch/x"].donated
    assert outputs["params/layers/0/w"].axes == arguments["params/layers/0/w"].axes


@pytest.mark.parametrize(
    ("axes", "text"),
    [
        ((), "P()"),
        (((), ()), "P()"),
        ((("data",), ()), "P('data')"),
        (((), ("a", "b")), "P(None, ('a', 'b'))"),
        ((("a", "b"),), "P(('a', 'b'))"),
    ],
)
def test_a_layout_is_written_as_people_do(axes: Any, text: str) -> None:
    assert spec_text(axes) == text
    assert eval(text, {"P": P}) == ArrayLayout((1,) * len(axes), "float32", axes).spec
