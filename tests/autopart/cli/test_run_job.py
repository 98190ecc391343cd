"""The search command in this process: configuration to goals, tactic and run folder."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_module
from omegaconf import DictConfig

from autopart.cli.run_folder import REPORT, read_run
from autopart.cli.run_job import run_job
from autopart.cli.settings import auto_of, goals_of
from autopart.costmodel.mesh import Mesh
from autopart.errors import AutopartError, InfeasibleError, PlanError
from autopart.goals.named_goals import on_mesh
from autopart.plan.saved import load_plan
from autopart.plan.schedule_file import load_schedule
from autopart.planner.auto import Auto
from autopart.search import STRATEGIES, AtMost, Budget, Cluster, Goal, Minimise, SearchError

TINY = ("model=mlp", "mesh=cpu_4x2", "model.fields.preset=tiny", "search.simulations=40")


def configured(*overrides: str) -> DictConfig:
    with initialize_config_module(version_base="1.3", config_module="configs"):
        return compose("config", overrides=list(overrides))


def section(**changes: Any) -> dict[str, Any]:
    common = {"axes": None, "simulations": 9, "seconds": 1.5, "stall": None, "seed": 4, "prior": "uniform"}
    return {**common, "strategy": "mcts", "options": {}, **changes}


def test_the_limit_is_the_devices_unless_it_is_given() -> None:
    mesh = Mesh({"data": 16}, "tpu_v3")
    minimise = ["step_s", "peak_memory_bytes"]
    wanted: list[Goal] = [Minimise("step_s"), Minimise("peak_memory_bytes")]
    for gib, limit in ((None, mesh.device_profile.hbm_usable_bytes), (1.5, 1.5 * 2**30)):
        goals, rules = on_mesh(goals_of({"memory_gib": gib, "minimise": minimise}, mesh).wanted, mesh)
        assert goals == [AtMost("peak_memory_bytes", limit), *wanted]
        assert not rules


def test_goals_keep_their_order() -> None:
    goals = goals_of({"memory_gib": 1, "minimise": ["peak_memory_bytes", "step_s"]}, Mesh({"data": 8}, "cpu"))
    assert goals.wanted[1:] == [Minimise("peak_memory_bytes"), Minimise("step_s")]


def test_a_limit_that_is_negative_is_refused() -> None:
    mesh = Mesh({"data": 8}, "cpu")
    with pytest.raises(SearchError, match="limit"):
        on_mesh(goals_of({"memory_gib": -1, "minimise": []}, mesh).wanted, mesh)


def test_the_search_tactic_is_what_was_configured() -> None:
    assert auto_of(section()) == Auto(axes=None, budget=Budget(9, 1.5), seed=4, prior="uniform")
    assert auto_of(section(axes=["model", "data"])).axes == ("model", "data")
    assert auto_of(section(stall=5)).budget == Budget(9, 1.5, 5)
    greedy = auto_of(section(strategy="greedy", options={"candidates": 3}))
    assert (greedy.strategy, greedy.options) == ("greedy", {"candidates": 3})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategy": "oracle"}, "no strategy 'oracle': there are random, greedy"),
        ({"options": {"width": 3}}, "mcts has no option width"),
        ({"options": {"root": "best"}}, "root is 'best'"),
    ],
)
def test_a_strategy_that_there_is_not_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        auto_of(section(**changes))


@pytest.mark.parametrize("name", STRATEGIES)
def test_each_strategy_is_a_choice(name: str) -> None:
    chosen = dict(configured("model=t32", f"search={name}").search)
    assert auto_of(chosen).strategy == name


def test_the_clusters_settings_we_ship_are_those_of_the_library() -> None:
    assert auto_of(dict(configured("model=t32").search), dict(configured("model=t32").ray)).cluster == Cluster()


def test_the_choices_we_ship_are_complete() -> None:
    config = configured("model=t32", "mesh=tpu_v3_16x2")
    options = {"root": "puct", "considered": 16, "widening": None, "restart_after": None, "bounded": False}
    assert auto_of(dict(config.search)) == Auto(budget=Budget(2000), seed=0, prior="static", options=options)
    assert dict(config.mesh.axes) == {"data": 16, "model": 2}
    assert configured("goals=small").goals.minimise[0] == "peak_memory_bytes"


GOALS = sorted(path.stem for path in Path(str(files("autopart.configs").joinpath("goals"))).glob("*.yaml"))
GIVEN = {
    "latency": ["goals.step_s=10"],
    "no_all_gather": ["goals.no_all_gather=[batch]"],
    "reserved": ["goals.reserve={model: ['params/**']}"],
    "all-goals": ["goals.minimise=step_s"],
}


@pytest.mark.parametrize("name", GOALS)
def test_each_choice_of_goals_makes_a_plan(name: str, tmp_path: Path) -> None:
    run_job(configured(*TINY, f"goals={name}", *GIVEN.get(name, [])), tmp_path)
    figures = json.loads((tmp_path / "metrics.json").read_text())
    assert figures["search"]["simulations"] >= 40
    assert ("stages" in figures["search"]) == (name == "staged")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["goals=latency"], r"no value for goals\.step_s"),
        (["goals=no_all_gather"], r"no value for goals\.no_all_gather"),
        (["goals.communication_gib={pipe: 1}"], "no mesh axis 'pipe'; there is data, model"),
        (["goals=communication", "goals.weights={communication_bytes: 1}"], "is 0 where the search starts"),
        (["goals.minimise=[speed]"], "no metric 'speed'"),
        (["goals=no_all_gather", "goals.no_all_gather=params/nothing"], "matches no argument"),
    ],
)
def test_wrong_goals_of_a_job_are_one_message(overrides: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(AutopartError, match=message):
        run_job(configured(*TINY, *overrides), tmp_path)


def test_a_chosen_device_stands_in_for_that_of_the_mesh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_job(configured(*TINY, "device=a100", "mesh.links={data: infiniband}"), tmp_path)
    assert "a100 device has 79.00 GiB" in " ".join(capsys.readouterr().out.split())
    mesh = load_plan(tmp_path / "plan.json").mesh
    assert mesh == Mesh({"data": 4, "model": 2}, "a100", {"data": "infiniband"})


def test_a_job_leaves_a_report_unless_it_is_told_not_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_job(configured(*TINY), tmp_path / "with")
    assert f"Report: {tmp_path}" in capsys.readouterr().out
    text = (tmp_path / "with" / REPORT).read_text(encoding="utf-8")
    assert "<h1>mlp over data 4 × model 2</h1>" in text
    run_job(configured(*TINY, "report=false"), tmp_path / "without")
    assert not (tmp_path / "without" / REPORT).exists()
    assert "Report:" not in capsys.readouterr().out
    with pytest.raises(AutopartError, match="report='maybe'"):
        run_job(configured(*TINY, "report=maybe"), tmp_path)


def test_a_report_that_cannot_be_written_costs_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / REPORT).mkdir()  # Nothing can be put in its place.
    run_job(configured(*TINY), tmp_path)
    assert "warning: no report: cannot write" in " ".join(capsys.readouterr().err.split())
    assert read_run(tmp_path).plan.schedule
    assert {"plan.json", "schedule.py", "metrics.json", "tree.npz"} <= {path.name for path in tmp_path.iterdir()}


def test_a_job_leaves_a_run_folder_and_shows_the_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_job(configured(*TINY), tmp_path)
    shown = capsys.readouterr().out
    for text in ("Collectives of a step", "this plan", "Run folder:"):
        assert text in shown
    run = read_run(tmp_path)
    assert run.model["fields"]["preset"] == "tiny"
    assert run.plan.mesh == Mesh({"data": 4, "model": 2}, "cpu")
    figures = json.loads((tmp_path / "metrics.json").read_text())
    assert figures["search"]["simulations"] == 40
    assert figures["metrics"] == run.plan.metrics
    assert not (tmp_path / "incumbent.json").exists()


def test_a_job_that_finds_nothing_that_fits_keeps_the_nearest_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InfeasibleError) as error:
        run_job(configured(*TINY, "goals.memory_gib=0.00001"), tmp_path)
    assert "The nearest plan is in" in capsys.readouterr().out
    assert read_run(tmp_path).plan.schedule == error.value.plan.schedule


def test_a_job_without_a_model_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(AutopartError, match=r"no value for model\.target"):
        run_job(configured("mesh=cpu_4x2"), tmp_path)
    with pytest.raises(AutopartError, match=r"no value for mesh\.axes, mesh\.device"):
        run_job(configured("model=mlp", "mesh=custom"), tmp_path)
    assert list(tmp_path.iterdir()) == []


SCHEDULE = """from autopart import Atomic, Manual

SCHEDULE = [Manual({"batch": 0}, "data", name="data parallel"), Manual({"params/layers/{0,2}/w": 1}, "model")]
"""


@pytest.fixture
def schedule(tmp_path: Path) -> str:
    path = tmp_path / "mine.py"
    path.write_text(SCHEDULE)
    return f"schedule={path}"


def test_applying_leaves_a_run_folder_and_shows_what_each_tactic_did(
    tmp_path: Path, schedule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run_job(configured(*TINY, schedule), tmp_path / "run", apply_only=True)
    shown = capsys.readouterr().out
    for text in ("Tactic by tactic", "nothing tiled", "data parallel on data", "Plan over data 4", "Run folder:"):
        assert text in shown
    assert "known recipes" not in shown
    run = read_run(tmp_path / "run")
    assert run.plan.schedule == load_schedule(str(tmp_path / "mine.py")).tactics
    figures = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert figures["search"] == figures["recipes"] == {}
    assert figures["metrics"] == run.plan.metrics


def test_applying_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="nothing to apply"):
        run_job(configured(*TINY), tmp_path, apply_only=True)


def test_a_search_begins_after_the_schedule(
    tmp_path: Path, schedule: str, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    run_job(configured(*TINY, schedule, "search.axes=[model]"), tmp_path / "run")
    tactics = load_schedule(str(tmp_path / "mine.py")).tactics
    assert read_run(tmp_path / "run").plan.schedule[:2] == tactics
    shown = capsys.readouterr().out
    assert "Tactic by tactic" in shown
    assert "Search: " in shown


def test_a_plan_on_a_grown_model_says_first_what_differs(
    tmp_path: Path, schedule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run_job(configured(*TINY, schedule), tmp_path / "run", apply_only=True)
    assert "is not the one" not in capsys.readouterr().out
    grown = (*TINY, f"schedule={tmp_path / 'run'}", "model.fields.layers=6")
    run_job(configured(*grown), tmp_path / "grown", apply_only=True)
    shown = capsys.readouterr().out
    assert "The program is not the one that the plan was made for" in shown
    assert "new: params/layers/4/b float32[256]" in shown
    assert shown.index("new: params/layers") < shown.index("Tactic by tactic")


def test_a_plan_whose_tactics_no_longer_apply_is_told_path_by_path(tmp_path: Path, schedule: str) -> None:
    run_job(configured(*TINY, schedule), tmp_path / "run", apply_only=True)
    smaller = (*TINY, f"schedule={tmp_path / 'run'}", "~mesh.axes.model", "+mesh.axes.other=2")
    with pytest.raises(PlanError, match=r"tactic 2: no mesh axis 'model'[\s\S]*Fix: take the schedule\.py"):
        run_job(configured(*smaller), tmp_path / "smaller", apply_only=True)
    assert not (tmp_path / "smaller").exists()


def test_a_schedule_that_breaks_the_limit_is_shown_and_told(
    tmp_path: Path, schedule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InfeasibleError, match="a device"):
        run_job(configured(*TINY, schedule, "goals.memory_gib=0.00001"), tmp_path / "run", apply_only=True)
    assert "Tactic by tactic" in capsys.readouterr().out
    assert read_run(tmp_path / "run").plan.schedule


def test_a_run_that_fails_says_so_in_its_folder_until_it_goes_well(tmp_path: Path) -> None:
    with pytest.raises(AutopartError):
        run_job(configured(*TINY, "goals.memory_gib=0.00001", "report=false"), tmp_path)
    assert '"failed"' in (tmp_path / "status.json").read_text()
    run_job(configured(*TINY, "report=false"), tmp_path)
    assert not (tmp_path / "status.json").exists()
