"""The SD of a group or of a difference from what was printed in its place."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from metadesk.numerics.tails import quantile
from metadesk.numerics.types import FloatVector


def sd_from_se(se: ArrayLike, n: ArrayLike) -> FloatVector:
    """SD of the observations from the standard error of their mean: SE·√n."""
    return np.asarray(np.asarray(se, dtype=float) * np.sqrt(np.asarray(n, dtype=float)))


def se_from_sd(sd: ArrayLike, n: ArrayLike) -> FloatVector:
    """Standard error of a mean from the SD of its observations: SD/√n."""
    return np.asarray(np.asarray(sd, dtype=float) / np.sqrt(np.asarray(n, dtype=float)))


def sd_from_interval(
    lower: ArrayLike, upper: ArrayLike, n: ArrayLike, level: float = 0.95, *, normal: bool = False
) -> FloatVector:
    """SD from the confidence interval of a mean: √n times half its width over the critical value.

    Student's t with n − 1 degrees of freedom, or the normal value where ``normal`` (Handbook
    6.5.2.2).
    """
    lo, hi, size = (np.asarray(x, dtype=float) for x in (lower, upper, n))
    critical = quantile(level, np.inf if normal else np.maximum(size - 1.0, 0.5))
    return np.asarray((hi - lo) / (2.0 * critical) * np.sqrt(size))


def interval_from_sd(
    mean: ArrayLike, sd: ArrayLike, n: ArrayLike, level: float = 0.95, *, normal: bool = False
) -> tuple[FloatVector, FloatVector]:
    """Confidence interval of a mean from its SD; the way back from :func:`sd_from_interval`."""
    m, size = np.asarray(mean, dtype=float), np.asarray(n, dtype=float)
    critical = quantile(level, np.inf if normal else np.maximum(size - 1.0, 0.5))
    half = critical * se_from_sd(sd, size)
    return m - half, m + half
