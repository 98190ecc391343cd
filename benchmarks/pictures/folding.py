"""The worked example of ``docs/folding.md``: what is left out of forty layers, and which passes are run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from autopart.benchmarks.pictures.svg import AMBER, BLUE, GREEN, GREY, box, picture, words
from autopart.cost import timeline
from autopart.cost.measured_costs import STREAMS, Ledger
from autopart.costmodel.mesh import Mesh
from autopart.folding.equal_layers import Window, references, window_of
from autopart.folding.fold import Folded, fold
from autopart.folding.repeated_layers import Layers, edges_of, layers_of
from autopart.partitioning.problem import Problem
from autopart.partitioning.state import State
from autopart.program.trace import trace
from autopart.tactics.manual import apply_schedule
from autopart.tactics.strategies import DataParallel

LAYERS, FEATURES, HIDDEN, EXAMPLES = 40, 1024, 4096, 2048
MS = 1e3


def train_step(params: Any, x: jax.Array) -> tuple[Any, jax.Array]:
    """Sign descent on residual layers: ``params["layers"][i]`` has ``up`` and ``down``; ``x``: (examples, features)."""

    def loss(params: Any) -> jax.Array:
        hidden = x
        for layer in params["layers"]:
            hidden = hidden + jnp.tanh(hidden @ layer["up"]) @ layer["down"]
        return jnp.mean(hidden**2)

    value, gradients = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - 1e-3 * jnp.sign(g), params, gradients), value


@dataclass(frozen=True)
class Pass:
    """A pass over a stretch, as it was run; all times in seconds.

    Attributes:
        compute_s, link_s: when compute, and the link, were free after it.
        margin_s: the least by which something was early or late for the link.
        skipped: passes that were skipped after it.
    """

    compute_s: float
    link_s: float
    margin_s: float
    skipped: int = 0


@dataclass(frozen=True)
class Stretch:
    """A stretch that is run over and over.

    Attributes:
        roots: primitives of its groups' roots.
        times: passes that it stands for.
        begin_s: when compute, and the link, were free before it.
        passes: those that were run.
    """

    roots: tuple[str, ...]
    times: int
    begin_s: tuple[float, float]
    passes: tuple[Pass, ...]


@dataclass(frozen=True)
class Example:
    """The program, whole and folded, under data parallelism."""

    problem: Problem
    layers: Layers
    window: Window
    folded: Folded
    whole_metrics: tuple[float, ...]
    metrics: tuple[float, ...]
    stretches: tuple[Stretch, ...]

    @property
    def heavy_layer(self) -> int:
        """The layer that stands for others."""
        return int(self.layers.layer[self.folded.kept[self.folded.heavy[0]]])

    @property
    def kept_layers(self) -> list[int]:
        """The layers that stay."""
        kept = self.folded.kept
        return sorted(set(self.layers.layer[kept][self.layers.unit[kept] >= 0].tolist()))


@functools.cache
def example() -> Example:
    """Builds, folds and measures it."""
    array = functools.partial(jax.ShapeDtypeStruct, dtype=jnp.float32)
    params = {"layers": [{"up": array((FEATURES, HIDDEN)), "down": array((HIDDEN, FEATURES))} for _ in range(LAYERS)]}
    graph = trace(train_step, params, array((EXAMPLES, FEATURES)), donate_argnums=(0,))
    problem = Problem.of(graph, Mesh({"data": 4, "model": 2}, "tpu_v3"))
    layers = layers_of(graph, problem.groups, edges_of(graph))
    window, folded = window_of(layers, references(problem, edges_of(graph))), fold(problem)
    assert window is not None
    assert folded is not None
    whole, small = State(problem), State(folded.problem)
    for state in (whole, small):
        apply_schedule(state, [DataParallel("data")])
    metrics = tuple(small.metrics().tolist())
    return Example(
        problem, layers, window, folded, tuple(whole.metrics().tolist()), metrics, stretches(folded.problem, small)
    )


def stretches(problem: Problem, state: State) -> tuple[Stretch, ...]:
    """The stretches of a folded program as the timeline runs them in ``state``, which has been measured."""
    costs, ledger = problem.costs, state.ledger
    runs: list[tuple[tuple[float, float], list[Pass]]] = []

    def free(ledger: Ledger) -> tuple[float, float]:
        return float(ledger.clock[STREAMS]), float(ledger.clock[:STREAMS].max())

    def begins(run: Callable[..., Any], *given: Any) -> Any:
        runs.append((free(ledger), []))
        return run(*given)

    def passes(run: Callable[..., Any], *given: Any) -> Any:
        done = run(*given)
        if given[-1] is False:  # It does not stop at stretches: it is in one.
            runs[-1][1].append(Pass(*free(ledger), float(ledger.margin[:STREAMS].min())))
        return done

    def skips(run: Callable[..., Any], *given: Any) -> Any:
        last = runs[-1][1].pop()
        runs[-1][1].append(Pass(last.compute_s, last.link_s, last.margin_s, int(given[-1])))
        return run(*given)

    heard = {"_run_passes": begins, "_run_line": passes, "_skip": skips}
    duration_of = _plainly(heard)["duration_of"]
    seconds = duration_of(problem.tables.form_ptr, problem.tables.weight_like, costs, ledger)
    assert seconds == state.metrics()[1]
    roots = [problem.graph.ops[op].primitive for op in costs.place_op]
    return tuple(
        Stretch(tuple(roots[begin:end]), times, before, tuple(done))
        for (begin, end, times), (before, done) in zip(costs.heavy.tolist(), runs, strict=True)
    )


def _plainly(heard: dict[str, Callable[..., Any]]) -> dict[str, Any]:
    """The names of the timeline as plain Python rather than compiled, some of them called by way of others."""
    names: dict[str, Any] = {"__name__": "plain_timeline"}
    exec(inspect.getsource(timeline).replace("@kernel\n", ""), names)
    for name, hears in heard.items():
        names[name] = functools.partial(hears, names[name])
    return names


def figures() -> str:
    """What ``docs/folding.md`` quotes."""
    return "\n".join(_lines(example()))


def _lines(found: Example) -> Iterator[str]:
    window, folded, kept = found.window, found.folded, found.kept_layers
    gap = next(k for k in kept if k + 1 not in kept)
    after = kept[kept.index(gap) + 1]
    yield f"layers {window.low} to {window.high - 1} of {LAYERS} are the same; references span {window.reach} at most"
    counts = f"layer {found.heavy_layer} counts {folded.times} times"
    yield f"kept: layers {kept[0]} to {gap} and {after} to {kept[-1]}; {counts}"
    yield f"ops: {len(found.problem.graph.ops)}, folded {len(folded.problem.graph.ops)}"
    for name, metrics in (("whole: ", found.whole_metrics), ("folded:", found.metrics)):
        yield f"{name} {metrics[1] * MS:.6f} ms a step, {metrics[0]:.0f} bytes a device"
    for stretch in found.stretches:
        yield ""
        yield f"{stretch.times} passes over: {', '.join(stretch.roots)}"
        yield from _rows(stretch)


def _rows(stretch: Stretch) -> Iterator[str]:
    yield "  pass   compute until, took     link until, took   margin   skipped   (ms)"
    compute, link = stretch.begin_s
    number = 1
    for one in stretch.passes:
        took, link_took = one.compute_s - compute, one.link_s - link
        margin = f"{one.margin_s * MS:.4f}" if np.isfinite(one.margin_s) else "-"
        yield (
            f"  {number:4} {one.compute_s * MS:10.4f} {took * MS:10.4f} {one.link_s * MS:10.4f} {link_took * MS:8.4f}"
            f" {margin:>8} {one.skipped:9}"
        )
        number += 1 + one.skipped
        compute, link = one.compute_s + one.skipped * took, one.link_s + one.skipped * link_took


def draw() -> str:
    """The picture: the layers, and the passes of the backward stretch on compute and on the link."""
    found = example()
    return picture(820, 330, "A program of forty layers, folded", [*_layer_row(found), *_pass_rows(found)])


def _layer_row(found: Example) -> Iterator[str]:
    kept, side, x0, y = found.kept_layers, 18.5, 40.0, 44.0
    yield words(x0, 24, f"{LAYERS} layers: those between are left out, and one stands for them", 14)
    for layer in range(LAYERS):
        fill = AMBER if layer == found.heavy_layer else BLUE if layer in kept else GREY
        yield box(x0 + layer * side, y, side - 2, side - 2, fill, dashed=layer not in kept)
        if layer in kept:
            yield words(x0 + layer * side + side / 2 - 1, y + 12.5, str(layer), 9, "middle")
    low, high = x0 + found.window.low * side, x0 + found.window.high * side
    yield f'<path d="M{low:.1f} 70 v6 H{high - 2:.1f} v-6" fill="none" stroke="#8c959f"/>'
    yield words(
        (low + high) / 2, 92, f"proved the same: {found.window.low} to {found.window.high - 1}", 11, "middle", True
    )
    yield words(x0, 114, f"Layer {found.heavy_layer} is the heavy one: it counts {found.folded.times} times.", 12)


def _pass_rows(found: Example) -> Iterator[str]:
    stretch = max(found.stretches, key=lambda one: len(one.passes))
    before, *_, last = stretch.passes
    begin, pass_s = min(stretch.begin_s), stretch.passes[1].link_s - before.link_s
    scale, x0 = 740 / (last.link_s + last.skipped * pass_s - begin), 40.0
    yield words(x0, 152, "The backward stretch: passes that are run (full), passes that are skipped (dashed)", 14)
    compute, link = stretch.begin_s
    number = 1
    for one in stretch.passes:
        steps = one.compute_s - compute, one.link_s - link
        for which, (since, took) in enumerate(zip((compute, link), steps, strict=True)):
            x, y, fill = x0 + (since - begin) * scale, 188.0 + 58 * which, (BLUE, GREEN)[which]
            yield box(x, y, took * scale, 24, fill)
            if one.skipped:
                yield box(x + took * scale, y, one.skipped * took * scale, 24, GREY, dashed=True)
                yield words(x + (1 + one.skipped / 2) * took * scale, y + 16, f"{one.skipped} skipped", 11, "middle")
        yield words(x0 + (compute - begin + steps[0] / 2) * scale, 184, str(number), 10, "middle", True)
        number += 1 + one.skipped
        compute, link = compute + steps[0] * (1 + one.skipped), link + steps[1] * (1 + one.skipped)
    yield words(x0, 226, "compute", 11, faint=True)
    yield words(x0, 284, "the link along data: sums of gradients", 11, faint=True)
    yield words(
        x0, 312, "The link takes longer than compute, so each pass leaves it further behind; nobody waits for it.", 12
    )
