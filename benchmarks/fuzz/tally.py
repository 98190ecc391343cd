"""What a run of the fuzzer found, added up, as a table and as plain values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from rich.table import Table

from autopart.benchmarks.fuzz.trial import REGIONS, Outcome
from autopart.emit.lower import by_kind


@dataclass
class Tally:
    """Sums over programs.

    Attributes:
        programs, states: how many were judged.
        failures: outcomes that were wrong.
        conflicts: ops in conflict.
        collectives, primitives, regions: how many of each kind.
    """

    programs: int = 0
    states: int = 0
    failures: list[Outcome] = field(default_factory=list)
    conflicts: int = 0
    collectives: Counter[str] = field(default_factory=Counter)
    primitives: Counter[str] = field(default_factory=Counter)
    regions: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Adds what became of one program."""
        self.programs += 1
        self.states += outcome.states
        self.conflicts += outcome.conflicts
        self.collectives.update(outcome.collectives)
        self.primitives.update(outcome.primitives)
        self.regions.update(outcome.regions)
        if outcome.verdict:
            self.failures.append(outcome)

    @property
    def faults(self) -> int:
        """Programs that broke a law."""
        return sum(not outcome.crashed for outcome in self.failures)

    @property
    def crashes(self) -> int:
        """Programs that raised an exception or ended their process."""
        return sum(outcome.crashed for outcome in self.failures)

    def document(self) -> dict[str, object]:
        """The figures as plain JSON values."""
        return {
            "programs": self.programs,
            "states": self.states,
            "faults": self.faults,
            "crashes": self.crashes,
            "conflicts": self.conflicts,
            "primitives": sorted(self.primitives),
            "collectives": {kind: self.collectives[kind] for kind in by_kind({})},
            "regions": {name: self.regions[name] for name in REGIONS if self.regions[name]},
            "failed": {outcome.number: outcome.verdict for outcome in self.failures},
        }

    def table(self) -> Table:
        """The figures for people."""
        table = Table(title="random programs in random states, executed on 8 host devices", title_justify="left")
        table.add_column("what")
        table.add_column("how many", justify="right")
        table.add_column("which")
        names = ", ".join(sorted(self.primitives))
        table.add_row("programs", str(self.programs), f"in {self.states} states")
        table.add_row("faults", str(self.faults), "another answer, or other collectives than counted")
        table.add_row("crashes", str(self.crashes), "")
        table.add_row("conflicts", str(self.conflicts), "ops asked for two layouts on one axis")
        table.add_row("primitives", str(len(self.primitives)), names)
        table.add_section()
        for kind in by_kind({}):
            table.add_row(kind, str(self.collectives[kind]), "as they stand in the programs")
        table.add_section()
        for name in REGIONS:
            if self.regions[name]:
                table.add_row(name, str(self.regions[name]), "functions within programs")
        return table
