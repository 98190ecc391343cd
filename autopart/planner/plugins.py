"""Strategies and priors of a search: by name, or objects of the user's own."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Final

from autopart.errors import TacticError
from autopart.game.game_parts import state_of
from autopart.game.guided_prior import GuidedPrior
from autopart.game.partition_game import PartitionGame
from autopart.planner.auto import RAY, Auto
from autopart.search import (
    Explorer,
    Game,
    Goals,
    Prior,
    StaticPrior,
    Strategy,
    UniformPrior,
    make_strategy,
)
from autopart.search.priors import FloatArray
from autopart.tactics.manual import Tactic

PRIORS: Final = ("static", "guided", "uniform")

_GIVEN: Final = ("seed", "prior", "clock")
"""Fields of a strategy that the search fills in."""


@dataclass(frozen=True)
class StrategyMaker:
    """Makes the strategy that ``Auto`` asks for; pickled, it makes it in the processes of workers too."""

    auto: Auto
    goals: Goals
    prefix: tuple[Tactic, ...]

    def __call__(self, game: Game, seed: int, clock: Callable[[], float]) -> Strategy:
        """The strategy, with a prior of the game that it is to play."""
        assert isinstance(game, PartitionGame)
        auto = self.auto
        prior = _prior(auto.prior, self.goals, self.prefix, game)
        if isinstance(auto.strategy, str):
            return make_strategy(auto.strategy, seed, prior, clock=clock, **auto.options)
        given = {"seed": seed, "prior": prior, "clock": clock}
        chosen: Any = auto.strategy
        taken = _taken(chosen)
        made: Strategy = replace(chosen, **{name: given[name] for name in taken}) if taken else chosen
        return made

    def explorer(self, game: Game, seed: int, clock: Callable[[], float]) -> Explorer:
        """The same for workers on Ray, which can only explore."""
        made = self(game, seed, clock)
        assert isinstance(made, Explorer)  # ``check_plugins`` refused all else.
        return made


@dataclass(frozen=True)
class _PlayedPrior:
    """A user's prior, asked of the game that is played: what a journal puts around it knows no program."""

    prior: Prior
    game: PartitionGame

    def __call__(self, game: Game, actions: Sequence[int]) -> FloatArray:
        return self.prior(self.game, actions)


def _prior(prior: str | Prior, goals: Goals, prefix: Sequence[Tactic], game: PartitionGame) -> Prior:
    if not isinstance(prior, str):
        return _PlayedPrior(prior, game)
    if prior == "uniform":
        return UniformPrior()
    if prior == "guided":
        return GuidedPrior(game, goals, state_of(game.state.problem, prefix))
    return StaticPrior(lambda action: game.weight(action) + 1.0)


def _taken(strategy: object) -> list[str]:
    """Which of the fields that a search fills in a strategy has."""
    if not is_dataclass(strategy):
        return []
    return [field.name for field in fields(strategy) if field.name in _GIVEN and field.init]


def written(plugin: object) -> str:
    """What a journal says of a strategy or a prior: its name, else ``module:QualName``, of a dataclass with fields.

    It names no place in memory, so that a search can be known again in another process.
    """
    if isinstance(plugin, str):
        return plugin
    kind = plugin if inspect.isroutine(plugin) else type(plugin)
    name = f"{kind.__module__}:{kind.__qualname__}"
    if not is_dataclass(plugin) or isinstance(plugin, type):
        return name
    shown = [f for f in fields(plugin) if f.name not in _GIVEN and f.repr]
    return f"{name}({', '.join(f'{f.name}={getattr(plugin, f.name)!r}' for f in shown)})"


def check_plugins(auto: Auto) -> None:
    """Refuses strategies and priors that are none, and settings that would go unheard.

    Raises:
        TacticError: the message says what to do.
        SearchError: there is no strategy or option of the name, or an option is out of range.
    """
    _check_prior(auto.prior)
    if isinstance(auto.strategy, str):
        make_strategy(auto.strategy, auto.seed, **auto.options)
        return
    _check_strategy(auto)
    if auto.backend == RAY and not isinstance(auto.strategy, Explorer):
        raise TacticError(
            f"Auto(backend='{RAY}'): {written(auto.strategy)} is no search.Explorer, and cannot share what it finds "
            "with other workers. Fix: derive it from search.Explorer, or backend='embedded'."
        )


def check_shipping(auto: Auto) -> None:
    """Refuses what workers on Ray cannot be sent.

    Raises:
        TacticError: a strategy or a prior cannot be pickled.
    """
    for role, plugin in (("strategy", auto.strategy), ("prior", auto.prior)):
        if auto.backend == RAY and not isinstance(plugin, str):
            from ray import cloudpickle

            try:
                cloudpickle.dumps(plugin)  # type: ignore[no-untyped-call]
            except (TypeError, AttributeError, ValueError, pickle.PicklingError, RecursionError) as error:
                raise TacticError(
                    f"Auto(backend='{RAY}'): the {role} {written(plugin)} cannot be sent to workers: {error}. "
                    "Fix: keep files, locks and devices out of it (__getstate__), or backend='embedded'."
                ) from error


def _check_prior(prior: object) -> None:
    if isinstance(prior, str):
        if prior not in PRIORS:
            raise TacticError(f"Auto: unknown prior '{prior}'; choose one of {', '.join(PRIORS)}")
    elif isinstance(prior, type) or not callable(prior):
        raise TacticError(
            f"Auto(prior={prior!r:.80}): must be one of {', '.join(PRIORS)}, or an object that is called with a game "
            f"and its legal actions and returns their shares (search.Prior){_instance(prior)}"
        )


def _check_strategy(auto: Auto) -> None:
    strategy: Any = auto.strategy
    if isinstance(strategy, type) or not callable(getattr(strategy, "run", None)):
        raise TacticError(
            f"Auto(strategy={strategy!r:.80}): must be the name of a strategy, or an object with "
            f"run(game, goals, budget, seeds, observer) (search.Strategy){_instance(strategy)}"
        )
    if auto.options:
        raise TacticError(f"Auto(options={dict(auto.options)!r}): are of a strategy by name; give them to {strategy!r}")
    taken, name = _taken(strategy), written(strategy)
    if "prior" not in taken and auto.prior != "static":
        raise TacticError(f"Auto(prior=...): {name} has no field 'prior' to take it. Fix: add one, or leave it out.")
    if "seed" not in taken and auto.seed != 0:
        raise TacticError(f"Auto(seed={auto.seed}): {name} has no field 'seed' to take it. Fix: add one.")
    fresh = _defaults(strategy) if taken else {}
    for own in ("seed", "prior"):
        if own in taken and own in fresh and getattr(strategy, own) != fresh[own]:
            raise TacticError(
                f"Auto(strategy={name}): its {own} is that of Auto. Fix: Auto({own}={getattr(strategy, own)!r:.60}, "
                f"strategy={type(strategy).__name__}(...)) without it."
            )


def _defaults(strategy: Any) -> dict[str, Any]:
    """What a fresh strategy has in the fields that have defaults."""
    found = {}
    for field in fields(strategy):
        if callable(field.default_factory):
            found[field.name] = field.default_factory()
        elif field.default is not field.default_factory:  # Both are MISSING where there is no default.
            found[field.name] = field.default
    return found


def _instance(given: object) -> str:
    return f". Fix: an object of it, {given.__name__}(...)." if isinstance(given, type) else ""
