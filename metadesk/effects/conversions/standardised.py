"""Between standardised differences, test statistics, correlations and odds ratios."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from metadesk.numerics.types import FloatVector


def _h(n1: ArrayLike, n2: ArrayLike) -> FloatVector:
    a, b = np.asarray(n1, dtype=float), np.asarray(n2, dtype=float)
    return np.asarray((a + b - 2.0) * (1.0 / a + 1.0 / b))


def d_from_t(t: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> FloatVector:
    """Cohen's d of a two-sample t statistic: t·√(1/n1 + 1/n2)."""
    a, b = np.asarray(n1, dtype=float), np.asarray(n2, dtype=float)
    return np.asarray(np.asarray(t, dtype=float) * np.sqrt(1.0 / a + 1.0 / b))


def t_from_d(d: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> FloatVector:
    """The way back from :func:`d_from_t`."""
    a, b = np.asarray(n1, dtype=float), np.asarray(n2, dtype=float)
    return np.asarray(np.asarray(d, dtype=float) / np.sqrt(1.0 / a + 1.0 / b))


def d_from_f(f: ArrayLike, n1: ArrayLike, n2: ArrayLike, sign: ArrayLike = 1.0) -> FloatVector:
    """Cohen's d of a two-group F, whose direction has to be given."""
    return np.asarray(np.asarray(sign) * d_from_t(np.sqrt(np.asarray(f, dtype=float)), n1, n2))


def d_from_r(r: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> FloatVector:
    """Cohen's d of a point-biserial correlation: √h·r/√(1 − r²), h = m/n1 + m/n2."""
    x = np.asarray(r, dtype=float)
    return np.asarray(np.sqrt(_h(n1, n2)) * x / np.sqrt(1.0 - x**2))


def r_from_d(d: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> FloatVector:
    """Point-biserial correlation of Cohen's d; the way back from :func:`d_from_r`."""
    x = np.asarray(d, dtype=float)
    return np.asarray(x / np.sqrt(x**2 + _h(n1, n2)))


def log_odds_ratio_from_d(d: ArrayLike, v: ArrayLike) -> tuple[FloatVector, FloatVector]:
    """Log odds ratio of d and its variance, for a logistic outcome (Chinn 2000)."""
    f = math.pi / math.sqrt(3.0)
    return np.asarray(d, dtype=float) * f, np.asarray(v, dtype=float) * f**2


def d_from_log_odds_ratio(y: ArrayLike, v: ArrayLike) -> tuple[FloatVector, FloatVector]:
    """The way back from :func:`log_odds_ratio_from_d`."""
    f = math.sqrt(3.0) / math.pi
    return np.asarray(y, dtype=float) * f, np.asarray(v, dtype=float) * f**2
