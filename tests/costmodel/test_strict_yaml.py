"""YAML that names a key twice is refused, by line; what is sound is read as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from autopart.costmodel.devices import device, device_names
from autopart.costmodel.errors import CostModelError
from autopart.costmodel.nearness import near_misses, nearest_first
from autopart.costmodel.strict_yaml import read_yaml, yaml_text

SOUND = """
base: &base {a: 1, b: [2, {c: 3}]}
more: {<<: *base, a: 4}
again: {<<: *base, a: 5, "1": x, 1: y}
"""


def test_what_is_sound_is_read_as_by_any_reader() -> None:
    assert read_yaml(SOUND) == yaml.safe_load(SOUND)
    assert read_yaml("") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: found duplicate key a"),
        ("x:\n- y: {z: 1, 'z': 2}\n", "line 2: found duplicate key z"),
        ("{1: a, 1: b}", "line 1: found duplicate key 1"),
        ("a: [1\nb: 2", "line 2: expected ',' or ']'"),
        ("when: 2026-13-45", "month must be in 1..12"),
    ],
)
def test_what_is_wrong_is_a_line_that_says_where(text: str, said: str) -> None:
    with pytest.raises(yaml.YAMLError) as caught:
        read_yaml(text)
    assert yaml_text(caught.value).startswith(said)
    assert "\n" not in yaml_text(caught.value)


def test_a_device_file_that_says_a_figure_twice_is_refused(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("name: mine\nhbm_bytes: 1\nhbm_bytes: 2\n")
    with pytest.raises(CostModelError, match=r"mine\.yaml cannot be read as YAML: line 3: found duplicate key hbm_byt"):
        device(str(mine))


def test_names_that_are_near_come_first() -> None:
    assert nearest_first("mtcs", ["beam", "mcts", "ilp"]) == ["mcts", "beam", "ilp"]
    assert near_misses("H101", ["a100", "h100", "h200"])[0] == "h100"
    assert near_misses("nope", ["beam", "ilp"]) == []
    with pytest.raises(CostModelError, match="unknown device 'tpu_v33'; known: tpu_v3, "):
        device("tpu_v33")
    assert nearest_first("zzz", device_names()) == list(device_names())
