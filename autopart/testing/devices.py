"""What a device profile promises."""

from __future__ import annotations

import copy
import json
import pickle

from autopart.costmodel import Device, Mesh


def check_device(profile: Device) -> None:
    """Asserts that a profile is kept by files and pickles, stands in a mesh, and that its figures are of a machine.

    Farther links are slower than nearer ones, all links than memory, and memory than arithmetic.
    """
    assert hash(profile) == hash(copy.deepcopy(profile))
    assert pickle.loads(pickle.dumps(profile)) == profile
    assert Device.from_json(json.loads(json.dumps(profile.to_json(), sort_keys=True))) == profile
    speeds = [profile.hbm_bandwidth_bytes_per_s, *(link.bandwidth_bytes_per_s for link in profile.links.values())]
    assert speeds == sorted(speeds, reverse=True), f"{profile.name}: a link is faster than what is nearer: {speeds}"
    assert profile.flops_for("float32") > profile.hbm_bandwidth_bytes_per_s
    assert profile.flops_for("float32") > profile.vector_rate
    assert 0 < profile.hbm_usable_bytes <= profile.hbm_bytes
    mesh = Mesh({"data": 4, "model": 2}, profile)
    assert mesh.device_profile == profile
    assert Mesh.from_json(json.loads(json.dumps(mesh.to_json()))) == mesh
    assert (mesh.links().sizes == [4, 2]).all()


class DeviceConformance:
    """Tests of a device profile; derive from it and write ``make``."""

    def make(self) -> Device:
        """The profile to test."""
        raise NotImplementedError

    def test_it_is_sound(self) -> None:
        """See ``check_device``."""
        check_device(self.make())

    def test_any_dtype_has_a_speed(self) -> None:
        """A dtype that the profile does not name has that of a neighbour."""
        profile = self.make()
        for dtype in ("bfloat16", "float16", "float32", "float64", "int8", "int32", "bool", "complex64"):
            assert profile.flops_for(dtype) > 0
