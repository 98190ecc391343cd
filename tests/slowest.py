"""Where the time of the tests goes: ``--slowest N`` lists files and tests by the CPU seconds that they took.

CPU rather than wall-clock seconds, so that what a busy machine shows is what an idle one would.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from os import times
from typing import Protocol

import pytest

_CPU_S = "cpu_s"


def cpu_s() -> float:
    """CPU seconds of this process and of children that have ended and were waited for."""
    now = times()
    return now.user + now.system + now.children_user + now.children_system


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slowest", type=int, default=0, metavar="N", help="list N files and tests of most CPU s")


class Terminal(Protocol):
    """What is written to: pytest's reporter."""

    def section(self, title: str) -> None: ...

    def write_line(self, line: str) -> None: ...


class Slowest:
    """Adds up what each test took; under xdist the workers measure and the controller adds up."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.cpu_s: dict[str, float] = defaultdict(float)
        self.wall_s: dict[str, float] = defaultdict(float)
        self._before = cpu_s()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Between two reports of a process lies what the second one tells of."""
        report = yield
        now = cpu_s()
        report.user_properties.append((_CPU_S, now - self._before))
        self._before = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == _CPU_S:
                self.cpu_s[report.nodeid] += float(str(value))
        self.wall_s[report.nodeid] += report.duration

    def pytest_terminal_summary(self, terminalreporter: Terminal) -> None:
        files: dict[str, float] = defaultdict(float)
        walls: dict[str, float] = defaultdict(float)
        for test, seconds in self.cpu_s.items():
            files[test.partition("::")[0]] += seconds
            walls[test.partition("::")[0]] += self.wall_s[test]
        total = sum(files.values())
        terminalreporter.section(f"slowest: {total:.0f} CPU s in {len(files)} files")
        for title, cpu, wall in (("files", files, walls), ("tests", self.cpu_s, self.wall_s)):
            terminalreporter.write_line(f"{title:>8}  CPU s  wall s")
            for name in sorted(cpu, key=lambda name: -cpu[name])[: self.count]:
                terminalreporter.write_line(f"{'':8} {cpu[name]:6.1f}  {wall[name]:6.1f}  {name}")


def pytest_configure(config: pytest.Config) -> None:
    count = config.getoption("--slowest")
    if count:
        config.pluginmanager.register(Slowest(count), "slowest-tests")
