"""Tests in a browser are skipped where there is none, unless they are required."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autopart.benchmarks.browser import NoBrowserError, chromium
from tests.browsers import opened

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


def test_without_chromium_the_fix_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoBrowserError, match="Fix: apt install chromium"), chromium():
        pass


@pytest.mark.parametrize(("setting", "outcome"), [("", pytest.skip.Exception), ("required", pytest.fail.Exception)])
def test_a_test_in_a_browser_is_skipped_unless_it_is_required(
    setting: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("AUTOPART_BROWSER", setting)
    with pytest.raises(outcome, match="there is no chromium"), opened():
        pass


def test_it_opens_a_page(browser: BrowserContext) -> None:
    page = browser.new_page()
    page.goto("data:text/html,<p>hello")
    assert page.inner_text("p") == "hello"
    page.close()
