"""Explanations on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from autopart.bundles import bundled
from autopart.explain.ask import Explanation
from autopart.explain.causes import Cause
from autopart.explain.collectives import Collective, CollectiveExplanation, CollectiveRow, rows_of
from autopart.explain.provenance import Origin
from autopart.explain.tensors import AxisExplanation, TensorExplanation
from autopart.explain.whole import Bound, PlanExplanation
from autopart.explain.without import Removal
from autopart.quantities import bytes_text, seconds_text
from autopart.report.tactics import changed, show_effects, signed
from autopart.report.terminal import plain_table

_MOST = 10
_MOST_CHAIN = 8
_MOST_STOPS = 5
_MOST_COLLECTIVES = 60


def show_explanation(terminal: Console, explanation: Explanation) -> None:
    """An explanation of any kind."""
    if isinstance(explanation, PlanExplanation):
        _show_plan(terminal, explanation)
    elif isinstance(explanation, CollectiveExplanation):
        _print(terminal, _collective_lines(explanation))
    else:
        collectives = [one for one in explanation if isinstance(one, Collective)]
        if collectives:
            _show_rows(terminal, rows_of(collectives), _MOST_COLLECTIVES)
        for one in explanation:
            if isinstance(one, TensorExplanation):
                _print(terminal, _tensor_lines(one))


def _print(terminal: Console, lines: Sequence[str]) -> None:
    terminal.print("\n".join([*lines, ""]), markup=False, soft_wrap=True)


def _show_plan(terminal: Console, plan: PlanExplanation) -> None:
    table = plain_table("What binds")
    for heading in ("", "used", "share"):
        table.add_column(heading, justify="left" if not heading else "right")
    for bound in plan.bounds:
        binds = bound.what == plan.binding
        table.add_row(
            f"{bound.what}{_verdict(bound) if binds else ''}",
            _used(bound),
            f"{bound.share:.0%}",
            style="bold" if binds else "",
        )
    terminal.print(table)
    show_effects(terminal, plan.untiled, plan.tactics)
    _show_rows(terminal, plan.collectives, _MOST)
    table = plain_table("At the memory peak")
    for heading in ("tensor", "role", "count", "bytes"):
        table.add_column(heading, overflow="fold", justify="right" if heading in ("count", "bytes") else "left")
    for held in plan.held[:_MOST]:
        table.add_row(escape(held.what), held.role, f"{held.count}", bytes_text(held.nbytes))
    terminal.print(table)


def _verdict(bound: Bound) -> str:
    return " (does not fit)" if bound.unit == "bytes" and bound.share > 1.0 else " (binds)"


def _used(bound: Bound) -> str:
    return bytes_text(bound.amount) if bound.unit == "bytes" else seconds_text(bound.amount)


def _show_rows(terminal: Console, rows: Sequence[CollectiveRow], most: int) -> None:
    table = plain_table("Collectives, dearest first")
    for heading in ("name", "collective", "tactic", "what and where"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "collective")
    for heading in ("runs", "cost"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows[:most]:
        ids = row.ids[0] if len(row.ids) == 1 else f"{row.ids[0]} ×{len(row.ids)}"
        what = "\n".join(text for text in (row.tensor, str(row.place)) if text)
        table.add_row(
            ids, f"{row.kind}\n{', '.join(row.axes)}", ", ".join(str(a.number) for a in row.actions), escape(what),
            str(row.runs), f"{seconds_text(row.step_s)}\n{bytes_text(row.full_bytes)} each",
        )  # fmt: skip
    if len(rows) > most:
        example = f"{rows[most].kind}:{rows[most].axes[0]}"
        table.caption = f"{len(rows) - most} more kinds; a filter shows them, e.g. {example}\n"
    terminal.print(table)


def _collective_lines(explained: CollectiveExplanation) -> list[str]:
    one = explained.collective
    shape = ",".join(str(size) for size in one.shape)
    dim = f", dimension {one.dim}" if one.dim >= 0 else ""
    lines = [
        f"{one.id}: {one.kind} over {', '.join(one.axes)} of {one.what} {one.dtype}[{shape}]{dim}",
        f"  at       {one.place}",
        f"  cost     {bytes_text(one.full_bytes)}, {seconds_text(one.seconds)} a run, {one.runs} a step",
    ]
    lines += [f"  made     {one.made}"] if one.made != one.place and one.tensor != one.made.at else []
    lines += [f"  read     {one.read}; {one.why_read}"] if one.read and one.why_read else []
    lines += [f"  returned {one.why_read}"] if one.why_read and not one.read else []
    for cause in one.causes:
        lines += _cause_lines(cause)
    ways: dict[tuple[str, ...], list[str]] = {}
    for change in explained.avoiding:
        ways.setdefault(_outcome(change, one), []).append(change.change)
    for outcome, changes in ways.items():
        how = ", or\n           ".join(changes)
        lines += [f"  avoid    {how}: {outcome[0]}", *(f"           {line}" for line in outcome[1:])]
    return lines


def _cause_lines(cause: Cause) -> list[str]:
    return [
        f"  cause    on {cause.axis}: {cause.action}",
        f"           {cause.place}: {cause.why}",
        f"           {_origin(cause.origin)}",
    ]


def _origin(origin: Origin) -> str:
    places = [str(place) for place in origin.through]
    if len(places) > _MOST_CHAIN + 1:
        half = _MOST_CHAIN // 2
        places = [*places[:half], f"... {len(places) - 2 * half} ops ...", *places[-half:]]
    return f"tiled at {origin.seed}" + "".join(f"\n             -> {place}" for place in places)


def _outcome(change: Removal, one: Collective) -> tuple[str, ...]:
    """What a change does to a collective and to the plan, line by line; on its axis, where there are several."""
    if change.refused:
        return (f"does not apply ({change.refused})",)
    on = f" on {change.action.axis}" if len(one.axes) > 1 else ""
    stays = f"it stays{on}, caused by {', '.join(str(a) for a in change.stays)}"
    price = f"{signed(change.step_s, 's')} a step, {signed(change.peak_memory_bytes, 'bytes')} a device"
    return stays if change.stays else f"it is gone{on}", f"{price}; collectives: {changed(change.collectives, ', ')}"


def _tensor_lines(tensor: TensorExplanation) -> list[str]:
    [*bundles] = bundled((name, ()) for name in tensor.names)
    names = ", ".join(f"{b.pattern}{f' (×{len(b.paths)})' if len(b.paths) > 1 else ''}" for b in bundles)
    shape = ",".join(str(size) for size in tensor.shape)
    lines = [f"{names}: {tensor.dtype}[{shape}] {tensor.spec}, {bytes_text(tensor.local_bytes)} on a device"]
    lines += [f"  made     {tensor.place}"] if tensor.place.at and not tensor.place.is_argument else []
    for row in tensor.axes:
        lines += _axis_lines(row)
    first = " of the first" if len(tensor.names) > 1 else ""
    lines += [f"  collectives{first}: {_some(tensor.collectives)}"] if tensor.collectives else []
    lines += [f"  collectives of the gradient{first}: {_some(tensor.gradient)}"] if tensor.gradient else []
    return lines if tensor.collectives or tensor.gradient else [*lines, "  no collectives"]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")


def _axis_lines(row: AxisExplanation) -> list[str]:
    if row.origin is None:
        return [f"  on {row.axis}: whole; {row.why_whole}"]
    where = f"dimension {row.dim}" if row.dim >= 0 else "inside the op"
    where = f"a sum, scattered along {where} as its readers take it; the sum is" if row.scattered else f"{where},"
    lines = [f"  on {row.axis}: {where} by {row.origin.action}", f"           {_origin(row.origin)}"]
    if row.reached_ops:
        more = f": {', '.join(b.pattern for b in bundled((n, ()) for n in row.reached)[:_MOST])}" if row.reached else ""
        lines.append(f"    went on through {row.reached_ops} ops{more}")
    lines += [
        f"    stopped at {s.place}{f' (×{s.count})' if s.count > 1 else ''}: {s.reason}"
        for s in row.stops[:_MOST_STOPS]
    ]
    hidden = len(row.stops) - _MOST_STOPS
    lines += [f"    and at {hidden} more place{'s' if hidden > 1 else ''}"] if hidden > 0 else []
    return [*lines, *([f"    conflict here: asked for {', '.join(row.conflict)}"] if row.conflict else [])]
