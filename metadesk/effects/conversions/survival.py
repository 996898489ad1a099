"""Hazard ratios from what survival papers print: events, a log-rank test, an interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from metadesk.numerics.types import FloatVector


def variance_from_events(
    events1: ArrayLike, events2: ArrayLike, *, equal_allocation: bool = False
) -> FloatVector:
    """Log-rank variance V of O − E from the events of both groups.

    Parmar et al. (1998), eq. 7: e1·e2/(e1 + e2); with equal allocation (e1 + e2)/4.
    """
    a, b = np.asarray(events1, dtype=float), np.asarray(events2, dtype=float)
    return np.asarray((a + b) / 4.0 if equal_allocation else a * b / (a + b))


def variance_from_allocation(events: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> FloatVector:
    """Log-rank variance from all events and group sizes: e·n1·n2/(n1 + n2)² (Parmar, eq. 8)."""
    a, b = np.asarray(n1, dtype=float), np.asarray(n2, dtype=float)
    return np.asarray(np.asarray(events, dtype=float) * a * b / (a + b) ** 2)


def observed_less_expected(p: ArrayLike, v: ArrayLike, favours_group_1: ArrayLike) -> FloatVector:
    """O − E from the two-sided p-value of a log-rank test.

    √V·z, below 0 where group 1 fares better (Parmar et al. 1998, eq. 10).
    """
    z = -special.ndtri(np.asarray(p, dtype=float) / 2.0)
    sign = np.where(np.asarray(favours_group_1, dtype=bool), -1.0, 1.0)
    return observed_less_expected_of_z(sign * z, v)


def observed_less_expected_of_z(z: ArrayLike, v: ArrayLike) -> FloatVector:
    """O − E from the z of a log-rank test, z·√V; below 0 where group 1 fares better."""
    return np.asarray(np.asarray(z, dtype=float) * np.sqrt(np.asarray(v, dtype=float)))


def log_rank_z(oe: ArrayLike, v: ArrayLike) -> FloatVector:
    """Z of the log-rank test, (O − E)/√V; back from :func:`observed_less_expected_of_z`."""
    return np.asarray(np.asarray(oe, dtype=float) / np.sqrt(np.asarray(v, dtype=float)))


def log_hazard_ratio(oe: ArrayLike, v: ArrayLike) -> tuple[FloatVector, FloatVector]:
    """Log hazard ratio (O − E)/V and its variance 1/V (Tierney et al. 2007, eq. 1–2)."""
    var = np.asarray(v, dtype=float)
    return np.asarray(np.asarray(oe, dtype=float) / var), np.asarray(1.0 / var)


def from_log_rank(
    p: ArrayLike, events1: ArrayLike, events2: ArrayLike, favours_group_1: ArrayLike
) -> tuple[FloatVector, FloatVector]:
    """Log hazard ratio and variance from a log-rank p-value and the events of both groups."""
    v = variance_from_events(events1, events2)
    return log_hazard_ratio(observed_less_expected(p, v, favours_group_1), v)
