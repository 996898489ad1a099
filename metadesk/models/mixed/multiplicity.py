"""Several comparisons at once: adjusted P values and critical values."""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize, special

from metadesk.numerics.types import FloatVector

ADJUSTMENTS = {
    "none": "none",
    "holm": "Holm",
    "bonferroni": "Bonferroni",
    "sidak": "Šidák",
    "tukey": "Tukey (all pairs)",
}


def adjusted_p(p: FloatVector, method: str, t: FloatVector, df: FloatVector, k: int) -> FloatVector:
    """Adjust P values for the number of comparisons.

    Parameters
    ----------
    p, t, df : (m,) arrays
        Two-sided P values, their t statistics and degrees of freedom.
    method : str
        A key of ``ADJUSTMENTS``.
    k : int
        Number of means compared, for Tukey's method.

    References
    ----------
    Holm (1979); Šidák (1967); Tukey's studentised range (Kramer 1956 where variances differ).
    """
    m = len(p)
    if method == "none" or m < 2:
        return p.copy()
    if method == "bonferroni":
        return np.minimum(1.0, m * p)
    if method == "sidak":
        return np.asarray(-np.expm1(m * np.log1p(-np.minimum(p, 1 - 1e-16))))
    if method == "tukey":
        pairs = zip(np.abs(t), df, strict=True)
        return np.array([studentised_range_sf(math.sqrt(2) * a, k, d) for a, d in pairs])
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * (m - np.arange(m)))
    found = np.empty(m)
    found[order] = np.minimum(1.0, stepped)
    return found


def critical_t(level: float, method: str, df: float, m: int, k: int) -> float:
    """Critical value of an interval that holds jointly for ``m`` comparisons of ``k`` means.

    Holm's intervals are Bonferroni's, which they are never wider than.
    """
    alpha = 1 - level
    if method in ("bonferroni", "holm"):
        alpha /= m
    elif method == "sidak":
        alpha = -math.expm1(math.log1p(-alpha) / m)
    elif method == "tukey" and k > 2:
        found = optimize.brentq(lambda q: studentised_range_sf(q, k, df) - alpha, 0.01, 200.0)
        return float(found) / math.sqrt(2)
    if math.isinf(df):
        return float(special.ndtri(1 - alpha / 2))
    return float(special.stdtrit(df, 1 - alpha / 2))


def studentised_range_sf(q: float, k: int, df: float) -> float:
    """Upper tail of the range of ``k`` standard normals over an independent χ/√df.

    Integrated numerically; absolute error below 1e-9 for ``df`` of 1 and more.
    """
    if q <= 0:
        return 1.0
    if math.isinf(df):
        return 1.0 - float(_range_cdf(np.array([q]), k)[0])
    nodes, weights = np.polynomial.legendre.leggauss(300)
    spread = 1 / math.sqrt(2 * df)
    low = -40.0 / df if df < 300 else math.log(1 - 12 * spread)
    high = math.log(1 + 12 * spread) + 0.5
    u = low + (nodes + 1) * (high - low) / 2
    log_density = (
        0.5 * df * math.log(df / 2)
        - float(special.gammaln(df / 2))
        + math.log(2)
        + df * u
        - df * np.exp(2 * u) / 2
    )
    mass = weights * np.exp(log_density) * (high - low) / 2
    return float(np.clip(mass @ (1 - _range_cdf(q * np.exp(u), k)), 0.0, 1.0))


def _range_cdf(w: FloatVector, k: int) -> FloatVector:
    nodes, weights = np.polynomial.legendre.leggauss(96)
    z = nodes * 8.5
    density = weights * 8.5 * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    inside = special.ndtr(z[None, :] + w[:, None]) - special.ndtr(z)[None, :]
    return np.asarray(k * (inside ** (k - 1)) @ density)
