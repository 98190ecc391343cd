"""Several runs side by side: what each came to, and in which settings they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from autopart.cli.run_folder import CONFIG, INCUMBENT, REPORT, read_config, read_run
from autopart.cli.run_status import STATUS, read_status
from autopart.emit import by_kind
from autopart.errors import PlanError
from autopart.plan import PLAN_FILE

_TOLD_ELSEWHERE = ("model.name", "model.target", "model.verify", "mesh.", "device")
"""Beginnings of the settings that are no column of their own: the columns model and mesh say them."""


@dataclass(frozen=True)
class RunRow:
    """A run beside others.

    Attributes:
        name: its folder, from the one that was asked for on.
        model: what it partitions; may be empty where the run crashed.
        mesh: axes and sizes, and the device.
        settings: those by which it differs from other runs of the model, e.g. ``search.seed`` -> ``1``.
        peak_memory_bytes, step_s, exposed_s: of its plan; ``None`` where there is none.
        fits: whether the peak is no more than a device has.
        collectives: kind -> how many run in a step.
        tactics: how many its schedule has.
        best: it is the fastest that fits of several runs of its model.
        crashed: why there is no plan; empty where there is one.
        failed: what went wrong with a run that has a plan all the same; empty where all is well.
        report: where its page is; empty where it has none.
    """

    name: str
    model: str = ""
    mesh: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    peak_memory_bytes: float | None = None
    step_s: float | None = None
    exposed_s: float | None = None
    fits: bool = False
    collectives: Mapping[str, int] = field(default_factory=dict)
    tactics: int = 0
    best: bool = False
    crashed: str = ""
    failed: str = ""
    report: str = ""


def rows_of(folders: Sequence[Path]) -> list[RunRow]:
    """The runs in some folders, each once: model by model those that fit and are fast first, crashed ones last.

    Raises:
        PlanError: a folder holds no run.
    """
    found: dict[Path, tuple[Path, str]] = {}
    for folder in folders:
        for path, name in runs_in(folder):
            found.setdefault(path.resolve(), (path, name))
    twice = {name for name, count in Counter(name for _, name in found.values()).items() if count > 1}
    rows = [
        row_of(path, f"{place.parent.name}/{name}" if name in twice else name)
        for place, (path, name) in found.items()
    ]  # fmt: skip
    settings = _differing([_settings(path) for path, _ in found.values()])
    pages = [path / REPORT for path, _ in found.values()]
    rows = [
        replace(row, settings=own, report=str(page) if page.is_file() else "")
        for row, own, page in zip(rows, settings, pages, strict=True)
    ]
    return list(_with_best(sorted(rows, key=_order)))


def runs_in(folder: Path) -> Iterator[tuple[Path, str]]:
    """The run folders in a folder, itself if it is one, with the names by which they are told apart.

    Raises:
        PlanError: there are none.
    """
    if _is_run(folder):
        yield folder, folder.resolve().name
        return
    found = [path for path in sorted(folder.iterdir(), key=_natural) if _is_run(path)] if folder.is_dir() else []
    if not found:
        raise PlanError(f"no run in {folder}. Fix: name run folders, or the folder of a sweep that autopart -m left.")
    yield from ((path, f"{folder.resolve().name}/{path.name}") for path in found)


def _is_run(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (PLAN_FILE, CONFIG, INCUMBENT, STATUS))


def _natural(path: Path) -> tuple[int, str]:
    head = path.name.partition("_")[0]
    return (int(head) if head.isdecimal() else 1 << 30), path.name


def row_of(folder: Path, name: str) -> RunRow:
    """What is said of a run; one without a whole plan is marked and not refused."""
    status = read_status(folder)
    try:
        run = read_run(folder)
    except PlanError as error:
        at = "stopped before it was done" if not (folder / PLAN_FILE).exists() else str(error)
        return RunRow(name, _settings(folder).get("model.name", ""), crashed=at if status is None else status.text())
    plan, mesh = run.plan, run.plan.mesh
    peak = plan.metrics.get("peak_memory_bytes")
    axes = " × ".join(f"{axis} {size}" for axis, size in mesh.axes.items())
    return RunRow(
        name, str(run.model.get("name", run.model["target"])), f"{axes} {mesh.device_profile.name}", {}, peak,
        plan.metrics.get("step_s"), plan.metrics.get("exposed_s"),
        peak is not None and peak <= mesh.device_profile.hbm_usable_bytes, by_kind(plan.runs), len(plan.schedule),
        failed="" if status is None else status.text(),
    )  # fmt: skip


def _settings(folder: Path) -> dict[str, str]:
    """The configuration of a run, flat; empty where it cannot be read."""
    try:
        return dict(_flat("", read_config(folder)))
    except PlanError:
        return {}


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), inner)
    else:
        yield prefix, str(value)


def _differing(configs: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """For each run the settings that all runs of its model have and in which they are not all alike."""
    kin: dict[str, list[Mapping[str, str]]] = {}
    for config in configs:
        kin.setdefault(config.get("model.target", ""), []).append(config)
    differing = {
        target: [
            key for key in members[0]
            if not key.startswith(_TOLD_ELSEWHERE)
            and all(key in config for config in members) and len({config[key] for config in members}) > 1
        ]
        for target, members in kin.items()
    }  # fmt: skip
    return [{key: c[key] for key in differing[c.get("model.target", "")] if key in c} for c in configs]


def _order(row: RunRow) -> tuple[bool, str, bool, float]:
    return bool(row.crashed), row.model, not row.fits, row.step_s or 0.0


def _with_best(rows: Iterable[RunRow]) -> Iterator[RunRow]:
    """Marks the first of several runs of a model, where it fits; of runs in order."""
    rows = list(rows)
    counts, seen = Counter(row.model for row in rows if not row.crashed), set[str]()
    for row in rows:
        yield replace(row, best=row.fits and row.model not in seen and counts[row.model] > 1)
        seen.add(row.model)
