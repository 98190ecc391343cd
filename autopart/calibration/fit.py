"""Lines through timings: seconds before the first byte, and seconds a byte."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import optimize

from autopart.errors import CalibrationError

_LEAST: Final = 1e-8
"""A term that is at most this part of the longest timing is none."""


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
    """The line with the least sum of squares of logarithms of measured over fitted, neither term below zero.

    Of logarithms, so that a timing of microseconds counts as much as one of milliseconds, and one that is twice the
    fitted as much as one that is half of it: ``sum((f / t - 1)^2)`` in its stead would forgive what lies far above.
    It begins at the line that is best in those terms, an ordinary least-squares problem.

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
    scale, unit = float(sizes.max()), float(times.max())
    terms = np.stack([np.ones(len(sizes)), sizes / scale], 1)
    relative, _ = optimize.nnls(terms * (unit / times)[:, None], np.ones(len(times)))

    def logarithms(line: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        found: npt.NDArray[np.float64] = np.log(terms @ line * unit / times)
        return found

    begin, limits = np.maximum(relative, _LEAST), (0, np.inf)
    best = optimize.least_squares(logarithms, begin, bounds=limits, x_scale="jac", xtol=1e-12).x
    best[best <= _LEAST] = 0
    start, slope = unit * best
    return Line(float(start), float(slope / scale), tuple((np.exp(-logarithms(best)) - 1).tolist()))


def typical(figures: Sequence[float]) -> float:
    """The geometric mean: rates spread by factors, not by sums.

    Raises:
        CalibrationError: there is none, or one is not positive.
    """
    if not figures or min(figures) <= 0:
        raise CalibrationError(f"rates must be positive, not {list(figures)}. Fix: measure again, on a quieter machine")
    return math.exp(sum(math.log(figure) for figure in figures) / len(figures))
