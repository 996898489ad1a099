"""Log-likelihood, deviance and information criteria of a study-level model."""

from __future__ import annotations

import math

import numpy as np

from metadesk.models.meta.kernel import LOG_2PI
from metadesk.models.meta.linear import Linear
from metadesk.models.result import FitStatistics
from metadesk.numerics.types import FloatMatrix, FloatVector

NORMAL = "normal, effects of rows"
"""The likelihood of effects with known, uncorrelated sampling errors."""
EFFECT = "effect"
"""The variance of true effects from row to row, in whatever model it stands."""


def fit_statistics(
    fit: Linear,
    basis: FloatMatrix,
    v: FloatVector,
    restricted: bool,
    n_variances: int,
    variances: frozenset[str] | None = None,
) -> FitStatistics:
    """Likelihood statistics at the fit, all constants included.

    Restricted: ``-½[(k-p) ln 2π - ln|X'X| + Σ ln s + ln|X'WX| + rss]`` (Harville 1977); its
    deviance is minus twice that. Ordinary: the deviance is against the model that fits every effect
    exactly with variances ``v``. BIC and AICc count k - p observations under restriction, else k.
    ``variances`` names those that maximise it with the coefficients; None where something else was
    maximised. ``basis`` (k, p) holds orthonormal columns that span those of X.
    """
    k, p = fit.k, fit.p
    logs = -float(np.log(fit.w).sum())
    parameters = p + n_variances
    if restricted:
        ll = -0.5 * ((k - p) * LOG_2PI + logs + fit.rss + _logdet_ratio(fit, basis))
        deviance = -2.0 * ll
        n = k - p
    else:
        ll = -0.5 * (k * LOG_2PI + logs + fit.rss)
        deviance = logs + fit.rss - float(np.log(v).sum())
        n = k
    m = max(n, parameters + 2)
    return FitStatistics(
        logLik=ll,
        deviance=deviance,
        AIC=-2.0 * ll + 2.0 * parameters,
        BIC=-2.0 * ll + parameters * (math.log(n) if n > 0 else -math.inf),
        AICc=-2.0 * ll + 2.0 * parameters * m / (m - parameters - 1),
        restricted=restricted,
        n_parameters=parameters,
        likelihood="" if variances is None else NORMAL,
        variances=variances or frozenset(),
    )


def _logdet_ratio(fit: Linear, Q: FloatMatrix) -> float:
    """ln|X'WX| - ln|X'X|, which is ln|Q'WQ|."""
    if fit.of_mean:
        return math.log(float(fit.w.sum())) - math.log(fit.k)
    return float(np.linalg.slogdet(Q.T.dot(fit.w[:, None] * Q))[1])
