"""Links and protocols: to JSON and back, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from autopart.costmodel import CostModelError, Link, Protocol, device

LL = Protocol("ll", 0.25, 6e-6, 1e-6, 0.25, 6e-6, 1e-6)


@pytest.mark.parametrize("link", [Link(1e9, 0.0), Link(1e9, 1e-6, protocols=(LL,)), device("tpu_v4").links["ici"]])
def test_comes_back_from_its_document(link: Link) -> None:
    assert Link.from_json(json.loads(json.dumps(link.to_json()))) == link


def test_figures_may_be_text_as_yaml_reads_them() -> None:
    assert Link.from_json({"bandwidth_bytes_per_s": "5e9", "latency_s": "1e-6"}) == Link(5e9, 1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bandwidth_bytes_per_s": 0.0}, "bandwidth must be positive"),
        ({"bandwidth_bytes_per_s": float("nan")}, "bandwidth must be positive"),
        ({"latency_s": -1.0}, "latency must not be negative"),
        ({"dimensions": 0}, "dimensions must be a whole number from 1"),
        ({"devices": 1}, "devices must be a whole number from 2"),
        ({"torus": True, "protocols": (LL,)}, "a torus or has protocols, not both"),
        ({"protocols": (LL, LL)}, "names each protocol once"),
    ],
)
def test_impossible_links_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CostModelError, match=message):
        replace(Link(1e9, 1e-6), **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ring_share": 0.0}, "ring_share must be in"),
        ({"tree_share": 1.5}, "tree_share"),
        ({"tree_hop_s": -1.0}, "must be seconds"),
    ],
)
def test_impossible_protocols_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CostModelError, match=message):
        replace(LL, **change)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (3, "a link must be fields"),
        ({"latency_s": 0.0}, "a link lacks bandwidth_bytes_per_s: add it"),
        ({"bandwith": 1.0}, "a link has no field 'bandwith'; there is bandwidth_bytes_per_s"),
        ({"bandwidth_bytes_per_s": "fast", "latency_s": 0.0}, "bandwidth_bytes_per_s must be a number, not 'fast'"),
        ({"bandwidth_bytes_per_s": 1.0, "latency_s": 0.0, "protocols": 3}, "protocols must be a list"),
        ({"bandwidth_bytes_per_s": 1.0, "latency_s": 0.0, "protocols": [{"name": "ll"}]}, "lacks ring_share"),
    ],
)  # fmt: skip
def test_wrong_documents_are_refused(document: Any, message: str) -> None:
    with pytest.raises(CostModelError, match=message):
        Link.from_json(document)
