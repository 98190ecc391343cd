"""``device=mine``: a profile in the folder where one is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from autopart.calibration import write_profile
from autopart.costmodel import device
from tests.autopart.commands import autopart_here


def test_a_profile_of_this_folder_is_found_by_name(tmp_path: Path) -> None:
    mine = dataclasses.replace(device("cpu"), name="mine", hbm_usable_bytes=12345678)
    write_profile(mine, tmp_path / "device" / "mine.yaml")
    choices = ["model=mlp", "model.fields.preset=tiny", "mesh=cpu_4x2", "device=mine", "search.simulations=1"]
    done = autopart_here(tmp_path, *choices)
    assert done.returncode == 0, done.stderr
    assert "mine device has 11.77 MiB" in " ".join(done.stdout.split())
