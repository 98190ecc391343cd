"""What every test stands on: eight host devices, properties that repeat exactly, and a browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"

import hypothesis
import jax
import pytest

from autopart.benchmarks.browser import NoBrowserError, chromium

jax.config.update("jax_num_cpu_devices", 8)

hypothesis.settings.register_profile("steady", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("steady")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser (``playwright.sync_api.BrowserContext``).

    Where there is none the test is skipped; it fails where AUTOPART_BROWSER is "required".
    """
    with ExitStack() as stack:
        try:
            yield stack.enter_context(chromium())
        except NoBrowserError as error:
            if os.environ.get("AUTOPART_BROWSER") == "required":
                pytest.fail(str(error))
            pytest.skip(str(error))
