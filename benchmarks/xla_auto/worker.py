"""One question in a process of its own: a line of JSON on its input, a line of JSON on its output.

``python -m benchmarks.xla_auto.worker`` is started by ``asking.py`` with the Python of the environment.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import jax

from autopart.benchmarks.accuracy import compilers
from autopart.benchmarks.accuracy.description import Description
from autopart.benchmarks.xla_auto import searched, solver

SOLVE, SEARCH, COMPILE = "solve", "search", "compile"
"""Ask XLA's solver; search ourselves; compile what we found."""


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """What one question comes to, as plain JSON values."""
    program = Description.from_json(question["program"])
    if question["ask"] == SOLVE:
        return solver.solve(program, question["options"]).to_json()
    if question["ask"] == SEARCH:
        return searched.search(program, question["simulations"], question["seed"]).to_json()
    cache = Path(question["cache"])
    return compilers.product(compilers.TPU, program, question["emit"], 0.0, cache).to_json()


def main() -> None:
    """Answers. Libraries that print do so to the error stream."""
    jax.config.update("jax_platforms", "cpu")
    warnings.simplefilter("ignore")
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        out.write(json.dumps(answer(json.loads(sys.stdin.readline()))) + "\n")


if __name__ == "__main__":
    main()
