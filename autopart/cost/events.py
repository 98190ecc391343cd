"""Lists of the collectives of a state by place: which begin before a group, which after it, which it waits for.

An *event* is a collective: number ``v`` completes the base form of value ``v``, number ``values + f`` makes form ``f``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autopart.cost.measured_costs import Ledger
from autopart.cost.static_costs import Costs
from autopart.sharding import Float64Array, Int32Array, UInt32Array
from autopart.sharding.kernel import kernel

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
    event: int, issue: int, need: int, early: bool, place_region: Int32Array, first: npt.NDArray[np.int32],
    following: npt.NDArray[np.int32], lag: Float64Array,
) -> None:  # fmt: skip
    """Puts a collective on the lists of the place at which it may begin and of the one that waits for it."""
    never = first.shape[1] - 1
    if need < never and place_region[need] != place_region[issue]:
        need = never  # What leaves a region is done when the region is.
    when = BEFORE if early or need <= issue else AFTER
    issue = min(issue, need)
    lag[event] = 0.0
    following[0, event] = first[when, issue]
    first[when, issue] = event
    following[1, event] = first[NEED, need]
    first[NEED, need] = event


@kernel
def list_events(form_ptr: UInt32Array, weight_like: npt.NDArray[np.int8], costs: Costs, ledger: Ledger) -> None:
    """Lists the collectives of all values by place; those of one place in the order of their values."""
    words, busy, n_forms = ledger.busy_words, ledger.busy, ledger.n_forms
    base_s, form_s, form_issue, form_need = ledger.base_s, ledger.form_s, ledger.form_issue, ledger.form_need
    first, following, lag = ledger.first_event, ledger.next_event, ledger.lag
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
                    _plan(n_values + entry, issue, need, early, place_region, first, following, lag)
            if base_s[value] > 0:
                _plan(value, made[value], first_need[value], False, place_region, first, following, lag)
