"""Named dimensions: what ops tie is one dimension."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from autopart.game.pruning.named_dimensions import dimensions_of
from tests.autopart.tiny import array, problem_of, tiny


def test_dimensions_that_a_chain_of_ops_ties_have_one_name() -> None:
    def chain(x: Any, up: Any, down: Any, bias: Any) -> Any:
        return jnp.tanh(x @ up + bias) @ down

    problem = problem_of(chain, array(8, 16), array(16, 32), array(32, 64), array(32))
    found = dimensions_of(problem)
    of = {
        name: found.of_factor[problem.tables.factor_ptr[op] : problem.tables.factor_ptr[op + 1]].tolist()
        for name, op in problem.argument_ops.items()
    }
    assert of["x"][1] == of["up"][0]
    assert of["up"][1] == of["bias"][0] == of["down"][0]
    assert len({of["x"][0], of["x"][1], of["up"][1], of["down"][1]}) == 4
    assert found.names == ("x.0", "x.1", "up.1", "down.1")
    assert found.count == 5  # And the dimension of one element that the bias is given.


def test_layers_share_their_dimensions() -> None:
    names = dimensions_of(tiny("t32")).names
    assert names[:2] == ("params/embed.0", "params/embed.1")
    assert "params/layers/*/mlp/down.0" in names
    assert not any("mlp/up" in name for name in names)  # Its dimensions are those of others.
