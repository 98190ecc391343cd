"""A tensor explained: how it lies, which action tiled it, how far that went and where it stopped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from autopart.costmodel.collectives import unpack_axes
from autopart.emit import DimAxes, spec_text
from autopart.explain.collectives import moves_of
from autopart.explain.lookup import ops_named
from autopart.explain.names import GRADIENT, Place
from autopart.explain.provenance import Origin, Stop, origin_of, reached_from, stops_of
from autopart.explain.reasons import factor_text, why_whole
from autopart.explain.subject import Subject
from autopart.program import bundled, starify
from autopart.text import Part, Readable, bytes_text

_MOST_LISTED = 200
_MOST_NAMED = 10
_MOST_STOPS = 5


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

    def lines(self) -> list[str]:
        """Who tiled it, how far that went and what stopped it; or why it is whole."""
        if self.origin is None:
            return [f"  on {self.axis}: whole; {self.why_whole}"]
        where = f"dimension {self.dim}" if self.dim >= 0 else "inside the op"
        sum_of = f"a sum, scattered along {where} as its readers take it; the sum is"
        lines = [f"  on {self.axis}: {sum_of if self.scattered else f'{where},'} by {self.origin.action}"]
        lines += [f"           {line}" for line in self.origin.lines()]
        if self.reached_ops:
            reached = [bundle.pattern for bundle in bundled((name, ()) for name in self.reached)[:_MOST_NAMED]]
            more = f": {', '.join(reached)}" if reached else ""
            lines.append(f"    went on through {self.reached_ops} ops{more}")
        lines += [
            f"    stopped at {stop.place}{f' (×{stop.count})' if stop.count > 1 else ''}: {stop.reason}"
            for stop in self.stops[:_MOST_STOPS]
        ]
        hidden = len(self.stops) - _MOST_STOPS
        lines += [f"    and at {hidden} more place{'s' if hidden > 1 else ''}"] if hidden > 0 else []
        return [*lines, *([f"    conflict here: asked for {', '.join(self.conflict)}"] if self.conflict else [])]


@dataclass(frozen=True, repr=False)
class TensorExplanation(Readable):
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

    def parts(self) -> Iterable[Part]:
        """What it is, axis by axis how it came to that, and its collectives."""
        bundles = bundled((name, ()) for name in self.names)
        names = ", ".join(f"{b.pattern}{f' (×{len(b.paths)})' if len(b.paths) > 1 else ''}" for b in bundles)
        shape = ",".join(str(size) for size in self.shape)
        lines = [f"{names}: {self.dtype}[{shape}] {self.spec}, {bytes_text(self.local_bytes)} on a device"]
        lines += [f"  made     {self.place}"] if self.place.at and not self.place.is_argument else []
        lines += [line for row in self.axes for line in row.lines()]
        first = " of the first" if len(self.names) > 1 else ""
        lines += [f"  collectives{first}: {_some(self.collectives)}"] if self.collectives else []
        lines += [f"  collectives of the gradient{first}: {_some(self.gradient)}"] if self.gradient else []
        lines += [] if self.collectives or self.gradient else ["  no collectives"]
        yield "\n".join([*lines, ""])


class Tensors(Readable, tuple[TensorExplanation, ...]):
    """Tensors that one question names; they show themselves one below the other."""

    __slots__ = ()

    def parts(self) -> Iterable[Part]:
        """Those of each."""
        return (part for tensor in self for part in tensor.parts())


def _some(names: Sequence[str]) -> str:
    hidden = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {hidden} more" if hidden > 0 else "")


def explain_tensor(subject: Subject, target: str) -> Tensors:
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
    return Tensors(_explained(subject, op, tuple(dict.fromkeys(names)), moves) for op, names in found.values())


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
