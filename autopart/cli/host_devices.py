"""The host's own devices, which is all that searching and verifying need."""

from __future__ import annotations

import jax

_DEVICES = 8
"""How many the CPU is taken for: plans are executed on so many to verify them."""


def use_host_devices() -> None:
    """Leaves the machine's accelerators alone; to be called before JAX looks for devices."""
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", _DEVICES)
