"""Why one plan and not another: sentences, goal by goal, and what makes the difference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autopart.explain.collective_rows import CollectiveRow, rows_of
from autopart.explain.collectives import selected
from autopart.explain.peak_memory import residents_at_peak, summary
from autopart.explain.subject import Subject
from autopart.goals import counted_of, metric_names
from autopart.partitioning import Problem, State
from autopart.search import Goal, Goals
from autopart.tactics import Tactic, apply_schedule
from autopart.text import Part, Readable, bytes_text, figure_text, seconds_text

_MOST = 3


@dataclass(frozen=True)
class GoalComparison:
    """One goal of two plans.

    Attributes:
        metric: what it measures: of ``analysis.METRICS``, a measure of ``measures``, or a weighted sum in words.
        limit: its bound, or ``None`` where it should be small.
        ours, theirs: the figure of this plan and of the other.
        verdict: ``wins``, ``loses`` or ``ties``, said of the other plan.
    """

    metric: str
    limit: float | None
    ours: float
    theirs: float
    verdict: str


@dataclass(frozen=True, repr=False)
class WhyNot(Readable):
    """Why this plan and not another.

    Attributes:
        loses: whether the other plan is worse under the goals.
        goals: goal by goal, in order; the first that does not tie decides.
        sentences: the same for people, with what makes the difference.
    """

    loses: bool
    goals: tuple[GoalComparison, ...]
    sentences: tuple[str, ...]

    def parts(self) -> Iterable[Part]:
        """The sentences, a line each."""
        yield "\n".join(self.sentences)


def why_not(ours: Subject, theirs: Subject, goals: Sequence[Goal]) -> WhyNot:
    """Why ``ours`` and not ``theirs``, two schedules of one program on one mesh.

    Raises:
        GoalError: a goal names no figure, axis or array.
        SearchError: there are no goals, or they make no sense together.
    """
    names = metric_names([metric for goal in goals for metric in goal.metrics])
    wanted = Goals(goals, names)
    if wanted.needs_root:
        wanted = wanted.relative_to(_measured(ours.problem, (), names))
    pairs = zip(*(wanted.figures(_measured(s.problem, s.schedule, names)) for s in (ours, theirs)), strict=True)
    compared = [(goal, _compared(goal, a, b)) for (goal, a), (_, b) in pairs]
    rows = tuple(row for _, row in compared)
    decisive = next(((goal, row) for goal, row in compared if row.verdict != "ties"), None)
    if decisive is None:
        return WhyNot(False, rows, ("The other plan is as good under every goal.",))
    loses = decisive[1].verdict == "loses"
    worse, better = (theirs, ours) if loses else (ours, theirs)
    return WhyNot(loses, rows, (_decision(decisive[1]), *_differences(decisive[0], worse, better)))


def _measured(problem: Problem, schedule: Sequence[Tactic], names: Sequence[str]) -> list[float]:
    """The figures of a schedule, in the order of ``names``."""
    state = State(problem, counted_of(problem, names))
    apply_schedule(state, schedule)
    return [float(figure) for figure in state.metrics()]


def _compared(goal: Goal, ours: float, theirs: float) -> GoalComparison:
    costs = goal.cost(ours), goal.cost(theirs)
    verdict = "ties" if costs[0] == costs[1] else "loses" if costs[1] > costs[0] else "wins"
    return GoalComparison(goal.metric, goal.limit, ours, theirs, verdict)


def _decision(row: GoalComparison) -> str:
    ours, theirs = figure_text(row.metric, row.ours), figure_text(row.metric, row.theirs)
    if row.limit is not None:
        limit = figure_text(row.metric, row.limit)
        return f"The other plan {row.verdict} by {row.metric}: {theirs} beside {ours}, where {limit} is the limit."
    share = f" ({row.theirs / row.ours - 1:+.1%})" if row.ours else ""
    return f"The other plan {row.verdict} by {row.metric}: {theirs} beside {ours}{share}."


def _differences(goal: Goal, worse: Subject, better: Subject) -> list[str]:
    """What makes the difference under the goal that decides."""
    memory = "peak_memory_bytes" in goal.metrics
    return [
        *(_memory(worse, better) if memory else []),
        *(_traffic(worse, better) if len(goal.metrics) > memory else []),
    ]


def _traffic(worse: Subject, better: Subject) -> list[str]:
    """What costs the worse plan its seconds: compute, and the collectives that the better one has not."""
    out = []
    for metric, words in (("compute_s", "of compute"), ("exposed_s", "of exposed communication")):
        more = worse.report.metrics[metric] - better.report.metrics[metric]
        out += [f"The worse plan has {seconds_text(more)} more {words}."] if more > 0 else []
    known: dict[tuple[object, ...], float] = {}
    for row in rows_of(selected(better, "")):
        known[_key(row)] = known.get(_key(row), 0.0) + row.step_s
    extra = [(row.step_s - known.get(_key(row), 0.0), row) for row in rows_of(selected(worse, ""))]
    for seconds, row in sorted(extra, key=lambda item: -item[0])[:_MOST]:
        if seconds > 0:
            what = f" of {row.tensor}" if row.tensor else ""
            out.append(
                f"It spends {seconds_text(seconds)} more on {row.kind}{what} over {', '.join(row.axes)} "
                f"(×{row.runs}, {row.place}), caused by {', '.join(str(action) for action in row.actions)}."
            )
    return out


def _key(row: CollectiveRow) -> tuple[object, ...]:
    return row.kind, row.axes, row.tensor, row.place


def _memory(worse: Subject, better: Subject) -> list[str]:
    """What fills the worse plan's memory that the better one holds less of."""
    known = {(what, role): nbytes for what, role, nbytes, _ in summary(residents_at_peak(better.state))}
    rows = [
        (nbytes - known.get((what, role), 0.0), what, role)
        for what, role, nbytes, _ in summary(residents_at_peak(worse.state))
    ]
    return [
        f"At its peak the worse plan holds {bytes_text(more)} more of {what} ({role})."
        for more, what, role in sorted(rows, key=lambda row: (-row[0], row[1]))[:_MOST]
        if more > 0
    ]
