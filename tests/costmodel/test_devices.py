"""Profiles: published figures, fallbacks between dtypes, mistakes."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace
from typing import Any

import pytest

from costmodel import DEVICES, CostModelError, Device, Link, device


def test_a_tpu_v3_device_is_a_core() -> None:
    core = device("tpu_v3")
    assert core.hbm_bytes == 17_179_869_184
    assert core.flops_for("bfloat16") == 61.5e12
    assert core.hbm_bandwidth_bytes_per_s == 450e9


@pytest.mark.parametrize("name", DEVICES)
def test_profiles_are_sound(name: str) -> None:
    profile = device(name)
    assert profile.name == name
    assert hash(profile) == hash(copy.deepcopy(profile))
    assert pickle.loads(pickle.dumps(profile)) == profile
    assert Device.from_json(json.loads(json.dumps(profile.to_json()))) == profile
    # Memory is slower than arithmetic and faster than links, everywhere.
    assert profile.flops_for("float32") > profile.hbm_bandwidth_bytes_per_s
    assert profile.hbm_bandwidth_bytes_per_s > profile.link_bandwidth_bytes_per_s


@pytest.mark.parametrize(
    ("name", "dtype", "same_as"),
    [
        ("h100", "float8_e4m3fn", "float8"),
        ("a100", "float8_e5m2", "bfloat16"),
        ("h100", "int4", "int8"),
        ("tpu_v3", "uint8", "bfloat16"),
        ("tpu_v4", "bool", "int8"),
        ("tpu_v4", "float16", "bfloat16"),
        ("tpu_v4", "float64", "float32"),
        ("tpu_v4", "int32", "float32"),
        ("cpu", "complex64", "float32"),
    ],
)
def test_a_dtype_without_a_figure_takes_its_neighbour_s(name: str, dtype: str, same_as: str) -> None:
    profile = device(name)
    assert dtype not in profile.peak_flops
    assert profile.flops_for(dtype) == profile.peak_flops[same_as]


def test_an_unknown_device_is_told_the_known_ones() -> None:
    with pytest.raises(CostModelError, match=r"unknown device 'tpu'; known: tpu_v3, .*h100, cpu\."):
        device("tpu")


def test_profiles_cannot_be_changed() -> None:
    assert not hasattr(DEVICES, "__setitem__")
    assert not hasattr(device("cpu").peak_flops, "__setitem__")
    with pytest.raises(AttributeError):
        device("cpu").hbm_bytes = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"peak_flops": {"bfloat16": 1e12}}, "lacks float32"),
        ({"peak_flops": {"bfloat16": 1e12, "float32": -1.0}}, "float32.*must be positive"),
        ({"hbm_bytes": 0}, "hbm_bytes must be positive"),
        ({"hbm_bandwidth_bytes_per_s": float("nan")}, "must be positive"),
        ({"link_bandwidth_bytes_per_s": 0.0}, "link bandwidth must be positive"),
        ({"link_latency_s": -1.0}, "latency must not be negative"),
        ({"matmul_efficiency": 1.5}, "matmul_efficiency"),
    ],
)
def test_impossible_figures_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CostModelError, match=message):
        replace(device("cpu"), **change)


def test_a_document_must_have_every_field() -> None:
    document = device("cpu").to_json()
    del document["torus"]
    with pytest.raises(CostModelError, match="torus"):
        Device.from_json(document)


def test_both_directions_count_on_a_ring_that_closes() -> None:
    ring, switch = Link(10.0, 0.0, torus=True), Link(10.0, 0.0)
    assert [ring.ring_bandwidth_bytes_per_s(n) for n in (1, 2, 3, 16)] == [10.0, 10.0, 20.0, 20.0]
    assert switch.ring_bandwidth_bytes_per_s(16) == 10.0
