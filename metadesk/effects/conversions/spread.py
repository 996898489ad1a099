"""The SD of a group or of a difference from what was printed in its place."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from metadesk.numerics.tails import quantile, two_sided_p
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


def sd_from_difference_se(se: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> FloatVector:
    """SD within groups from the standard error of a difference of means: SE/√(1/n1 + 1/n2).

    Handbook 6.5.2.3; the SD is taken as one for both groups.
    """
    a, b = np.asarray(n1, dtype=float), np.asarray(n2, dtype=float)
    return np.asarray(np.asarray(se, dtype=float) / np.sqrt(1.0 / a + 1.0 / b))


def se_from_t(difference: ArrayLike, t: ArrayLike) -> FloatVector:
    """Standard error of a difference from its t statistic."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.abs(np.asarray(difference, dtype=float) / np.asarray(t, dtype=float)))


def sd_from_t(difference: ArrayLike, t: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> FloatVector:
    """SD within groups from a difference of means and its t statistic."""
    return sd_from_difference_se(se_from_t(difference, t), n1, n2)


def sd_from_f(difference: ArrayLike, f: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> FloatVector:
    """SD within two groups from a difference of means and F, which is t²."""
    return sd_from_t(difference, np.sqrt(np.asarray(f, dtype=float)), n1, n2)


def sd_from_p(difference: ArrayLike, p: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> FloatVector:
    """SD within groups from a difference of means and the two-sided p-value of its t-test."""
    return sd_from_t(difference, t_from_p(p, np.asarray(n1) + np.asarray(n2) - 2.0), n1, n2)


def t_from_p(p: ArrayLike, df: ArrayLike) -> FloatVector:
    """T statistic of a two-sided p-value, always positive."""
    half = np.asarray(p, dtype=float) / 2.0
    return np.asarray(-special.stdtrit(np.asarray(df, dtype=float), half))


def p_from_t(t: ArrayLike, df: ArrayLike) -> FloatVector:
    """Two-sided p-value of a t statistic; the way back from :func:`t_from_p`."""
    return two_sided_p(t, df)


def sd_from_iqr(q1: ArrayLike, q3: ArrayLike) -> FloatVector:
    """SD of a large normal sample from its quartiles: (q3 − q1)/1.349 (Handbook 6.5.2.5)."""
    width = np.asarray(q3, dtype=float) - np.asarray(q1, dtype=float)
    return np.asarray(width / (2.0 * special.ndtri(0.75)))
