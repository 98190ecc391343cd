"""How long a step takes when compute and collectives run side by side: a kernel over groups and collectives.

Compute runs group after group in program order. Every physical link is a stream that does one collective at a
time, in the order in which they may begin. One that completes a sum, or brings a value into another layout, may begin
when the value has been made; one that gathers a weight when the last product before its reader begins, so that one
product hides it and no more is held in memory than that needs. The first group that reads the result waits for
it. On a device that does not do both at once, a collective takes the time of compute. A loop's body begins and ends
with nothing under way; its time counts once per trip, and of the cases of a condition the longest counts.

What compute waits for is *exposed* communication; the time that starting groups takes is *idle*.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autopart.costs import Costs
from autopart.kernel import kernel
from autopart.ledger import STREAMS, Ledger
from autopart.tables import Floats, Indices, Ints

BEFORE, AFTER, NEED = range(3)
"""Lists of the collectives that begin before a group, after it, and that it waits for."""


@kernel
def streams_of(axes_code: int, stream: npt.NDArray[np.int64]) -> int:
    """The streams, a bit each, of a collective over the axes of a code."""
    mask = 0
    while axes_code != 0:
        mask |= 1 << stream[(axes_code & 15) - 1]
        axes_code >>= 4
    return mask


@kernel
def _plan(
    event: int, issue: int, need: int, early: bool, place_region: Ints, first: npt.NDArray[np.int32],
    following: npt.NDArray[np.int32],
) -> None:  # fmt: skip
    """Puts a collective on the lists of the place at which it may begin and of the one that waits for it."""
    never = first.shape[1] - 1
    if need < never and place_region[need] != place_region[issue]:
        need = never  # What leaves a region is done when the region is.
    when = BEFORE if early or need <= issue else AFTER
    issue = min(issue, need)
    following[0, event] = first[when, issue]
    first[when, issue] = event
    following[1, event] = first[NEED, need]
    first[NEED, need] = event


@kernel
def _plan_all(form_ptr: Indices, weight_like: npt.NDArray[np.int8], costs: Costs, ledger: Ledger) -> None:
    """Lists the collectives of all values by place; those of one place in the order of their values."""
    words, busy, n_forms = ledger.busy_words, ledger.busy, ledger.n_forms
    base_s, form_s, form_issue, form_need = ledger.base_s, ledger.form_s, ledger.form_issue, ledger.form_need
    first, following = ledger.first_event, ledger.next_event
    made, first_need, place_region = costs.made, costs.first_need, costs.place_region
    n_values = base_s.shape[0]
    for place in range(first.shape[1]):
        first[BEFORE, place], first[AFTER, place], first[NEED, place] = -1, -1, -1
    for word in range(words.shape[0] - 1, -1, -1):
        if words[word] == 0:
            continue
        for value in range(min(8 * word + 7, n_values - 1), 8 * word - 1, -1):
            if busy[value] == 0:
                continue
            begin = form_ptr[value]
            for entry in range(begin + n_forms[value] - 1, begin - 1, -1):
                if form_s[entry] > 0:
                    issue, need, early = form_issue[entry], form_need[entry], weight_like[value] != 0
                    _plan(n_values + entry, issue, need, early, place_region, first, following)
            if base_s[value] > 0:
                _plan(value, made[value], first_need[value], False, place_region, first, following)


@kernel
def _start(
    event: int, following: npt.NDArray[np.int32], base_s: Floats, base_streams: Ints, form_s: Floats,
    form_streams: Ints, ready: Floats, clock: Floats, overlaps: bool,
) -> None:  # fmt: skip
    """Starts a list of collectives, each as soon as its streams are free."""
    n_values = base_s.shape[0]
    while event >= 0:
        seconds = base_s[event] if event < n_values else form_s[event - n_values]
        streams = base_streams[event] if event < n_values else form_streams[event - n_values]
        begin = clock[STREAMS]
        for stream in range(STREAMS):
            if (streams >> stream) & 1:
                begin = max(begin, clock[stream])
        end = begin + seconds
        for stream in range(STREAMS):
            if (streams >> stream) & 1:
                clock[stream] = end
        if not overlaps:
            clock[STREAMS] = end
        ready[event] = end
        event = following[0, event]


@kernel
def _latest(clock: Floats) -> float:
    """When everything under way is done."""
    latest = clock[STREAMS]
    for stream in range(STREAMS):
        latest = max(latest, clock[stream])
    return float(latest)


@kernel
def _set(clock: Floats, now: float) -> None:
    """Lets compute and every stream be free from ``now`` on."""
    for stream in range(STREAMS + 1):
        clock[stream] = now


@kernel
def _run_region(costs: Costs, ledger: Ledger, region: int) -> float:
    """The seconds of one run of a region, those of the regions inside being known."""
    line, line_ptr, group_s, idle_s = costs.line, costs.line_ptr, ledger.group_s, costs.idle_s
    clock, duration = ledger.clock, ledger.duration
    first, following, ready = ledger.first_event, ledger.next_event, ledger.ready
    base_s, base_streams, form_s, form_streams = ledger.base_s, ledger.base_streams, ledger.form_s, ledger.form_streams
    trips, choice, inner_ptr, inner, overlaps = costs.trips, costs.choice, costs.inner_ptr, costs.inner, costs.overlaps
    _set(clock, 0.0)
    for i in range(line_ptr[region], line_ptr[region + 1]):
        place = line[i]
        if place < 0:  # A loop or a condition.
            now, longest = _latest(clock), 0.0
            for k in range(inner_ptr[-1 - place], inner_ptr[-place]):
                if choice[inner[k]] >= 0:
                    longest = max(longest, duration[inner[k]])
                else:
                    now += trips[inner[k]] * duration[inner[k]]
            _set(clock, now + longest)
            continue
        if first[BEFORE, place] >= 0:
            _start(first[BEFORE, place], following, base_s, base_streams, form_s, form_streams, ready, clock, overlaps)
        event = first[NEED, place]
        while event >= 0:
            clock[STREAMS] = max(clock[STREAMS], ready[event])
            event = following[1, event]
        clock[STREAMS] += idle_s[place] + group_s[place]
        if first[AFTER, place] >= 0:
            _start(first[AFTER, place], following, base_s, base_streams, form_s, form_streams, ready, clock, overlaps)
    return float(_latest(clock))


@kernel
def duration_of(form_ptr: Indices, weight_like: npt.NDArray[np.int8], costs: Costs, ledger: Ledger) -> float:
    """The seconds of a step whose groups and collectives take what the ledger says."""
    _plan_all(form_ptr, weight_like, costs, ledger)
    for region in range(costs.parent.shape[0] - 1, -1, -1):
        ledger.duration[region] = _run_region(costs, ledger, region)
    return float(ledger.duration[0])
