"""Several arms of a trial as one, a control group that serves twice, and clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metadesk.numerics.types import FloatVector
from metadesk.references import Reference

COMBINING = Reference(
    "handbook6528", "Higgins et al.", 2019, "Cochrane Handbook, 6.5.2.10: Combining groups",
    "2nd ed., Wiley",
)  # fmt: skip
RAO_SCOTT = Reference(
    "rao1992", "Rao & Scott", 1992, "A simple method for the analysis of clustered binary data",
    "Biometrics, 48, 577–585", "10.2307/2532311",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Arm:
    """Mean, SD and size of a group."""

    mean: FloatVector
    sd: FloatVector
    n: FloatVector


def combined_arms(first: Arm, second: Arm) -> Arm:
    """Mean and SD that two groups have together, exactly (Handbook, table 6.5.a)."""
    n = first.n + second.n
    mean = (first.n * first.mean + second.n * second.mean) / n
    within = (first.n - 1.0) * first.sd**2 + (second.n - 1.0) * second.sd**2
    between = first.n * second.n / n * (first.mean - second.mean) ** 2
    return Arm(mean, np.sqrt((within + between) / (n - 1.0)), n)


def separated_arm(whole: Arm, first: Arm) -> Arm:
    """Recover the other group from the whole and one group; undoes :func:`combined_arms`."""
    n = whole.n - first.n
    mean = (whole.n * whole.mean - first.n * first.mean) / n
    between = first.n * n / whole.n * (first.mean - mean) ** 2
    rest = (whole.n - 1.0) * whole.sd**2 - between - (first.n - 1.0) * first.sd**2
    with np.errstate(invalid="ignore"):
        return Arm(mean, np.sqrt(rest / (n - 1.0)), n)


def shared_count(count: ArrayLike, comparisons: int) -> FloatVector:
    """Part of a shared control group's people (or events) for each of several comparisons.

    Parts may be fractional; mean and SD of the group stay as they are (Handbook 23.3.4).
    """
    return np.asarray(np.asarray(count, dtype=float) / comparisons)


def mean_difference_covariance(sd: ArrayLike, n: ArrayLike) -> FloatVector:
    """Covariance of two mean differences with the same control group: its squared SE."""
    return np.asarray(np.asarray(sd, dtype=float) ** 2 / np.asarray(n, dtype=float))


def smd_covariance(d1: ArrayLike, d2: ArrayLike, n_control: ArrayLike, n: ArrayLike) -> FloatVector:
    """Covariance of two standardised differences with the same control group.

    1/n_c + d1·d2/(2N), ``n`` being all people of the study (Gleser & Olkin 2009, eq. 19.19).
    """
    a, b = np.asarray(d1, dtype=float), np.asarray(d2, dtype=float)
    return np.asarray(1.0 / np.asarray(n_control) + a * b / (2.0 * np.asarray(n, dtype=float)))


def log_odds_covariance(events: ArrayLike, others: ArrayLike) -> FloatVector:
    """Covariance of two log odds ratios with the same control group: 1/c + 1/d."""
    return np.asarray(1.0 / np.asarray(events, dtype=float) + 1.0 / np.asarray(others, dtype=float))


def log_risk_covariance(events: ArrayLike, total: ArrayLike) -> FloatVector:
    """Covariance of two log risk ratios with the same control group: 1/c − 1/n."""
    return np.asarray(1.0 / np.asarray(events, dtype=float) - 1.0 / np.asarray(total, dtype=float))


def design_effect(cluster_size: ArrayLike, icc: ArrayLike) -> FloatVector:
    """How much clusters inflate variances: 1 + (m − 1)·ICC with mean cluster size m."""
    m, rho = np.asarray(cluster_size, dtype=float), np.asarray(icc, dtype=float)
    return np.asarray(1.0 + (m - 1.0) * rho)


def effective_count(count: ArrayLike, cluster_size: ArrayLike, icc: ArrayLike) -> FloatVector:
    """People (or events) that a cluster trial is worth: the count over the design effect."""
    return np.asarray(np.asarray(count, dtype=float) / design_effect(cluster_size, icc))


def clustered_se(se: ArrayLike, cluster_size: ArrayLike, icc: ArrayLike) -> FloatVector:
    """Standard error that ignored the clusters, inflated by the root of the design effect."""
    return np.asarray(np.asarray(se, dtype=float) * np.sqrt(design_effect(cluster_size, icc)))
