"""Crossover trials and change scores: what the correlation within people does to a spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metadesk.numerics.types import FloatVector

SWEEP = (0.3, 0.5, 0.7)


def sd_of_change(sd1: ArrayLike, sd2: ArrayLike, r: ArrayLike) -> FloatVector:
    """SD of the differences within people, from both SDs and their correlation.

    Handbook 6.5.2.8: √(s1² + s2² − 2·r·s1·s2).
    """
    a, b = np.asarray(sd1, dtype=float), np.asarray(sd2, dtype=float)
    return np.asarray(np.sqrt(a**2 + b**2 - 2.0 * np.asarray(r, dtype=float) * a * b))


def correlation_of_change(sd1: ArrayLike, sd2: ArrayLike, sd_change: ArrayLike) -> FloatVector:
    """Correlation within people from both SDs and that of the differences.

    The way back from :func:`sd_of_change`; outside (−1, 1) the three SDs do not fit.
    """
    a, b, c = (np.asarray(x, dtype=float) for x in (sd1, sd2, sd_change))
    return np.asarray((a**2 + b**2 - c**2) / (2.0 * a * b))


def final_sd(sd_baseline: ArrayLike, sd_change: ArrayLike, r: ArrayLike) -> FloatVector:
    """SD of final values from that at baseline and that of the changes.

    The larger root s2 of s2² − 2·r·s1·s2 + s1² − s_c² = 0.
    """
    a, c, rho = (np.asarray(x, dtype=float) for x in (sd_baseline, sd_change, r))
    with np.errstate(invalid="ignore"):
        return np.asarray(rho * a + np.sqrt((rho * a) ** 2 - a**2 + c**2))


def se_from_paired_t(difference: ArrayLike, t: ArrayLike) -> FloatVector:
    """Standard error of a mean difference within people from its paired t statistic."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.abs(np.asarray(difference, dtype=float) / np.asarray(t, dtype=float)))


def paired_se(sd1: ArrayLike, sd2: ArrayLike, r: ArrayLike, n: ArrayLike) -> FloatVector:
    """Standard error of a mean difference within ``n`` people."""
    return np.asarray(sd_of_change(sd1, sd2, r) / np.sqrt(np.asarray(n, dtype=float)))


def correlation_from_paired_se(
    sd1: ArrayLike, sd2: ArrayLike, se: ArrayLike, n: ArrayLike
) -> FloatVector:
    """Correlation that a reported paired standard error implies."""
    sd = np.asarray(se, dtype=float) * np.sqrt(np.asarray(n, dtype=float))
    return correlation_of_change(sd1, sd2, sd)


def crossover_smd(
    m1: ArrayLike, sd1: ArrayLike, m2: ArrayLike, sd2: ArrayLike, r: ArrayLike, n: ArrayLike
) -> tuple[FloatVector, FloatVector]:
    """Standardised mean difference of a crossover trial and its standard error.

    Handbook 23.2.7.2: MD over the root mean variance; √(1/N + SMD²/(2N))·√(2(1 − r)). Known to be
    too small where r and the effect are large; measure SMCRP is better.
    """
    a, b = np.asarray(sd1, dtype=float), np.asarray(sd2, dtype=float)
    size, rho = np.asarray(n, dtype=float), np.asarray(r, dtype=float)
    d = (np.asarray(m1, dtype=float) - np.asarray(m2, dtype=float)) / np.sqrt((a**2 + b**2) / 2.0)
    se = np.sqrt(1.0 / size + d**2 / (2.0 * size)) * np.sqrt(2.0 * (1.0 - rho))
    return np.asarray(d), np.asarray(se)


@dataclass(frozen=True, eq=False)
class Assumed:
    """Standard errors under an assumed correlation."""

    r: float
    se: FloatVector


def correlation_sweep(
    sd1: ArrayLike, sd2: ArrayLike, n: ArrayLike, r: Sequence[float] = SWEEP
) -> tuple[Assumed, ...]:
    """Standard errors of the mean difference under each of several assumed correlations."""
    return tuple(Assumed(rho, paired_se(sd1, sd2, rho, n)) for rho in r)


def flipped(y: ArrayLike) -> FloatVector:
    """The effect in the other direction, where a scale runs the other way; its own way back."""
    return np.asarray(-np.asarray(y, dtype=float))


def in_other_unit(y: ArrayLike, v: ArrayLike, factor: float) -> tuple[FloatVector, FloatVector]:
    """Effect and variance in another unit: y·f and v·f²."""
    return np.asarray(y, dtype=float) * factor, np.asarray(v, dtype=float) * factor**2
