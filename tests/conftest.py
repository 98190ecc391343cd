"""What every test stands on: eight host devices, properties that repeat exactly, and a browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"
# Each of the many programs runs once: to compile it well takes longer than to run it badly. Processes inherit it.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "true")

import jax
import pytest

from autopart.search import Cluster
from autopart.search.crew import connected
from tests.browsers import opened
from tests.examples import load_profile

pytest_plugins = ["tests.slowest"]

jax.config.update("jax_num_cpu_devices", 8)

load_profile()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser, or the test is skipped; see ``opened``."""
    with opened() as context:
        yield context


@pytest.fixture(scope="module")
def local_ray() -> Iterator[None]:
    """A cluster of three CPUs that searches of this process use, started as a search would start it."""
    with connected(Cluster(object_store_bytes=100_000_000), 3):
        yield
