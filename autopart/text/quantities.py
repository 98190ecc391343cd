"""Bytes and seconds as people read them."""

from __future__ import annotations


def bytes_text(nbytes: float) -> str:
    """Bytes with a binary unit: ``14.53 GiB``."""
    size = float(nbytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} TiB"


def seconds_text(seconds: float) -> str:
    """Seconds with a unit that fits: ``5.83 s``, ``21.4 ms``, ``3.2 us``."""
    if seconds >= 1:
        return f"{seconds:.3f} s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.2f} ms"
    return f"{seconds * 1e6:.2f} us"


def signed(amount: float, unit: str) -> str:
    """By how many ``bytes`` or ``s`` something changed: ``-3.20 GiB``."""
    text = bytes_text(abs(amount)) if unit == "bytes" else seconds_text(abs(amount))
    return f"{'+' if amount > 0 else '-' if amount < 0 else '±'}{text}"


def is_bytes(metric: str) -> bool:
    """Whether a metric or measure is in bytes."""
    return "_bytes" in metric.partition(":")[0]


def figure_text(metric: str, figure: float) -> str:
    """A figure of a metric or measure as people read it."""
    if is_bytes(metric):
        return bytes_text(figure)
    return seconds_text(figure) if metric.endswith("_s") else f"{figure:g}"
