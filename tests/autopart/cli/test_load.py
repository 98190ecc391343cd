"""Models by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from autopart.cli.load import as_step, check_trusted, current_name, load_step
from autopart.cli.run_folder import read_config
from autopart.errors import PlanError, TraceError
from autopart.program.step import Step


def test_none_fields_are_left_out() -> None:
    step = load_step("autopart.benchmarks.models.mlp.step", {"preset": "tiny", "batch": None})
    assert isinstance(step, Step)


def test_a_module_of_the_working_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "of_the_user.py").write_text("def make():\n    return abs, (1.0,), (0,)\n")
    monkeypatch.chdir(tmp_path)
    step = load_step("of_the_user.make", {})
    assert (step.fn, step.args, step.donate_argnums) == (abs, (1.0,), (0,))


@pytest.mark.parametrize(
    ("target", "fields", "said"),
    [
        ("plain", {}, "module.callable"),
        ("no.such.module", {}, "cannot import"),
        ("autopart.benchmarks.models.mlp.nothing", {}, "cannot import"),
        ("autopart.benchmarks.models.mlp.step", {"preset": "x"}, "unknown preset"),
        ("autopart.benchmarks.models.mlp.step", {"depth": 3}, "unknown field"),
    ],
)
def test_bad_targets_are_told(target: str, fields: dict[str, object], said: str) -> None:
    with pytest.raises(TraceError, match=said):
        load_step(target, fields)


@pytest.mark.parametrize("made", [7, (), (1, 2), (abs,), (abs, (), (), ())])
def test_what_is_no_step_is_told(made: object) -> None:
    with pytest.raises(TraceError, match="must return"):
        as_step(made, "it")


def test_run_folders_of_before_name_our_models_as_they_were_called(tmp_path: Path) -> None:
    text = "model: {name: mlp, target: benchmarks.models.mlp.step, fields: {preset: tiny}}"
    (tmp_path / "config.yaml").write_text(text)
    target = read_config(tmp_path)["model"]["target"]
    assert target == "autopart.benchmarks.models.mlp.step"
    check_trusted(target, None, "autopart verify run")
    assert isinstance(load_step(target, {"preset": "tiny"}), Step)


@pytest.mark.parametrize(
    "target", ["benchmarks.models.of_the_user.step", "mine.benchmarks.models.mlp.step", "benchmarks.modelsx.mlp.step"]
)
def test_a_package_of_the_user_s_that_is_called_alike_stays_theirs(target: str) -> None:
    assert current_name(target) == target
    with pytest.raises(PlanError, match=f"--target {target}"):
        check_trusted(target, None, "autopart verify run")
