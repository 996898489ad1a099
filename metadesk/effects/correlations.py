"""Correlations, partial and semi-partial correlations, and coefficients of determination."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from metadesk.effects.estimates import ESTIMATE_ROUTES
from metadesk.effects.generic import NoOptions
from metadesk.effects.hypergeometric import one_one, unbiased
from metadesk.effects.measure import (
    Columns,
    Computed,
    Context,
    Inputs,
    Measure,
    Need,
    Remark,
    Route,
    plain_scale,
)
from metadesk.effects.scales import FISHER_Z, FISHER_Z_R2
from metadesk.effects.sources import ALOE, FISHER, OLKIN_FINN, OLKIN_PRATT
from metadesk.effects.two_by_two import to_fisher_z
from metadesk.numerics.types import FloatVector
from metadesk.options import choice

_VTYPE = "Variance"
_LS, _AV = "large-sample approximation", "with the average correlation over studies"
_H0 = "under no correlation"


@dataclass(frozen=True)
class CorrelationOptions:
    """Variance of a correlation."""

    vtype: str = choice(_VTYPE, {"LS": _LS, "AV": _AV, "H0": _H0}, "LS", advanced=True)


@dataclass(frozen=True)
class UnbiasedCorrelationOptions:
    """Variance of a bias-corrected correlation."""

    vtype: str = choice(
        _VTYPE, {"LS": _LS, "UB": "unbiased", "AV": _AV, "H0": _H0}, "LS", advanced=True
    )


@dataclass(frozen=True)
class FisherOptions:
    """Variance of Fisher's z, which does not depend on the correlation."""

    vtype: str = choice(_VTYPE, {"LS": "1/(n − 3)", "AV": "the same"}, "LS", advanced=True)


@dataclass(frozen=True)
class RegressionOptions:
    """Variance of a partial or semi-partial correlation."""

    vtype: str = choice(_VTYPE, {"LS": _LS, "AV": _AV}, "LS", advanced=True)


@dataclass(frozen=True)
class DeterminationOptions:
    """Variance of a coefficient of determination."""

    vtype: str = choice(
        _VTYPE,
        {"LS": _LS, "LS2": "with the degrees of freedom", "AV": _AV,
         "AV2": "with the degrees of freedom and the average over studies"},
        "LS",
        advanced=True,
    )  # fmt: skip


def _average(r: FloatVector, n: FloatVector) -> float:
    """Mean over studies, weighted by size."""
    known = np.isfinite(r)
    return float((r[known] * n[known]).sum() / n[known].sum())


def _at(r: FloatVector, n: FloatVector, vtype: str) -> FloatVector:
    """The correlation that the variance is evaluated at."""
    if vtype.startswith("AV"):
        return np.full(len(r), _average(r, n))
    return np.zeros(len(r)) if vtype == "H0" else r


def _more_than(n: FloatVector, least: int) -> Remark:
    return Remark(n <= least, f"The study is too small; more than {least} people are needed.")


def correlation(columns: Columns, options: CorrelationOptions) -> Computed:
    """Correlation as it stands."""
    r, n = columns["ri"], columns["ni"]
    vi = (1.0 - _at(r, n, options.vtype) ** 2) ** 2 / (n - 1.0)
    return Computed(r, vi, n, (_more_than(n, 3),))


def unbiased_correlation(columns: Columns, options: UnbiasedCorrelationOptions) -> Computed:
    """Correlation corrected for its small bias (Olkin & Pratt 1958, eq. 2.3)."""
    r, n = columns["ri"], columns["ni"]
    left = 1.0 - r**2
    y = unbiased(r, n)
    if options.vtype == "UB":
        vi = y**2 - 1.0 + (n - 3.0) / (n - 2.0) * left * one_one(np.maximum(n, 5.0), r)
    else:
        vi = (1.0 - _at(y, n, options.vtype) ** 2) ** 2 / (n - 1.0)
    return Computed(y, vi, n, (_more_than(n, 4),))


def fisher_z(columns: Columns, options: FisherOptions) -> Computed:
    """Fisher's z of a correlation."""
    n = columns["ni"]
    return Computed(np.arctanh(columns["ri"]), 1.0 / (n - 3.0), n, (_more_than(n, 3),))


def partial_correlation(columns: Columns, options: RegressionOptions) -> Computed:
    """Correlation with one predictor, the other ones held; ``mi`` predictors in all."""
    r, n, m = columns["ri"], columns["ni"], columns["mi"]
    vi = (1.0 - _at(r, n, options.vtype) ** 2) ** 2 / (n - m)
    return Computed(r, vi, n, (_df_left(n, m),))


def partial_fisher_z(columns: Columns, options: NoOptions) -> Computed:
    """Fisher's z of a partial correlation."""
    n, m = columns["ni"], columns["mi"]
    few = Remark(n - m <= 2, "The study is too small for its number of predictors.")
    return Computed(np.arctanh(columns["ri"]), 1.0 / (n - m - 2.0), n, (few,))


def _df_left(n: FloatVector, m: FloatVector) -> Remark:
    return Remark(
        n - m <= 1,
        lambda i: f"{n[i]:g} people are too few for {m[i]:g} predictors.",
    )


def semipartial_correlation(columns: Columns, options: RegressionOptions) -> Computed:
    """Correlation of the outcome with what is special to one predictor (Aloe & Becker 2012)."""
    y, n, m, r2 = columns["ri"], columns["ni"], columns["mi"], columns["r2i"]
    at = _at(y, n, options.vtype)
    rest = r2 - at**2
    vi = (r2**2 - 2.0 * r2 + rest + 1.0 - rest**2) / n
    reasons = (
        _df_left(n, m),
        Remark(
            y**2 > r2 + 1e-12,
            lambda i: (
                f"R², {r2[i]:g}, is smaller than this predictor's own part of it, {y[i] ** 2:.4g}; "
                "one of the numbers is wrong."
            ),
        ),
    )
    return Computed(y, vi, n, reasons[:1], reasons[1:])


def semipartial_fisher_z(columns: Columns, options: RegressionOptions) -> Computed:
    """Semi-partial correlation on Fisher's z scale."""
    return to_fisher_z(semipartial_correlation(columns, options))


def determination(columns: Columns, options: DeterminationOptions) -> Computed:
    """Coefficient of determination of a regression (Olkin & Finn 1995)."""
    y, n, m = columns["r2i"], columns["ni"], columns["mi"]
    at = _at(y, n, options.vtype)
    vi = 4.0 * at * (1.0 - at) ** 2 / n
    if options.vtype in ("LS2", "AV2"):
        vi = 4.0 * at * (1.0 - at) ** 2 * (n - m - 1.0) ** 2 / ((n**2 - 1.0) * (n + 3.0))
    return Computed(y, vi, n, (_df_left(n, m),))


def determination_z(columns: Columns, options: NoOptions) -> Computed:
    """Fisher's z of the multiple correlation."""
    y, n = columns["r2i"], columns["ni"]
    return Computed(np.arctanh(np.sqrt(y)), 1.0 / n, n, (_df_left(n, columns["mi"]),))


def _r_n(columns: Columns, context: Context) -> Inputs:
    return Inputs({"ri": columns["ri"], "ni": columns["ni"]})


def _r_from_t(columns: Columns, context: Context) -> Inputs:
    """t/√(t² + n − 2)."""
    t, n = columns["ti"], columns["ni"]
    return Inputs({"ri": t / np.sqrt(t**2 + n - 2.0), "ni": n}, (_more_than(n, 2),))


def _t_of_p(p: FloatVector, df: FloatVector) -> FloatVector:
    return np.asarray(-special.stdtrit(np.maximum(df, 1.0), np.abs(p) / 2.0) * np.sign(p))


def _r_from_p(columns: Columns, context: Context) -> Inputs:
    """Through t, with the sign of the p-value."""
    n = columns["ni"]
    t = _t_of_p(columns["pi"], n - 2.0)
    return Inputs({"ri": t / np.sqrt(t**2 + n - 2.0), "ni": n}, (_more_than(n, 2),))


def _partial(columns: Columns, context: Context) -> Inputs:
    return Inputs({role: columns[role] for role in ("ri", "ni", "mi")})


def _partial_from_t(columns: Columns, context: Context) -> Inputs:
    """t/√(t² + n − m − 1)."""
    t, n, m = columns["ti"], columns["ni"], columns["mi"]
    values = {"ri": t / np.sqrt(t**2 + n - m - 1.0), "ni": n, "mi": m}
    return Inputs(values, (_df_left(n, m),))


def _partial_from_p(columns: Columns, context: Context) -> Inputs:
    t = _t_of_p(columns["pi"], columns["ni"] - columns["mi"] - 1.0)
    return _partial_from_t({**columns, "ti": t}, context)


def _semipartial(columns: Columns, context: Context) -> Inputs:
    return Inputs({role: columns[role] for role in ("ri", "ni", "mi", "r2i")})


def _semipartial_from_t(columns: Columns, context: Context) -> Inputs:
    """t·√(1 − R²)/√(n − m − 1)."""
    n, m, r2 = columns["ni"], columns["mi"], columns["r2i"]
    r = columns["ti"] * np.sqrt(1.0 - r2) / np.sqrt(n - m - 1.0)
    return Inputs({"ri": r, "ni": n, "mi": m, "r2i": r2}, (_df_left(n, m),))


def _semipartial_from_p(columns: Columns, context: Context) -> Inputs:
    t = _t_of_p(columns["pi"], columns["ni"] - columns["mi"] - 1.0)
    return _semipartial_from_t({**columns, "ti": t}, context)


def _r2(columns: Columns, context: Context) -> Inputs:
    return Inputs({role: columns[role] for role in ("r2i", "ni", "mi")})


def _r2_from_f(columns: Columns, context: Context) -> Inputs:
    """m·F/(m·F + n − m − 1)."""
    f, n, m = columns["Fi"], columns["ni"], columns["mi"]
    return Inputs({"r2i": m * f / (m * f + n - m - 1.0), "ni": n, "mi": m}, (_df_left(n, m),))


def _r2_from_p(columns: Columns, context: Context) -> Inputs:
    """Through the F of the regression: 1 − R² is the quantile of a beta variable at p.

    With m and n − m − 1 degrees of freedom it is Beta((n − m − 1)/2, m/2), which keeps the digits
    of a minute p.
    """
    n, m = columns["ni"], columns["mi"]
    df = np.maximum(n - m - 1.0, 1.0)
    rest = np.asarray(special.betaincinv(df / 2.0, m / 2.0, columns["pval"]), dtype=float)
    return Inputs({"r2i": 1.0 - rest, "ni": n, "mi": m}, (_df_left(n, m),))


_N = Need("ni", "Total", "size2")
_R = Need("ri", "Correlation", "correlation")
_T, _P = (
    Need("ti", "t statistic"),
    Need("pi", "P value with the sign of the correlation", "signed_p"),
)
_M = Need("mi", "Number of predictors", "size")
_R2 = Need("r2i", "R²", "r_squared")
_F = Need("Fi", "F of the regression", "nonnegative")
_P_F = Need("pval", "P value of the regression", "p")

_SIMPLE = (
    Route("r", "correlation and total", (_R, _N), _r_n),
    Route("t", "t statistic and total", (_T, _N), _r_from_t, FISHER, "test"),
    Route("p", "p-value (signed) and total", (_P, _N), _r_from_p, FISHER, "test"),
    *ESTIMATE_ROUTES,
)
_PARTIAL = (
    Route("t", "t statistic, total and predictors", (_T, _N, _M), _partial_from_t, ALOE),
    Route("r", "partial correlation, total and predictors", (_R, _N, _M), _partial, ALOE),
    Route("p", "p-value (signed), total and predictors", (_P, _N, _M), _partial_from_p, ALOE,
          "test"),
    *ESTIMATE_ROUTES,
)  # fmt: skip
_SEMI = (
    Route("t", "t statistic, R², total and predictors", (_T, _N, _M, _R2), _semipartial_from_t,
          ALOE),
    Route("r", "semi-partial correlation, R², total and predictors", (_R, _N, _M, _R2),
          _semipartial, ALOE),
    Route("p", "p-value (signed), R², total and predictors", (_P, _N, _M, _R2),
          _semipartial_from_p, ALOE, "test"),
    *ESTIMATE_ROUTES,
)  # fmt: skip
_DETERMINATION = (
    Route("r2", "R², total and predictors", (_R2, _N, _M), _r2, OLKIN_FINN),
    Route("F", "F, total and predictors", (_F, _N, _M), _r2_from_f, OLKIN_FINN, "test"),
    Route(
        "p",
        "p-value of the regression, total and predictors",
        (_P_F, _N, _M),
        _r2_from_p,
        OLKIN_FINN,
        "test",
    ),
    *ESTIMATE_ROUTES,
)
_SIMPLE_FAMILY, _REGRESSION = "Correlation", "Regression"
_PLAIN = plain_scale("correlation", lower=-1.0, upper=1.0)

CORRELATIONS = (
    Measure("ZCOR", "Correlation, Fisher's z", "r", _SIMPLE_FAMILY,
            "How closely two measured variables go together; the usual choice.",
            "artanh(r); v = 1/(n − 3)", FisherOptions, FISHER_Z, FISHER, fisher_z, _SIMPLE),
    Measure("COR", "Correlation", "r", _SIMPLE_FAMILY,
            "How closely two measured variables go together.",
            "r; v = (1 − r²)²/(n − 1)", CorrelationOptions, _PLAIN, OLKIN_PRATT, correlation,
            _SIMPLE),
    Measure("UCOR", "Correlation, bias-corrected", "r", _SIMPLE_FAMILY,
            "How closely two measured variables go together, freed of its small bias.",
            "r·₂F₁(½, ½; (n − 2)/2; 1 − r²)", UnbiasedCorrelationOptions, _PLAIN, OLKIN_PRATT,
            unbiased_correlation, _SIMPLE),
    Measure("PCOR", "Partial correlation", "r", _REGRESSION,
            "How closely outcome and predictor go together, the other predictors held.",
            "t/√(t² + n − m − 1); v = (1 − r²)²/(n − m)", RegressionOptions, _PLAIN, ALOE,
            partial_correlation, _PARTIAL),
    Measure("ZPCOR", "Partial correlation, Fisher's z", "r", _REGRESSION,
            "The partial correlation on Fisher's z scale.",
            "artanh(r); v = 1/(n − m − 2)", NoOptions, FISHER_Z, ALOE, partial_fisher_z, _PARTIAL),
    Measure("SPCOR", "Semi-partial correlation", "r", _REGRESSION,
            "How closely the outcome goes with what only this predictor says.",
            "t·√(1 − R²)/√(n − m − 1)", RegressionOptions, _PLAIN, ALOE, semipartial_correlation,
            _SEMI),
    Measure("ZSPCOR", "Semi-partial correlation, Fisher's z", "r", _REGRESSION,
            "The semi-partial correlation on Fisher's z scale.",
            "artanh(r); v = v(r)/(1 − r²)²", RegressionOptions, FISHER_Z, ALOE,
            semipartial_fisher_z, _SEMI),
    Measure("R2", "Coefficient of determination", "R²", _REGRESSION,
            "The part of the outcome's variance that a regression explains.",
            "R²; v = 4R²(1 − R²)²/n", DeterminationOptions,
            plain_scale("R²", math.nan, 0.0, 1.0), OLKIN_FINN, determination, _DETERMINATION),
    Measure("ZR2", "Coefficient of determination, Fisher's z", "R²", _REGRESSION,
            "The part of variance explained, through Fisher's z of the multiple correlation.",
            "artanh(√R²); v = 1/n", NoOptions, FISHER_Z_R2, OLKIN_FINN, determination_z,
            _DETERMINATION),
)  # fmt: skip
