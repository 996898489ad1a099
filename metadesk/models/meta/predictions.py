"""What a fitted model expects at given values, and linear combinations of its coefficients."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metadesk.errors import SpecProblem
from metadesk.models.meta.prediction import prediction_df
from metadesk.models.result import Coefficients, FitResult, Quantity
from metadesk.numerics.tails import quantile, two_sided_p
from metadesk.numerics.types import FloatMatrix, FloatVector


@dataclass(frozen=True, eq=False)
class Predictions:
    """Expected effects at rows of a design, with CI of the mean and PI of a new study."""

    pred: FloatVector
    se: FloatVector
    ci_lb: FloatVector
    ci_ub: FloatVector
    pi_lb: FloatVector
    pi_ub: FloatVector
    level: float
    method: str


def predict(
    fit: FitResult,
    X: FloatMatrix,
    *,
    level: float | None = None,
    prediction: str = "test",
    tau2: float | FloatVector | None = None,
) -> Predictions:
    """Expected effects ``x'b`` with ``se = sqrt(x' vb x)``; PI half-width ``q sqrt(se² + tau²)``.

    Parameters
    ----------
    fit : FitResult
        A study-level fit.
    X : (m, p) array
        Design rows with a column for every coefficient of the fit (:meth:`Design.rows_for`).
    level : float, optional
        Confidence level; the fit's own by default.
    prediction : str
        A rule of :mod:`metadesk.models.meta.prediction`; NaN where its df are below 1.
    tau2 : float or (m,) array, optional
        Where it differs from row to row; the fit's own by default.
    """
    c = fit.coefficients
    rows = np.atleast_2d(np.asarray(X, dtype=float))
    if rows.shape[1] != len(c.names):
        raise SpecProblem(
            f"A prediction needs {len(c.names)} values ({', '.join(c.names)}), not {rows.shape[1]}."
        )
    chosen = c.level if level is None else level
    if tau2 is None:
        tau2 = 0.0 if fit.heterogeneity is None else fit.heterogeneity.tau2
    known = not fit.components or fit.components[0].fixed
    mean = rows.dot(c.b)
    se = c.standard_errors(rows)
    df = float(np.min(c.df))
    half = float(quantile(chosen, df)) * se
    pdf = prediction_df(prediction, fit.k, len(c.names), df, known)
    reach = float(quantile(chosen, pdf)) if pdf >= 1.0 else math.nan
    wide = reach * np.sqrt(tau2 if prediction == "simple" else se * se + tau2)
    return Predictions(mean, se, mean - half, mean + half, mean - wide, mean + wide, chosen, c.test)


def linear_combinations(fit: FitResult, L: FloatMatrix) -> Coefficients:
    """Test rows of ``L b`` one by one, with the fit's own test."""
    c = fit.coefficients
    rows = np.atleast_2d(np.asarray(L, dtype=float))
    b = rows.dot(c.b)
    vb, se = c.covariance(rows), c.standard_errors(rows)
    df = np.full(b.size, float(np.min(c.df)))
    with np.errstate(divide="ignore", invalid="ignore"):
        stat = np.where(se > 0, b / se, math.nan)
    half = quantile(c.level, df) * se
    names = tuple(_combination_name(row, c.names) for row in rows)
    return Coefficients(
        names, b, se, stat, df, two_sided_p(stat, df), b - half, b + half, vb, c.level, c.test
    )


def pairwise(levels: Sequence[str]) -> tuple[tuple[str, ...], FloatMatrix]:
    """Every two of some levels, the later less the earlier: names, and rows over the levels."""
    both = list(itertools.combinations(range(len(levels)), 2))
    L = np.zeros((len(both), len(levels)))
    for row, (i, j) in enumerate(both):
        L[row, i], L[row, j] = -1.0, 1.0
    return tuple(f"{levels[j]} − {levels[i]}" for i, j in both), L


def _combination_name(row: FloatVector, names: Sequence[str]) -> str:
    """``2·dose − regionAsia`` for the non-zero entries."""
    parts: list[str] = []
    for weight, name in zip(row.tolist(), names, strict=True):
        if weight == 0.0:
            continue
        sign = ("−" if weight < 0 else "") if not parts else (" − " if weight < 0 else " + ")
        size = "" if abs(weight) == 1.0 else f"{abs(weight):g}·"
        parts.append(f"{sign}{size}{name}")
    return "".join(parts) or "0"


def probability_below(fit: FitResult, value: float = 0.0) -> Quantity:
    """Probability that the true effect of a new study lies below ``value``.

    From the predictive distribution ``N(mu, se² + tau²)``, t where the test is.
    """
    from scipy import special

    c = fit.coefficients
    tau2 = 0.0 if fit.heterogeneity is None else fit.heterogeneity.tau2
    spread = math.sqrt(float(c.se[0]) ** 2 + tau2)
    z, df = (value - float(c.b[0])) / spread, float(c.df[0])
    p = special.ndtr(z) if math.isinf(df) else special.stdtr(df, z)
    return Quantity(
        "probability_below", f"Probability of a true effect below {value:g}", float(p), c.test
    )
