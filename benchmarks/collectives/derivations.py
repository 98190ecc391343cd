"""Where the collectives of a decoder's strategies come from, in terms of its number of layers.

A law says how many collectives of a kind a strategy costs, adds to another, or takes from it. What a schedule costs is
the sum of the terms of its parts; the benchmark checks that the sum is what was counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

GATHER, REDUCE, SCATTER, EXCHANGE = "all_gather", "all_reduce", "reduce_scatter", "all_to_all"


def formula(per_layer: int, once: int) -> str:
    """``4 L + 1``, and shorter where a part is nothing."""
    if not per_layer:
        return str(once)
    return f"{per_layer} L" + (f" {'+' if once > 0 else '-'} {abs(once)}" if once else "")


@dataclass(frozen=True)
class Term:
    """Some collectives of a step and their reason; negative where one strategy spares what another costs.

    Attributes:
        kind: of the collectives.
        per_layer: how many for each layer.
        once: how many besides.
        why: what they are for.
    """

    kind: str
    per_layer: int
    once: int
    why: str

    def of(self, layers: int) -> int:
        """How many in a model of so many layers."""
        return self.per_layer * layers + self.once

    @property
    def formula(self) -> str:
        """In terms of L, the number of layers."""
        return formula(self.per_layer, self.once)


@dataclass(frozen=True)
class Derivation:
    """The terms of one schedule.

    Attributes:
        layers: of the model.
        terms: what adds up to the counts.
    """

    layers: int
    terms: tuple[Term, ...]

    def counts(self) -> dict[str, int]:
        """Collectives by kind; kinds that do not occur are left out."""
        total: Counter[str] = Counter()
        for term in self.terms:
            total[term.kind] += term.of(self.layers)
        return {kind: number for kind, number in total.items() if number}

    def formulas(self) -> dict[str, str]:
        """The law by kind, such as ``9 L + 2``."""
        per_layer: Counter[str] = Counter()
        once: Counter[str] = Counter()
        for term in self.terms:
            per_layer[term.kind] += term.per_layer
            once[term.kind] += term.once
        return {kind: formula(per_layer[kind], once[kind]) for kind in self.counts()}


Law: TypeAlias = Callable[[Collection[str]], Iterator[Term]]
"""The parts of a schedule -> its terms."""


def _training(parts: Collection[str]) -> Iterator[Term]:
    """A training step of T32: 9 tensors a layer, 4 of them matrices, and an embedding that also makes the logits."""
    if "BP" in parts:
        yield Term(REDUCE, 9, 1, "gradients over the batch: 9 tensors a layer and the tied embedding")
        yield Term(REDUCE, 0, 1, "the loss, summed over the batch")
    if "MP" in parts:
        yield Term(REDUCE, 2, 0, "forward: what attn/out makes of its heads and mlp/down of its part of d_ff is summed")
        yield Term(REDUCE, 2, 0, "backward: likewise the gradients of what attn/qkv and mlp/up read")
    if "Z2" in parts or "Z3" in parts:
        yield Term(REDUCE, -4, -1, "gradients of the 4 matrices a layer and of the embedding are not summed whole ...")
        yield Term(SCATTER, 4, 1, "... but scattered to the devices that hold their part of the optimizer state")
    if "Z2" in parts:
        yield Term(GATHER, 4, 1, "the same matrices, gathered again once they are updated")
    if "Z3" in parts:
        yield Term(GATHER, 8, 0, "each of the 4 matrices a layer, for the forward and again for the backward pass")
        yield Term(GATHER, 0, 3, "the embedding for its readers: lookup, logits, and the gradient of what makes them")
    if "EMB" in parts:
        yield from _vocabulary(training=True)


def _vocabulary(training: bool) -> Iterator[Term]:
    """The embedding's rows split on the model axis, so that each device has the logits of a part of the vocabulary."""
    yield Term(REDUCE, 0, 1, "the lookup: each device has some of the rows")
    if training:
        yield Term(REDUCE, 0, 3, "the loss of split logits: their maximum, the sum of exponentials, the target's logit")
        yield Term(REDUCE, 0, 1, "backward: the sum over the vocabulary in the softmax's gradient")
        yield Term(REDUCE, 0, 1, "backward: the gradient of the last hidden state, a sum over the vocabulary")
    else:
        yield Term(REDUCE, 0, 2, "the likeliest token of split logits: the largest, and the first place of it")


def _decoding(parts: Collection[str]) -> Iterator[Term]:
    """The loop's body in IT32, the decoding of one token: there are no gradients."""
    if "MP" in parts:
        yield Term(REDUCE, 2, 0, "what attn/out makes of its heads and mlp/down of its part of d_ff is summed")
    if "EMB" in parts:
        yield from _vocabulary(training=False)


LAWS: Final[Mapping[str, tuple[Law, frozenset[str]]]] = MappingProxyType(
    {
        "t32": (_training, frozenset(("BP", "MP", "Z2", "Z3", "EMB"))),
        "it32": (_decoding, frozenset(("BP", "MP", "EMB"))),
    }
)
"""Model -> its law, and the parts of schedules that the law knows."""


def derive(model: str, schedule: str, layers: int) -> Derivation | None:
    """The derivation of a schedule named like ``BP+MP+Z3``; ``None`` where no law knows the model and all its parts."""
    law, known = LAWS.get(model, (_training, frozenset()))
    parts = schedule.split("+")
    return Derivation(layers, tuple(law(parts))) if known.issuperset(parts) else None
