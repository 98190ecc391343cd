"""Tests in a browser are skipped where there is none, unless they are required."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from autopart.benchmarks.browser import NoBrowserError, chromium

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

ROOT = Path(__file__).parents[2]
TEST = "tests/search/test_explorer.py::test_the_keys_walk_the_tree"


def test_without_chromium_the_fix_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoBrowserError, match="Fix: apt install chromium"), chromium():
        pass


@pytest.mark.parametrize(
    ("setting", "status", "words"), [("", 0, "1 skipped"), ("required", 1, "there is no chromium")]
)
def test_a_test_in_a_browser_is_skipped_unless_it_is_required(setting: str, status: int, words: str) -> None:
    environment = {**os.environ, "PATH": "", "AUTOPART_BROWSER": setting}
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "-q", TEST]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == status, run.stdout
    assert words in run.stdout


def test_it_opens_a_page(browser: BrowserContext) -> None:
    page = browser.new_page()
    page.goto("data:text/html,<p>hello")
    assert page.inner_text("p") == "hello"
    page.close()
