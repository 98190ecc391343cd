"""What an option of an op costs: its work, the bytes it moves, its sums and its halos.

Sums and halos are those that ``layout`` decides for a state in which the op runs so, and cost what they cost there.
Work and bytes are an estimate. A group of ops takes the longer of its work and of its bytes (``metrics``). For a sum
over ops, a group counts by whichever is longer in the unpartitioned program, but a product by whichever is longer as
it is tiled. Every case of a condition counts.
"""

from __future__ import annotations

import numpy as np

from autopart.cost import filled_part
from autopart.costmodel.collectives import COLLECTIVE_PERMUTE
from autopart.game.ilp.move_costs import PARTIAL, WHOLE, Places, Prices, dim_of
from autopart.game.ilp.options import Option
from autopart.partitioning import Problem
from autopart.sharding import Float64Array


class OptionCosts:
    """Seconds of options on a mesh, all runs of loops and all layers counted that an op stands for."""

    def __init__(self, problem: Problem, prices: Prices) -> None:
        self._problem, self._prices, self._costs = problem, prices, problem.costs
        costs = self._costs
        region_runs = np.ones(len(costs.parent))
        for region in range(1, len(region_runs)):
            region_runs[region] = costs.trips[region] * region_runs[costs.parent[region]]
        self.value_runs: Float64Array = costs.value_weight * region_runs[costs.value_region]
        self._place_runs: Float64Array = costs.place_weight * region_runs[costs.place_region]
        self._member = {int(op): i for i, op in enumerate(costs.member)}
        self._charges: dict[int, list[tuple[int, int, float]]] = {}
        for place in range(len(costs.place_op)):
            for i in range(int(costs.charge_ptr[place]), int(costs.charge_ptr[place + 1])):
                slot = int(costs.charge[i])
                op = int(problem.tables.slot_op[slot])
                self._charges.setdefault(op, []).append((place, slot, float(costs.charge_bytes[i])))
        self._by_work = self._bound_by_work()

    def _bound_by_work(self) -> list[bool]:
        """For each place whether its group, unpartitioned, takes the longer for its work, were matrix units filled."""
        costs = self._costs
        work = np.zeros(len(costs.place_op))
        np.add.at(work, costs.place[costs.member], costs.member_s)
        moved = np.zeros(len(costs.place_op))
        for found in self._charges.values():
            for place, _, nbytes in found:
                moved[place] += nbytes / costs.bandwidth
        by_work: list[bool] = (work >= moved).tolist()
        return by_work

    def unpartitioned(self, op: int) -> float:
        """Seconds of an op that runs whole."""
        costs, member = self._costs, self._member.get(op)
        work = 0.0 if member is None else float(costs.member_s[member] * self._place_runs[costs.place[op]])
        moved = sum(nbytes * self._place_runs[place] for place, _, nbytes in self._charges.get(op, ()))
        return work + float(moved) / costs.bandwidth

    def of(self, op: int, option: Option) -> float:
        """Seconds of an op under an option."""
        return self.compute(op, option) + self.sums(op, option) + self.halos(op, option)

    def compute(self, op: int, option: Option) -> float:
        """Seconds of work, or of the bytes that the op moves in any group: an estimate."""
        costs, member = self._costs, self._member.get(op)
        own = int(costs.place[op])
        is_product = member is not None and costs.product[member] >= 0
        work = 0.0 if member is None else self._work(member, option)
        beside, seconds = 0.0, 0.0
        for place, slot, nbytes in self._charges.get(op, ()):
            moved = nbytes / self._prices.parts(self._layout_of(op, slot, option)) / costs.bandwidth
            if is_product and place == own:
                beside += moved
            elif not self._by_work[place]:
                seconds += moved * self._place_runs[place]
        if is_product:
            work = max(work, beside)
        elif not self._by_work[own]:
            work = 0.0
        return float(work * self._place_runs[own] + seconds)

    def _work(self, member: int, option: Option) -> float:
        costs = self._costs
        run = np.array([option.factors], np.int8)
        axes = sum(1 << axis for axis, factor in enumerate(option.factors) if factor >= 0)
        seconds = float(costs.member_s[member] / costs.parts[axes])
        product = int(costs.product[member])
        if product >= 0:
            begin = int(costs.role_ptr[product])
            seconds /= filled_part(costs.size, costs.tile, costs.role, begin, run, 0, costs.sizes, product)
        return seconds

    def _layout_of(self, op: int, slot: int, option: Option) -> Places:
        tables = self._problem.tables
        if slot < tables.n_uses:
            return option.wanted[slot - int(tables.use_ptr[op])]
        return option.base[self._problem.graph.ops[op].results.index(slot - tables.n_uses)]

    def sums(self, op: int, option: Option) -> float:
        """Seconds to complete what comes out as a partial sum and is not handed on as one."""
        seconds = 0.0
        for number, value in enumerate(self._problem.graph.ops[op].results):
            made, base = option.made[number], option.base[number]
            if PARTIAL in made:
                nbytes = float(self._costs.value_bytes[value])
                seconds += self._prices.complete(nbytes, made, base) * float(self.value_runs[value])
        return seconds

    def halos(self, op: int, option: Option) -> float:
        """Seconds to exchange what windows see of the tiles beside theirs; those after the first carry its corners."""
        tables, seconds = self._problem.tables, 0.0
        for number, slot in enumerate(range(int(tables.use_ptr[op]), int(tables.use_ptr[op + 1]))):
            wanted, value = option.wanted[number], int(tables.slot_value[slot])
            local = float(self._costs.value_bytes[value]) / self._prices.parts(wanted)
            for row in range(int(tables.halo_ptr[slot]), int(tables.halo_ptr[slot + 1])):
                axes = tuple(
                    axis for axis, place in enumerate(wanted) if place >= 0 and dim_of(place) == tables.halo_dim[row]
                )
                tiles = int(np.prod(self._costs.sizes[list(axes)]))
                slab = local * tiles / int(tables.halo_size[row])
                for rows in (int(tables.halo_low[row]), int(tables.halo_high[row])):
                    if axes and rows > 0:
                        full = slab * rows * tiles
                        seconds += self._prices.seconds(COLLECTIVE_PERMUTE, WHOLE, full, axes) * float(
                            self.value_runs[value]
                        )
                        local += slab * rows
        return seconds
