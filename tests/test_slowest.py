"""``--slowest``: seconds of a test's phases add up to the test's, and those of tests to their file's."""

from __future__ import annotations

from typing import Literal

import pytest

from tests.slowest import Slowest


class Written:
    """A terminal that keeps what is written."""

    def __init__(self) -> None:
        self.title = ""
        self.rows: list[list[str]] = []

    def section(self, title: str) -> None:
        self.title = title

    def write_line(self, line: str) -> None:
        self.rows.append(line.split())


def told(slowest: Slowest, test: str, phase: Literal["setup", "call"], cpu_s: float, wall_s: float) -> None:
    properties = [("cpu_s", cpu_s), ("other", 9.0)]
    slowest.pytest_runtest_logreport(
        pytest.TestReport(test, (test, 0, test), {}, "passed", None, phase, duration=wall_s, user_properties=properties)
    )


def test_files_and_tests_by_cpu_seconds() -> None:
    slowest, written = Slowest(2), Written()
    told(slowest, "a.py::one", "setup", 1.0, 9.0)
    told(slowest, "a.py::one", "call", 2.0, 1.0)
    told(slowest, "b.py::two", "call", 4.0, 0.5)
    told(slowest, "a.py::three", "call", 2.5, 0.5)
    slowest.pytest_terminal_summary(written)
    assert written.title == "slowest: 10 CPU s in 2 files"
    assert written.rows == [
        ["files", "CPU", "s", "wall", "s"],
        ["5.5", "10.5", "a.py"],
        ["4.0", "0.5", "b.py"],
        ["tests", "CPU", "s", "wall", "s"],
        ["4.0", "0.5", "b.py::two"],
        ["3.0", "10.0", "a.py::one"],
    ]
