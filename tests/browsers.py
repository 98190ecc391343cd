"""The browser that some tests drive, where there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from autopart.benchmarks.browser import NoBrowserError, chromium


@contextmanager
def opened() -> Iterator[Any]:
    """A browser (``playwright.sync_api.BrowserContext``).

    Where there is none the test is skipped; it fails where AUTOPART_BROWSER is "required".
    """
    with ExitStack() as stack:
        try:
            context = stack.enter_context(chromium())
        except NoBrowserError as error:
            if os.environ.get("AUTOPART_BROWSER") == "required":
                pytest.fail(str(error))
            pytest.skip(str(error))
        yield context
