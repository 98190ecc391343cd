"""The examples of docs/jit.md, run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from autopart.benchmarks.accuracy import differences as named
from autopart.benchmarks.collectives.document import EXPLAINED

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "jit.md").read_text(encoding="utf-8")
PRELUDE, *EXAMPLES = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
TITLES = re.findall(r"^## (.*)$", DOCUMENT, re.MULTILINE)


@pytest.mark.parametrize(("title", "example"), list(zip(TITLES, EXAMPLES, strict=True)), ids=range(len(TITLES)))
def test_examples_of_the_document(title: str, example: str) -> None:
    names: dict[str, Any] = {}
    exec(PRELUDE, names)
    exec(example, names)
    found = set(named.differences(names["planned"], names["compiled"]))
    shown = {kind for kind in found if kind in title.lower()}
    assert shown
    assert found - shown <= {named.WHOLE_SUM}  # Which occurs wherever the plan has a reduce_scatter.


def test_every_explained_kind_has_a_heading() -> None:
    assert all(any(kind in title.lower() for title in TITLES) for kind in EXPLAINED)
