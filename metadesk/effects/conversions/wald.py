"""Estimate and variance from an interval, a test statistic or a p-value, whichever is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from metadesk.numerics.tails import quantile
from metadesk.numerics.types import BoolVector, FloatVector

# An estimate further from the middle of its interval than this part of the interval's width is odd.
OFF_CENTRE = 0.1


@dataclass(frozen=True, eq=False)
class Wald:
    """Estimates with variances, and rows whose estimate is not near the middle of its interval."""

    yi: FloatVector
    vi: FloatVector
    off_centre: BoolVector


def from_wald(
    out: FloatVector | None = None,
    lower: FloatVector | None = None,
    upper: FloatVector | None = None,
    zval: FloatVector | None = None,
    pval: FloatVector | None = None,
    *,
    level: float | FloatVector = 0.95,
    df: FloatVector | None = None,
    transform: Callable[[Any], FloatVector] | None = None,
) -> Wald:
    """Back-calculate sampling variances from what a Wald-type analysis printed.

    The interval is taken before the statistic, the statistic before the p-value.

    Parameters
    ----------
    out, lower, upper : (k,) arrays, optional
        Estimate and bounds, brought to the analysis scale by ``transform`` (log for ratios).
    zval, pval : (k,) arrays, optional
        Test statistic, two-sided p-value.
    level : float or (k,) array
        Confidence level of the intervals.
    df : (k,) array, optional
        Degrees of freedom where intervals and tests used Student's t (NaN: normal).

    References
    ----------
    Higgins et al. (2019), Cochrane Handbook, 6.3.1–6.3.2.
    """
    k = next(len(x) for x in (out, lower, upper, zval, pval) if x is not None)
    y, lo, hi, z, p = (_column(x, k) for x in (out, lower, upper, zval, pval))
    if transform is not None:
        y, lo, hi = transform(y), transform(lo), transform(hi)
    degrees = np.full(k, np.inf) if df is None else np.where(np.isnan(df), np.inf, df)
    critical = _critical(np.broadcast_to(np.asarray(level, dtype=float), (k,)), degrees)
    with np.errstate(all="ignore"):
        vi = ((hi - lo) / (2.0 * critical)) ** 2
        off = np.abs((lo + hi) / 2.0 - y) > OFF_CENTRE * (hi - lo)
        from_p = np.where(
            np.isinf(degrees),
            -special.ndtri(p / 2.0),
            -special.stdtrit(np.where(np.isinf(degrees), 1.0, degrees), p / 2.0),
        )
        z = np.where(np.isnan(z), from_p, z)
        vi = np.where(np.isnan(vi), (y / z) ** 2, vi)
    return Wald(y, vi, off)


def _column(x: FloatVector | None, k: int) -> FloatVector:
    return np.full(k, np.nan) if x is None else np.asarray(x, dtype=float)


def _critical(level: FloatVector, df: FloatVector) -> FloatVector:
    return np.array([float(quantile(float(a), float(d))) for a, d in zip(level, df, strict=True)])
