"""Tables and progress as they stand on the terminal."""

from __future__ import annotations

import io
from typing import Any

import jax
import jax.numpy as jnp
from rich.console import Console

from autopart.cli.terminal import SearchBar, console, show_plan
from autopart.cost.metrics import METRICS
from autopart.costmodel.mesh import Mesh
from autopart.partitioning.conflicts import conflicts_of
from autopart.plan.plan import Plan, plan_of
from autopart.search import Progress
from autopart.tactics.manual import Manual
from autopart.tactics.resolve import Resolve
from autopart.text.quantities import bytes_text, seconds_text
from tests.autopart.tiny import MESH, array, layers_of_squares, problem_of, tiny


def shown(plan: Plan) -> str:
    file = io.StringIO()
    show_plan(Console(file=file, width=160, emoji=False, highlight=False), plan)
    return file.getvalue()


def cells(text: str, first: str) -> list[str]:
    """The words of the one line that begins with `first`."""
    (line,) = (line for line in text.splitlines() if line.strip().startswith(first))
    return line.split()


def squares(mesh: Mesh = MESH, **more: Any) -> Plan:
    problem = problem_of(layers_of_squares(3), [array(16, 16)] * 3, array(8, 16), mesh=mesh)
    return Plan(problem, (Manual({"data": 0}, "batch"), Manual({"stack/0": 1}, "model")), **more)


def test_arguments_of_one_layout_share_a_row() -> None:
    text = shown(plan_of(squares().problem, [Manual({"data": 0}, "batch")]))
    assert "Plan over batch 4 × model 2" in text
    assert cells(text, "stack/*") == ["stack/*", "×3", "16×16", "P()"]
    assert cells(text, "data") == ["data", "8×16", "P('batch',)"]


def test_collectives_are_counted_by_kind_and_axis() -> None:
    plan = squares()
    (move,) = plan.program.collectives()  # The sum after the second product, of a quarter of 8 * 16 * 4 bytes.
    assert move.full_bytes == 128
    row = ["all_reduce", "model", "1", "128", "B", *seconds_text(move.seconds).split()]
    assert cells(shown(plan), "all_reduce") == row


def test_several_collectives_are_added_up() -> None:
    plan = plan_of(tiny("mlp"), [Manual({"batch": 0}, "batch")])
    moves = plan.program.collectives()
    assert {(move.kind, move.axes) for move in moves} == {("all_reduce", ("batch",))}
    assert len(moves) > 1
    total, seconds = sum(move.full_bytes for move in moves), sum(move.seconds for move in moves)
    row = ["all_reduce", "batch", str(len(moves)), *bytes_text(total).split(), *seconds_text(seconds).split()]
    assert cells(shown(plan), "all_reduce") == row


def test_no_collectives_are_told() -> None:
    text = shown(plan_of(squares().problem, []))
    assert cells(text, "none") == ["none"]
    assert "no collectives" in text
    assert "Against the known recipes" not in text


def figures(peak: float, step: float) -> dict[str, float]:
    return {"peak_memory_bytes": peak, "step_s": step, "communication_s": 0.25}


def test_recipes_are_ordered_by_speed_and_those_that_do_not_fit_come_last() -> None:
    recipes = {"slow": figures(2**30, 3.0), "huge": figures(2**40, 1.0), "quick+Z2": figures(2**20, 2.0)}
    text = shown(squares(recipes=recipes))
    assert cells(text, "quick") == ["quick", "+", "Z2", "1.00", "MiB", "2.000", "s", "250.00", "ms"]
    assert cells(text, "huge") == ["huge", "1.00", "TiB", "1.000", "s", "250.00", "ms", "does", "not", "fit"]
    starts = [text.index(name) for name in ("this plan", "quick", "slow", "huge")]
    assert starts == sorted(starts)
    assert "more in metrics.json" not in text


def test_a_long_list_of_recipes_is_cut_and_says_so() -> None:
    text = shown(squares(recipes={f"recipe{i:02}": figures(1.0, float(i)) for i in range(13)}))
    assert "recipe09" in text
    assert "recipe10" not in text
    assert "3 more in metrics.json" in " ".join(text.split())  # The caption is folded to the table's width.


def test_the_summary_tells_the_search() -> None:
    text = shown(squares(search={"simulations": 120, "seconds": 0.5, "stop": "simulations"}))
    assert "Search: 120 simulations in 0.5 s (240/s), stopped by simulations." in text
    assert f"Estimate: {squares().report.line()}. A cpu device has 8.00 GiB." in text


def test_conflicts_are_those_that_resolve_settles_and_no_reshard_points() -> None:
    problem = problem_of(lambda x, y: jnp.tanh(x + y), array(8, 8), array(8, 8))
    torn = Manual({"x": 0, "y": 1}, "batch")
    assert "Conflicts: 1 ops stay whole" in shown(plan_of(problem, [torn]))
    [conflict] = conflicts_of(problem).of(plan_of(problem, [torn]).state)
    side = Resolve(conflicts_of(problem).place(conflict.op), "i", "batch")
    settled = plan_of(problem, [torn, side])
    assert settled.program.collectives()  # y is moved to where the sum wants it.
    assert "Conflicts" not in shown(settled)


def test_names_of_the_user_are_shown_as_they_are() -> None:
    def network(params: Any, x: Any) -> Any:
        return jnp.tanh(x @ params["[red]x[/red]"]) @ params[":100:"]

    args = {"[red]x[/red]": array(16, 32), ":100:": array(32, 4)}, array(8, 16)
    plan = plan_of(problem_of(network, *args), [Manual({"x": 0}, "batch")])
    file = io.StringIO()
    terminal = console()
    terminal.file = file
    show_plan(terminal, plan)
    assert "params/[red]x[/red]" in file.getvalue()
    assert "params/:100:" in file.getvalue()


def test_a_recipe_is_shown_as_it_is_called() -> None:
    assert "MP[bold]" in shown(squares(recipes={"MP[bold]": figures(1.0, 1.0)}))


def progress(binding: str, simulations: int = 50) -> Progress:
    best = {"peak_memory_bytes": 3 * 2**30, "step_s": 0.5}
    metrics = tuple(float(best.get(name, 0.0)) for name in METRICS)
    return Progress(simulations, 2.0, metrics, binding, nodes=7, depth=3)


def drawn(*heard: Progress | Mesh) -> str:
    file = io.StringIO()
    with SearchBar(Console(file=file, width=160, force_terminal=True), 100) as bar:
        for item in heard:
            if isinstance(item, Mesh):
                bar.on_shape(item)
            else:
                bar.on_progress(item)
    return file.getvalue()


def test_the_bar_says_what_it_waits_for_until_the_search_tells() -> None:
    assert "known recipes first" in drawn()


def test_the_bar_tells_the_best_so_far_and_what_holds_it_back() -> None:
    assert "50 states, 25/s; best 500.00 ms, 3.00 GiB; binding: memory" in drawn(progress("peak_memory_bytes"))
    assert "binding: step time" in drawn(progress("peak_memory_bytes"), progress("step_s", 60))


def test_the_bar_says_which_of_several_meshes_is_searched() -> None:
    assert "on 4x2: known recipes first" in drawn(MESH)
    assert "on 4x2: 50 states, 25/s; best" in drawn(MESH, progress("step_s"))


def test_meshes_that_were_searched_have_a_row_each() -> None:
    best = figures(2**30, 2.0)
    rows = [
        {"axes": {"batch": 8}, "states": 70, "metrics": figures(2**40, 1.0)},
        {"axes": {"batch": 4, "model": 2}, "states": 130, "metrics": best},
        {"axes": {"batch": 2, "model": 4}, "states": 0, "metrics": {}, "refused": "the same as [4x2]"},
    ]
    text = shown(squares(search={"shapes": rows}))
    assert " ".join(cells(text, "batch 8")) == "batch 8 70 1.00 TiB 1.000 s 250.00 ms does not fit"
    assert " ".join(cells(text, "batch 4 ×")) == "batch 4 × model 2 130 1.00 GiB 2.000 s 250.00 ms"
    assert " ".join(cells(text, "batch 2 ×")) == "batch 2 × model 4 the same as [4x2]"
    assert "Mesh shapes" not in shown(squares())


def test_the_bar_knows_no_rate_before_any_time_has_passed() -> None:
    start = Progress(0, 0.0, (0.0,) * len(METRICS), "none", nodes=1, depth=0)
    assert "0 states, 0/s" in drawn(start)


def test_loops_and_refused_dimensions_are_told() -> None:
    def fn(stack: Any, data: Any, n: Any) -> Any:
        data = jax.lax.scan(lambda c, w: (jnp.tanh(c @ w), None), data, stack)[0]
        return jax.lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] * 2), (0, data))[1]

    text = shown(plan_of(problem_of(fn, array(6, 16, 16), array(10, 16), array(dtype="int32")), ()))
    assert "Loop: scan of 6 iterations at " in text
    assert "Loop: while of 16 iterations (assumed) at " in text
    assert "Refused: data: dimension 0 of size 10 cannot be tiled on 'batch' (4 devices)" in text
