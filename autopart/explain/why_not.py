"""Why one plan and not another: sentences, goal by goal, and what makes the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autopart.explain.collectives import CollectiveRow, rows_of, selected
from autopart.explain.subject import Subject
from autopart.memory import residents_at_peak, summary
from autopart.quantities import bytes_text, seconds_text
from search import AtMost, Goal, Minimise

_MOST = 3


@dataclass(frozen=True)
class GoalComparison:
    """One goal of two plans.

    Attributes:
        metric: what it measures, see ``analysis.METRICS``.
        limit: its bound, or ``None`` where it should be small.
        ours, theirs: the metric of this plan and of the other.
        verdict: ``wins``, ``loses`` or ``ties``, said of the other plan.
    """

    metric: str
    limit: float | None
    ours: float
    theirs: float
    verdict: str


@dataclass(frozen=True)
class WhyNot:
    """Why this plan and not another.

    Attributes:
        loses: whether the other plan is worse under the goals.
        goals: goal by goal, in order; the first that does not tie decides.
        sentences: the same for people, with what makes the difference.
    """

    loses: bool
    goals: tuple[GoalComparison, ...]
    sentences: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.sentences)


def fit_then_fast(subject: Subject) -> list[Goal]:
    """Fit in the device's memory, then be fast, then be small."""
    usable = float(subject.problem.mesh.device_profile.hbm_usable_bytes)
    return [AtMost("peak_memory_bytes", usable), Minimise("step_s"), Minimise("peak_memory_bytes")]


def why_not(ours: Subject, theirs: Subject, goals: Sequence[Goal]) -> WhyNot:
    """Why ``ours`` and not ``theirs``, two schedules of one program on one mesh."""
    compared = tuple(_compared(goal, ours, theirs) for goal in goals)
    decisive = next((row for row in compared if row.verdict != "ties"), None)
    if decisive is None:
        return WhyNot(False, compared, ("The other plan is as good under every goal.",))
    loses = decisive.verdict == "loses"
    better, worse = (ours, theirs) if loses else (theirs, ours)
    sentences = [_decision(decisive)]
    if decisive.metric == "peak_memory_bytes":
        sentences += _memory(worse, better)
    else:
        sentences += _traffic(worse, better)
    return WhyNot(loses, compared, tuple(sentences))


def _compared(goal: Goal, ours: Subject, theirs: Subject) -> GoalComparison:
    a, b = (subject.figures.metrics[goal.metric] for subject in (ours, theirs))
    costs = goal.cost(a), goal.cost(b)
    verdict = "ties" if costs[0] == costs[1] else "loses" if costs[1] > costs[0] else "wins"
    return GoalComparison(goal.metric, goal.limit, a, b, verdict)


def _text(metric: str, amount: float) -> str:
    return bytes_text(amount) if metric.endswith("bytes") else seconds_text(amount)


def _decision(row: GoalComparison) -> str:
    ours, theirs = _text(row.metric, row.ours), _text(row.metric, row.theirs)
    if row.limit is not None:
        limit = _text(row.metric, row.limit)
        return f"The other plan {row.verdict} by {row.metric}: {theirs} beside {ours}, where {limit} is the limit."
    share = f" ({row.theirs / row.ours - 1:+.1%})" if row.ours else ""
    return f"The other plan {row.verdict} by {row.metric}: {theirs} beside {ours}{share}."


def _traffic(worse: Subject, better: Subject) -> list[str]:
    """What costs the worse plan its seconds: compute, and the collectives that the better one has not."""
    out = []
    for metric, words in (("compute_s", "of compute"), ("exposed_s", "of exposed communication")):
        more = worse.figures.metrics[metric] - better.figures.metrics[metric]
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
