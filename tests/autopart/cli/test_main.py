"""The program as a person runs it: real processes, real run folders."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autopart.cli.main import HELP
from tests.autopart.commands import HANG_S, Done, autopart, autopart_here

TINY = ("model=mlp", "mesh=cpu_4x2", "model.fields.preset=tiny", "search.simulations=60")


AUTO = ("model=mlp", "mesh=auto", "mesh.device=cpu", "model.fields.preset=tiny", "search.simulations=100")


def only_run(folder: Path) -> Path:
    (run,) = (folder / "runs").iterdir()
    return run


ALWAYS = {"config.yaml", "metrics.json", "plan.json", "report.html", "schedule.py"}
OF_A_SEARCH = {"journal.jsonl", "tree.npz"}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    folder = tmp_path_factory.mktemp("cli")
    return folder, autopart(folder, *TINY)


def test_a_search_shows_the_plan_and_leaves_a_run_folder(
    searched: tuple[Path, Done],
) -> None:
    folder, done = searched
    assert done.returncode == 0, done.stderr
    for text in ("params/layers/0/w", "Collectives of a step", "Against the known recipes", "this plan", "Run folder"):
        assert text in done.stdout
    run = only_run(folder)
    assert {p.name for p in run.iterdir()} == ALWAYS | OF_A_SEARCH
    figures = json.loads((run / "metrics.json").read_text())
    best_recipe = min(recipe["step_s"] for recipe in figures["recipes"].values())
    assert figures["metrics"]["step_s"] <= best_recipe
    assert figures["search"]["simulations"] == 60


def test_every_file_of_a_run_folder_stands_in_the_docs_and_in_the_help() -> None:
    page = (Path(__file__).parents[3] / "docs" / "command_line.md").read_text(encoding="utf-8")
    rows = page.partition("## What a run leaves")[2].strip().partition("\n\n")[0].splitlines()[2:]
    listed = {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])}
    when_asked = {"tracking.jsonl", "tree.html", "wandb.json", "wandb/"}
    assert listed == ALWAYS | OF_A_SEARCH | when_asked | {"incumbent.json", "status.json", "run.log"}
    told = " ".join(HELP.partition("A run leaves a folder")[2].split())
    assert all(name in told for name in ALWAYS | OF_A_SEARCH | when_asked - {"wandb.json"})


def test_the_same_seed_gives_the_same_plan_byte_for_byte(searched: tuple[Path, Done], tmp_path: Path) -> None:
    again = autopart(tmp_path, *TINY)  # In a process: its hashes of texts differ.
    assert again.returncode == 0, again.stderr
    first, second = only_run(searched[0]), only_run(tmp_path)
    for name in ("plan.json", "schedule.py"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_verify_reads_the_run_and_reports_equal_outputs(
    searched: tuple[Path, Done],
) -> None:
    folder, _ = searched
    done = autopart_here(folder, "verify", str(only_run(folder)))
    assert done.returncode == 0, done.stderr
    assert "26 of 26 outputs equal" in done.stdout
    assert "Program = StableHLO" in done.stdout


def test_a_damaged_plan_is_one_clear_message(searched: tuple[Path, Done], tmp_path: Path) -> None:
    source = only_run(searched[0])
    for name in ("plan.json", "config.yaml"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    text = (tmp_path / "plan.json").read_text()
    for damaged in (text[: len(text) // 2], text.replace("data", "dada", 1), "[]", ""):
        (tmp_path / "plan.json").write_text(damaged)
        done = autopart_here(tmp_path, "verify", str(tmp_path))
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert "plan.json" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_sweep_runs_every_combination(tmp_path: Path) -> None:
    done = autopart(tmp_path, "-m", *TINY, "search.seed=0,1")
    assert done.returncode == 0, done.stderr
    (sweep,) = (tmp_path / "runs").iterdir()
    plans = sorted(sweep.glob("*/plan.json"))
    assert [p.parent.name for p in plans] == ["0_mlp", "1_mlp"]


def test_a_failed_job_of_a_sweep_leaves_the_others_and_a_non_zero_exit(tmp_path: Path) -> None:
    done = autopart(tmp_path, "-m", *TINY, "mesh.axes.data=4,7")
    assert done.returncode == 2
    assert len(list((tmp_path / "runs").glob("*/*/plan.json"))) == 1
    assert "mesh axis 'data' of size 7" in done.stderr


MODULE = """
import jax, jax.numpy as jnp

def predict(w, x):
    return jnp.tanh(x @ w)

def step(width=64):
    shape = jax.ShapeDtypeStruct
    return predict, (shape((width, width), jnp.float32), shape((32, width), jnp.float32))

def broken():
    def fails(x):
        return x + jnp.zeros((3,))
    return fails, (jax.ShapeDtypeStruct((4,), jnp.float32),)

def wrong():
    return 7
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("model=t33",), "no model 't33'; there is t32, "),
        (("model=mlp", "mesh=cpu_4x2", "model.fields.preset=tiny", "mesh.axes.data=7"), "mesh axis 'data' of size 7"),
        (("model.target=mine.broken", "mesh=cpu_4x2"), "cannot trace"),
        (("model.target=mine.wrong", "mesh=cpu_4x2"), "must return an autopart.Step"),
        (("model.target=mine.absent", "mesh=cpu_4x2"), "cannot import model.target"),
        ((*TINY, "goals.memory_gib=0.00001"), "no plan that was found fits in"),
        ((*TINY, "goals.memory_gib=-1"), "limit"),
        ((*TINY, "search.simulations=null"), "budget"),
        ((*TINY, "mesh.device=tpu_v99"), "tpu_v99"),
        (("model=mlp", "model.fields.preset=huge"), "unknown preset 'huge'"),
        (("mesh=cpu_4x2",), "model.target"),
        ((*AUTO, "devices=null"), "mesh=auto needs to know how many devices there are"),
        ((*AUTO, "devices=1"), "devices=1: must be a whole number, 2 or more"),
        ((*AUTO, "devices=7"), "devices=7 is a prime number"),
        ((*TINY, "devices=8"), "devices=8 is for mesh=auto"),
        (("explode",), "no verb 'explode'"),
        (("verify", "nowhere"), "no plan at nowhere"),
        (("diff", "nowhere", "elsewhere"), "no plan at nowhere"),
        (("diff", "nowhere"), "the following arguments are required: RUN_B"),
        (("apply", *TINY), "nothing to apply"),
        (("apply", *TINY, "schedule=absent.py"), "no schedule at absent.py"),
        (("apply", *TINY, "schedule=mine.py"), "mine.py:2: import jax, jax.numpy as jnp"),
        (("apply", *TINY, "schedule=mine.step"), "must be a list of tactics"),
    ],
)
def test_bad_input_gets_one_clear_message(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    (tmp_path / "mine.py").write_text(MODULE)
    done = autopart_here(tmp_path, *arguments)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_process_ends_with_the_status(tmp_path: Path) -> None:
    done = autopart(tmp_path, "explode")
    assert done.returncode == 1
    assert done.stderr.startswith("error: no verb 'explode'")


def test_an_impossible_memory_goal_keeps_the_nearest_plan(tmp_path: Path) -> None:
    done = autopart_here(tmp_path, *TINY, "goals.memory_gib=0.00001")
    assert done.returncode == 2
    assert "the least is" in done.stderr
    assert "What would help" in done.stderr
    assert (only_run(tmp_path) / "plan.json").exists()


def test_a_users_own_function(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MODULE)
    arguments = ("model.target=mine.step", "+model.fields.width=128", "mesh=cpu_4x2", "search.simulations=40")
    done = autopart_here(tmp_path, *arguments, "verify=true")
    assert done.returncode == 0, done.stderr
    assert "1 of 1 outputs equal" in done.stdout
    refused = autopart_here(tmp_path, "verify", str(only_run(tmp_path)))
    assert refused.returncode == 2
    assert "asks to import and call 'mine.step'" in refused.stderr
    trusted = autopart_here(tmp_path, "verify", str(only_run(tmp_path)), "--target", "mine.step")
    assert trusted.returncode == 0, trusted.stderr


def test_apply_verifies_and_diff_compares(searched: tuple[Path, Done], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        'from autopart import Manual\nDATA = "da" + "ta"\nSCHEDULE = [Manual({"batch": lambda name, shape: 0}, DATA)]\n'
    )
    applied = autopart_here(tmp_path, "apply", *TINY, "schedule=mine.SCHEDULE", "verify=true")
    assert applied.returncode == 0, applied.stderr
    for text in ("Tactic by tactic", "26 of 26 outputs equal", "Program = StableHLO"):
        assert text in applied.stdout
    ours, theirs = only_run(tmp_path), only_run(searched[0])
    assert {path.name for path in ours.iterdir()} == ALWAYS
    again = autopart_here(tmp_path, "apply", *TINY, f"schedule={ours / 'schedule.py'}", "hydra.run.dir=again")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "again" / "plan.json").read_bytes() == (ours / "plan.json").read_bytes()
    done = autopart_here(tmp_path, "diff", str(ours), str(theirs))
    assert done.returncode == 0, done.stderr
    for text in ("Tactics", "Arguments that moved", "Collectives of a step", "What it costs"):
        assert text in done.stdout
    plain = autopart_here(tmp_path, "diff", str(ours), str(theirs / "plan.json"), "--json")
    assert json.loads(plain.stdout)["same_program"] is True


def test_axis_sizes_are_searched_and_the_plan_is_an_ordinary_one(tmp_path: Path) -> None:
    done = autopart_here(tmp_path, *AUTO, "devices=8", "verify=true")
    assert done.returncode == 0, done.stderr
    for text in ("Mesh shapes", "the same as 4x2", "Search: 100 simulations", "26 of 26 outputs equal"):
        assert text in done.stdout
    run = only_run(tmp_path)
    rows = json.loads((run / "plan.json").read_text())["shapes"]
    assert rows == json.loads((run / "metrics.json").read_text())["search"]["shapes"]
    assert not (run / "incumbent.json").exists()
    again = autopart_here(tmp_path, "apply", *AUTO, "devices=8", f"schedule={run}", "hydra.run.dir=again")
    assert again.returncode == 0, again.stderr
    mesh = json.loads((run / "plan.json").read_text())["mesh"]
    assert json.loads((tmp_path / "again" / "plan.json").read_text())["mesh"] == mesh


def test_every_verb_has_help(tmp_path: Path) -> None:
    for verb, said in (("apply", "read and never run"), ("diff", "RUN_A RUN_B"), ("verify", "RUN")):
        done = autopart_here(tmp_path, verb, "--help")
        assert done.returncode == 0, verb
        assert said in " ".join(done.stdout.split()) or verb == "verify"
        assert all(len(line) <= 120 for line in done.stdout.splitlines())
    assert autopart_here(tmp_path, "apply").returncode == 1


def test_help_names_every_choice(tmp_path: Path) -> None:
    done = autopart_here(tmp_path, "--help")
    assert done.returncode == 0
    for text in ("model=custom|gns|", "|llama3_8b|", "|t48|", "mesh=", "verify RUN", "search.simulations"):
        assert text in done.stdout


def test_interrupting_keeps_the_best_so_far(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    arguments = ["model=mlp", "mesh=cpu_4x2", "model.fields.preset=tiny", "search.simulations=100000000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "autopart.cli", *arguments], cwd=tmp_path, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + HANG_S
    while not list(tmp_path.glob("runs/*/incumbent.json")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(2)
    out, err = process.communicate(timeout=HANG_S)
    assert process.returncode == 0, err
    assert "stopped by interrupted" in out
    assert (only_run(tmp_path) / "plan.json").exists()
