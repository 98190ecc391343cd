"""``device=mine``: a profile in the folder where one is."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

from autopart.calibration import write_profile
from autopart.costmodel import device


def test_a_profile_of_this_folder_is_found_by_name(tmp_path: Path) -> None:
    mine = dataclasses.replace(device("cpu"), name="mine", hbm_usable_bytes=12345678)
    write_profile(mine, tmp_path / "device" / "mine.yaml")
    root = Path(__file__).parents[2]
    choices = ["model=mlp", "model.fields.preset=tiny", "mesh=cpu_4x2", "device=mine", "search.simulations=1"]
    done = subprocess.run(
        [sys.executable, "-m", "autopart.cli", *choices],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.returncode == 0, done.stderr
    assert "mine device has 11.77 MiB" in " ".join(done.stdout.split())
