"""What a judge says of one program, as it travels between processes and rests in the cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from autopart.emit.lower import CollectiveKey

DONE, REFUSED, FAILED = "done", "refused", "failed"
"""The program compiled; it was refused because it does not fit in memory; the judge broke."""

PEAK, ARGUMENT, OUTPUT, ALIAS, TEMPORARY = "peak", "argument", "output", "alias", "temporary"
MEMORY: Final = (PEAK, ARGUMENT, OUTPUT, ALIAS, TEMPORARY)


@dataclass(frozen=True)
class Verdict:
    """What a judge says of one lowering of one program.

    Attributes:
        status: ``done``, ``refused`` or ``failed``.
        text: the compiler's own words where it is not done.
        memory_bytes: of one device by part, see ``MEMORY``; empty where the judge knows nothing of memory.
        collectives: as they stand in the text, those of a loop's body once.
        cycles: of a step, without collectives; 0 where the judge does not count them.
        seconds: how long the judge took.
    """

    status: str
    text: str = ""
    memory_bytes: Mapping[str, int] = field(default_factory=dict)
    collectives: Counter[CollectiveKey] = field(default_factory=Counter)
    cycles: float = 0.0
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The verdict as plain JSON values."""
        return {
            "status": self.status,
            "text": self.text,
            "memory_bytes": dict(self.memory_bytes),
            "collectives": collectives_to_json(self.collectives),
            "cycles": self.cycles,
            "seconds": self.seconds,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Verdict:
        """The verdict that ``to_json`` wrote."""
        found: Counter[CollectiveKey] = Counter()
        for row in document["collectives"]:
            found[row["kind"], tuple(row["axes"]), row["full_bytes"]] = row["count"]
        return cls(
            document["status"], document["text"], document["memory_bytes"], found,
            document["cycles"], document["seconds"],
        )  # fmt: skip


def collectives_to_json(found: Mapping[CollectiveKey, int]) -> list[dict[str, Any]]:
    """Collectives as rows of plain JSON values, sorted."""
    return [
        {"kind": kind, "axes": list(axes), "full_bytes": nbytes, "count": count}
        for (kind, axes, nbytes), count in sorted(found.items())
        if count
    ]
