#!/usr/bin/env python
"""Measures the devices that JAX sees and writes a device profile for `autopart`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import jax
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from autopart.calibration import Calibration, calibrate, effort_for, number_of_probes, write_profile
from autopart.calibration.profile import check_writable
from autopart.calibration.tables import tables
from autopart.costmodel.errors import CostModelError
from autopart.errors import CalibrationError

DEFAULT_OUTPUT = Path("device/mine.yaml")
HELP = """\
What is measured, on all devices at the same time (those of a host share its cores, as they do in a step):
  matmul          flops per second by dtype and shape, skinny ones too
  memory          bytes per second that pointwise work reads and writes
  functions       multiply-adds, and exp, log, tanh ... per second
  ops             convolutions, products with a batch, divisions, sums, windows, lookups per second, backward passes too
  op overhead     seconds that an op takes however small it is
  collectives     seconds before the first byte and seconds a byte, by kind and number of devices taking part; and what
                  copying takes around those along a later dimension than the first
Each figure is the fastest of timings taken in turns. It takes a minute or two; close what else is running. The table
shows by how much what was measured lies above the fitted line, size by size: far above, and the machine was busy.
"""
EXAMPLES = """\
examples:
  python scripts/calibrate.py                          this host as 8 devices, to device/mine.yaml
  autopart model=mlp mesh=cpu_4x2 device=mine          search with it: device/NAME.yaml of the folder you are in
  autopart model=mlp mesh=cpu_4x2 mesh.device=device/mine.yaml      the same, by path
  JAX_PLATFORMS=cuda python scripts/calibrate.py -o device/node.yaml     the GPUs of this machine
"""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\n\n{HELP}", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=DEFAULT_OUTPUT, help=f"file (default: {DEFAULT_OUTPUT})")
    parser.add_argument("--name", help="name of the device (default: that of the file)")
    parser.add_argument("--devices", type=int, default=8, help="devices to make of a host (default: 8)")
    parser.add_argument("--quick", action="store_true", help="a few seconds; figures not to be believed")
    parser.add_argument("--json", action="store_true", help="print the profile as JSON, as the last line")
    arguments = parser.parse_args(argv)
    if arguments.devices < 2:
        parser.error(f"--devices must be at least 2, or nothing travels between them; not {arguments.devices}")
    return arguments


def use_host_devices(number: int) -> None:
    """Makes ``number`` devices of the host, if JAX runs on it and has not started yet.

    Raises:
        CalibrationError: it has started with another number.
    """
    try:
        jax.config.update("jax_num_cpu_devices", number)
    except RuntimeError as error:
        if jax.default_backend() == "cpu" and len(jax.devices()) != number:
            raise CalibrationError(f"JAX runs with {len(jax.devices())} devices already, not {number}") from error


def measured(arguments: argparse.Namespace, console: Console) -> Calibration:
    """Measures with a progress bar."""
    use_host_devices(arguments.devices)
    effort = effort_for(jax.default_backend(), arguments.quick)
    columns = (TextColumn("{task.description:36}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=number_of_probes(effort, len(jax.devices())))

        def tick(name: str) -> None:
            progress.update(task, advance=1, description=name)

        return calibrate(arguments.name or arguments.output.stem, effort, tick)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the calibration; returns the exit status: 0 done, 2 an error that is explained, 130 stopped by Ctrl-C."""
    arguments, console = parse(argv), Console(stderr=True)
    try:
        check_writable(arguments.output)
        calibration = measured(arguments, console)
        write_profile(calibration.device, arguments.output)
    except (CalibrationError, CostModelError) as error:
        console.print(f"error: {error}", markup=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        console.print(f"stopped; nothing was written to {arguments.output}", markup=False)
        return 130
    for table in tables(calibration):
        Console(emoji=False).print(table)
    print(f"written: {arguments.output}")
    if arguments.json:
        print(json.dumps(calibration.device.to_json()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
