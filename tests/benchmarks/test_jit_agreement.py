"""The compiler's collectives beside the plan's, and the examples of docs/jit.md, run as they stand."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from autopart.lower import CollectiveKey
from benchmarks import jit_agreement
from benchmarks.accuracy import differences as named
from benchmarks.accuracy.agreement import Comparison
from benchmarks.accuracy.verdict import DONE, Verdict

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
    assert all(any(kind in title.lower() for title in TITLES) for kind in jit_agreement.EXPLAINED)


def test_a_model_agrees_but_for_reduce_scatters(capsys: pytest.CaptureFixture[str]) -> None:
    assert jit_agreement.main(["--models", "mlp", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["programs"] == figures["equal_but_for_reduce_scatters"] == 5
    assert figures["equal"] == 3
    assert set(figures["differences"]) == {named.WHOLE_SUM}
    kinds = figures["by_kind"]
    assert kinds["all_gather"]["predicted"] == kinds["all_gather"]["found"] > 0
    assert sum(kind["found"] for kind in kinds.values()) == figures["collectives"]["found"]


def test_a_kind_that_is_not_explained_is_named() -> None:
    planned: Counter[CollectiveKey] = Counter({("all_reduce", ("batch",), 64): 1})
    found: Counter[CollectiveKey] = Counter({("reduce_scatter", ("batch",), 64): 1})
    one = Comparison("made up", planned, Verdict(DONE, collectives=found))
    assert jit_agreement.unexplained(jit_agreement.document([one])) == [named.SCATTERED_SUM]
