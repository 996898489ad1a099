"""Two groups, a measured outcome: ratios of means, of SDs and of coefficients of variation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metadesk.effects.estimates import ESTIMATE_ROUTES
from metadesk.effects.measure import (
    Columns,
    Computed,
    Context,
    Inputs,
    Measure,
    Need,
    Remark,
    Route,
    log_scale,
)
from metadesk.effects.sources import LAJEUNESSE2015, NAKAGAWA, SENIOR
from metadesk.effects.two_means_ways import MEANS_ROUTES, TWO_ARMS, pooled_sd
from metadesk.numerics.types import FloatVector
from metadesk.options import choice, flag

_VTYPE = "Variance"
_CORRECT = "Correct for small-sample bias"
_LS, _LS2 = "large-sample approximation", "with second-order terms"


@dataclass(frozen=True)
class RatioOfMeansOptions:
    """Bias correction and variance of a ratio of means."""

    correct: bool = flag(_CORRECT, True, help="Lajeunesse (2015); off: the plain log ratio.")
    vtype: str = choice(
        _VTYPE,
        {"LS": _LS, "HO": "one variance for both groups",
         "AV": "with the average coefficient of variation of each group over studies",
         "AVHO": "with the average coefficient of variation over both groups",
         "LS2": _LS2},
        "LS",
        advanced=True,
    )  # fmt: skip


@dataclass(frozen=True)
class VariabilityOptions:
    """Bias correction and variance of ratios of spreads."""

    correct: bool = flag(_CORRECT, True)
    vtype: str = choice(_VTYPE, {"LS": _LS, "LS2": _LS2}, "LS", advanced=True)


def opposite_means(columns: Columns) -> Remark:
    """Rows whose means have no log ratio."""
    m1, m2 = columns["m1i"], columns["m2i"]
    return Remark(
        ~(m1 * m2 > 0),
        lambda i: (
            f"The means, {m1[i]:g} and {m2[i]:g}, have no logarithm of their ratio; both must lie "
            "on the same side of 0."
        ),
    )


def negative_means(columns: Columns) -> Remark:
    """Rows whose means have no coefficient of variation."""
    m1, m2 = columns["m1i"], columns["m2i"]
    return Remark(
        ~((m1 > 0) & (m2 > 0)),
        lambda i: (
            f"The means, {m1[i]:g} and {m2[i]:g}, must both be above 0 for a coefficient of "
            "variation."
        ),
    )


def _squared_cv(columns: Columns) -> tuple[FloatVector, FloatVector]:
    """Squared standard error of each mean over its squared mean."""
    return (
        columns["sd1i"] ** 2 / (columns["n1i"] * columns["m1i"] ** 2),
        columns["sd2i"] ** 2 / (columns["n2i"] * columns["m2i"] ** 2),
    )


def log_ratio_of_means(columns: Columns, options: RatioOfMeansOptions) -> Computed:
    """Log ratio of two means, corrected by half the difference of the squared relative errors.

    Variances: ``LS`` Hedges et al. (1999), eq. 1; ``LS2`` Lajeunesse (2015), eq. 9.
    """
    n1, n2 = columns["n1i"], columns["n2i"]
    first, second = _squared_cv(columns)
    yi = np.log(columns["m1i"] / columns["m2i"])
    vi = first + second
    match options.vtype:
        case "HO":
            sp2 = pooled_sd(columns) ** 2
            first = sp2 / (n1 * columns["m1i"] ** 2)
            second = sp2 / (n2 * columns["m2i"] ** 2)
            vi = first + second
        case "AV":
            cv1, cv2 = _average_cv(columns)
            vi = cv1**2 / n1 + cv2**2 / n2
        case "AVHO":
            cv1, cv2 = _average_cv(columns)
            both = (cv1 * n1.sum() + cv2 * n2.sum()) / (n1.sum() + n2.sum())
            vi = both**2 * (1.0 / n1 + 1.0 / n2)
        case "LS2":
            vi = first + second + (first**2 + second**2) / 2.0
    if options.correct:
        yi = yi + (first - second) / 2.0
    return Computed(yi, vi, n1 + n2, (opposite_means(columns),))


def _average_cv(columns: Columns) -> tuple[float, float]:
    """Mean coefficient of variation of each group over studies, weighted by size."""
    n1, n2 = columns["n1i"], columns["n2i"]
    cv1, cv2 = columns["sd1i"] / columns["m1i"], columns["sd2i"] / columns["m2i"]
    return float((cv1 * n1).sum() / n1.sum()), float((cv2 * n2).sum() / n2.sum())


def _lost(n: FloatVector) -> FloatVector:
    return np.asarray(1.0 / (2.0 * (n - 1.0)))


def _spread_variance(n: FloatVector, vtype: str) -> FloatVector:
    """Variance of a log SD; ``LS2`` has n/(n − 1)² in place of 1/(n − 1) (Senior 2020)."""
    return np.asarray(n / (2.0 * (n - 1.0) ** 2)) if vtype == "LS2" else _lost(n)


def log_variability_ratio(columns: Columns, options: VariabilityOptions) -> Computed:
    """Log ratio of two SDs."""
    n1, n2 = columns["n1i"], columns["n2i"]
    yi = np.log(columns["sd1i"] / columns["sd2i"])
    if options.correct:
        yi = yi + _lost(n1) - _lost(n2)
    vi = _spread_variance(n1, options.vtype) + _spread_variance(n2, options.vtype)
    return Computed(yi, vi, n1 + n2)


def log_cv_ratio(columns: Columns, options: VariabilityOptions) -> Computed:
    """Log ratio of two coefficients of variation: ratio of SDs less ratio of means."""
    spread = log_variability_ratio(columns, options)
    means = log_ratio_of_means(
        columns, RatioOfMeansOptions(correct=options.correct, vtype=options.vtype)
    )
    return Computed(
        spread.yi - means.yi, spread.vi + means.vi, spread.ni, (negative_means(columns),)
    )


def _sds(columns: Columns, context: Context) -> Inputs:
    return Inputs({role: columns[role] for role in ("sd1i", "n1i", "sd2i", "n2i")})


_SD_ROUTES = (
    Route(
        "sds",
        "SDs and totals of both groups",
        (
            Need("sd1i", "SD, group 1", "sd"),
            Need("n1i", "Total, group 1", "size2"),
            Need("sd2i", "SD, group 2", "sd"),
            Need("n2i", "Total, group 2", "size2"),
        ),
        _sds,
    ),
    *(r for r in TWO_ARMS if r.key != "means"),
)
_FAMILY = "Two groups, measured outcome"
RATIOS_OF_MEANS = (
    Measure("ROM", "Ratio of means", "RoM", _FAMILY,
            "How many times higher the mean of group 1 is, for outcomes that cannot be below 0.",
            "ln(m1/m2) + ½[s1²/(n1·m1²) − s2²/(n2·m2²)]; v = s1²/(n1·m1²) + s2²/(n2·m2²)",
            RatioOfMeansOptions, log_scale("ratio of means"), LAJEUNESSE2015, log_ratio_of_means,
            MEANS_ROUTES),
    Measure("VR", "Variability ratio", "VR", _FAMILY,
            "How many times more the people of group 1 differ from one another.",
            "ln(s1/s2) + 1/(2(n1 − 1)) − 1/(2(n2 − 1)); v = 1/(2(n1 − 1)) + 1/(2(n2 − 1))",
            VariabilityOptions, log_scale("variability ratio"), NAKAGAWA, log_variability_ratio,
            (*_SD_ROUTES, *ESTIMATE_ROUTES)),
    Measure("CVR", "Coefficient of variation ratio", "CVR", _FAMILY,
            "How many times more the people of group 1 differ in relation to their mean.",
            "VR − RoM on the log scale; v = v(VR) + v(RoM)",
            VariabilityOptions, log_scale("coefficient of variation ratio"), SENIOR, log_cv_ratio,
            (*TWO_ARMS, *ESTIMATE_ROUTES)),
)  # fmt: skip
