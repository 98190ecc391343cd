"""Profiles: the files that there are, published figures, fallbacks between dtypes, mistakes."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from autopart.costmodel import CostModelError, Device, Mesh, device, device_names, device_of
from autopart.testing import DeviceConformance, check_device

SHIPPED = ("a100", "b200", "cpu", "h100", "h200", "tpu_v3", "tpu_v4", "tpu_v5e", "tpu_v5p", "tpu_v6e")


def document(name: str) -> Any:
    return yaml.safe_load((files("autopart.configs") / "device" / f"{name}.yaml").read_text(encoding="utf-8"))


def test_the_shipped_profiles_are_there() -> None:
    assert set(device_names()) >= set(SHIPPED)


def test_a_tpu_v3_device_is_a_core() -> None:
    core = device("tpu_v3")
    assert core.hbm_bytes == 17_179_869_184
    assert core.flops_for("bfloat16") == 61.5e12
    assert core.hbm_bandwidth_bytes_per_s == 450e9


def test_what_the_tpu_compiler_leaves_of_memory() -> None:
    gib = {name: device(name).hbm_usable_bytes / 2**30 for name in SHIPPED if name.startswith("tpu")}
    expected = {"tpu_v3": 15.48, "tpu_v4": 30.75, "tpu_v5e": 15.75, "tpu_v5p": 95.74, "tpu_v6e": 31.25}
    assert gib == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("name", SHIPPED)
def test_profiles_are_sound(name: str) -> None:
    profile = device(name)
    assert profile.name == name
    check_device(profile)


class TestOneOfAUsers(DeviceConformance):
    def make(self) -> Device:
        return replace(device("cpu"), name="mine", vector_flops=3e9)


def test_the_laws_can_fail() -> None:
    with pytest.raises(AssertionError, match="a link is faster than what is nearer"):
        check_device(replace(device("tpu_v4"), hbm_bandwidth_bytes_per_s=1e9))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_figure_has_a_source(name: str) -> None:
    text = document(name)
    figures = {field for field in text if field not in ("name", "links", "source")}
    figures |= {f"links.{kind}.{field}" for kind, link in text["links"].items() for field in link}
    assert set(text["source"]) == figures
    assert all(len(source) > 5 for source in text["source"].values())


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
    with pytest.raises(
        CostModelError, match=r"unknown device 'tpu'; known: tpu_v4, .*a100, .*tpu_v6e\. Or describe yours"
    ):
        device("tpu")


def test_profiles_cannot_be_changed() -> None:
    for mapping in (device("cpu").peak_flops, device("cpu").links):
        assert not hasattr(mapping, "__setitem__")
    with pytest.raises(AttributeError):
        device("cpu").hbm_bytes = 1  # type: ignore[misc]


def test_a_file_of_one_s_own(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump(document("cpu") | {"name": "mine", "vector_flops": "3e9", "matmul_tile": [2, 4, 8]}))
    profile = device(str(mine))
    assert profile == replace(device("cpu"), name="mine", vector_flops=3e9, matmul_tile=(2, 4, 8))
    mesh = Mesh({"data": 2}, str(mine))
    assert mesh.device == profile  # So that it is whole in a plan, wherever the file goes.
    assert Mesh.from_json(json.loads(json.dumps(mesh.to_json()))) == mesh


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speed": 1.0}, r"mine\.yaml: a device has no field 'speed'; there is name, "),
        ({"name": 3}, "name must be text"),
        ({"peak_flops": 3.0}, "peak_flops must be figures by dtype"),
        ({"op_rates": 3}, "op_rates must be figures by class of ops"),
        ({"op_rates": {"gather": "slow"}}, "op_rates: gather must be a number"),
        ({"collective_lines": 3}, "collective_lines must be lines by kind"),
        ({"peak_flops": {"bfloat16": 1.0}}, "peak_flops lacks float32: add it"),
        ({"peak_flops": {"bfloat16": 1.0, "float32": [1]}}, "peak_flops: float32 must be a number"),
        ({"vector_flops": "fast"}, "vector_flops must be a number, not 'fast'"),
        ({"matmul_tile": 8}, "matmul_tile must be three whole numbers"),
        ({"overlaps": "maybe"}, "overlaps must be true or false"),
        ({"lanes": 0}, "lanes must be positive"),
        ({"divides_in_products": 1}, "divides_in_products must be true or false"),
        ({"links": {}}, "links must name at least one"),
        ({"links": 3}, "links must be descriptions by name"),
        ({"links": {"host": {"latency_s": 0.0}}}, r"mine\.yaml: links\.host: a link lacks bandwidth_bytes_per_s"),
    ],
)
def test_a_wrong_file_is_told_with_file_field_and_fix(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump(document("cpu") | change))
    with pytest.raises(CostModelError, match=message):
        device(str(mine))


def test_a_missing_field_or_file_is_told(tmp_path: Path) -> None:
    without = {name: value for name, value in document("cpu").items() if name != "hbm_bytes"}
    with pytest.raises(CostModelError, match="device: a device lacks hbm_bytes: add it"):
        device_of(without, "device")
    with pytest.raises(CostModelError, match="device: must be the fields of a device, not 3"):
        device_of(3, "device")
    with pytest.raises(CostModelError, match=r"no device profile at gone\.yaml; known by name: a100"):
        device("gone.yaml")
    torn = tmp_path / "torn.yaml"
    torn.write_text("name: [")
    with pytest.raises(CostModelError, match="cannot be read as YAML"):
        device(str(torn))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"peak_flops": {"bfloat16": 1e12}}, "lacks float32"),
        ({"peak_flops": {"bfloat16": 1e12, "float32": -1.0}}, "float32.*must be positive"),
        ({"hbm_bytes": 0}, "hbm_bytes must be positive"),
        ({"hbm_usable_bytes": 2**60}, "hbm_usable_bytes must not exceed"),
        ({"hbm_bandwidth_bytes_per_s": float("nan")}, "must be positive"),
        ({"matmul_efficiency": 1.5}, "matmul_efficiency"),
        ({"op_overhead_s": -1.0}, "op_overhead_s must not be negative"),
        ({"convolution_tile": 0}, "convolution_tile must be 1 or more"),
        ({"rearranging_s_per_byte": -1.0}, "rearranging_s_per_byte must not be negative"),
        ({"op_rates": {"sorting": 1.0}}, "op_rates may have convolution, .*, not sorting"),
        ({"op_rates": {"gather": 0.0}}, r"op_rates\['gather'\] must be positive"),
        ({"transcendental_flops": 0.0}, "transcendental_flops must be positive"),
        ({"matmul_tile": (1, 1)}, "matmul_tile must be rows, columns and depth"),
        ({"matmul_tile": (1, 0, 1)}, "matmul_tile must be rows, columns and depth"),
        ({"links": {"a": device("tpu_v4").links["ici"], "b": device("tpu_v3").links["ici"]}}, "one torus at most"),
    ],
)
def test_impossible_figures_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CostModelError, match=message):
        replace(device("cpu"), **change)


REQUIRED = ("name", "peak_flops", "hbm_bytes", "hbm_bandwidth_bytes_per_s", "matmul_efficiency", "links")


@pytest.mark.parametrize("field", REQUIRED)
def test_a_document_must_have_what_has_no_default(field: str) -> None:
    text = device("cpu").to_json()
    del text[field]
    with pytest.raises(CostModelError, match=f"lacks {field}"):
        Device.from_json(text)


def test_what_may_be_left_out() -> None:
    short = Device.from_json({name: value for name, value in device("h100").to_json().items() if name in REQUIRED})
    assert short.hbm_usable_bytes == short.hbm_bytes
    assert short.vector_rate == short.transcendental_rate == 0.6 * 494e12
    assert (short.matmul_tile, short.op_overhead_s, short.overlaps) == ((1, 1, 1), 0.0, True)
    assert replace(short, vector_flops=3e12).transcendental_rate == 3e12
    assert replace(short, vector_flops=3e12, transcendental_flops=1e12).transcendental_rate == 1e12


def test_rates_of_ops_are_kept_and_tell_devices_apart() -> None:
    slow = replace(device("cpu"), op_rates={"convolution": 1e9, "gather": 1e8}, rearranging_s_per_byte=1e-9)
    slow = replace(slow, convolution_tile=32)
    assert Device.from_json(json.loads(json.dumps(slow.to_json()))) == slow
    assert slow != replace(slow, op_rates={"convolution": 1e9})
    assert hash(slow) != hash(replace(slow, rearranging_s_per_byte=0.0))
    assert not device("cpu").op_rates
