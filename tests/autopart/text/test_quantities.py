"""Units that people read."""

from __future__ import annotations

import pytest

from autopart.text.quantities import bytes_text, seconds_text


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (16 * 2**30, "16.00 GiB"), (3 * 2**40, "3.00 TiB")],
)
def test_bytes(nbytes: float, text: str) -> None:
    assert bytes_text(nbytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(5.8332, "5.833 s"), (0.02144, "21.44 ms"), (3.2e-6, "3.20 us"), (0, "0.00 us")]
)
def test_seconds(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text
