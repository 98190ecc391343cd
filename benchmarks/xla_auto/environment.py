"""An environment of its own: the last JAX that reaches XLA's auto-sharding, and the last TPU compiler with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Final

from autopart.benchmarks.accuracy.errors import JudgeError
from autopart.files import write_json

PINNED: Final[Mapping[str, str]] = MappingProxyType({"jax": "0.10.0", "jaxlib": "0.10.0", "libtpu": "0.0.40"})
"""What the environment is for. It needs no TPU."""

SHARED: Final = ("ml_dtypes", "networkx", "numba", "numpy", "optax", "PyYAML", "rich", "scipy")
"""What the project needs besides, in the versions that are installed here."""

STAMP: Final = "requirements.json"
WORDS_OF_A_FAILURE = 5
"""Lines of pip's last words that are kept."""


def default_cache() -> Path:
    """Where the environment and the answers lie unless the user says otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "autopart" / "xla_auto"


def requirements() -> list[str]:
    """What is installed, as pip takes it."""
    return [
        *(f"{name}=={version}" for name, version in PINNED.items()),
        *(f"{name}=={metadata.version(name)}" for name in SHARED),
    ]


def interpreter(folder: Path) -> Path:
    """The Python of an environment."""
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def is_ready(folder: Path) -> bool:
    """Whether the environment is there and holds what it must."""
    stamp = folder / STAMP
    return stamp.exists() and json.loads(stamp.read_text(encoding="utf-8")) == requirements()


def make(folder: Path, say: Callable[[str], None]) -> Path:
    """Makes the environment unless it is there; returns its Python.

    Args:
        folder: where it lies.
        say: is told what is being done.

    Raises:
        JudgeError: it cannot be made; the message says why and what to do.
    """
    if is_ready(folder):
        return interpreter(folder)
    say(f"making an environment in {folder}")
    _run([sys.executable, "-m", "venv", "--clear", str(folder)], folder, say)
    install = ["-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", *requirements()]
    _run([str(interpreter(folder)), *install], folder, say)
    write_json(folder / STAMP, requirements())
    return interpreter(folder)


def _run(command: list[str], folder: Path, say: Callable[[str], None]) -> None:
    """Runs a command and passes on what it says."""
    last: deque[str] = deque(maxlen=WORDS_OF_A_FAILURE)
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    with subprocess.Popen(
        command, env=clean, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                last.append(line.strip())
                say(f"environment: {line.strip()[:100]}")
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        words = "\n  ".join(last)
        pins = " ".join(f"{name}=={version}" for name, version in PINNED.items())
        raise JudgeError(
            f"no environment with {pins} could be made in {folder}:\n  {words}\n"
            "Fix: it takes the network (a package index that has these), a Python that they were built for (such as "
            "3.11) and 2 GB of disk; --cache FOLDER puts it elsewhere."
        )
