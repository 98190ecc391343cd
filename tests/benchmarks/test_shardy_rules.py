"""Our rules beside Shardy's: what the comparison says of ops that are known, and that no difference is unexplained."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from autopart.benchmarks import shardy_rules
from autopart.benchmarks.primitives import array
from autopart.benchmarks.shardy.comparison import Comparison, Example, Row, compare
from autopart.benchmarks.shardy.compose import has_rule, shardys_ties
from autopart.benchmarks.shardy.instances import instances
from autopart.benchmarks.shardy.oracle import ShardyError, ask
from autopart.benchmarks.shardy.reasons import REASONS
from autopart.benchmarks.shardy.ties import Flow, Tie, text
from autopart.benchmarks.shardy.verdict import Difference, Verdict, differences, verdict
from autopart.program.trace import trace

X, CUBE, INDEX = array(8, 16), array(4, 8, 16), array(6, dtype=jnp.int32)

KNOWN: list[tuple[str, Callable[..., Any], tuple[Any, ...], str, str, Verdict]] = [
    ("tanh", jnp.tanh, (X,), "i j -> i j", "i j -> i j", Verdict.EQUAL),
    ("dot_general", lambda x, y: x @ y, (X, array(16, 4)), "i j, j k -> i k; sum={j}",
     "i j, j k -> i k; reduction={j}", Verdict.EQUAL),
    ("gather", lambda x, i: x.at[i].get(mode="clip"), (X, INDEX), "i j, k _ -> k j; sum={i}",
     "i j, k _ -> k j; reduction={i}", Verdict.EQUAL),
    ("dynamic_update_slice", lambda x, u, i: lax.dynamic_update_slice(x, u, (0, i)),
     (X, array(8, 3), array(dtype=jnp.int32)), "i j, i _, () -> i j", "i j, i _, () -> i j", Verdict.EQUAL),
    ("reshape", lambda x: x.reshape(32, 16), (CUBE,), "i _ j -> i j", "i j k -> (i j) k", Verdict.SHARDYS_MORE),
    ("sort", lambda x: lax.sort(x, dimension=0), (X,), "_ i -> _ i", "i j -> i j; need_replication={i}",
     Verdict.SHARDYS_MORE),
    ("reduce_window_max", lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 2), (1, 2), "VALID"), (X,),
     "i j -> i j", "i j -> i j; permutation={j}", Verdict.OURS_MORE),
    ("scatter-sub", lambda x, i, u: x.at[i].subtract(u), (X, INDEX, array(6, 16)),
     "i j, k _, k j -> i j; sum={k}", "i j, k _, k j -> i j; need_replication={k}", Verdict.OURS_MORE),
]  # fmt: skip


def test_known_ops() -> None:
    graphs = [trace(fn, *args) for _, fn, args, *_ in KNOWN]
    rows = compare(instances(graphs)).rows
    for primitive, _, _, ours, shardys, wanted in KNOWN:
        row = rows[primitive]
        assert (row.clearest.ours, row.clearest.shardys, row.verdict) == (ours, shardys, wanted)
        assert not row.unexplained


def lowered(fn: Callable[..., Any], *args: Any) -> str:
    return str(jax.jit(fn, keep_unused=True).trace(*args).lower(lowering_platforms=("cpu",)).compiler_ir("stablehlo"))


@pytest.mark.parametrize(
    ("fn", "args", "rule"),
    [
        (lambda x, w: jnp.tanh(x @ w) @ w.T, (X, array(16, 4)), "i j, j k -> i j; reduction={j, k}"),
        (lambda x: jnp.exp(x - x.max(1, keepdims=True)), (X,), "i j -> i j; reduction={j}"),
        (lambda x: lax.sort(x, dimension=1)[:, ::-1].T, (X,), "i j -> j i; need_replication={j}"),
        (lambda x: lax.fori_loop(0, 3, lambda _, c: jnp.sin(c), x), (X,), "i j -> i j"),
        (lambda p, x, y: lax.cond(p, lambda: x * 2, lambda: y), (array(dtype=jnp.bool_), X, X), "(), i j, i j -> i j"),
        (lambda x: x.reshape(8, 4, 4).reshape(32, 4), (X,), "i (j k) -> (i j) k"),
        (lambda x: jnp.full((8, 16), 2.0), (X,), "_ _ -> i j"),
    ],
)
def test_rules_of_several_ops_are_one(fn: Callable[..., Any], args: tuple[Any, ...], rule: str) -> None:
    [answer] = ask([lowered(fn, *args)])
    assert answer is not None
    shapes = [answer["values"][v] for v in (*answer["arguments"], *answer["results"])]
    assert text(shardys_ties(answer), shapes, len(args)) == rule


def test_ops_without_a_rule_are_no_rule() -> None:
    identity, barrier = ask([lowered(lambda x: x, X), lowered(lax.optimization_barrier, X)])
    assert identity is not None
    assert barrier is not None
    assert not has_rule(identity)
    assert not has_rule(barrier)
    assert shardys_ties(barrier) == ()


CRASHING = """module {
  func.func public @main(%a: tensor<4x4xf32>) -> tensor<f32> {
    %0 = "stablehlo.custom_call"(%a) {call_target_name = "Qr"} : (tensor<4x4xf32>) -> tensor<f32>
    return %0 : tensor<f32>
  }
}"""


def test_after_a_crash_of_shardys_another_process_goes_on() -> None:
    good = lowered(jnp.sin, X)
    first, crashed, last = ask([good, CRASHING, good])
    assert crashed is None
    assert first == last
    assert first is not None


def test_what_shardy_cannot_read_is_said() -> None:
    with pytest.raises(ShardyError, match="ended with status 1"):
        ask(["module { nonsense }"])


def tie(*dims: tuple[int, int], size: int = 8, flow: Flow = Flow.PASS) -> Tie:
    return Tie(frozenset(dims), size, flow)


PAIR = ((0, 0), (1, 0))


@pytest.mark.parametrize(
    ("ours", "theirs", "difference"),
    [
        ((), (tie(*PAIR),), Difference.THEY_TILE),
        ((), (tie(*PAIR, flow=Flow.PERMUTATION),), Difference.THEY_PERMUTE),
        ((), (tie(*PAIR, flow=Flow.NEED_REPLICATION),), Difference.THEY_HAND_ON),
        ((tie(*PAIR),), (), Difference.WE_TILE),
        ((tie(*PAIR),), (tie(*PAIR, flow=Flow.NEED_REPLICATION),), Difference.WE_TILE),
        ((tie(*PAIR),), (tie(*PAIR, flow=Flow.PERMUTATION),), Difference.WE_STAY),
        ((tie(*PAIR, flow=Flow.PERMUTATION),), (tie(*PAIR),), Difference.OTHER_FLOW),
        ((tie(*PAIR, size=16),), (tie(*PAIR),), Difference.WE_CUT_FINER),
        ((tie(*PAIR),), (tie(*PAIR, size=16),), Difference.THEY_CUT_FINER),
        ((tie(*PAIR), tie((0, 1))), (tie(*PAIR), tie((0, 1), (1, 1))), Difference.THEY_TIE_MORE),
        ((tie(*PAIR), tie((0, 1), (1, 1))), (tie(*PAIR), tie((0, 1))), Difference.WE_TIE_MORE),
        ((tie((0, 0), (1, 0)), tie((0, 1), (1, 1))), (tie((0, 0), (1, 1)), tie((0, 1), (1, 0))),
         Difference.OTHER_TIES),
        ((tie(*PAIR),), (Tie(frozenset(PAIR), 8, Flow.PASS, minor=frozenset({(2, (1, 1))})),),
         Difference.THEY_CUT_MINOR),
    ],
)  # fmt: skip
def test_each_difference(ours: tuple[Tie, ...], theirs: tuple[Tie, ...], difference: Difference) -> None:
    found = differences(ours, theirs, [(8, 8), (8, 8)])
    assert difference in found
    assert not differences(ours, ours, [(8, 8), (8, 8)])
    sides = {one.value[1] for one in found}
    assert verdict(found) is (sides.pop() if len(sides) == 1 else Verdict.DIFFERENT)


def test_no_difference_is_unexplained_and_no_reason_is_idle(capsys: pytest.CaptureFixture[str]) -> None:
    assert shardy_rules.main(["--random", "0", "--json"]) == 0
    counts = json.loads(capsys.readouterr().out.splitlines()[-1])
    verdicts = [counts[name] for name in ("equal", "ours_more", "shardys_more", "different")]
    assert sum(verdicts) == counts["primitives"] > 140
    assert sum(verdicts[1:]) == len(REASONS)
    assert counts["unexplained"] == 0


def test_each_way_in_which_rules_differ_is_shown() -> None:
    found = compare(instances([trace(lambda x: lax.sort(jnp.sin(x), dimension=0), X)]))
    assert shardy_rules.table(found, only_differences=False).row_count == 2
    assert shardy_rules.table(found, only_differences=True).row_count == 1


def test_a_difference_without_a_reason_is_counted() -> None:
    differing = Example((), "", "", frozenset({Difference.THEY_TILE}))
    row = Row("made up", {differing.differences: differing}, 1)
    counts = Comparison({row.primitive: row}, (), ()).counts()
    assert (counts["shardys_more"], counts["unexplained"]) == (1, 1)
