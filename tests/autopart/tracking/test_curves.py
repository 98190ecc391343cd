"""From what searches tell to rows."""

from __future__ import annotations

import pytest

from autopart.costmodel.mesh import Mesh
from autopart.search import AtMost, Goals, Improvement, Minimise, Progress
from autopart.tracking import Row
from autopart.tracking.curves import Curves

NAMES = ("peak_memory_bytes", "step_s")
GOALS = Goals([AtMost("peak_memory_bytes", 100.0), Minimise("step_s")], NAMES)
WIDE, TALL = Mesh({"data": 4, "model": 2}, "cpu"), Mesh({"data": 8}, "cpu")


def better(simulation: int, step_s: float, seconds: float = 0.0, actions: int = 1) -> Improvement:
    return Improvement(simulation, seconds, tuple(range(actions)), (50.0, step_s))


def at(simulations: int, seconds: float, depth: int = 3) -> Progress:
    return Progress(simulations, seconds, (50.0, 1.0), "step_s", nodes=simulations, depth=depth)


def test_improvements_are_rows_at_once_with_their_value() -> None:
    rows: list[Row] = []
    search = Curves(rows.append).search(0, WIDE, GOALS)
    search.on_improvement(better(1, 2.0, actions=0))
    search.on_improvement(better(9, 1.0, 0.5))
    assert [(r.simulations, r.seconds, r.best["step_s"], r.depth) for r in rows] == [(1, 0.0, 2.0, 0), (9, 0.5, 1.0, 1)]
    assert [r.value for r in rows] == [GOALS.value((50.0, s), (50.0, 2.0)) for s in (2.0, 1.0)]
    assert {(r.binding, r.leads, r.mesh, r.stage, r.simulations_per_s) for r in rows} == {
        ("step_s", True, None, 0, None)
    }


def test_progress_is_a_row_now_and_then_and_once_more_in_the_end() -> None:
    rows: list[Row] = []
    curves = Curves(rows.append, period_s=3600)
    search = curves.search(0, WIDE, GOALS)
    search.on_improvement(better(1, 2.0))
    for simulations in (10, 20, 30):
        search.on_progress(at(simulations, simulations / 10))
    assert len(rows) == 1
    curves.flush()
    curves.flush()
    assert [(r.simulations, r.depth) for r in rows[1:]] == [(30, 3)]
    assert rows[1].simulations_per_s == pytest.approx(10.0)
    eager = list[Row]()
    search = Curves(eager.append, period_s=0).search(0, WIDE, GOALS)
    search.on_improvement(better(1, 2.0))
    for simulations in (11, 31):
        search.on_progress(at(simulations, simulations / 10))
    assert [r.simulations_per_s for r in eager] == [None, pytest.approx(10.0), pytest.approx(10.0)]


def test_stages_and_searches_that_begin_again_go_on_counting() -> None:
    rows: list[Row] = []
    curves = Curves(rows.append)
    first = curves.search(0, WIDE, GOALS)
    first.on_improvement(better(1, 4.0, 0.1))
    first.on_improvement(better(5, 3.0, 0.5))
    first.on_improvement(better(1, 4.0, 0.1))  # On the whole program, after a folded one that did not do.
    first.on_improvement(better(6, 3.0, 0.6))
    second = curves.search(1, WIDE, GOALS)
    second.on_improvement(better(1, 3.0, 0.2))
    assert [(r.stage, r.simulations) for r in rows] == [(0, 1), (0, 5), (0, 6), (0, 11), (1, 12)]
    assert [r.seconds for r in rows] == pytest.approx([0.1, 0.5, 0.6, 1.1, 1.3])
    assert rows[-1].leads


def test_meshes_have_a_curve_each_and_the_best_leads() -> None:
    rows: list[Row] = []
    curves = Curves(rows.append, by_mesh=True)
    wide = curves.search(0, WIDE, GOALS)
    wide.on_improvement(better(1, 4.0, 0.1))
    wide.on_improvement(better(3, 3.0, 0.2))
    tall = curves.search(0, TALL, GOALS)
    tall.on_improvement(better(1, 4.0, 0.1))
    tall.on_improvement(better(2, 2.0, 0.2))
    wide.on_improvement(better(4, 2.5, 0.9))  # Its clock ran on while the other had its turn.
    told = [(r.mesh, r.simulations, r.best["step_s"], r.leads) for r in rows]
    assert told == [
        ({"data": 4, "model": 2}, 1, 4.0, True),
        ({"data": 4, "model": 2}, 3, 3.0, True),
        ({"data": 8}, 4, 4.0, False),
        ({"data": 8}, 5, 2.0, True),
        ({"data": 4, "model": 2}, 6, 2.5, False),
    ]
    assert [r.seconds for r in rows] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.9])
