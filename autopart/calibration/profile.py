"""The profile as a file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml

from autopart.costmodel.profile import Device
from autopart.errors import CalibrationError
from autopart.search.atomic import replace_file

_HEADER = """\
# Measured by scripts/calibrate.py on the devices that JAX saw, all of them at work. Units: see costmodel.Device.
# collective_lines: by kind and number of devices taking part, seconds before the first byte and seconds a byte in full.
"""


def check_writable(path: Path) -> None:
    """Checks, before anything is measured, that the profile can be written.

    Raises:
        CalibrationError: it cannot.
    """
    if path.suffix != ".yaml":
        raise CalibrationError(f"{path}: a device profile is a .yaml file, such as {path.with_suffix('.yaml')}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise CalibrationError(f"cannot write {path}: {error.strerror}. Fix: choose another with --output") from error


def write_profile(device: Device, path: Path) -> None:
    """Writes the profile; whoever reads at the same time finds the old file or the new one, never a part.

    Raises:
        CalibrationError: it cannot be written.
    """
    check_writable(path)
    document = device.to_json()
    plain = document | {"links": dict(document["links"])}
    text = _HEADER + yaml.safe_dump(plain, sort_keys=False, default_flow_style=None, width=120)
    try:
        replace_file(path, text.encode())
    except OSError as error:
        raise CalibrationError(f"cannot write {path}: {error.strerror}. Fix: choose another with --output") from error
