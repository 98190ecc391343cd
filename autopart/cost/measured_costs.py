"""What the state that was measured last costs, entry by entry, so that only what changed is counted anew."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from autopart.cost.static_costs import Costs
from autopart.sharding import FlatProgram, Float64Array, Int8Array, Int32Array, Int64Array

STREAMS = 8
"""The most physical links, of which each does one collective at a time."""

Table: TypeAlias = npt.NDArray[np.float64]
Table32: TypeAlias = npt.NDArray[np.int32]


class Ledger(NamedTuple):
    """What the state measured last costs, entry by entry.

    Attributes:
        group_s: (places,) seconds of each group.
        move_s, move_bytes: (values,) seconds and bytes of the collectives on each value.
        held_bytes, since, until: (values,) local bytes of the base form, and the places between which they are there.
        travels: (values,) 1 if a collective reads or completes the value: then it has a buffer in any case.
        scatter_bytes: (values,) bytes of the sum that exists until it is scattered.
        n_forms: (values,) number of gathered forms; those of value ``v`` stand from ``form_ptr[v]`` on in
            form_bytes, form_from, form_until: local bytes, and the places between which they exist.
        change: (places + 1,) bytes by which memory grows at each place.
        stale, stale_flag: list of groups to count anew, and whether a group is on it.
        total_bytes: (1,) sum of ``move_bytes``.
        busy: (values, padded to whole words) 1 if the value has collectives; ``busy_words`` is the same memory.
        base_s, base_streams: (values,) seconds of the collectives that complete the base form, and the streams (a
            bit each) on which they run.
        form_s, form_streams, form_issue, form_need: of each form the same, the place at which its collectives may
            begin (that of the value's op, or for a weight that of the product before), and the one that waits.
        first_event, next_event: scratch of the timeline: linked lists of the collectives that begin before a group,
            after it, and that it waits for.
        ready: scratch: when each collective is done.
        clock: (streams + 1,) scratch: seconds until which each stream, and last compute, is taken.
        lag: scratch: how much later than of one layer each collective is done of the next, if those of all layers
            that a heavy one stands for begin at one place; else 0.
        margin: (streams + 1,) scratch: the least difference by which something was early or late for a stream; at the
            end for how many passes what has a lag stays early or late.
        passes: (3, streams + 1) scratch: the clock after a pass over a stretch, what the pass took, an earlier clock.
        duration: (regions,) seconds that one run of each region takes.
        region_sums: (regions, 4) scratch: seconds of compute, of communication, bytes, and idle seconds of each region.
        dearest: (regions, 4) scratch: the same of the dearest case of a condition, in the row of its first.
    """

    group_s: Float64Array
    move_s: Float64Array
    move_bytes: Int64Array
    held_bytes: Int64Array
    since: Int32Array
    until: Int32Array
    travels: Int8Array
    scatter_bytes: Int64Array
    n_forms: Int32Array
    form_bytes: Int64Array
    form_from: Int32Array
    form_until: Int32Array
    change: Int64Array
    stale: Int32Array
    stale_flag: Int8Array
    total_bytes: Int64Array
    busy: npt.NDArray[np.uint8]
    busy_words: npt.NDArray[np.uint64]
    base_s: Float64Array
    base_streams: Int32Array
    form_s: Float64Array
    form_streams: Int32Array
    form_issue: Int32Array
    form_need: Int32Array
    first_event: Table32
    next_event: Table32
    ready: Float64Array
    clock: Float64Array
    lag: Float64Array
    margin: Float64Array
    passes: Table
    duration: Float64Array
    region_sums: Table
    dearest: Table


def empty_ledger(tables: FlatProgram, costs: Costs) -> Ledger:
    """A ledger without an entry; goes with ``layout.all_changed``."""
    n_values, n_places, n_forms = len(costs.born), len(costs.place_op), int(tables.form_ptr[-1])
    busy = np.zeros((n_values + 7) // 8 * 8, np.uint8)
    return Ledger(
        group_s=np.zeros(n_places),
        move_s=np.zeros(n_values),
        move_bytes=np.zeros(n_values, np.int64),
        held_bytes=np.zeros(n_values, np.int64),
        since=np.zeros(n_values, np.int32),
        until=np.zeros(n_values, np.int32),
        travels=np.zeros(n_values, np.int8),
        scatter_bytes=np.zeros(n_values, np.int64),
        n_forms=np.zeros(n_values, np.int32),
        form_bytes=np.zeros(n_forms, np.int64),
        form_from=np.zeros(n_forms, np.int32),
        form_until=np.zeros(n_forms, np.int32),
        change=np.zeros(n_places + 1, np.int64),
        stale=np.zeros(n_places, np.int32),
        stale_flag=np.zeros(n_places, np.int8),
        total_bytes=np.zeros(1, np.int64),
        busy=busy,
        busy_words=busy.view(np.uint64),
        base_s=np.zeros(n_values),
        base_streams=np.zeros(n_values, np.int32),
        form_s=np.zeros(n_forms),
        form_streams=np.zeros(n_forms, np.int32),
        form_issue=np.zeros(n_forms, np.int32),
        form_need=np.zeros(n_forms, np.int32),
        first_event=np.full((3, n_places + 1), -1, np.int32),
        next_event=np.full((2, n_values + n_forms), -1, np.int32),
        ready=np.zeros(n_values + n_forms),
        clock=np.zeros(STREAMS + 1),
        lag=np.zeros(n_values + n_forms),
        margin=np.zeros(STREAMS + 1),
        passes=np.zeros((3, STREAMS + 1)),
        duration=np.zeros(len(costs.parent)),
        region_sums=np.zeros((len(costs.parent), 4)),
        dearest=np.zeros((len(costs.parent), 4)),
    )
