"""Debian's Chromium without a window, driven by Playwright: where pages are opened that a person would open."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

_FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class NoBrowserError(Exception):
    """There is no browser to drive; the message says what to install."""


@contextmanager
def chromium() -> Iterator[BrowserContext]:
    """Opens a browser with a profile of its own, which is gone when it is closed.

    Raises:
        NoBrowserError: Chromium or Playwright is not installed.
    """
    executable = shutil.which("chromium")
    if executable is None:
        raise NoBrowserError("there is no chromium. Fix: apt install chromium, or bash scripts/test.sh as root.")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise NoBrowserError("there is no playwright. Fix: bash scripts/setup_venv.sh.") from error
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=executable,
            headless=True,
            args=list(_FLAGS),
            viewport={"width": 1280, "height": 760},
        )
        try:
            yield context
        finally:
            context.close()
