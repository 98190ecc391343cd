"""Calibration: lines are recovered, profiles are read back, and mistakes are explained."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import jax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopart.calibration import calibrate, effort_for, fit_line, number_of_probes, write_profile
from autopart.calibration.communication import KINDS, sizes_of_axes
from autopart.calibration.effort import QUICK
from autopart.calibration.fit import typical
from autopart.calibration.measure import Calibration
from autopart.calibration.ops import convolution_tile
from autopart.calibration.tables import tables
from autopart.costmodel import Mesh, device
from autopart.costmodel.collectives import collective_time, pack_axes
from autopart.costmodel.kinds import KIND_NAMES
from autopart.costmodel.profile import SLOW_OPS
from autopart.errors import CalibrationError

SIZES = [4096.0, 65536.0, 1048576.0, 8388608.0]


@given(st.floats(1e-7, 1e-2), st.floats(1e-13, 1e-7))
def test_a_line_is_recovered_from_exact_timings(start_s: float, s_per_byte: float) -> None:
    line = fit_line(SIZES, [start_s + size * s_per_byte for size in SIZES])
    # To what a thousandth of the timing of the size that shows each term best allows.
    assert math.isclose(line.start_s, start_s, abs_tol=1e-3 * (start_s + SIZES[0] * s_per_byte))
    assert math.isclose(line.s_per_byte * SIZES[-1], s_per_byte * SIZES[-1], abs_tol=1e-3 * line(SIZES[-1]))
    assert max(map(abs, line.residuals)) < 1e-3


@given(
    st.floats(1e-6, 1e-3),
    st.floats(1e-11, 1e-8),
    st.lists(st.floats(0.8, 1.25), min_size=len(SIZES), max_size=len(SIZES)),
)
def test_noise_moves_a_line_no_further_than_its_own_size(start_s: float, s_per_byte: float, noise: list[float]) -> None:
    line = fit_line(SIZES, [(start_s + size * s_per_byte) * factor for size, factor in zip(SIZES, noise, strict=True)])
    assert line.start_s >= 0
    assert line.s_per_byte >= 0
    for size in SIZES:
        assert 0.5 < line(size) / (start_s + size * s_per_byte) < 2


def test_what_is_far_above_counts_as_much_as_what_is_far_below() -> None:
    sizes, plain = [0.0, 1.0], [1e-6, 1e-6]
    for factor in (4.0, 1 / 4):
        line = fit_line([*sizes, *sizes], [*plain, *(factor * seconds for seconds in plain)])
        assert line(0.0) == pytest.approx(factor**0.5 * 1e-6, rel=1e-3)
        assert line(1.0) == pytest.approx(factor**0.5 * 1e-6, rel=1e-3)


def test_the_tile_of_convolutions_is_found() -> None:
    rates = [(features, 5e10 * min(features / 32, 1)) for features in (8, 16, 32, 64)]
    assert convolution_tile(rates) == 32
    assert convolution_tile([(8, 1e9), (64, 1e9)]) in (1, 8)


def test_terms_are_never_negative() -> None:
    falling = fit_line([1.0, 2.0], [2e-6, 1e-6])
    assert falling.s_per_byte == 0
    assert 1e-6 < falling.start_s < 2e-6
    steep = fit_line([1.0, 2.0], [1e-6, 4e-6])
    assert steep.start_s == 0
    assert 1e-6 < steep.s_per_byte < 2e-6
    assert steep.worst == max(steep.residuals, key=abs)


@pytest.mark.parametrize(
    ("sizes", "seconds"), [([1.0], [1.0]), ([1.0, 1.0], [1.0, 2.0]), ([1.0, 2.0], [0.0, 1.0]), ([1.0, 2.0], [1.0])]
)
def test_timings_that_say_nothing_are_refused(sizes: list[float], seconds: list[float]) -> None:
    with pytest.raises(CalibrationError):
        fit_line(sizes, seconds)


def test_typical_is_the_geometric_mean() -> None:
    assert typical([1.0, 4.0]) == pytest.approx(2.0)
    with pytest.raises(CalibrationError, match="positive"):
        typical([])


def test_axes_of_2_4_8() -> None:
    assert [sizes_of_axes(n) for n in (1, 2, 6, 8)] == [(), (2,), (2, 4), (2, 4, 8)]


@pytest.fixture(scope="module")
def measured() -> tuple[Calibration, list[str]]:
    probes: list[str] = []
    return calibrate("mine", QUICK, probes.append), probes


def test_everything_is_measured(measured: tuple[Calibration, list[str]]) -> None:
    calibration, probes = measured
    assert len(probes) == number_of_probes(QUICK, len(jax.devices()))
    assert set(calibration.lines) == set(KINDS) == set(KIND_NAMES) - {"all_slice"}
    assert all(set(lines) == {2, 4, 8} for lines in calibration.lines.values())
    profile = calibration.device
    assert min(profile.peak_flops.values()) > 0
    assert min(profile.vector_rate, profile.transcendental_rate) > 0
    assert not profile.overlaps
    assert set(profile.op_rates) == set(calibration.ops) == set(SLOW_OPS)
    assert profile.rearranging_s_per_byte > 0
    assert [table.row_count for table in tables(calibration)][1] == len(KINDS) * 3


def test_a_profile_is_read_back_and_priced(tmp_path: Path, measured: tuple[Calibration, list[str]]) -> None:
    calibration, _ = measured
    path = tmp_path / "device" / "mine.yaml"
    write_profile(calibration.device, path)
    assert device(str(path)) == calibration.device
    assert [file.name for file in path.parent.iterdir()] == ["mine.yaml"]
    mesh = Mesh({"batch": 4, "model": 2}, str(path))
    line = calibration.lines["all_reduce"][8]
    priced = collective_time(KIND_NAMES.index("all_reduce"), 1e6, pack_axes([0, 1]), mesh.links().table)
    assert priced == pytest.approx(line(1e6))


def test_what_cannot_be_written_is_told(tmp_path: Path, measured: tuple[Calibration, list[str]]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CalibrationError, match="cannot write"):
        write_profile(measured[0].device, tmp_path / "file" / "mine.yaml")
    with pytest.raises(CalibrationError, match=r"mine\.yaml"):
        write_profile(measured[0].device, tmp_path / "mine.json")


def test_one_device_is_too_few() -> None:
    program = (
        "import jax; jax.config.update('jax_num_cpu_devices', 1); "
        "from autopart.calibration import calibrate; calibrate('mine')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "CalibrationError: collectives need two devices at least; JAX sees 1" in done.stderr


def test_accelerators_are_given_more_to_do() -> None:
    host, accelerator = effort_for("cpu"), effort_for("gpu")
    assert accelerator.matmul_flops > 1e3 * host.matmul_flops
    assert effort_for("gpu", quick=True) == QUICK
