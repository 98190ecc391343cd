"""The conformance suites are there for those who ask for them."""

from __future__ import annotations

import subprocess
import sys


def loaded(statement: str, module: str) -> bool:
    code = f"{statement}; import sys; sys.exit(any(m == {module!r} for m in sys.modules))"
    return subprocess.run([sys.executable, "-c", code], check=False, timeout=300).returncode == 1


def test_autopart_does_not_import_them() -> None:
    assert not loaded("import autopart", "autopart.testing")


def test_they_do_not_import_a_test_framework() -> None:
    assert loaded("import autopart.testing", "autopart.testing.strategies")
    assert not loaded("import autopart.testing", "pytest")
    assert not loaded("import autopart.testing", "hypothesis")
