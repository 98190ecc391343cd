"""The meshes of a number of devices, and which of them are one."""

from __future__ import annotations

import math

import pytest

from autopart.costmodel.mesh import Mesh
from autopart.costmodel.shapes import are_twins, factorisations


def test_all_orders_of_up_to_two_axes() -> None:
    assert factorisations(32, 1) == [(32,)]
    assert factorisations(32, 2) == [(32,), (16, 2), (8, 4), (4, 8), (2, 16)]
    assert factorisations(7, 3) == [(7,)]
    assert factorisations(1, 2) == []


@pytest.mark.parametrize("devices", [12, 32, 60])
def test_three_axes_have_all_ordered_triples(devices: int) -> None:
    found = factorisations(devices, 3)
    divisors = range(2, devices)
    triples = {(a, b, devices // a // b) for a in divisors for b in divisors if devices % (a * b) == 0}
    assert {sizes for sizes in found if len(sizes) == 3} == {t for t in triples if t[2] > 1}
    assert len(set(found)) == len(found)
    assert all(math.prod(sizes) == devices for sizes in found)
    assert [len(sizes) for sizes in found] == sorted(len(sizes) for sizes in found)


def mesh(*sizes: int, device: str) -> Mesh:
    return Mesh(dict(zip("abc", sizes, strict=False)), device)


def test_behind_one_switch_order_does_not_matter() -> None:
    assert are_twins(mesh(4, 2, device="cpu"), mesh(2, 4, device="cpu"))
    assert are_twins(mesh(2, 4, 3, device="cpu"), mesh(3, 2, 4, device="cpu"))
    assert not are_twins(mesh(4, 2, device="cpu"), mesh(8, device="cpu"))


def test_where_near_links_are_faster_it_does() -> None:
    assert not are_twins(mesh(16, 2, device="tpu_v3"), mesh(2, 16, device="tpu_v3"))
    assert not are_twins(mesh(4, 8, device="h100"), mesh(8, 4, device="h100"))
    assert are_twins(mesh(4, 2, device="h100"), mesh(2, 4, device="h100"))  # All within one NVLink domain.


def test_axes_that_share_wires_are_no_twins_of_axes_that_do_not() -> None:
    square = Mesh({"a": 4, "b": 4}, "tpu_v5e", topology=(4, 4))
    assert are_twins(square, Mesh({"x": 4, "y": 4}, "tpu_v5e", topology=(4, 4)))
    assert not are_twins(square, Mesh({"a": 4, "b": 4}, "tpu_v5e", topology=(16, 1)))


def test_other_devices_are_no_twins() -> None:
    assert not are_twins(mesh(4, 2, device="a100"), mesh(4, 2, device="h100"))
