"""Configuration values, read with their types: what is wrong is named with the setting it stands in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from autopart.costmodel.devices import device_of
from autopart.costmodel.links import Link
from autopart.costmodel.mesh import Mesh
from autopart.costmodel.nearness import nearest_first
from autopart.errors import GoalError, SettingError
from autopart.game.pruning import Analyses
from autopart.goals import AnyGoal, CommunicationLimit, FitMemory, NoAllGather, ReserveAxis, StepTimeLimit
from autopart.partitioning import AnyMesh
from autopart.planner import EMBEDDED, Auto, Tracking
from autopart.search import Budget, Cluster, Minimise, Weighted, make_strategy
from autopart.tracking import (
    NOTE,
    PERIOD_S,
    ROWS,
    TIMEOUT_S,
    Composite,
    JsonLines,
    TrackedRun,
    Tracker,
    Wandb,
    WandbMode,
)

_GOALS = (
    "memory_gib", "step_s", "communication_gib", "no_all_gather", "reserve", "weights", "scales", "minimise", "stages",
)  # fmt: skip


TRACKERS = ("jsonl", "wandb")
TRACKING = (*TRACKERS, "group", "tags", "period_s", "timeout_s", "mode", "project", "entity", "dir")


@dataclass(frozen=True)
class StagedGoals:
    """The goals of a run, stage after stage; mostly there is one.

    Attributes:
        stages: each stage's goals, and its share of the budget; the shares are together 1.
    """

    stages: tuple[tuple[list[AnyGoal], float], ...]

    @property
    def wanted(self) -> list[AnyGoal]:
        """The goals that the plan is judged by: the last stage's."""
        return self.stages[-1][0]

    def searches(self, auto: Auto) -> list[Auto]:
        """A search for each stage, of its share of the budget."""
        return [replace(auto, goals=goals, budget=_part(auto.budget, share)) for goals, share in self.stages]


def _part(budget: Budget, share: float) -> Budget:
    states, seconds = budget.simulations, budget.seconds
    return replace(
        budget,
        simulations=None if states is None else max(1, round(states * share)),
        seconds=None if seconds is None else seconds * share,
    )


def goals_of(section: Any, mesh: Mesh | AnyMesh) -> StagedGoals:
    """Goals from the ``goals`` part of a configuration.

    Raises:
        GoalError, SearchError: an unknown setting, or a value that is no such thing.
    """
    known = _section(section, "goals", _GOALS)
    stages = known.get("stages")
    if stages is None:
        return StagedGoals(((_one_stage(known, "goals"), 1.0),))
    others = sorted(name for name in known if name != "stages" and known[name] is not None)
    if others:
        raise GoalError(f"goals.{others[0]} and goals.stages: a staged run has the goals of its stages, no others")
    if not isinstance(stages, list) or not stages:
        raise SettingError(f"goals.stages={stages!r}: must be a list of goals, each with its share of the budget")
    named = [(f"goals.stages[{number}]", stage) for number, stage in enumerate(stages)]
    checked = [(_section(stage, name, ("share", *_GOALS[:-1])), name) for name, stage in named]
    shares = [_number(stage, f"{name}.share") for stage, name in checked]
    given = [1.0 if share is None else share for share in shares]
    if min(given) <= 0:
        raise GoalError(f"goals.stages: a share of {min(given):g} of the budget: must be positive")
    return StagedGoals(
        tuple(
            (_one_stage(stage, name), share / sum(given)) for (stage, name), share in zip(checked, given, strict=True)
        )
    )


def _one_stage(section: Mapping[str, Any], name: str) -> list[AnyGoal]:
    """Limits in the order memory, step time, communication, all_gathers; then what to minimise; then reserved axes."""
    gib, step_s = _number(section, f"{name}.memory_gib"), _number(section, f"{name}.step_s")
    goals: list[AnyGoal] = [FitMemory(None if gib is None else gib * 2**30)]
    goals += [] if step_s is None else [StepTimeLimit(step_s)]
    by_axis = _numbers(section, f"{name}.communication_gib")
    goals += [CommunicationLimit(axis, limit * 2**30) for axis, limit in by_axis.items()]
    goals += [NoAllGather(pattern) for pattern in _texts(section, f"{name}.no_all_gather") or ()]
    weights, scales = _numbers(section, f"{name}.weights"), _numbers(section, f"{name}.scales")
    goals += [Weighted(weights, scales)] if weights or scales else []
    goals += [Minimise(metric) for metric in _texts(section, f"{name}.minimise") or ()]
    reserved = _mapping(section, f"{name}.reserve")
    patterns = {axis: _texts({axis: reserved[axis]}, f"{name}.reserve.{axis}") for axis in reserved}
    return [*goals, *(ReserveAxis(axis, some) for axis, some in patterns.items() if some is not None)]


def auto_of(section: Any, ray: Any = None) -> Auto:
    """The search tactic from the ``search`` part of a configuration and, for a search on Ray, the ``ray`` part.

    Raises:
        GoalError, SearchError: an unknown setting, strategy or option, or a value that is no such thing.
    """
    names = (
        "strategy", "options", "simulations", "seconds", "stall", "seed", "prior", "axes", "analyses", "backend",
        "workers",
    )  # fmt: skip
    known = _section(section, "search", names)
    bounds = _integer(known, "search.simulations"), _number(known, "search.seconds"), _integer(known, "search.stall")
    workers = _integer({"workers": None, **known}, "search.workers")
    auto = Auto(
        axes=_texts(known, "search.axes"),
        budget=Budget(*bounds),
        seed=_integer(known, "search.seed") or 0,
        prior=_name(known, "search.prior"),
        strategy=_name(known, "search.strategy"),
        options=dict(_mapping(known, "search.options")),
        analyses=Analyses.of(_mapping(known, "search.analyses")),
        backend=str(known.get("backend", EMBEDDED)),
        workers=1 if workers is None else workers,
        cluster=cluster_of(ray),
    )
    make_strategy(str(known["strategy"]), auto.seed, **auto.options)
    return auto


def cluster_of(section: Any) -> Cluster:
    """Where workers run, by the configuration's ``ray``.

    Raises:
        GoalError: a setting is of the wrong kind.
        SearchError: a number is not positive.
    """
    known = _section(section or {}, "ray", ("address", "cpus_per_worker", "object_store_gib", "period_s", "patience_s"))
    given = Cluster()
    address, gib = known.get("address"), _number({"object_store_gib": None, **known}, "ray.object_store_gib")

    def number(name: str) -> float:
        found = _number({name: None, **known}, f"ray.{name}")
        return float(getattr(given, name)) if found is None else found

    return Cluster(
        address=None if address is None else str(address),
        cpus_per_worker=number("cpus_per_worker"),
        object_store_bytes=None if gib is None else round(gib * 2**30),
        period_s=number("period_s"),
        patience_s=number("patience_s"),
    )


def tracking_of(section: Any, run: TrackedRun, folder: Path, warn: Callable[[str], None]) -> Tracking | None:
    """The trackers of a run in ``folder`` from the ``tracking`` part of a configuration; ``None`` if it names none.

    Args:
        section: the part; ``None`` in a configuration of before there was one.
        run: what they are told of it; a group of its own that the section names stands in for the run's.
        folder: where they write.
        warn: is handed a line where one of them fails.

    Raises:
        GoalError: an unknown setting, or a value that is no such thing.
    """
    known = dict.fromkeys(TRACKING) | dict(_section(section or {}, "tracking", TRACKING))
    trackers = [name for name in TRACKERS if known[name] is not None and flag(known, name, f"tracking.{name}")]
    if known["mode"] not in (None, *get_args(WandbMode)):
        raise SettingError(f"tracking.mode={known['mode']!r}: must be {', '.join(get_args(WandbMode))} or null")
    if not trackers:
        return None
    text = {name: None if known[name] is None else str(known[name]) for name in ("group", "project", "entity", "dir")}
    period_s, timeout_s = (_number(known, f"tracking.{name}") for name in ("period_s", "timeout_s"))
    limit_s = TIMEOUT_S if timeout_s is None else timeout_s
    if limit_s <= 0:
        raise GoalError(f"tracking.timeout_s={limit_s:g}: must be positive")
    made: dict[str, Tracker] = {
        "jsonl": JsonLines(folder / ROWS),
        "wandb": Wandb(
            Path(text["dir"] or folder), text["project"], text["entity"], known["mode"],
            _texts(known, "tracking.tags") or (), timeout_s=limit_s / 3, note=folder / NOTE,
        ),
    }  # fmt: skip
    several = Composite([made[name] for name in trackers], limit_s, warn)
    told = replace(run, group=text["group"] or run.group)
    return Tracking(several, told, PERIOD_S if period_s is None else period_s)


def check_model(section: Any) -> None:
    """Checks the kinds of what the ``model`` part of a configuration says; it may say more, for the user's own use.

    Raises:
        SettingError: ``name``, ``target`` or ``fields`` is missing, or of another kind.
    """
    if not isinstance(section, Mapping):
        raise SettingError(f"model={section!r}: must be a choice of model/ or settings name, target, fields")
    absent = [name for name in ("name", "target", "fields") if name not in section]
    if absent:
        raise SettingError(f"there is no model.{absent[0]}, which every model has (fields: {{}} for none)")
    if not isinstance(section["target"], str):
        raise SettingError(f"model.target={section['target']!r}: must be a text, module.callable")
    _mapping(section, "model.fields")


def flag(config: Mapping[str, Any], name: str, called: str | None = None) -> bool:
    """A setting that is true or false, ``called`` by its whole name where it is wrong.

    Raises:
        GoalError: it is neither (``no`` and ``off`` are texts to hydra).
    """
    value = config[name]
    if not isinstance(value, bool):
        raise SettingError(f"{called or name}={value!r}: must be true or false")
    return value


def mesh_of(section: Any, profile: Any = None) -> Mesh:
    """The mesh from the ``mesh`` part of a configuration.

    Args:
        section: ``axes``, ``device`` (a name, the path of a YAML file, or the fields of one), and, if there is need,
            ``links`` (by axis: a kind of link of the device, or the fields of a link) and ``topology``.
        profile: the ``device`` part of a configuration, if one is chosen: it stands in for ``mesh.device``.

    Raises:
        GoalError, CostModelError: ``axes`` are no sizes by name, the device is unknown, or links do not fit.
    """
    known = _section(section, "mesh", ("axes", "device", "links", "topology"))
    axes, device = known.get("axes"), known.get("device") if profile is None else profile
    if not isinstance(axes, Mapping):
        raise SettingError(f"mesh.axes={axes!r}: must be sizes by name, e.g. 'mesh.axes={{data: 4, model: 2}}'")
    if not isinstance(device, str):
        device = device_of(device, "mesh.device" if profile is None else "device")
    links, topology = known.get("links") or {}, _topology(known.get("topology"))
    if not isinstance(links, Mapping):
        raise SettingError(f"mesh.links={links!r}: must be links by axis, e.g. 'mesh.links={{data: dcn}}'")
    described = {axis: link if isinstance(link, str) else Link.from_json(link) for axis, link in links.items()}
    return Mesh(axes, device, described, topology)


def any_mesh_of(section: Any, profile: Any = None, devices: Any = None) -> Mesh | AnyMesh:
    """The mesh from the ``mesh`` part of a configuration, or what is to be searched where its axes are ``auto``.

    Args:
        section: as of ``mesh_of``; or ``axes`` that are ``auto``, ``names`` of axes, ``device`` and ``topology``.
        profile: as of ``mesh_of``.
        devices: how many, of axes that are ``auto``.

    Raises:
        GoalError, MeshError, CostModelError: as of ``mesh_of``; no number of devices, or one beside given axes.
    """
    if not isinstance(section, Mapping) or section.get("axes") != "auto":
        if devices is not None:
            raise GoalError(f"devices={devices!r} is for mesh=auto: this mesh says its axes itself. Fix: leave one out")
        return mesh_of(section, profile)
    known = _section(section, "mesh", ("axes", "names", "device", "topology"))
    if devices is None:
        raise GoalError("mesh=auto needs to know how many devices there are: devices=32")
    names = _texts(known, "mesh.names") or ()
    fixed = mesh_of({"axes": {"all": 1}, "device": known.get("device")}, profile)
    topology = _topology(known.get("topology"))
    return AnyMesh(devices, fixed.device, names, topology)


def _topology(given: Any) -> tuple[int, ...] | None:
    if given is not None and not isinstance(given, list):
        raise SettingError(f"mesh.topology={given!r}: must be a shape, e.g. 'mesh.topology=[4, 8]'")
    return None if given is None else tuple(given)


def _section(section: Any, name: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(section, Mapping):
        raise SettingError(f"{name}={section!r}: must be a choice of {name}/ or settings {', '.join(known)}")
    strangers = sorted(set(section) - set(known))
    if strangers:
        ours = nearest_first(strangers[0], known)
        raise SettingError(f"no setting {name}.{strangers[0]}; there is {', '.join(f'{name}.{key}' for key in ours)}")
    return section


def _integer(section: Mapping[str, Any], name: str) -> int | None:
    value = section.get(name.rpartition(".")[2])
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise SettingError(f"{name}={value!r}: must be a whole number")
    return value


def _number(section: Mapping[str, Any], name: str) -> float | None:
    return _number_of(section.get(name.rpartition(".")[2]), name)


def _number_of(value: Any, name: str) -> float | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise SettingError(f"{name}={value!r}: must be a number")
    return None if value is None else float(value)


def _texts(section: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    value = section.get(name.rpartition(".")[2])
    if value is None:
        return None
    if not isinstance(value, (str, list, tuple)):
        raise SettingError(f"{name}={value!r}: must be a text or a list of texts")
    return (value,) if isinstance(value, str) else tuple(str(item) for item in value)


def _name(section: Mapping[str, Any], name: str) -> str:
    value = section.get(name.rpartition(".")[2])
    if not isinstance(value, str):
        raise SettingError(f"{name}={value!r}: must be a name")
    return value


def _mapping(section: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = section.get(name.rpartition(".")[2])
    if value is not None and not isinstance(value, Mapping):
        raise SettingError(f"{name}={value!r}: must be values by name, e.g. '{name}={{model: 1}}'")
    return value or {}


def _numbers(section: Mapping[str, Any], name: str) -> dict[str, float]:
    """Numbers by name; those that are null, by which a choice is taken back, are left out."""
    given = _mapping(section, name)
    found = {key: _number_of(value, f"{name}.{key}") for key, value in given.items()}
    return {key: number for key, number in found.items() if number is not None}
