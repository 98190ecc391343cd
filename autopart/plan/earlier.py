"""Plans of earlier versions of the format, read as the plans of today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

EARLIER: Final = (1,)
"""Versions before today's that are read."""


def upgraded(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a plan of an earlier version in today's fields.

    Version 1 has specs without shapes, and neither constraints nor how often a collective runs: of arrays and
    constraints there are none then, until the plan is applied and saved again.
    """
    return {
        **{key: body[key] for key in ("version", "program", "mesh", "metrics")},
        "tactics": body["schedule"],
        "collectives": [{**row, "runs": row["count"]} for row in body["collectives"]],
        "arguments": {},
        "outputs": {},
        "constraints": [],
    }
