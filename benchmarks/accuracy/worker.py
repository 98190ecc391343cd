"""A judge in a process of its own: a request a line on its input, a verdict a line on its output.

``python -m benchmarks.accuracy.worker`` is started by ``workers.py``. A compiler that breaks takes this process
with it and nothing else.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import jax

from autopart.benchmarks.accuracy import compilers
from autopart.benchmarks.accuracy.description import Description, Traces
from autopart.benchmarks.accuracy.verdict import FAILED, Verdict

DEVICES = 32
"""Of the largest mesh that is compiled for on a host."""

SHARDY = "shardy"


def answer(request: dict[str, Any], traces: Traces) -> Verdict:
    """The verdict on a request; what goes wrong in Python is a verdict too."""
    try:
        program = traces.traced(Description.from_json(request["program"]))
        if request["judge"] == SHARDY:
            from autopart.benchmarks.accuracy import propagation

            return propagation.judge(program)
        cache = Path(request["cache"]) if request["cache"] else None
        return compilers.judge(request["judge"], program, request["emit"], request["effort"], cache)
    except Exception as error:
        print(traceback.format_exc(), file=sys.stderr)
        return Verdict(FAILED, f"{type(error).__name__}: {error}"[:2000])


def main() -> None:
    """Answers until the input ends. Libraries that print do so to the error stream."""
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", DEVICES)
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        traces = Traces()
        for line in sys.stdin:
            out.write(json.dumps(answer(json.loads(line), traces).to_json()) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
