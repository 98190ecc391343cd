"""The program ``autopart`` as tests run it: as a process of its own, or, where the law is not about that, in this one.

A process costs some five seconds of imports; what it prints, returns and leaves is the same.
"""

from __future__ import annotations

import copy
import io
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from weakref import WeakValueDictionary

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.singleton import Singleton

from autopart.cli.main import main

ROOT = Path(__file__).parents[2]
HANG_S = 1200.0
"""A process that takes so long hangs; none comes near it, however busy the machine."""

Done = subprocess.CompletedProcess[str]


def autopart(folder: Path, *arguments: str) -> Done:
    """The program in a process, started in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "autopart.cli", *arguments],
        cwd=folder, env={**os.environ, "COLUMNS": "120", "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=HANG_S, check=False,
    )  # fmt: skip


def autopart_here(folder: Path, *arguments: str) -> Done:
    """The program in this process, called in `folder`; afterwards the process is as it was."""
    out, err = io.StringIO(), io.StringIO()
    with _process_of_its_own(folder), redirect_stdout(out), redirect_stderr(err):
        try:
            status = main(arguments)
        except SystemExit as end:  # Of argparse.
            status = end.code if isinstance(end.code, int) else 1
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


@contextmanager
def _process_of_its_own(folder: Path) -> Iterator[None]:
    """What a process would begin with: its folder, warnings that are shown, no modules of the folder, a fresh hydra."""
    hydra_state, argv, modules = copy.deepcopy(Singleton.get_state()), sys.argv, set(sys.modules)
    GlobalHydra.instance().clear()
    try:
        with chdir(folder), warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
            patch.setenv("COLUMNS", "120")
            patch.setattr(sys, "path", [str(ROOT), *sys.path])
            # Hydra shuts all handlers of logs down, and absl's would close pytest's stream with that.
            patch.setattr("logging._handlers", WeakValueDictionary())
            patch.setattr("logging._handlerList", [])
            warnings.simplefilter("default")
            yield
    finally:
        sys.argv = argv
        Singleton.set_state(hydra_state)
        for name in set(sys.modules) - modules:
            if str(folder) in (getattr(sys.modules[name], "__file__", None) or ""):
                del sys.modules[name]
