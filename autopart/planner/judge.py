"""Figures of the whole program for what was found on the folded one, which must be the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from autopart.cost.metrics import COMMUNICATION_S, COMPUTE_S, EXPOSED_S, IDLE_S, STEP_S
from autopart.folding.fold import Folded
from autopart.game.game_parts import FoldError, state_of
from autopart.game.partition_game import PartitionGame
from autopart.planner.auto import Ask
from autopart.search import Improvement, Progress
from autopart.tactics.manual import Tactic, apply_schedule

_SECONDS = (STEP_S, COMMUNICATION_S, COMPUTE_S, EXPOSED_S, IDLE_S)
_ROUNDING = 1e-9
"""Seconds that differ by no more, relatively, are the same sum in another order."""


class Judge:
    """Hears of improvements, which are action numbers, and looks at each as tactics on the whole program.

    Attributes:
        improvements: those that were heard of, with the figures of the whole program.
    """

    def __init__(self, ask: Ask, folded: Folded | None, game: PartitionGame) -> None:
        self._ask, self._folded, self._game = ask, folded, game
        self._whole = None if folded is None else ask.state()
        self._played = None if folded is None else state_of(folded.problem, ask.prefix)
        self.improvements: list[Improvement] = []

    def on_improvement(self, improvement: Improvement) -> None:
        """Replays the actions on a game of its own.

        Raises:
            FoldError: the figures are not those of the whole program.
        """
        tactics = tactics_of(self._game, improvement.actions)
        judged = replace(improvement, metrics=self.figures(tactics, improvement.metrics))
        self.improvements.append(judged)
        self._ask.listener.on_best([*self._ask.prefix, *tactics], judged.metrics)
        self._ask.listener.on_improvement(judged)

    def on_progress(self, progress: Progress) -> None:
        """Hands it on."""
        self._ask.listener.on_progress(progress)

    def figures(self, tactics: Sequence[Tactic], played: tuple[float, ...]) -> tuple[float, ...]:
        """The figures of the whole program, which must be those of the one that is ``played``."""
        if self._whole is None or self._played is None or self._folded is None:
            return played
        if not self._folded.ties(self._whole, self._played, tactics):
            raise FoldError("a recipe does not treat all layers alike")
        before = self._whole.depth
        apply_schedule(self._whole, tactics)
        whole = tuple(self._whole.metrics().tolist())
        self._whole.undo_to(before)
        if not same_figures(played, whole):
            raise FoldError(
                "layers that are left out are not tiled as the one that stands for them; first "
                f"{next(m for m, a, b in zip(self._ask.goals.metric_names, played, whole, strict=True) if a != b)}"
            )
        return whole


def same_figures(folded: Sequence[float], whole: Sequence[float]) -> bool:
    """Whether metrics of a folded program are those of the whole one: seconds up to rounding, all else to the last."""
    exact = all(a == b for metric, (a, b) in enumerate(zip(folded, whole, strict=True)) if metric not in _SECONDS)
    scale = max(abs(whole[metric]) for metric in _SECONDS)
    return exact and bool(np.allclose(folded, whole, rtol=_ROUNDING, atol=_ROUNDING * scale))


def tactics_of(game: PartitionGame, actions: Sequence[int]) -> list[Tactic]:
    """What actions from the root of a game stand for; the game is left as it was."""
    for action in actions:
        game.apply(action)
    tactics = list(game.tactics())
    for _ in actions:
        game.undo()
    return tactics
