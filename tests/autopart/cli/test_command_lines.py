"""Command lines that are wrong: one message each, which says what, what there is, and what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autopart.plan.document import FORMAT, digest

ROOT = Path(__file__).parents[3]

WRONG, EXPLAINED = 1, 2
MODELS = "custom, gns, it32, it32_mq, llama3_8b, mixtral, mlp, moe, resnet, t32, t48, twice, unet"
SEE = "Fix: autopart --help lists the choices; --cfg job shows every setting of a run."
QUOTES = "Fix: NAME=VALUE, in quotes of the shell where it has spaces or brackets: 'mesh.axes={data: 4, model: 2}'."
NO_FOLDER = "Fix: hydra.run.dir=FOLDER (a sweep: hydra.sweep.dir=FOLDER) where you may write."
GOALS = "communication, fit_then_fast, latency, no_all_gather, reserved, small, staged, twice, weighted"

# Arguments, the exit status, and the message: the whole of it, or of a long one its beginning, which ends in "...".
TABLE: list[tuple[str, int, str]] = [
    # Choices.
    (
        "goals=nope", WRONG,
        f"no goals 'nope'; there is {GOALS}. Fix: choose one of these, or write goals/nope.yaml here.",
    ),
    ("goals=wieghted", WRONG, "no goals 'wieghted'; there is weighted, communication, ..."),
    (
        "model=nope", WRONG,
        f"no model 'nope'; there is {MODELS}. Fix: choose one of these, or write model/nope.yaml here.",
    ),
    ("model=", WRONG, f"no model ''; there is {MODELS}. Fix: choose one of these."),
    ("mesh=tpu_v3_16x3", WRONG, "no mesh 'tpu_v3_16x3'; there is tpu_v3_16x2, tpu_v4_16x2, tpu_v3_8x4, a100_4x8, ..."),
    ("device=h101", WRONG, "no device 'h101'; there is h100, a100, ..."),
    (
        "search=mtcs", WRONG,
        "no search 'mtcs'; there is mcts, annealing, beam, evolution, exhaustive, greedy, ilp, random. "
        "Fix: search=mcts.",
    ),
    ("tracking=wndb", WRONG, "no tracking 'wndb'; there is wandb, all, jsonl, none. Fix: tracking=wandb."),
    (
        "hydra/launcher=rai", WRONG,
        "no hydra/launcher 'rai'; there is ray, basic, joblib. Fix: hydra/launcher=ray.",
    ),
    ("serach=mcts", WRONG, "no setting serach; there is search, model, mesh, goals, ..."),
    ("model=mlp|mesh.device=h101", EXPLAINED, "unknown device 'h101'; known: h100, ..."),
    ("model=mlp|search.strategy=mtcs", EXPLAINED, "no strategy 'mtcs': there are mcts, random, greedy, ..."),
    # Keys.
    (
        "serach.simulations=3", WRONG,
        "no setting serach; there is search, model, mesh, goals, tracking, devices, schedule, verify, report, ray. "
        "Fix: search.simulations=3.",
    ),
    (
        "model=mlp|model.feilds.x=1", WRONG,
        "no setting model.feilds; there is model.fields, model.name, model.target, model.verify. "
        "Fix: model.fields.x=1.",
    ),
    ("model=mlp|ray.addres=auto", WRONG, "no setting ray.addres; there is ray.address, ..."),
    (
        "model.fields.width=8", WRONG,
        "no setting model.fields.width; there is nothing in model.fields. Fix: add one of your own: "
        "+model.fields.width=8.",
    ),
    (
        "model=mlp|device.name=x", WRONG,
        "device.name: no device is chosen. Fix: choose one before it, device=NAME, or leave device.name out.",
    ),
    ("model=mlp|+search.simulatons=4", EXPLAINED, "no setting search.simulatons; there is search.simulations, ..."),
    ("model=mlp|+search.analyses.eqaul=true", EXPLAINED, "no analysis 'eqaul'; there is equal, layers, ..."),
    ("model=mlp|~model.nope", WRONG, f"Could not delete from config. 'model.nope' does not exist. {SEE}"),
    ("model=mlp|~search", EXPLAINED, "there is no search, which every run has. Fix: leave ~search out."),
    # Values.
    ("model=mlp|search.simulations=abc", EXPLAINED, "search.simulations='abc': must be a whole number"),
    ("model=mlp|search.options=3", EXPLAINED, "search.options=3: must be values by name, ..."),
    ("model=mlp|search.prior=3", EXPLAINED, "search.prior=3: must be a name"),
    ("model=mlp|goals.step_s=fast", EXPLAINED, "goals.step_s='fast': must be a number"),
    ("model=mlp|report=maybe", EXPLAINED, "report='maybe': must be true or false"),
    ("model=mlp|model.target=3", EXPLAINED, "model.target=3: must be a text, module.callable"),
    (
        "model=mlp|model.target=${nope}", EXPLAINED,
        "model.target: Interpolation key 'nope' not found. Fix: give it a value.",
    ),
    ("model=mlp|model.name=${nope}", WRONG, f"Interpolation key 'nope' not found. {SEE}"),
    ("model=mlp|mesh.axes=[1,2]", WRONG, f"mesh.axes=[1,2]: must be values by name, {{name: value}}. {SEE}"),
    (
        "model=mlp|hydra.job.num=abc", WRONG,
        f"hydra.job.num=abc: Value 'abc' of type 'str' could not be converted to Integer. {SEE}",
    ),
    ("model=mlp,t32", WRONG, "model=mlp,t32: several values are a sweep. Fix: autopart -m ..., or one value."),
    # Grammar.
    ("mesh.axes={data: 8", WRONG, f"the override 'mesh.axes={{data: 8' cannot be read: '{{' is never closed. {QUOTES}"),
    ("mesh.axes=data: 8}", WRONG, f"the override 'mesh.axes=data: 8}}' cannot be read: '}}' closes nothing. {QUOTES}"),
    ("model='mlp", WRONG, f"""the override "model='mlp" cannot be read: the quote ' is never closed. {QUOTES}"""),
    ("model=mlp|foo", WRONG, f"the override 'foo' cannot be read: it has no '='. {QUOTES}"),
    ("model=mlp|=3", WRONG, f"the override '=3' names nothing. {QUOTES}"),
    # Keys that are said twice.
    (
        "model=mlp|mesh.axes={data: 8, data: 4}", WRONG,
        "mesh.axes={data: 8, data: 4}: found duplicate key data. Fix: name every key of a dictionary once.",
    ),
    (
        "model=mlp|+model.fields.a=[{b: {c: 1, d: 2, c: 3}}]", WRONG,
        "+model.fields.a=[{b: {c: 1, d: 2, c: 3}}]: found duplicate key c. Fix: name every key of a dictionary once.",
    ),
    (
        "-m|model=mlp|mesh.axes={data: 8},{data: 4, data: 2}", WRONG,
        "mesh.axes={data: 8},{data: 4, data: 2}: found duplicate key data. Fix: name every key of a dictionary once.",
    ),
    (
        "model=mlp|mesh=twice", WRONG,
        "a YAML file cannot be read: HERE/mesh/twice.yaml:3: found duplicate key data. ...",
    ),
    ("model=twice", WRONG, "a YAML file cannot be read: HERE/model/twice.yaml:2: found duplicate key name. ..."),
    (
        "model=mlp|device=twice", WRONG,
        "a YAML file cannot be read: HERE/device/twice.yaml:2: found duplicate key name. ...",
    ),
    (
        "model=mlp|goals=twice", WRONG,
        "a YAML file cannot be read: HERE/goals/twice.yaml:1: found duplicate key step_s. ...",
    ),
    (
        "--config-dir|mine|--config-name|twice", WRONG,
        "a YAML file cannot be read: HERE/mine/twice.yaml:2: found dupl...",
    ),
    (
        "model=mlp|mesh=cpu_4x2|mesh.device=device/twice.yaml", EXPLAINED,
        "device/twice.yaml cannot be read as YAML: line 2: found duplicate key name",
    ),
    # Files.
    (
        "model=mlp|mesh=broken", WRONG,
        "a YAML file cannot be read: HERE/mesh/broken.yaml:2: expected ',' or '}', but got ...",
    ),
    (
        "model=mlp|mesh=bytes", WRONG,
        "mesh/bytes.yaml is no text: 'utf-8' codec can't decode byte 0xff in position 0...",
    ),
    (
        "model=mlp|hydra.run.dir=file/run", EXPLAINED,
        f"the run folder file/run cannot be made or written: Not a directory. {NO_FOLDER}",
    ),
    (
        "model=mlp|hydra.run.dir=file", EXPLAINED,
        f"the run folder file cannot be made or written: File exists. {NO_FOLDER}",
    ),
    (
        "-m|model=mlp|hydra.sweep.dir=file/x", EXPLAINED,
        f"the run folder file/x cannot be made or written: Not a directory. {NO_FOLDER}",
    ),
    (
        "--config-name|confg", WRONG,
        "no configuration 'confg'; there is config. Fix: --config-name one of these, or leave it out.",
    ),
    (
        "--config-dir|mine|--config-name|own2", WRONG,
        "no configuration 'own2'; there is own, config, twice. Fix: --config-name one of these, or leave it out.",
    ),
    (
        "--config-dir|nowhere|model=mlp", WRONG,
        "Additional config directory 'HERE/nowhere' not found. Fix: --config-dir of a folder that there is.",
    ),
    ("--config-path|nope|model=mlp", WRONG, "Primary config module 'autopart.cli.nope' not found. ..."),
    ("--resolve|model=mlp", WRONG, f"The --resolve flag can only be used in conjunction with --cfg or --help. {SEE}"),
    # Sweeps: before anything runs.
    ("-m|model=mlp,nope", WRONG, "no model 'nope'; there is custom, ..."),
    ("-m|model=mlp|goals=small,comunication", WRONG, "no goals 'comunication'; there is communication, ..."),
    ("-m|model=mlp|search.simulations=3,abc", EXPLAINED, "search.simulations='abc': must be a whole number"),
    ("-m|model=mlp|hydra/launcher=joblib|search.seed=0,x", EXPLAINED, "search.seed='x': must be a whole number"),
    ("-m|model=mlp,custom|mesh=cpu_4x2", EXPLAINED, "no value for model.target. Fix: choose (autopart ..."),
    ("-m|model=mlp|serach.seed=0,1", WRONG, "no setting serach; there is search, ..."),
    (
        "-m|model=mlp|hydra/launcher=nope", WRONG,
        "no hydra/launcher 'nope'; there is basic, joblib, ray. Fix: choose one of these.",
    ),
    (
        "-m|model=mlp|hydra/launcher=joblib|hydra.launcher.n_jobs=0", EXPLAINED,
        "hydra.launcher.n_jobs=0: must be a whole number but 0",
    ),
    (
        "-m|model=mlp|hydra/launcher=ray|hydra.launcher.cpus_per_job=many", EXPLAINED,
        "hydra.launcher.cpus_per_job='many': must be a number of CPUs, more than 0",
    ),
    (
        "apply|-m|model=mlp|schedule=file|mesh.axes={data: 8", WRONG,
        "the override 'mesh.axes={data: 8' cannot be read: ...",
    ),
    # Verbs.
    (
        "apply|model=mlp|schedule=absent.py", EXPLAINED,
        "no schedule at absent.py. Fix: name the schedule.py, or the folder, of a run.",
    ),
    (
        "apply|model=mlp|schedule=runs_/empty", EXPLAINED,
        "no plan at runs_/empty/plan.json. Fix: name the run folder that autopart printed.",
    ),
    *(
        (f"{verb}|runs_/{run}{more}", EXPLAINED, said)
        for verb, more in (("verify", ""), ("report", ""), ("explain", ""), ("diff", "|runs_/empty"))
        for run, said in (
            ("nowhere", "no plan at runs_/nowhere..."),
            ("file/plan.json", "no plan at runs_/file/plan.json. Fix: name the run folder that autopart printed."),
            ("hollow", "runs_/hollow/plan.json is empty. Fix: restore it, or run the search again."),
            ("older", "runs_/older/plan.json is a plan of version 0; this autopart reads up to 2. Fix: apply ..."),
            ("round", "runs_/round/plan.json cannot be read: Too many levels of symbolic links. Fix: ..."),
            ("bytes", "runs_/bytes/plan.json is damaged: 'utf-8' codec can't decode ..."),
        )
    ),
    ("compare|runs_/nowhere", EXPLAINED, "no run in runs_/nowhere. Fix: name run folders, or ..."),
    ("compare|runs_/hollow|--html|file/page.html", EXPLAINED, "cannot write file/page.html: ..."),
    ("resume|runs_/nowhere", EXPLAINED, "no configuration at runs_/nowhere/config.yaml. Fix: name the run folder ..."),
    ("resume|runs_/twice", EXPLAINED, "runs_/twice/config.yaml is damaged: line 3: found duplicate key name"),
    ("resume|runs_/listed", EXPLAINED, "runs_/listed/config.yaml is damaged: model is missing"),
    ("resume|runs_/sound", EXPLAINED, "runs_/sound has no journal (journal.jsonl). Fix: search anew."),
    (
        "resume|runs_/sound|search.simulatons=3", EXPLAINED,
        "no setting search.simulatons; there is search.simulations. Fix: search.simulations.",
    ),
    (
        "resume|runs_/sound|search.simulations={a: 1, a: 2}", EXPLAINED,
        "search.simulations={a: 1, a: 2}: line 1: found duplicate key a. Fix: NAME=VALUE, a value of YAML.",
    ),
    ("resume|runs_/sound|search.simulations={a: 1", EXPLAINED, "search.simulations={a: 1: line 1: expected ..."),
]  # fmt: skip

PROGRAM = """
import contextlib, io, json, sys
from autopart.cli.main import main
for line in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(line)
        except SystemExit as end:
            status = end.code
    print(json.dumps([status, out.getvalue(), err.getvalue()]))
"""


@dataclass(frozen=True)
class Said:
    """What the program made of a command line."""

    status: int
    out: str
    err: str


def older_plan() -> dict[str, Any]:
    body: dict[str, Any] = {"format": FORMAT, "version": 0}
    return {**body, "digest": digest(body)}


FILES: dict[str, str | bytes] = {
    "file": "",
    "mesh/twice.yaml": "axes:\n  data: 8\n  data: 4\ndevice: cpu\n",
    "mesh/broken.yaml": "axes: {data: 8\n",
    "mesh/bytes.yaml": b"\xff\xfe\x00",
    "model/twice.yaml": "name: a\nname: b\ntarget: mine.step\nfields: {}\n",
    "device/twice.yaml": "name: a\nname: b\n",
    "goals/twice.yaml": "{step_s: 1, step_s: 2}\n",
    "mine/own.yaml": "defaults: [config]\n",
    "mine/twice.yaml": "verify: true\nverify: false\n",
    "runs_/empty/.keep": "",
    "runs_/file": "",
    "runs_/hollow/plan.json": "",
    "runs_/bytes/plan.json": b"\xff\xfe\x00",
    "runs_/twice/config.yaml": "model:\n  name: a\n  name: b\n  target: mine.step\n  fields: {}\n",
    "runs_/listed/config.yaml": "- 3\n",
    "runs_/sound/config.yaml": "model: {name: a, target: mine.step, fields: {}}\nsearch: {simulations: 3}\n",
}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lines")
    for name, content in {**FILES, "runs_/older/plan.json": json.dumps(older_plan())}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "runs_" / "round").mkdir()
    (folder / "runs_" / "round" / "plan.json").symlink_to("plan.json")
    return folder


@pytest.fixture(scope="module")
def answers(here: Path) -> dict[str, Said]:
    """Every line of the table, one after another in one process that has nothing else to do."""
    lines = list(dict.fromkeys(line for line, _, _ in TABLE))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps([line.split("|") for line in lines]), cwd=here,
        env={**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [json.loads(row) for row in done.stdout.splitlines()]
    return {line: Said(*row) for line, row in zip(lines, rows, strict=True)}


@pytest.mark.parametrize(("line", "status", "message"), TABLE, ids=[line for line, _, _ in TABLE])
def test_a_wrong_command_line_is_one_message(
    line: str, status: int, message: str, answers: dict[str, Said], here: Path
) -> None:
    said = answers[line]
    expected = "error: " + message.replace("HERE", str(here.resolve()))
    if expected.endswith("..."):
        assert said.err.startswith(expected.removesuffix("..."))
    else:
        assert said.err == expected + "\n"
    assert said.err.count("\n") == 1
    assert said.status == status
    for word in ("Traceback", "HYDRA_FULL_ERROR", "hydra.cc", "Config search path", "full_key"):
        assert word not in said.err + said.out


def test_nothing_that_was_refused_leaves_a_folder(answers: dict[str, Said], here: Path) -> None:
    assert not any(said.out for line, said in answers.items() if line.startswith("-m"))
    left = {path.name for path in here.glob("runs/*") if any(path.iterdir())}
    assert not left
