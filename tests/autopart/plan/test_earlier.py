"""Plans that every version of the format wrote are read, apply, and say the same."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from autopart import Atomic, Manual, Mesh, PlanError, load_plan, save_plan
from autopart.benchmarks.models import mlp
from autopart.plan.document import VERSION
from autopart.plan.earlier import EARLIER
from autopart.program.jax_compat import has_rule_primitive
from autopart.tactics.manual import FIRST_DIVISIBLE_DIM

EXAMPLES = Path(__file__).parent / "examples"
VERSIONS = (*EARLIER, VERSION)
TILES: dict[str, Any] = {"params/layers/*/w": 1, "opt_state/*/mu/*": FIRST_DIVISIBLE_DIM}


def example(version: int) -> Path:
    return EXAMPLES / f"version_{version}.json"


def test_there_is_an_example_of_every_version() -> None:
    assert sorted(json.loads(path.read_text())["version"] for path in EXAMPLES.glob("*.json")) == sorted(VERSIONS)


@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_read_and_says_what_it_said(version: int) -> None:
    document = json.loads(example(version).read_text())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        saved = load_plan(example(version))
    assert saved.version == version
    assert saved.mesh == Mesh({"data": 4, "model": 2}, "cpu")
    assert saved.schedule[1:] == (Atomic(("params/layers/0/b",), "model"), Manual(TILES, "model"))
    assert saved.metrics == document["metrics"]
    assert sum(saved.collectives.values()) == sum(row["count"] for row in document["collectives"]) > 0
    assert (saved.fingerprint, saved.operations) == tuple(document["program"].values())


@pytest.mark.parametrize("version", VERSIONS)
def test_it_applies_and_is_today_s_when_saved_again(version: int, tmp_path: Path) -> None:
    step, saved = mlp.step("tiny"), load_plan(example(version))
    # Newer versions of JAX write the gradient of tanh with other ops.
    changed = has_rule_primitive("one_minus_square")
    plan = saved.apply(step.fn, *step.args, donate_argnums=step.donate_argnums, allow_changed=changed)
    assert plan.schedule == saved.schedule
    save_plan(plan, tmp_path / "plan.json")
    again = load_plan(tmp_path / "plan.json")
    assert (again.version, again.schedule) == (VERSION, saved.schedule)
    now = {path: layout.axes for path, layout in again.arguments.items()}
    specs = json.loads(example(version).read_text())
    before = specs["specs"]["arguments"] if version == 1 else {k: v["spec"] for k, v in specs["arguments"].items()}
    assert {path: [list(axes) or None for axes in layout] for path, layout in now.items()} == {
        path: [[name] if isinstance(name, str) else name for name in spec] for path, spec in before.items()
    }


def test_version_1_has_no_shapes_and_says_so() -> None:
    step, saved = mlp.step("tiny"), load_plan(example(1))
    with pytest.raises(PlanError, match=r"of version 1, which does not say the shapes of arrays\. Fix: save it anew"):
        saved.specs(step.args[0])
    assert saved.compare(step.fn, *step.args, donate_argnums=step.donate_argnums).arguments == ()
