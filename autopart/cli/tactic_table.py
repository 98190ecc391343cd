"""What each tactic of a schedule did: memory, time and collectives after it."""

from __future__ import annotations

from rich.console import Console

from autopart.explain import Report, effects_of, effects_table
from autopart.partitioning import State
from autopart.plan import Plan


def show_tactics(terminal: Console, plan: Plan) -> None:
    """The tactics of a plan, one row each; see ``effects_table``."""
    untiled = Report.of(State(plan.problem))
    terminal.print(effects_table(untiled.metrics, effects_of(plan.schedule, untiled, plan.reports)))
