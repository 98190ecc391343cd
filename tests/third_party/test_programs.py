"""Programs that no one here wrote, partitioned over data and over weights, give the same answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from autopart.tactics.manual import Manual
from tests.third_party import with_equinox, with_haiku, with_linalg, with_linen, with_nnx
from tests.third_party.proof import DATA, MODEL, Program, plan_for, prove

PROGRAMS: dict[str, Callable[[], Program]] = {
    "linen cnn, sgd": with_linen.cnn,
    "linen transformer, lion": with_linen.transformer,
    "linen lstm, rmsprop": with_linen.lstm,
    "nnx mlp, adafactor": with_nnx.mlp,
    "nnx attention, adabelief": with_nnx.attention,
    "equinox mlp, muon": with_equinox.mlp,
    "equinox attention, nadam": with_equinox.attention,
    "equinox gru, adam": with_equinox.gru,
    "haiku lstm, adagrad": with_haiku.lstm,
    "haiku cnn, novograd": with_haiku.cnn,
    "gaussian process, adamax": with_linalg.gaussian_process,
    "mixture, yogi": with_linalg.mixture,
    "spectral layer": with_linalg.spectral,
    "decompositions": with_linalg.decompositions,
}


@pytest.fixture(params=list(PROGRAMS), scope="module")
def program(request: pytest.FixtureRequest) -> Program:
    return PROGRAMS[request.param]()


def test_over_data(program: Program) -> None:
    plan, counts = prove(program.step, Manual(program.data, DATA))
    for argument in plan.problem.graph.arguments:
        tiled = bool(plan.state.tiles_of_argument(argument.name))
        assert tiled or argument.name not in program.data, argument.name
        assert not (tiled and argument.donated), argument.name
    assert sum(counts.values()) > 0


def test_over_data_and_weights(program: Program) -> None:
    plan, counts = prove(program.step, Manual(program.data, DATA), Manual(program.model, MODEL))
    tiled = [name for name in plan.problem.argument_ops if MODEL in plan.state.tiles_of_argument(name)]
    assert tiled
    assert sum(counts.values()) > 0


def test_what_is_donated_is_carried_leaf_by_leaf(program: Program) -> None:
    graph = plan_for(program.step).problem.graph
    donated = {number for number, argument in enumerate(graph.arguments) if argument.donated}
    carried = {output.carried for output in graph.outputs} - {-1}
    assert carried == donated
