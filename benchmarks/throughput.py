"""States per second that search can look at, in one core, on T32's training step (recomputation on).

A state is: one action applied and propagated, its hash, the layout and collectives decided, peak memory and
step time; and later taken back. Listing the actions that are legal, which search does once for every state that
it goes on from, is measured too and shown beside it, but not counted. Playouts start at the root and are 1 to 8
actions deep (uniform); each action is drawn uniformly from all legal ones: tiles and wholes of groups, and the
recipes not yet played (8 of the 80 or so at the root; a recipe applies one to three tactics). Kernels are
compiled, and the first playouts made, before the clock starts. Everything runs in one thread.

It is measured as search does it, on the program with its middle layers left out (``autopart.folding.fold``), and on
the whole program, which is what judges every improvement.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from autopart.benchmarks.models import t32
from autopart.benchmarks.schedules import BATCH, MODEL
from autopart.costmodel.mesh import Mesh
from autopart.folding.fold import fold
from autopart.game.actions import action_table
from autopart.game.game_parts import FoldedGame
from autopart.game.partition_game import PartitionGame
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.trace import trace_step

DESCRIPTION = """\
Measures how many partition states of T32's training step one core looks at in a second: an action applied and
propagated, collectives, peak memory and step time, then undone, over seeded random playouts. "folded" is the program
that search plays on, with its middle layers left out; "whole" the program that judges what it finds.
"""
EXAMPLES = """\
examples:
  python -m benchmarks.throughput                       32, 64 and 128 layers, folded and whole, 5 s each
  python -m benchmarks.throughput --layers 32 --seconds 1
  python -m benchmarks.throughput --json | tail -1      states per second and the breakdown, for a script
"""

MAX_DEPTH = 8
WARM_UP_PLAYOUTS = 20
FOLDED, WHOLE = "folded", "whole"
LISTING = "legal_actions"
PARTS = (LISTING, "propagate", "evaluate", "undo")
"""Listing what is legal; applying an action with propagation; deciding layouts and measuring them; taking it back."""


Results: TypeAlias = "dict[int, dict[str, Throughput]]"
"""Layers -> ``folded`` and ``whole``."""


@dataclass(frozen=True)
class Throughput:
    """What the playouts of one model took.

    Attributes:
        ops: ops of the program.
        states: states looked at.
        parts_s: seconds of one state by part, see ``PARTS``.
    """

    ops: int
    states: int
    parts_s: dict[str, float]

    @property
    def seconds_per_state(self) -> float:
        """Mean seconds of one state: all parts but the listing of legal actions."""
        return sum(seconds for part, seconds in self.parts_s.items() if part != LISTING)


def problem_of_t32(layers: int) -> Problem:
    """T32's training step with that many layers on 16 x 2 TPU v3."""
    return Problem.of(trace_step(t32.step(layers=layers)), Mesh({BATCH: 16, MODEL: 2}, "tpu_v3"))


def games_of(problem: Problem) -> dict[str, PartitionGame]:
    """The partitioning game of a program: ``folded`` (if it can be) and ``whole``."""
    axes, folded = problem.mesh.axis_names, fold(problem)
    games: dict[str, PartitionGame] = {}
    if folded is not None:
        games[FOLDED] = FoldedGame(State(folded.problem), action_table(folded.problem, axes), folded)
    return games | {WHOLE: PartitionGame(State(problem), action_table(problem, axes))}


def play_out(game: PartitionGame, rng: np.random.Generator, parts_s: npt.NDArray[np.float64]) -> int:
    """Plays one random playout from the root and takes it back; returns the number of states.

    The seconds of each part are added to ``parts_s``, in the order of ``PARTS``.
    """
    depth = 0
    for _ in range(int(rng.integers(1, MAX_DEPTH + 1))):
        begin = time.perf_counter()
        actions = game.actions()
        listed = time.perf_counter()
        if not actions:
            break
        game.apply(actions[int(rng.integers(len(actions)))])
        game.key()
        applied = time.perf_counter()
        game.metrics()
        parts_s[:3] += listed - begin, applied - listed, time.perf_counter() - applied
        depth += 1
    begin = time.perf_counter()
    for _ in range(depth):
        game.undo()
    assert game.state.depth == 0  # Asking for the state takes back what the game put off.
    parts_s[3] += time.perf_counter() - begin
    return depth


def measure(game: PartitionGame, seconds: float, seed: int) -> Throughput:
    """Plays for about ``seconds``, after a warm-up."""
    parts_s, rng = np.zeros(len(PARTS)), np.random.default_rng(seed)
    for _ in range(WARM_UP_PLAYOUTS):
        play_out(game, rng, parts_s)
    parts_s[:], states, begin = 0.0, 0, time.perf_counter()
    while time.perf_counter() - begin < seconds or not states:
        states += play_out(game, rng, parts_s)
    parts = dict(zip(PARTS, (parts_s / states).tolist(), strict=True))
    return Throughput(len(game.state.problem.graph.ops), states, parts)


def results_table(results: Results) -> Table:
    """A row a game."""
    table = Table(title="T32 train step, 16 x 2 TPU v3: random playouts in one core; parts in µs a state")
    for column in ("layers", "program", "ops", "states/s", "µs a state", *(part.partition("_")[0] for part in PARTS)):
        table.add_column(column, justify="right")
    for layers, games in results.items():
        for name, found in games.items():
            parts = [f"{found.parts_s[part] * 1e6:.0f}" for part in PARTS]
            each = found.seconds_per_state
            table.add_row(str(layers), name, str(found.ops), f"{1 / each:.0f}", f"{each * 1e6:.0f}", *parts)
    return table


def document(results: Results) -> dict[str, object]:
    """The figures as plain JSON values.

    ``states_per_s`` is that of the first model asked for, as search plays it, and ``deepest_over_shallowest`` the time
    per state of the deepest model over that of the shallowest.
    """
    played = {layers: games.get(FOLDED, games[WHOLE]) for layers, games in results.items()}
    first = next(iter(played.values()))
    by_game: dict[str, object] = {}
    for name in (FOLDED, WHOLE):
        found = {str(layers): games[name] for layers, games in results.items() if name in games}
        by_game[name] = {
            "seconds_per_state": {layers: each.seconds_per_state for layers, each in found.items()},
            "states": {layers: each.states for layers, each in found.items()},
            "ops": {layers: each.ops for layers, each in found.items()},
            "parts_s": {layers: each.parts_s for layers, each in found.items()},
        }
    return {
        "states_per_s": 1 / first.seconds_per_state,
        "deepest_over_shallowest": played[max(played)].seconds_per_state / played[min(played)].seconds_per_state,
        **by_game,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.throughput",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--layers", type=int, nargs="+", default=[32, 64, 128], help="depths (default: 32 64 128)")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of the measurement of each (default: 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the random playouts (default: 0)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, as the last line")
    arguments = parser.parse_args(argv)
    if min(arguments.layers) < 1 or not arguments.seconds > 0:
        parser.error("--layers must be at least 1 and --seconds positive")
    results: Results = {}
    with Console(stderr=True).status("") as status:
        for layers in dict.fromkeys(arguments.layers):
            status.update(f"tracing T32 of {layers} layers")
            games = games_of(problem_of_t32(layers))
            status.update(f"playing T32 of {layers} layers")
            results[layers] = {name: measure(game, arguments.seconds, arguments.seed) for name, game in games.items()}
    Console().print(results_table(results))
    if arguments.json:
        print(json.dumps(document(results)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
