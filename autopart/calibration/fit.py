"""Lines through timings: seconds before the first byte, and seconds a byte."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autopart.errors import CalibrationError


@dataclass(frozen=True)
class Line:
    """What a transfer takes: ``start_s + nbytes * s_per_byte`` seconds.

    Attributes:
        start_s: seconds before the first byte (alpha), 0 or more.
        s_per_byte: seconds a byte (1 / beta), 0 or more.
        residuals: of each timing, measured over fitted less one.
    """

    start_s: float
    s_per_byte: float
    residuals: tuple[float, ...]

    @property
    def worst(self) -> float:
        """The largest residual by size, with its sign."""
        return max(self.residuals, key=abs)

    def __call__(self, nbytes: float) -> float:
        """Seconds of a transfer of ``nbytes``."""
        return self.start_s + nbytes * self.s_per_byte


def fit_line(nbytes: Sequence[float], seconds: Sequence[float]) -> Line:
    """The line with the least sum of squares of relative residuals, neither term below zero.

    Relative, so that a timing of microseconds counts as much as one of milliseconds: in terms of the fitted
    seconds ``f`` and the measured ``t`` it is ``sum((f / t - 1)^2)``, an ordinary least-squares problem in the
    two terms once its rows are divided by ``t``.

    Raises:
        CalibrationError: fewer than two timings, all of one size, or one that is not positive.
    """
    sizes, times = np.asarray(nbytes, np.float64), np.asarray(seconds, np.float64)
    if len(sizes) != len(times) or len(set(sizes.tolist())) < 2:
        raise CalibrationError(f"a line needs timings of two sizes at least, not {len(set(sizes.tolist()))}")
    if not (np.all(times > 0) and np.all(np.isfinite(times)) and np.all(sizes >= 0)):
        raise CalibrationError(
            f"timings must be positive, not {times.tolist()}. Fix: measure again, on a quieter machine"
        )
    ones, scale = 1 / times, float(sizes.max())
    slopes = sizes / scale / times
    start, slope = np.linalg.lstsq(np.stack([ones, slopes], 1), np.ones(len(times)), rcond=None)[0]
    if start < 0:
        start, slope = 0.0, slopes.sum() / (slopes @ slopes)
    elif slope < 0:
        start, slope = ones.sum() / (ones @ ones), 0.0
    fitted = start + sizes / scale * slope
    return Line(float(start), float(slope / scale), tuple((times / fitted - 1).tolist()))


def typical(figures: Sequence[float]) -> float:
    """The geometric mean: rates spread by factors, not by sums.

    Raises:
        CalibrationError: there is none, or one is not positive.
    """
    if not figures or min(figures) <= 0:
        raise CalibrationError(f"rates must be positive, not {list(figures)}. Fix: measure again, on a quieter machine")
    return math.exp(sum(math.log(figure) for figure in figures) / len(figures))
