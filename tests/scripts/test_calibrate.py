"""The calibration script: end to end in tiny, and its mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autopart.costmodel import device
from scripts import calibrate
from scripts.calibrate import main


def test_a_quick_calibration_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "device" / "mine.yaml"
    assert main(["--quick", "--json", "--output", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "matmul float32" in shown
    assert "collective_permute" in shown
    assert json.loads(shown.splitlines()[-1]) == device(str(path)).to_json()
    assert device(str(path)).name == "mine"


def test_an_unwritable_path_is_told_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["--output", str(tmp_path / "file" / "mine.yaml")]) == 2
    assert "--output" in capsys.readouterr().err


def test_another_number_of_devices_than_jax_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--devices", "4", "--output", str(tmp_path / "mine.yaml")]) == 2
    assert "8 devices already" in capsys.readouterr().err


def test_too_few_devices(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--devices", "1"])
    assert "at least 2" in capsys.readouterr().err


def test_ctrl_c_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(calibrate, "calibrate", interrupted)
    assert main(["--quick", "--output", str(tmp_path / "mine.yaml")]) == 130
    assert "nothing was written" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
