"""The arithmetic of comparison: relative errors, their median and worst, rank correlation."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from scipy import stats


def relative_error(predicted: float, judged: float) -> float:
    """How far a prediction is off, as a part of what the judge says: positive where it says too much.

    Nothing predicted where nothing is judged is right; something predicted there is infinitely wrong.
    """
    if judged == 0:
        return 0.0 if predicted == 0 else math.inf
    return predicted / judged - 1


def median_error(errors: Sequence[float]) -> float | None:
    """The median of the sizes of relative errors; nothing of none."""
    return statistics.median(abs(error) for error in errors) if errors else None


def worst_error(errors: Sequence[float]) -> float | None:
    """The largest relative error by size, with its sign; nothing of none."""
    return max(errors, key=abs, default=None)


def geometric_mean(figures: Sequence[float]) -> float | None:
    """The geometric mean, for ratios; nothing of none. All must be positive."""
    return statistics.geometric_mean(figures) if figures else None


def spearman(predicted: Sequence[float], judged: Sequence[float]) -> float | None:
    """Spearman's rank correlation of two series; nothing where it is not defined.

    It is not for fewer than two pairs, nor where one series is constant.
    """
    if len(set(predicted)) < 2 or len(set(judged)) < 2:
        return None
    return float(stats.spearmanr(predicted, judged).statistic)
