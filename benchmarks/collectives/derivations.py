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
    yield from _zero(parts)
    yield from _sequence(parts)
    if "EMB" in parts:
        yield from _features(parts)
    if "VOC" in parts:
        yield from _vocabulary(parts)


def _zero(parts: Collection[str]) -> Iterator[Term]:
    """ZeRO over the batch: the matrices of each layer and the embedding."""
    if "Z2" in parts or "Z3" in parts:
        yield Term(REDUCE, -4, -1, "gradients of the 4 matrices a layer and of the embedding are not summed whole ...")
        yield Term(SCATTER, 4, 1, "... but scattered to the devices that hold their part of the optimizer state")
    if "Z2" in parts:
        yield Term(GATHER, 4, 1, "the same matrices, gathered again once they are updated")
    if "Z3" in parts:
        yield Term(GATHER, 8, 0, "each of the 4 matrices a layer, for the forward and again for the backward pass")
        yield Term(GATHER, 0, 3, "the embedding for its readers: lookup, logits, and the gradient of what makes them")


def _sequence(parts: Collection[str]) -> Iterator[Term]:
    """Tokens split on the model axis: between Megatron's products (SP), or all the way (CP)."""
    if "SP" in parts:
        yield Term(REDUCE, -4, 0, "no device needs the whole of Megatron's sums ...")
        yield Term(SCATTER, 4, 0, "... so they are scattered over the tokens")
        yield Term(GATHER, 2, 0, "forward: tokens are gathered for attn/qkv and mlp/up")
        yield Term(GATHER, 2, 0, "backward: gradients are gathered for attn/out and mlp/down likewise")
        if "Z3" in parts:
            yield Term(REDUCE, 0, 1, "the embedding's gradient, over the tokens: what is scattered over the batch only")
    if "CP" in parts:
        yield Term(GATHER, 2, 0, "keys and values of all tokens, for attention by the tokens of each device")
        yield Term(SCATTER, 2, 0, "their gradients, back to the tokens")
        if "Z3" in parts:
            yield Term(REDUCE, 4, 1, "gradients over the tokens, of what is scattered over the batch only")


def _features(parts: Collection[str]) -> Iterator[Term]:
    """The embedding's columns split on the model axis, and with them the features of the residual stream."""
    yield Term(REDUCE, 2, 1, "forward: the mean squares of split features, in 2 norms a layer and the last")
    yield Term(REDUCE, 2, 1, "backward: a sum over split features in the gradient of each norm")
    yield Term(REDUCE, 0, 1, "the logits, a sum over split features")
    if "MP" in parts:
        yield Term(REDUCE, -4, 0, "no device needs the whole of Megatron's sums ...")
        yield Term(SCATTER, 4, 0, "... so they are scattered over the features")
        yield Term(GATHER, 2, 0, "forward: features are gathered for attn/qkv and mlp/up, which read all of them")
        yield Term(GATHER, 2, 0, "backward: gradients are gathered for attn/out and mlp/down likewise")
    else:
        yield Term(REDUCE, 2, 0, "forward: what attn/qkv and mlp/up make is a sum over split features")
        yield Term(REDUCE, 2, 0, "backward: so is the gradient of what attn/out and mlp/down read")


def _vocabulary(parts: Collection[str]) -> Iterator[Term]:
    """The embedding's rows split on the model axis, so that each device has the logits of a part of the vocabulary."""
    yield Term(REDUCE, 0, 1, "the lookup: each device has some of the rows")
    yield Term(REDUCE, 0, 2, "the loss of split logits: their maximum, and the sum of exponentials")
    if "BP" not in parts:  # Else it is summed along with the loss, over both axes at once.
        yield Term(REDUCE, 0, 1, "the target's logit, which one device has")
    yield Term(REDUCE, 0, 1, "backward: a sum over the vocabulary in the gradient of log_softmax")
    yield Term(REDUCE, 0, 1, "backward: the gradient of the last hidden state, a sum over the vocabulary")


def _decoding(parts: Collection[str]) -> Iterator[Term]:
    """The loop's body in IT32, the decoding of one token: there are no gradients, and BP costs nothing."""
    if "MP" in parts:
        yield Term(REDUCE, 2, 0, "what attn/out makes of its heads and mlp/down of its part of d_ff is summed")
    if "MQ" in parts:
        yield Term(REDUCE, 2, 0, "what attn/out makes of its heads and mlp/down of its part of d_ff is summed")
        yield Term(EXCHANGE, 1, 0, "queries, from heads to sequences, as the cache of the one head is split")
        yield Term(EXCHANGE, 1, 0, "what they attend to, back from sequences to heads")
    if "DA" in parts:
        yield Term(GATHER, 1, 0, "sequences are gathered for mlp/up, of which each device has a part of d_ff")
        yield Term(SCATTER, 1, 0, "what mlp/down sums goes back to the sequences")
    if "EMB" in parts:
        yield Term(REDUCE, 2, 1, "the mean squares of split features, in 2 norms a layer and the last")
        yield Term(REDUCE, 0, 1, "the logits, a sum over split features")
        if "MP" in parts:
            yield Term(REDUCE, -2, 0, "no device needs the whole of Megatron's sums ...")
            yield Term(SCATTER, 2, 0, "... so they are scattered over the features")
            yield Term(GATHER, 2, 0, "features are gathered for attn/qkv and mlp/up, which read all of them")
        else:
            yield Term(REDUCE, 2, 0, "what attn/qkv and mlp/up make is a sum over split features")
    if "VOC" in parts:
        yield Term(REDUCE, 0, 1, "the lookup: each device has some of the rows")
        yield Term(REDUCE, 0, 2, "the likeliest token of split logits: the largest, and the first place of it")


LAWS: Final[Mapping[str, tuple[Law, frozenset[str]]]] = MappingProxyType(
    {
        "t32": (_training, frozenset(("BP", "MP", "SP", "CP", "Z2", "Z3", "EMB", "VOC"))),
        "it32": (_decoding, frozenset(("BP", "MP", "EMB", "VOC"))),
        "it32_mq": (_decoding, frozenset(("BP", "MP", "MQ", "DA", "VOC"))),
    }
)
"""Model -> its law, and the parts of schedules that the law knows."""


def derive(model: str, schedule: str, layers: int) -> Derivation | None:
    """The derivation of a schedule named like ``BP+MP+Z3``; ``None`` where no law knows the model and all its parts."""
    law, known = LAWS.get(model, (_training, frozenset()))
    parts = schedule.split("+")
    return Derivation(layers, tuple(law(parts))) if known.issuperset(parts) else None
