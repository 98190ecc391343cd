"""What was measured, for people."""

from __future__ import annotations

from rich.table import Table

from autopart.calibration.fit import Line
from autopart.calibration.measure import Calibration


def tables(calibration: Calibration) -> tuple[Table, ...]:
    """Compute, and collectives with the residuals of their lines."""
    return _compute(calibration), _collectives(calibration)


def _compute(calibration: Calibration) -> Table:
    device = calibration.device
    table = Table(title=f"One device of {device.name}, all of them at work", title_justify="left")
    for column in ("measured", "figure", "note"):
        table.add_column(column, no_wrap=True)
    for dtype, rates in calibration.matmuls.items():
        for (m, k, n), rate in rates.items():
            part = rate / device.peak_flops[dtype]
            table.add_row(f"matmul {dtype} {m} x {k} x {n}", _giga(rate, "FLOP/s"), f"{part:.0%} of the best")
    table.add_row("matmul efficiency", f"{device.matmul_efficiency:.2f}", "typical")
    for nbytes, rate in calibration.stream.items():
        table.add_row(f"memory, arrays of {nbytes // 2**10} kB", _giga(rate, "B/s"), "")
    table.add_row("memory", _giga(device.hbm_bandwidth_bytes_per_s, "B/s"), "typical")
    table.add_row("multiply-adds", _giga(device.vector_flops or 0.0, "FLOP/s"), "")
    for name, rate in calibration.functions.items():
        table.add_row(name, _giga(rate, "/s"), "")
    for what, cases in calibration.ops.items():
        for text, rate in cases.items():
            table.add_row(text, _giga(rate, "/s"), "")
        table.add_row(what, _giga(device.op_rates[what], "/s"), "typical")
    table.add_row("convolution tile", f"{device.convolution_tile}", "features, filled in the rates above")
    table.add_row("op overhead", f"{device.op_overhead_s * 1e6:.2f} us", "")
    table.add_row("copying around collectives", f"{device.rearranging_s_per_byte * 1e9:.2f} ns/B", "mean")
    return table


def _collectives(calibration: Calibration) -> Table:
    table = Table(title="Collectives: start and bytes in full per second", title_justify="left")
    for column in ("kind", "devices", "start", "rate", "above the line"):
        table.add_column(column, justify="left" if column in ("kind", "above the line") else "right", no_wrap=True)
    for kind, lines in calibration.lines.items():
        for n, line in lines.items():
            rate = _giga(1 / line.s_per_byte, "B/s") if line.s_per_byte else "-"
            table.add_row(kind, str(n), f"{line.start_s * 1e6:.0f} us", rate, _residuals(line))
    return table


def _giga(figure: float, unit: str) -> str:
    return f"{figure / 1e9:.3g} G{unit}"


def _residuals(line: Line) -> str:
    """By how much what was measured is above the line, size by size."""
    return ", ".join(f"{residual:+.0%}" for residual in line.residuals)
