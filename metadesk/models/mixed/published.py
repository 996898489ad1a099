"""Crossover trials known from their publication: effects with the pairing taken into account."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metadesk.errors import DataProblem
from metadesk.numerics.types import BoolVector, FloatVector


@dataclass(frozen=True, eq=False)
class PairedMeans:
    """Mean difference and standardised mean difference of crossover trials.

    ``se_smd`` follows the Cochrane Handbook; ``se_smd_other`` is the alternative proposed because
    the former understates the variance for large effects. ``se_md_if_parallel`` is what would be
    wrong: the standard error as if the arms were different people. ``imputed`` marks trials whose
    correlation was filled in.
    """

    md: FloatVector
    se_md: FloatVector
    sd_diff: FloatVector
    smd: FloatVector
    se_smd: FloatVector
    se_smd_other: FloatVector
    se_md_if_parallel: FloatVector
    r: FloatVector
    imputed: BoolVector


def paired_means(
    n: ArrayLike,
    m1: ArrayLike,
    m2: ArrayLike,
    s1: ArrayLike,
    s2: ArrayLike,
    r: ArrayLike,
    imputed: float | None = None,
) -> PairedMeans:
    """Effects of crossover trials that report means and SDs by treatment.

    Parameters
    ----------
    n : (k,) array
        Persons with both periods.
    m1, m2, s1, s2 : (k,) arrays
        Means and standard deviations on experimental and on control.
    r : (k,) array
        Within-person correlation; NaN where it is not reported.
    imputed : float, optional
        Correlation for the trials that do not report one.

    Raises
    ------
    DataProblem
        If a correlation is missing and none is given to fill in, or is not between −1 and 1.

    References
    ----------
    Elbourne et al. (2002); Cochrane Handbook, chapter 23.2.7; the alternative standard error after
    the letter doi:10.1002/sim.8669.
    """
    n, m1, m2, s1, s2, r = (np.asarray(v, dtype=float) for v in (n, m1, m2, s1, s2, r))
    missing = np.isnan(r)
    if missing.any() and imputed is None:
        raise DataProblem(
            f"{int(missing.sum())} trials report no within-person correlation; give a value to "
            "fill "
            f"in, and look how the result changes with it."
        )
    r = np.where(missing, np.nan if imputed is None else imputed, r)
    if (np.abs(r) >= 1).any():
        raise DataProblem("A within-person correlation must lie between −1 and 1.")
    md = m1 - m2
    sd_diff = np.sqrt(s1**2 + s2**2 - 2 * r * s1 * s2)
    smd = md / np.sqrt((s1**2 + s2**2) / 2)
    return PairedMeans(
        md=md,
        se_md=sd_diff / np.sqrt(n),
        sd_diff=sd_diff,
        smd=smd,
        se_smd=np.sqrt(1 / n + smd**2 / (2 * n)) * np.sqrt(2 * (1 - r)),
        se_smd_other=np.sqrt(2 * (1 - r) / n + smd**2 / (2 * n)),
        se_md_if_parallel=np.sqrt((s1**2 + s2**2) / n),
        r=r,
        imputed=missing,
    )


def correlation_from_differences(s1: ArrayLike, s2: ArrayLike, sd_diff: ArrayLike) -> FloatVector:
    """Back out the within-person correlation from a trial that gives the SD of the differences."""
    a, b, d = (np.asarray(v, dtype=float) for v in (s1, s2, sd_diff))
    return np.asarray((a**2 + b**2 - d**2) / (2 * a * b))


@dataclass(frozen=True, eq=False)
class PairedCounts:
    """Conditional and marginal log odds ratios and the risk difference of binary crossovers."""

    cond_log_or: FloatVector
    cond_se: FloatVector
    marg_log_or: FloatVector
    marg_se: FloatVector
    rd: FloatVector
    rd_se: FloatVector


def paired_counts(n11: ArrayLike, n10: ArrayLike, n01: ArrayLike, n00: ArrayLike) -> PairedCounts:
    """Effects of crossover trials from the joint answers of each person.

    ``n10`` counts success on experimental only, ``n01`` on control only. Half a person is added to
    both discordant cells where either is empty, for the conditional odds ratio only. Conditional
    and marginal odds ratios answer different questions and must not be pooled together.

    References
    ----------
    Elbourne et al. (2002); Becker & Balagtas (1993) for the marginal odds ratio.
    """
    a, b, c, d = (np.asarray(v, dtype=float) for v in (n11, n10, n01, n00))
    empty = (b == 0) | (c == 0)
    b2, c2 = np.where(empty, b + 0.5, b), np.where(empty, c + 0.5, c)
    n = a + b + c + d
    p1, p2 = (a + b) / n, (a + c) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        v1, v2 = p1 * (1 - p1), p2 * (1 - p2)
        marginal = np.log(p1 / (1 - p1)) - np.log(p2 / (1 - p2))
        together = (a * d - b * c) / n**2
        variance = (1 / v1 + 1 / v2 - 2 * together / (v1 * v2)) / n
        marg_se = np.sqrt(np.maximum(variance, 0.0))
    return PairedCounts(
        cond_log_or=np.log(b2 / c2),
        cond_se=np.sqrt(1 / b2 + 1 / c2),
        marg_log_or=marginal,
        marg_se=marg_se,
        rd=(b - c) / n,
        rd_se=np.sqrt(np.maximum(b + c - (b - c) ** 2 / n, 0.0)) / n,
    )
