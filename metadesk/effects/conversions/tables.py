"""Whole 2×2 tables from an odds ratio, a phi coefficient or a chi-square and the margins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metadesk.numerics.types import FloatVector
from metadesk.references import Reference

BONETT2007 = Reference(
    "bonett2007", "Bonett", 2007,
    "Transforming odds ratios into correlations for meta-analytic research",
    "American Psychologist, 62, 254–255", "10.1037/0003-066X.62.3.254",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of 2×2 tables; NaN where no table fits."""

    ai: FloatVector
    bi: FloatVector
    ci: FloatVector
    di: FloatVector


def table_from_odds_ratio(
    odds_ratio: FloatVector, n: FloatVector, row: FloatVector, column: FloatVector
) -> Cells:
    """Reconstruct tables from odds ratios and margins.

    Parameters
    ----------
    odds_ratio : (k,) array
        Odds ratio a·d/(b·c).
    n : (k,) array
        Total of the table.
    row, column : (k,) arrays
        Total of the first row, a + b, and of the first column, a + c.

    Returns
    -------
    Cells
        Whole numbers; NaN where a cell would be negative.

    References
    ----------
    Bonett (2007): the cell a/n solves a quadratic equation whose smaller root is admissible.
    """
    n, row, column = (np.rint(x) for x in (n, row, column))
    p, q = row / n, column / n
    with np.errstate(all="ignore"):
        b = odds_ratio * (p + q) + 1.0 - p - q
        root = np.sqrt(b**2 - 4.0 * p * q * odds_ratio * (odds_ratio - 1.0))
        # Written with the root in the denominator, this holds for an odds ratio of exactly 1 too.
        share = 2.0 * p * q * odds_ratio / (b + root)
    return _cells(share, n, row, column)


def table_from_phi(
    phi: FloatVector, n: FloatVector, row: FloatVector, column: FloatVector
) -> Cells:
    """Reconstruct tables from phi coefficients and margins; see :func:`table_from_odds_ratio`."""
    n, row, column = (np.rint(x) for x in (n, row, column))
    p, q = row / n, column / n
    return _cells(p * q + phi * np.sqrt(p * (1.0 - p) * q * (1.0 - q)), n, row, column)


def table_from_chi_square(
    chi2: FloatVector,
    n: FloatVector,
    row: FloatVector,
    column: FloatVector,
    *,
    yates: bool = True,
) -> Cells:
    """Reconstruct tables from signed chi-square statistics and margins.

    The sign of ``chi2`` is the direction of the association; ``yates``: the statistic was computed
    with the continuity correction, which is taken back first.
    """
    n, row, column = (np.rint(x) for x in (n, row, column))
    with np.errstate(all="ignore"):
        size = np.sqrt(np.abs(chi2) / n)
        if yates:
            size = size + n / (2.0 * np.sqrt(row * (n - row) * column * (n - column)))
    return table_from_phi(np.sign(chi2) * size, n, row, column)


def _cells(share: FloatVector, n: FloatVector, row: FloatVector, column: FloatVector) -> Cells:
    a = np.rint(n * share)
    b, c = row - a, column - a
    d = n - a - b - c
    bad = ~((a >= 0) & (b >= 0) & (c >= 0) & (d >= 0))
    return Cells(*(np.where(bad, np.nan, x) for x in (a, b, c, d)))


def table_from_accuracy(
    sensitivity: FloatVector, specificity: FloatVector, diseased: FloatVector, healthy: FloatVector
) -> Cells:
    """Reconstruct tables of a diagnostic study: true and false positives in the first row.

    Columns are diseased and healthy people: a true positives, b false positives, c false negatives,
    d true negatives.
    """
    a, d = np.rint(sensitivity * diseased), np.rint(specificity * healthy)
    b, c = healthy - d, diseased - a
    bad = ~((a >= 0) & (b >= 0) & (c >= 0) & (d >= 0))
    return Cells(*(np.where(bad, np.nan, x) for x in (a, b, c, d)))
