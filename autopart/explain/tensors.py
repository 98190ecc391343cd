"""A tensor explained: how it lies, which action tiled it, how far that went and where it stopped."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autopart.errors import PlanError, TacticError
from autopart.explain.collectives import moves_of
from autopart.explain.names import GRADIENT, Place
from autopart.explain.provenance import Origin, Stop, origin_of, reached_from, stops_of
from autopart.explain.reasons import factor_text, why_whole
from autopart.explain.subject import Subject
from autopart.layouts import spec_text
from autopart.lower import DimAxes
from autopart.patterns import matcher, starify
from costmodel.collectives import unpack_axes

_MOST_LISTED = 200


@dataclass(frozen=True)
class AxisExplanation:
    """A tensor on one mesh axis.

    Attributes:
        axis: mesh axis.
        dim: dimension that it tiles, or -1.
        scattered: it is what is left of a sum over the axis, which its readers take in tiles.
        origin: which action tiled it, and through which ops; ``None`` where it is whole.
        why_whole: why it is whole; empty where it is tiled.
        reached_ops: number of ops that got their tile from it.
        reached: arguments and named values among these.
        stops: where the tile could have gone on and did not, most often first.
        conflict: what its own op was asked for, where it is tiled and that was several dimensions.
    """

    axis: str
    dim: int
    scattered: bool
    origin: Origin | None
    why_whole: str
    reached_ops: int
    reached: tuple[str, ...]
    stops: tuple[Stop, ...]
    conflict: tuple[str, ...]


@dataclass(frozen=True)
class TensorExplanation:
    """A tensor, or several of which the same is said.

    Attributes:
        names: their paths or names.
        place: where the first is made.
        shape: dimensions, unpartitioned.
        dtype: element type.
        layout: mesh axes that tile each dimension, outermost first.
        local_bytes: bytes of one of them that a device holds.
        axes: axis by axis.
        collectives: short names of those that move or complete the first, or what is but a cast of it.
        gradient: of those that move or complete its gradient.
    """

    names: tuple[str, ...]
    place: Place
    shape: tuple[int, ...]
    dtype: str
    layout: DimAxes
    local_bytes: int
    axes: tuple[AxisExplanation, ...]
    collectives: tuple[str, ...]
    gradient: tuple[str, ...]

    @property
    def spec(self) -> str:
        """The layout as a PartitionSpec."""
        return spec_text(self.layout)


def explain_tensor(subject: Subject, target: str) -> tuple[TensorExplanation, ...]:
    """The tensors that a path, a pattern, a name given inside the program or a source line names, equal ones once.

    Raises:
        PlanError: nothing is called so.
    """
    ops = ops_named(subject, target)
    found: dict[tuple[object, ...], tuple[int, list[str]]] = {}
    for op in ops:
        name = subject.called(op)
        _, names = found.setdefault(_sameness(subject, op, name), (op, []))
        names.append(name)
    moves: dict[str | int, list[str]] = {}
    for short, move in moves_of(subject).items():
        moves.setdefault(subject.name_of(move.value) or move.value, []).append(short)
    return tuple(_explained(subject, op, tuple(dict.fromkeys(names)), moves) for op, names in found.values())


def ops_named(subject: Subject, target: str) -> list[int]:
    """The ops that make what ``target`` names: arguments and tags first, then ops, then what explanations call values.

    Raises:
        PlanError: nothing is called so; the message says what is nearest.
    """
    graph = subject.problem.graph
    try:
        return sorted(int(op) for op in subject.problem.matching(target))
    except TacticError as error:
        written = [op.index for op in graph.ops if target in subject.place_of(op.index).names and op.results]
        if found := written or _called(subject, target):
            return found
        if ".py" in target:
            lines = {subject.place_of(op.index).line for op in graph.ops} - {""}
            near = difflib.get_close_matches(target, sorted(lines), n=3, cutoff=0.3)
            raise PlanError(f"no op was written at '{target}'. Near misses: {', '.join(near) or 'none'}") from error
        raise PlanError(
            f"{error}. Fix: name an argument, a value named with autopart.tag, an op (file.py:12, its function or "
            "primitive), a collective (ar1) or a filter of collectives (all_gather:axis)."
        ) from error


def _called(subject: Subject, target: str) -> list[int]:
    """The ops that make values which explanations call so: results and gradients."""
    try:
        pattern = matcher(target)
    except TacticError:
        return []
    values = subject.problem.graph.values
    named = subject.names.of_values.items()
    return sorted({values[value].producer for value, name in named if pattern.fullmatch(name)})


def _sameness(subject: Subject, op: int, name: str) -> tuple[object, ...]:
    """What two tensors share of which the same is said: layers, layout, and who tiled them."""
    value = subject.problem.graph.values[subject.problem.graph.ops[op].results[0]]
    marks = subject.state.marks
    return (
        starify(name), value.shape, str(value.dtype), _where(subject, op), marks.tile[op].tobytes(),
        marks.order[op].tobytes(), marks.step[op].tobytes(), subject.layout.dim[value.index].tobytes(),
    )  # fmt: skip


def _where(subject: Subject, op: int) -> Place | None:
    """The line of an op; arguments have none."""
    place = subject.place_of(op)
    return None if place.is_argument else place


def _explained(
    subject: Subject, op: int, names: tuple[str, ...], moves: Mapping[str | int, Sequence[str]]
) -> TensorExplanation:  # fmt: skip
    value = subject.problem.graph.values[subject.problem.graph.ops[op].results[0]]
    layout = subject.value_layouts[value.index]
    parts = 1
    for axis in (name for axes in layout for name in axes):
        parts *= subject.problem.mesh.axes[axis]
    rows = tuple(_on_axis(subject, op, value.index, axis) for axis in range(len(subject.axis_names)))
    called = subject.name_of(value.index) or value.index
    ids = tuple(moves.get(called, ())), tuple(moves.get(f"{GRADIENT}{called}", ()))
    return TensorExplanation(
        names, subject.place_of(op), value.shape, str(value.dtype), layout, value.nbytes // parts, rows, *ids
    )


def _on_axis(subject: Subject, op: int, value: int, axis: int) -> AxisExplanation:
    name, origin = subject.axis_names[axis], origin_of(subject, op, axis)
    reached = reached_from(subject, [op], axis) if origin else []
    stops = sorted(stops_of(subject, [op, *reached], axis), key=lambda stop: -stop.count)
    asked = sorted(subject.state.evidence(op, axis)) if origin else []
    conflict = tuple(factor_text(subject, op, f) for f in asked) if len(asked) > 1 else ()
    named = dict.fromkeys(subject.name_of(subject.problem.graph.ops[o].results[0]) for o in reached)
    others = [n for n in named if n not in ("", subject.name_of(value))]
    return AxisExplanation(
        name, int(subject.layout.dim[value, axis]), axis in unpack_axes(int(subject.layout.scattered[value])), origin,
        "" if origin else why_whole(subject, op, axis),
        len(reached), tuple(others[:_MOST_LISTED]), tuple(stops), conflict,
    )  # fmt: skip
