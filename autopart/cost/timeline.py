"""How long a step takes when compute and collectives run side by side: a kernel over groups and collectives.

Compute runs group after group in program order. Every physical link is a stream that does one collective at a
time, in the order in which they may begin. One that completes a sum, or brings a value into another layout, may begin
when the value has been made; one that gathers a weight when the last product before its reader begins, so that one
product hides it and no more is held in memory than that needs. The first group that reads the result waits for
it. On a device that does not do both at once, a collective takes the time of compute. A loop's body begins and ends
with nothing under way; its time counts once per trip, and of the cases of a condition the longest counts.

In a folded program the layer that stands for many is run over and over, until no pass brings anything new.

What compute waits for is *exposed* communication; the time that starting groups takes is *idle*.
"""

from __future__ import annotations

import numpy as np

from autopart.cost.events import AFTER, BEFORE, NEED, list_events
from autopart.cost.measured_costs import STREAMS, Ledger
from autopart.cost.static_costs import Costs
from autopart.sharding import Float64Array, Int8Array, Int32Array, UInt32Array
from autopart.sharding.kernel import kernel

_ROUNDING = 1e-13
"""Parts of the clock by which what passes take may differ for no reason but rounding."""


@kernel
def _start_one(
    event: int, base_s: Float64Array, base_streams: Int32Array, form_s: Float64Array, form_streams: Int32Array,
    ready: Float64Array,
    clock: Float64Array, margin: Float64Array, overlaps: bool,
) -> None:  # fmt: skip
    """Starts a collective as soon as its streams are free."""
    n_values = base_s.shape[0]
    seconds = base_s[event] if event < n_values else form_s[event - n_values]
    streams = base_streams[event] if event < n_values else form_streams[event - n_values]
    begin = clock[STREAMS]
    for stream in range(STREAMS):
        if (streams >> stream) & 1:
            margin[stream] = min(margin[stream], abs(clock[stream] - clock[STREAMS]))
            begin = max(begin, clock[stream])
    end = begin + seconds
    for stream in range(STREAMS):
        if (streams >> stream) & 1:
            clock[stream] = end
    if not overlaps:
        clock[STREAMS] = end
    ready[event] = end


@kernel
def _start(costs: Costs, ledger: Ledger, event: int, loose: bool) -> None:
    """Starts a list of collectives in its order; at a ``loose`` place those of a heavy layer as often as it counts."""
    following, ready, lag = ledger.next_event, ledger.ready, ledger.lag
    base_s, base_streams, form_s, form_streams = ledger.base_s, ledger.base_streams, ledger.form_s, ledger.form_streams
    clock, margin, overlaps, earlier = ledger.clock, ledger.margin, costs.overlaps, ledger.passes[2]
    weight, form_value = costs.value_weight, costs.form_value
    n_values = base_s.shape[0]
    while event >= 0:
        times = weight[event if event < n_values else form_value[event - n_values]] if loose else 1
        if times == 1:
            _start_one(event, base_s, base_streams, form_s, form_streams, ready, clock, margin, overlaps)
            event = following[0, event]
            continue
        first = event
        while event >= 0 and weight[event if event < n_values else form_value[event - n_values]] == times:
            _start_one(event, base_s, base_streams, form_s, form_streams, ready, clock, margin, overlaps)
            lag[event] = ready[event]
            event = following[0, event]
        for stream in range(STREAMS + 1):
            earlier[stream] = clock[stream]
        again = first
        while again != event:
            _start_one(again, base_s, base_streams, form_s, form_streams, ready, clock, margin, overlaps)
            lag[again], ready[again] = ready[again] - lag[again], lag[again]
            again = following[0, again]
        for stream in range(STREAMS + 1):
            clock[stream] += (times - 2) * (clock[stream] - earlier[stream])


@kernel
def _latest(clock: Float64Array) -> float:
    """When everything under way is done."""
    latest = clock[STREAMS]
    for stream in range(STREAMS):
        latest = max(latest, clock[stream])
    return float(latest)


@kernel
def _set(clock: Float64Array, now: float) -> None:
    """Lets compute and every stream be free from ``now`` on."""
    for stream in range(STREAMS + 1):
        clock[stream] = now


@kernel
def _wait(ledger: Ledger, event: int) -> None:
    """Lets compute wait for a list of collectives."""
    following, ready, lag, clock, margin = ledger.next_event, ledger.ready, ledger.lag, ledger.clock, ledger.margin
    base_streams, form_streams, taken = ledger.base_streams, ledger.form_streams, ledger.passes[1]
    n_values = base_streams.shape[0]
    while event >= 0:
        late = abs(clock[STREAMS] - ready[event])
        if lag[event] != 0:
            apart = abs(lag[event] - taken[STREAMS])
            if apart > _ROUNDING * clock[STREAMS]:
                margin[STREAMS] = min(margin[STREAMS], late / apart)
        else:
            streams = base_streams[event] if event < n_values else form_streams[event - n_values]
            for stream in range(STREAMS):
                if (streams >> stream) & 1:
                    margin[stream] = min(margin[stream], late)
        clock[STREAMS] = max(clock[STREAMS], ready[event])
        event = following[1, event]


@kernel
def _run_line(costs: Costs, ledger: Ledger, begin: np.int64, end: np.int64, stops: bool) -> int:
    """Runs places of a line up to a loop, a condition or, if it ``stops`` there, a stretch; returns where it is."""
    line, stretch, loose, group_s, idle_s = costs.line, costs.stretch, costs.loose, ledger.group_s, costs.idle_s
    clock, first, folded = ledger.clock, ledger.first_event, costs.heavy.shape[0] > 0
    for i in range(begin, end):
        place = line[i]
        if place < 0 or (stops and stretch[place] >= 0):
            return i
        if first[BEFORE, place] >= 0:
            _start(costs, ledger, first[BEFORE, place], folded and loose[place] != 0)
        if first[NEED, place] >= 0:
            _wait(ledger, first[NEED, place])
        clock[STREAMS] += idle_s[place] + group_s[place]
        if first[AFTER, place] >= 0:
            _start(costs, ledger, first[AFTER, place], folded and loose[place] != 0)
    return int(end)


@kernel
def _issue(event: int, made: Int32Array, form_issue: Int32Array) -> int:
    """The place at which a collective may begin."""
    return int(made[event] if event < made.shape[0] else form_issue[event - made.shape[0]])


@kernel
def _hand_on(costs: Costs, ledger: Ledger, begin: np.int64, end: np.int64) -> None:
    """What is under way when a pass over places ``begin:end`` ends is what the next pass will wait for.

    The places after the stretch are the same layer once more: what they wait for of the stretch is what the stretch
    waits for of the places before it.
    """
    first, following, ready, lag = ledger.first_event, ledger.next_event, ledger.ready, ledger.lag
    made, form_issue = costs.made, ledger.form_issue
    length = end - begin
    for place in range(begin, end):
        after = first[NEED, place + length]
        event = first[NEED, place]
        while event >= 0:
            ready[event] += lag[event]
            if begin - length <= _issue(event, made, form_issue) < begin:
                while after >= 0 and not begin <= _issue(after, made, form_issue) < end:
                    after = following[1, after]
                if after >= 0:
                    ready[event] = ready[after]
                    after = following[1, after]
            event = following[1, event]


@kernel
def _run_passes(costs: Costs, ledger: Ledger, at: np.int64, row: np.int64) -> None:
    """Runs a stretch of the line over and over.

    When a pass has taken each stream, and compute, as long as the one before, the next will too, as long as nothing
    that was late becomes early: ``margin`` over the difference of two streams' speeds says how many passes that is.
    """
    begin, end, times = costs.heavy[row, 0], costs.heavy[row, 1], costs.heavy[row, 2]
    clock, margin, last, taken = ledger.clock, ledger.margin, ledger.passes[0], ledger.passes[1]
    for stream in range(STREAMS + 1):
        last[stream], taken[stream] = clock[stream], -1.0
    done = 0
    while done < times:
        for stream in range(STREAMS + 1):
            margin[stream] = np.inf
        _run_line(costs, ledger, at, at + end - begin, False)
        done += 1
        noise, steady = _ROUNDING * clock[STREAMS], True
        for stream in range(STREAMS + 1):
            steady = steady and abs(clock[stream] - last[stream] - taken[stream]) <= noise
            taken[stream], last[stream] = clock[stream] - last[stream], clock[stream]
        if steady and done < times:
            more = times - done
            if margin[STREAMS] < more:
                more = int(margin[STREAMS])
            for stream in range(STREAMS):
                apart = abs(taken[stream] - taken[STREAMS])
                if apart > noise and margin[stream] < apart * more:
                    more = int(margin[stream] / apart)
            _skip(ledger, begin, end, more)
            done += more
        _hand_on(costs, ledger, begin, end)


@kernel
def _skip(ledger: Ledger, begin: np.int64, end: np.int64, more: int) -> None:
    """Adds to all clocks what ``more`` passes take that take as long as the last one."""
    first, following, ready = ledger.first_event, ledger.next_event, ledger.ready
    base_streams, form_streams = ledger.base_streams, ledger.form_streams
    clock, last, taken = ledger.clock, ledger.passes[0], ledger.passes[1]
    n_values = base_streams.shape[0]
    for stream in range(STREAMS + 1):
        clock[stream] += more * taken[stream]
        last[stream] = clock[stream]
    for place in range(begin, end):
        event = first[NEED, place]
        while event >= 0:
            ready[event] += more * ledger.lag[event]
            event = following[1, event]
        for when in range(2):
            event = first[when, place]
            while event >= 0:
                streams, speed = base_streams[event] if event < n_values else form_streams[event - n_values], 0.0
                for stream in range(STREAMS):
                    if (streams >> stream) & 1:
                        speed = max(speed, taken[stream])
                ready[event] += more * speed
                event = following[0, event]


@kernel
def _run_region(costs: Costs, ledger: Ledger, region: int) -> float:
    """The seconds of one run of a region, those of the regions inside being known."""
    line, line_ptr, stretch, heavy = costs.line, costs.line_ptr, costs.stretch, costs.heavy
    trips, choice, inner_ptr, inner = costs.trips, costs.choice, costs.inner_ptr, costs.inner
    clock, duration = ledger.clock, ledger.duration
    _set(clock, 0.0)
    i, end = np.int64(line_ptr[region]), np.int64(line_ptr[region + 1])
    while i < end:
        place = line[i]
        if place >= 0 and stretch[place] >= 0:
            row = np.int64(stretch[place])
            _run_passes(costs, ledger, i, row)
            i += heavy[row, 1] - heavy[row, 0]
        elif place >= 0:
            i = np.int64(_run_line(costs, ledger, i, end, True))
        else:  # A loop or a condition.
            now, longest = _latest(clock), 0.0
            for k in range(inner_ptr[-1 - place], inner_ptr[-place]):
                if choice[inner[k]] >= 0:
                    longest = max(longest, duration[inner[k]])
                else:
                    now += trips[inner[k]] * duration[inner[k]]
            _set(clock, now + longest)
            i += 1
    return float(_latest(clock))


@kernel
def duration_of(form_ptr: UInt32Array, weight_like: Int8Array, costs: Costs, ledger: Ledger) -> float:
    """The seconds of a step whose groups and collectives take what the ledger says."""
    list_events(form_ptr, weight_like, costs, ledger)
    for region in range(costs.parent.shape[0] - 1, -1, -1):
        ledger.duration[region] = _run_region(costs, ledger, region)
    return float(ledger.duration[0])
