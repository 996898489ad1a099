"""Tail areas and quantiles of the usual distributions, from ``scipy.special``.

``scipy.stats`` costs a second to import and 60 µs a call; these cost a microsecond and keep the far
tails (1e-300) that ``1 - cdf`` loses. ``df`` may be infinite, which gives the normal distribution.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from metadesk.numerics.types import FloatVector


def two_sided_p(statistic: ArrayLike, df: ArrayLike = math.inf) -> FloatVector:
    """Return the two-sided p-value of a z (``df`` infinite) or t statistic."""
    t = -np.abs(np.asarray(statistic, dtype=float))
    degrees = np.asarray(df, dtype=float)
    finite = np.isfinite(degrees)
    normal = 2.0 * special.ndtr(t)
    student = 2.0 * special.stdtr(np.where(finite, degrees, 1.0), t)
    return np.asarray(np.where(finite, student, normal), dtype=float)


def quantile(level: float, df: ArrayLike = math.inf) -> FloatVector:
    """Return the two-sided critical value at confidence ``level`` (0.95: 1.96 for the normal)."""
    p = 1.0 - (1.0 - level) / 2.0
    degrees = np.asarray(df, dtype=float)
    finite = np.isfinite(degrees)
    return np.where(finite, special.stdtrit(np.where(finite, degrees, 1.0), p), special.ndtri(p))


def critical_value(level: float, df: float = math.inf) -> float:
    """Return :func:`quantile` for one number of degrees of freedom, twenty times as fast."""
    p = 1.0 - (1.0 - level) / 2.0
    return float(special.ndtri(p) if math.isinf(df) else special.stdtrit(df, p))


def p_values(statistics: FloatVector, df: float) -> FloatVector:
    """Return :func:`two_sided_p` for statistics that share their df; NaN stays NaN."""
    t = -np.abs(statistics)
    tail = special.ndtr(t) if math.isinf(df) else special.stdtr(df, t)
    return np.asarray(2.0 * tail, dtype=float)


def chi2_tail(statistic: float, df: float) -> float:
    """Return :func:`chi2_sf` for one statistic."""
    return float(special.chdtrc(df, max(statistic, 0.0))) if df > 0 else 1.0


def chi2_sf(statistic: ArrayLike, df: ArrayLike) -> FloatVector:
    """Return the upper tail of the chi-square distribution; 1 where ``df`` is zero."""
    x = np.asarray(statistic, dtype=float)
    degrees = np.asarray(df, dtype=float)
    tail = special.chdtrc(np.where(degrees > 0, degrees, 1.0), np.maximum(x, 0.0))
    return np.where(degrees > 0, tail, 1.0)


def chi2_quantile(p: float, df: float) -> float:
    """Return the value below which a chi-square variate lies with probability ``p``."""
    return (
        float(special.chdtri(df, 1.0 - p))
        if p > 0.5
        else 2.0 * float(special.gammaincinv(df / 2.0, p))
    )


def f_sf(statistic: ArrayLike, df1: ArrayLike, df2: ArrayLike) -> FloatVector:
    """Return the upper tail of F; with ``df2`` infinite, of chi-square over ``df1``."""
    x = np.maximum(np.asarray(statistic, dtype=float), 0.0)
    m, n = np.asarray(df1, dtype=float), np.asarray(df2, dtype=float)
    finite = np.isfinite(n)
    return np.where(finite, special.fdtrc(m, np.where(finite, n, 1.0), x), special.chdtrc(m, m * x))
