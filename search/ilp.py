"""Integer programming over the tables of a game, where it has some."""

from dataclasses import dataclass

from autopart.search.budget import StopReason
from autopart.search.choices import ChoiceProblem, TabledGame
from autopart.search.errors import SearchError
from autopart.search.explorer import Explorer
from autopart.search.goals import Goals
from autopart.search.highs import Solved, solve
from autopart.search.walk import Step, Walk


@dataclass(frozen=True, slots=True, kw_only=True)
class ILP(Explorer):
    """Solves the tables of a `TabledGame` with HiGHS, within the goals' limits, then plays towards the answer.

    Every state on the way is evaluated, and the best of them is the result: where the tables are but an estimate,
    that is not always the last. The search has then no more to say (SOLVED). Where the tables are exact, the result's
    `bound` is what the solver proved. The seconds of the budget are those of the solver too. `seed` draws
    nothing. Raises SearchError for a game without tables, and for goals that its tables do not price.
    """

    def _explore(self, walk: Walk) -> StopReason:
        game, session = walk.game, walk.session
        if not isinstance(game, TabledGame):
            raise SearchError(
                f"ilp needs a game with tables of costs, and {type(game).__name__} has none: it lacks choices() and "
                "toward(). Choose another strategy."
            )
        if session.stop() is not None:
            return session.stop() or StopReason.SOLVED
        problem = game.choices()
        limits = limits_of(problem, session.goals)
        seconds = session.budget.seconds
        found = solve(problem, limits, None if seconds is None else max(0.0, seconds - session.seconds))
        walk.bound = _bound(problem, session.goals, found)
        if found.choice is not None:
            _play(walk, game, found.choice)
        return session.stop() or StopReason.SOLVED


def limits_of(problem: ChoiceProblem, goals: Goals) -> dict[str, float]:
    """Return the limits of the goals by metric.

    Raises SearchError unless the first metric to minimise is the one that the tables price, and each with a limit has
    rows.
    """
    wanted = next((goal.metric for goal in goals.goals if goal.limit is None), problem.metric)
    if wanted != problem.metric:
        raise SearchError(f"the tables of this game price {problem.metric}: ilp cannot minimise {wanted}")
    limits = {goal.metric: goal.limit for goal in goals.goals if goal.limit is not None}
    for metric in limits:
        if metric not in {row.metric for row in problem.rows}:
            raise SearchError(f"the tables of this game do not estimate {metric}: ilp cannot keep a limit on it")
    return limits


def _play(walk: Walk, game: TabledGame, choice: tuple[int, ...]) -> None:
    while walk.session.stop() is None and (action := game.toward(choice)) is not None:
        if walk.step(list(walk.expand().actions).index(action)) is Step.LOOP:
            return


def _bound(problem: ChoiceProblem, goals: Goals, found: Solved) -> tuple[float, ...] | None:
    if not problem.exact or goals.goals[0].limit is not None:
        return None
    return (found.bound, *(0.0 for _ in goals.goals[1:]))
