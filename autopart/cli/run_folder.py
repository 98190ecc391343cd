"""The run folder: what a search leaves on disk, and how it is read again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from autopart.cli.load import current_name
from autopart.cost.metrics import METRICS
from autopart.costmodel.mesh import Mesh
from autopart.costmodel.strict_yaml import read_yaml, yaml_text
from autopart.errors import PlanError
from autopart.files import write_json, write_text
from autopart.plan.document import save_plan
from autopart.plan.plan import Plan
from autopart.plan.saved import PLAN_FILE, SavedPlan, load_plan
from autopart.search import SearchTree
from autopart.tactics.as_json import to_json
from autopart.tactics.manual import Tactic

SCHEDULE, METRICS_FILE, CONFIG, INCUMBENT = "schedule.py", "metrics.json", "config.yaml", "incumbent.json"
JOURNAL, TREE, REPORT = "journal.jsonl", "tree.npz", "report.html"


@dataclass(frozen=True)
class Run:
    """A run folder that was read.

    Attributes:
        folder: where it is.
        plan: its plan file.
        model: the ``model`` part of its configuration.
    """

    folder: Path
    plan: SavedPlan
    model: Mapping[str, Any]


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Writes the resolved configuration."""
    write_text(folder / CONFIG, yaml.safe_dump(dict(config), sort_keys=False))


def write_incumbent(folder: Path, mesh: Mesh, schedule: Sequence[Tactic], metrics: Mapping[str, float]) -> None:
    """Writes the best schedule so far and its mesh, so that nothing found is lost if the process dies."""
    document = {"mesh": mesh.to_json(), "schedule": [to_json(t) for t in schedule], "metrics": dict(metrics)}
    write_json(folder / INCUMBENT, document)


def write_plan(folder: Path, plan: Plan) -> None:
    """Writes ``plan.json``, ``schedule.py`` and ``metrics.json``, after a search its tree; removes the incumbent."""
    save_plan(plan, folder / PLAN_FILE)
    write_text(folder / SCHEDULE, plan.schedule_source())
    figures = {
        "metrics": plan.metrics,
        "collectives": plan.report.collectives,
        "recipes": plan.recipes,
        "search": plan.search,
    }
    write_json(folder / METRICS_FILE, figures)
    if plan.tree is not None:
        plan.tree.save(folder / TREE)
    else:
        (folder / TREE).unlink(missing_ok=True)
    (folder / INCUMBENT).unlink(missing_ok=True)


def write_report(folder: Path, plan: Plan, model: str) -> Path:
    """Writes the plan's report beside its other files and returns where; see ``Plan.to_html``.

    Raises:
        PlanError: it cannot be written; what was there before is kept.
    """
    axes = " × ".join(f"{name} {size}" for name, size in plan.problem.mesh.axes.items())
    write_text(folder / REPORT, plan.to_html(f"{model} over {axes}"))
    return folder / REPORT


def with_story(folder: Path, plan: Plan) -> Plan:
    """A plan with what its run folder says of the search: the known recipes, the progress and the tree.

    Raises:
        PlanError, SearchError: a file is damaged; where there is none the plan stays without.
    """
    path = folder / METRICS_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"recipes": {}, "search": {}}
        recipes, search = _recipes(document), _search(document)
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PlanError(f"{path} is damaged: {error}") from error
    tree = SearchTree.load(folder / TREE) if (folder / TREE).exists() else None
    return replace(plan, recipes=recipes, search=search, tree=tree)


def _recipes(document: Any) -> dict[str, dict[str, float]]:
    """The recipes' figures, every one a number."""
    recipes = {str(name): {str(k): float(v) for k, v in row.items()} for name, row in document["recipes"].items()}
    missing = [name for name, row in recipes.items() if not set(METRICS) <= set(row)]
    if missing:
        raise ValueError(f"{missing[0]} has not all figures")
    return recipes


def _search(document: Any) -> dict[str, Any]:
    """How the search went, its improvements whole."""
    search = dict(document["search"].items())
    for story in (search, *search.get("stages", ())):
        for row in story.get("improvements", ()):
            float(row["simulation"] + row["seconds"] + sum(row["metrics"].values()))
    return search


def read_run(folder: Path) -> Run:
    """Reads a run folder, which may also be named by the plan file in it.

    Raises:
        PlanError: it is no run folder, or a file in it is damaged.
    """
    folder = folder.parent if folder.name == PLAN_FILE else folder
    plan = load_plan(folder / PLAN_FILE)
    return Run(folder, plan, read_config(folder)["model"])


def read_config(folder: Path) -> dict[str, Any]:
    """Reads the configuration of a run.

    Raises:
        PlanError: there is none, or it is damaged.
    """
    path = folder / CONFIG
    try:
        config = read_yaml(path.read_text(encoding="utf-8"))
        model = config["model"] if isinstance(config, dict) else None
        if not isinstance(model, dict):
            raise TypeError("model is missing")
        if not isinstance(model["target"], str) or not isinstance(model["fields"], dict):
            raise TypeError("model.target and model.fields are missing")
        config["model"] = {**model, "target": current_name(model["target"])}
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PlanError(f"no configuration at {path}. Fix: name the run folder that autopart printed.") from error
    except yaml.YAMLError as error:
        raise PlanError(f"{path} is damaged: {yaml_text(error)}") from error
    except OSError as error:
        raise PlanError(f"{path} cannot be read: {error.strerror or error}. Fix: see who may read it.") from error
    except (UnicodeDecodeError, KeyError, TypeError) as error:
        raise PlanError(f"{path} is damaged: {error}") from error
    return dict(config)
