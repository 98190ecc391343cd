"""Our rule table beside Shardy's, primitive by primitive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from autopart.benchmarks.shardy.compose import has_rule, shardys_ties
from autopart.benchmarks.shardy.instances import Instance
from autopart.benchmarks.shardy.oracle import ask
from autopart.benchmarks.shardy.reasons import REASONS
from autopart.benchmarks.shardy.ties import our_ties, text
from autopart.benchmarks.shardy.verdict import Difference, Verdict, differences, verdict


@dataclass(frozen=True)
class Example:
    """One op with both rules as text.

    Attributes:
        shapes: of its operands (without literals) and results.
        ours, shardys: the rules.
        differences: in what they differ.
    """

    shapes: tuple[tuple[int, ...], ...]
    ours: str
    shardys: str
    differences: frozenset[Difference]


@dataclass
class Row:
    """All ops of one primitive.

    Attributes:
        primitive: its name.
        examples: one for each set of differences that occurs, the first found.
        ops: how many ops were compared.
    """

    primitive: str
    examples: dict[frozenset[Difference], Example] = field(default_factory=dict)
    ops: int = 0

    @property
    def differences(self) -> frozenset[Difference]:
        """All differences of all ops."""
        return frozenset().union(*self.examples)

    @property
    def verdict(self) -> Verdict:
        """Who says more of the primitive, all in all."""
        return verdict(self.differences)

    @property
    def unexplained(self) -> frozenset[Difference]:
        """Differences that no reason speaks of."""
        reason = REASONS.get(self.primitive)
        return self.differences - (reason.differences if reason else frozenset())

    @property
    def clearest(self) -> Example:
        """The example that differs in most ways."""
        return max(self.examples.values(), key=lambda example: len(example.differences))


@dataclass(frozen=True)
class Comparison:
    """The table.

    Attributes:
        rows: primitives that Shardy has a rule for, by name.
        without: primitives of ours of which Shardy has no rule, or which are lowered to nothing.
        aborted: primitives at which Shardy aborted its process.
    """

    rows: dict[str, Row]
    without: tuple[str, ...]
    aborted: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """Primitives by verdict, and how many have differences without a reason."""
        verdicts = Counter(row.verdict for row in self.rows.values())
        return {
            "primitives": len(self.rows),
            "equal": verdicts[Verdict.EQUAL],
            "ours_more": verdicts[Verdict.OURS_MORE],
            "shardys_more": verdicts[Verdict.SHARDYS_MORE],
            "different": verdicts[Verdict.DIFFERENT],
            "unexplained": sum(bool(row.unexplained) for row in self.rows.values()),
        }


def compare(instances: Sequence[Instance]) -> Comparison:
    """Lowers every op by itself and compares the rules.

    Raises:
        ShardyError: see `benchmarks.shardy.oracle.ask`.
    """
    answers = ask([instance.lowered() for instance in instances])
    rows: dict[str, Row] = {}
    judged = list(zip(instances, answers, strict=True))
    for instance, answer in judged:
        if answer is not None and has_rule(answer):
            row = rows.setdefault(instance.primitive, Row(instance.primitive))
            example = _example(instance, answer)
            row.examples.setdefault(example.differences, example)
            row.ops += 1
    missing = {instance.primitive for instance, answer in judged if answer is not None} - rows.keys()
    aborted = {instance.primitive for instance, answer in judged if answer is None}
    return Comparison(dict(sorted(rows.items())), _names(missing), _names(aborted))


def _names(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(found))


def _example(instance: Instance, answer: dict[str, Any]) -> Example:
    shapes, operands = instance.shapes(), len(instance.arrays)
    ours, theirs = our_ties(instance.rule, instance.arrays, shapes), shardys_ties(answer)
    found = differences(ours, theirs, shapes)
    return Example(shapes, text(ours, shapes, operands), text(theirs, shapes, operands), found)
