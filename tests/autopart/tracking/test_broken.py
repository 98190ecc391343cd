"""wandb that is broken in every way that we know: the search ends well, and one warning says what is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.autopart.commands import HANG_S, Done
from tests.autopart.tracking.offline import read_offline

ROOT = Path(__file__).parents[3]
TINY = ("model=mlp", "mesh=cpu_4x2", "model.fields.preset=tiny", "hydra.run.dir=run")
KEY = "0" * 40
SILENCE = "CommError: Timed out"
CLOSED = "http://127.0.0.1:9"
"""The discard port: nobody answers there."""


def environment(home: Path, **changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT), "COLUMNS": "120", **changes}


def search(folder: Path, *overrides: str, patience_s: float = HANG_S, **changes: str) -> Done:
    """A search that is tracked; where nobody answers it must give up after `patience_s`, and nowhere else."""
    command = [sys.executable, "-m", "autopart.cli", *TINY, "search.simulations=60", "tracking=all", *overrides]
    command.append(f"tracking.timeout_s={patience_s}")
    return subprocess.run(
        command, cwd=folder, env=environment(folder, **changes), capture_output=True, text=True, timeout=HANG_S,
        check=False,
    )  # fmt: skip


def patience_s(why: str) -> float:
    """What an answer is waited for: not long where none comes, as long as it takes where one does."""
    return 6.0 if why == SILENCE else HANG_S


def check_ended_well(folder: Path, done: Done, why: str) -> None:
    assert done.returncode == 0, done.stderr
    [warning] = done.stderr.strip().splitlines()
    whys = [why, "it does not end"] if why == SILENCE else [why]  # Whose patience ends first is the machine's affair.
    assert warning.startswith(tuple(f"warning: no more tracking by wandb: {each}" for each in whys))
    assert warning.endswith("Lost there: all of this run. The search and its plan are untouched.")
    assert "Run folder:" in done.stdout
    assert json.loads((folder / "run" / "metrics.json").read_text())["search"]["simulations"] == 60
    events = [json.loads(line)["event"] for line in (folder / "run" / "tracking.jsonl").read_text().splitlines()]
    assert (events[0], events[-2:]) == ("begin", ["files", "finish"])


@contextmanager
def server(status: int | None) -> Iterator[str]:
    """A server that answers everything with a status, or takes connections and never answers; its address."""
    free = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if status is None:
                free.wait()
                return
            body = b'{"errors": [{"message": "not for you"}]}'
            with suppress(OSError):  # Who asked may have gone.
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        do_GET = do_POST  # noqa: N815

        def log_message(self, format: str, *_: object) -> None:
            """Keep silent."""

    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{served.server_port}"
    finally:
        free.set()
        served.shutdown()
        thread.join()
        served.server_close()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, "UsageError: No API key configured"),
        ({"WANDB_API_KEY": "short"}, "AuthenticationError: WANDB_API_KEY invalid"),
        ({"WANDB_API_KEY": KEY, "WANDB_BASE_URL": CLOSED}, SILENCE),
    ],
)
def test_no_key_a_bad_key_and_no_network(tmp_path: Path, changes: dict[str, str], why: str) -> None:
    check_ended_well(tmp_path, search(tmp_path, patience_s=patience_s(why), **changes), why)


@pytest.mark.parametrize(("status", "why"), [(401, "CommError: not for you"), (None, SILENCE)])
def test_a_server_that_refuses_the_key_and_one_that_does_not_answer(
    tmp_path: Path, status: int | None, why: str
) -> None:
    with server(status) as address:
        done = search(tmp_path, patience_s=patience_s(why), WANDB_API_KEY=KEY, WANDB_BASE_URL=address)
        check_ended_well(tmp_path, done, why)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = search(tmp_path, "tracking.mode=offline", "tracking.dir=file/inside")
    check_ended_well(tmp_path, done, "NotADirectoryError")


def test_wandb_that_cannot_be_imported(tmp_path: Path) -> None:
    (tmp_path / "shadow" / "wandb").mkdir(parents=True)
    (tmp_path / "shadow" / "wandb" / "__init__.py").write_text("raise ImportError('half installed')")
    done = search(tmp_path, PYTHONPATH=f"{tmp_path / 'shadow'}{os.pathsep}{ROOT}")
    check_ended_well(tmp_path, done, "ImportError: half installed")


@contextmanager
def endless(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A search that would go on, some seconds after wandb began offline."""
    command = [
        sys.executable, "-m", "autopart.cli", *TINY, "search.simulations=1000000", "tracking=wandb",
        "tracking.mode=offline", "tracking.period_s=0.2",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=folder, env=environment(folder), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        while process.poll() is None and not on_disk(folder):
            time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.communicate()


def on_disk(folder: Path) -> int:
    """Rows of the one offline run, as far as they are on disk."""
    return sum(
        len(read_offline(path).rows) for path in folder.glob("run/wandb/offline-run-*") if any(path.glob("*.wandb"))
    )


def services(folder: Path) -> list[int]:
    """Processes of wandb's service that were started by a process whose home is the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            ours = f"HOME={folder}".encode() in (path / "environ").read_bytes().split(b"\0")
            if ours and b"wandb-core" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_ctrl_c_ends_the_run_with_all_its_rows(tmp_path: Path) -> None:
    with endless(tmp_path) as process:
        os.killpg(process.pid, signal.SIGINT)
        shown, said = process.communicate(timeout=HANG_S)
    assert (process.returncode, said.strip()) == (0, "")
    assert "wandb sync" in shown
    [folder] = (tmp_path / "run" / "wandb").glob("offline-run-*")
    run, metrics = read_offline(folder), json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert run.rows[-1]["_step"] == metrics["search"]["simulations"]
    assert (run.summary["search/stop"], run.exit_code) == ("interrupted", 0)
    assert services(tmp_path) == []


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_kill_leaves_the_rows_and_no_process(tmp_path: Path) -> None:
    with endless(tmp_path) as process:
        assert services(tmp_path) != []
        process.kill()
    assert on_disk(tmp_path)
    until = time.monotonic() + HANG_S
    while services(tmp_path) and time.monotonic() < until:
        time.sleep(0.1)
    assert services(tmp_path) == []
