"""Configuration values of wrong types are named, not guessed."""

from __future__ import annotations

import dataclasses
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from autopart.cli.settings import TRACKERS, any_mesh_of, auto_of, flag, goals_of, mesh_of, tracking_of
from autopart.costmodel.devices import device
from autopart.costmodel.errors import CostModelError
from autopart.costmodel.links import Link
from autopart.costmodel.mesh import Mesh
from autopart.errors import GoalError
from autopart.goals.named_goals import CommunicationLimit, FitMemory, NoAllGather, ReserveAxis, StepTimeLimit
from autopart.partitioning.mesh_shapes import AnyMesh
from autopart.search import Budget, Cluster, Minimise, SearchError, Weighted
from autopart.tracking import TrackedRun
from autopart.tracking.composite import TIMEOUT_S
from autopart.tracking.curves import PERIOD_S
from tests.autopart.cli.test_run_job import configured

SEARCH: dict[str, Any] = {
    "strategy": "mcts", "options": {}, "simulations": 10, "seconds": None, "stall": None, "seed": 0, "prior": "static",
    "axes": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"simulations": "abc"}, "search.simulations='abc'"),
        ({"seconds": "abc"}, "search.seconds='abc'"),
        ({"seed": 1.5}, "search.seed=1.5"),
        ({"axis": "data"}, "no setting search.axis"),
    ],
)
def test_wrong_search_settings(change: dict[str, Any], said: str) -> None:
    with pytest.raises(GoalError, match=said):
        auto_of({**SEARCH, **change})


def test_where_a_search_runs() -> None:
    assert auto_of(SEARCH).backend == "embedded"
    ray = {"address": "auto", "cpus_per_worker": 2, "object_store_gib": 0.5, "period_s": None, "patience_s": 9}
    auto = auto_of({**SEARCH, "backend": "ray", "workers": 3}, ray)
    assert (auto.backend, auto.workers) == ("ray", 3)
    assert auto.cluster == Cluster(address="auto", cpus_per_worker=2, object_store_bytes=2**29, patience_s=9)
    with pytest.raises(GoalError, match=r"no setting ray\.adress"):
        auto_of(SEARCH, {"adress": 1})
    with pytest.raises(GoalError, match=r"ray\.period_s='x'"):
        auto_of(SEARCH, {"period_s": "x"})
    assert auto_of({**SEARCH, "workers": 0}).workers == 0  # Refused where it is used.
    with pytest.raises(SearchError, match="patience_s is 0"):
        auto_of(SEARCH, {"patience_s": 0})


def test_one_name_is_a_list_of_one() -> None:
    assert auto_of({**SEARCH, "axes": "data"}).axes == ("data",)


def test_wrong_goals_mesh_and_flags() -> None:
    with pytest.raises(GoalError, match=r"goals\.memory_gib='abc'"):
        goals_of({"memory_gib": "abc", "minimise": ["step_s"]}, Mesh({"data": 2}, "cpu"))
    with pytest.raises(GoalError, match=r"mesh\.axes=8"):
        mesh_of({"axes": 8, "device": "cpu"})
    for text in ("no", "off", "maybe"):
        with pytest.raises(GoalError, match="must be true or false"):
            flag({"verify": text}, "verify")


LIMITS: dict[str, Any] = {
    "memory_gib": 2, "step_s": 0.5, "communication_gib": {"data": 0.25, "model": None}, "no_all_gather": "params/**",
    "reserve": {"model": "params/**"}, "weights": {"step_s": 0.7, "peak_memory_bytes": 0.3},
    "scales": {"step_s": 1e-3}, "minimise": ["idle_s"],
}  # fmt: skip


def test_goals_of_a_configuration_in_their_order() -> None:
    goals = goals_of(LIMITS, Mesh({"data": 2, "model": 2}, "cpu"))
    assert goals.stages == ((goals.wanted, 1.0),)
    assert goals.wanted == [
        FitMemory(2 * 2**30),
        StepTimeLimit(0.5),
        CommunicationLimit("data", 2**28),
        NoAllGather("params/**"),
        Weighted({"step_s": 0.7, "peak_memory_bytes": 0.3}, {"step_s": 1e-3}),
        Minimise("idle_s"),
        ReserveAxis("model", ("params/**",)),
    ]


def test_scales_need_weights_and_null_takes_a_choice_back() -> None:
    mesh = Mesh({"data": 2}, "cpu")
    with pytest.raises(SearchError, match="'step_s' has a scale and no weight"):
        goals_of({"scales": {"step_s": 1}}, mesh)
    assert goals_of({"reserve": {"data": None}, "weights": {"step_s": None}}, mesh).wanted == [FitMemory()]
    assert goals_of({"reserve": {"data": []}}, mesh).wanted == [FitMemory(), ReserveAxis("data", ())]


def test_stages_share_the_budget() -> None:
    stages = [{"minimise": "step_s", "share": 1}, {"memory_gib": 1, "minimise": "step_s", "share": 3}]
    goals = goals_of({"stages": stages, "memory_gib": None}, Mesh({"data": 2}, "cpu"))
    assert goals.wanted == [FitMemory(2**30), Minimise("step_s")]
    searches = goals.searches(auto_of({**SEARCH, "simulations": 10, "seconds": 8.0, "stall": 7}))
    assert [auto.budget for auto in searches] == [Budget(2, 2.0, 7), Budget(8, 6.0, 7)]
    assert [auto.goals for auto in searches] == [[FitMemory(), Minimise("step_s")], goals.wanted]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"step_s": "fast"}, "goals.step_s='fast': must be a number"),
        ({"communication_gib": 3}, "goals.communication_gib=3: must be values by name"),
        ({"communication_gib": {"data": "few"}}, "goals.communication_gib.data='few': must be a number"),
        ({"weights": ["step_s"]}, r"goals.weights=\['step_s'\]: must be values by name"),
        ({"no_all_gather": 3}, "goals.no_all_gather=3: must be a text or a list of texts"),
        ({"reserve": {"model": 3}}, "goals.reserve.model=3: must be a text or a list"),
        ({"reserved": {}}, "no setting goals.reserved; there is goals.reserve, goals.memory_gib, goals.step_s"),
        ({"stages": [{"minimise": "step_s"}], "step_s": 1}, "goals.step_s and goals.stages"),
        ({"stages": []}, r"goals.stages=\[\]: must be a list of goals"),
        ({"stages": [3]}, r"goals.stages\[0\]=3: must be"),
        ({"stages": [{"share": 0}]}, "a share of 0 of the budget: must be positive"),
        ({"stages": [{"share": 1}, {"step_s": "x"}]}, r"goals.stages\[1\].step_s='x': must be a number"),
        ({"stages": [{"stages": []}]}, r"no setting goals.stages\[0\].stages"),
    ],
)
def test_wrong_goals_are_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(GoalError, match=said):
        goals_of(change, Mesh({"data": 2, "model": 2}, "cpu"))


MESHES = sorted(files("autopart.configs").joinpath("mesh").iterdir(), key=str)
MESH: dict[str, Any] = {"axes": {"data": 4, "model": 8}, "device": "h100"}


def test_meshes_from_a_configuration() -> None:
    assert mesh_of(MESH) == Mesh({"data": 4, "model": 8}, "h100")
    assert mesh_of({**MESH, "links": None, "topology": None}) == Mesh({"data": 4, "model": 8}, "h100")
    slices = {"axes": {"slice": 2, "data": 16}, "device": "tpu_v5e", "links": {"slice": "dcn"}, "topology": [4, 4]}
    assert mesh_of(slices) == Mesh({"slice": 2, "data": 16}, "tpu_v5e", {"slice": "dcn"}, (4, 4))
    own = {"bandwidth_bytes_per_s": 1e9, "latency_s": 1e-5}
    assert mesh_of({**MESH, "links": {"data": own}}) == Mesh(MESH["axes"], "h100", {"data": Link(1e9, 1e-5)})


def test_a_chosen_device_stands_in_for_that_of_the_mesh() -> None:
    profile = {**device("a100").to_json(), "name": "mine", "source": {"name": "a measurement"}}
    assert mesh_of(MESH, profile).device == dataclasses.replace(device("a100"), name="mine")
    assert mesh_of({**MESH, "device": profile}).device_profile.name == "mine"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"links": 3}, "mesh.links=3: must be links by axis"),
        ({"topology": 8}, "mesh.topology=8: must be a shape"),
        ({"hosts": 3}, "no setting mesh.hosts; there is mesh.axes, mesh.device, mesh.links, mesh.topology"),
    ],
)
def test_wrong_links_and_topologies(change: dict[str, Any], said: str) -> None:
    with pytest.raises(GoalError, match=said):
        mesh_of({**MESH, **change})


def test_a_wrong_device_of_a_configuration_is_told() -> None:
    with pytest.raises(CostModelError, match=r"mesh\.device: must be the fields of a device, not None"):
        mesh_of({"axes": {"data": 2}})
    with pytest.raises(CostModelError, match="device: a device lacks peak_flops"):
        mesh_of(MESH, {"name": "mine"})


ANY: dict[str, Any] = {"axes": "auto", "names": ["x", "y", "z"], "device": "tpu_v5e", "topology": None}


def test_axes_that_are_searched() -> None:
    assert any_mesh_of(ANY, devices=32) == AnyMesh(32, "tpu_v5e", ("x", "y", "z"))
    assert any_mesh_of({**ANY, "topology": [4, 8]}, devices=32).topology == (4, 8)
    profile = {**device("a100").to_json(), "name": "mine", "source": {"name": "a measurement"}}
    assert any_mesh_of(ANY, profile, 32).device_profile.name == "mine"
    assert any_mesh_of(MESH) == mesh_of(MESH)


@pytest.mark.parametrize(
    ("section", "devices", "said"),
    [
        (ANY, None, "mesh=auto needs to know how many devices there are: devices=32"),
        (MESH, 32, "devices=32 is for mesh=auto: this mesh says its axes itself"),
        ({**ANY, "links": {"x": "dcn"}}, 32, "no setting mesh.links; there is mesh.axes, mesh.names"),
        ({**ANY, "topology": 8}, 32, "mesh.topology=8: must be a shape"),
    ],
)
def test_devices_stand_beside_axes_that_are_searched_alone(section: Any, devices: Any, said: str) -> None:
    with pytest.raises(GoalError, match=said):
        any_mesh_of(section, devices=devices)


@pytest.mark.parametrize("path", MESHES, ids=lambda path: path.name)
def test_shipped_meshes_fit(path: Any) -> None:
    section = yaml.safe_load(path.read_text())
    if path.name == "auto.yaml":
        assert any_mesh_of(section, devices=8) == AnyMesh(8, "tpu_v3", ("data", "model"))
    elif path.name == "custom.yaml":
        with pytest.raises(GoalError, match="must be sizes by name"):
            mesh_of(section)
    else:
        assert mesh_of(section).links().table.shape[0] == 2 ** len(section["axes"])


TRACKING: dict[str, Any] = {
    "jsonl": True, "wandb": True, "group": None, "tags": [], "period_s": 1, "timeout_s": 30, "mode": None,
    "project": "autopart", "entity": None, "dir": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"wandb": "offline"}, "tracking.wandb='offline': must be true or false"),
        ({"mode": "sometimes"}, "tracking.mode='sometimes': must be online, offline, disabled or null"),
        ({"period_s": "often"}, "tracking.period_s='often'"),
        ({"timeout_s": 0}, "tracking.timeout_s=0: must be positive"),
        ({"speed": 3}, "no setting tracking.speed"),
    ],
)
def test_wrong_tracking_settings(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(GoalError, match=said):
        tracking_of({**TRACKING, **change}, TrackedRun("a", None, {}), tmp_path, print)


def test_nobody_tracks_unless_asked(tmp_path: Path) -> None:
    run = TrackedRun("a", None, {})
    for section in (None, {**TRACKING, "jsonl": False, "wandb": None}):
        assert tracking_of(section, run, tmp_path, print) is None
    assert tracking_of({"jsonl": True}, run, tmp_path, print) is not None
    assert list(tmp_path.iterdir()) == []


def test_the_choices_of_tracking_that_we_ship() -> None:
    chosen = {"none": (), "jsonl": ("jsonl",), "wandb": ("wandb",), "all": TRACKERS, "[jsonl,wandb]": TRACKERS}
    for name, trackers in chosen.items():
        section = dict(configured("model=mlp", f"tracking={name}").tracking)
        assert tuple(known for known in TRACKERS if section.get(known)) == trackers
        assert set(section) | set(TRACKERS) == set(TRACKING)
        assert (section["period_s"], section["timeout_s"]) == (PERIOD_S, TIMEOUT_S)
