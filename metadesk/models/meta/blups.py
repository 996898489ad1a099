"""Each study's true effect, drawn from its own estimate towards what the model expects of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metadesk.errors import NotEstimable
from metadesk.models.meta.data import MetaData
from metadesk.models.result import FitResult
from metadesk.numerics.tails import quantile
from metadesk.numerics.types import FloatVector


@dataclass(frozen=True, eq=False)
class StudyEffects:
    """Best linear unbiased predictions of true effects, and of their deviations from the model."""

    pred: FloatVector
    se: FloatVector
    pi_lb: FloatVector
    pi_ub: FloatVector
    ranef: FloatVector
    ranef_se: FloatVector
    level: float


def study_effects(fit: FitResult, data: MetaData) -> StudyEffects:
    """BLUPs of a random- or mixed-effects fit.

    With ``l = tau²/(tau² + v)``: effect ``l y + (1 - l) x'b`` with variance ``l v + (1 - l)²
    x'Vx``, deviation ``l (y - x'b)`` with variance ``l v + l² x'Vx``, V the covariance of the
    coefficients by the fit's own test (Raudenbush & Bryk 1985).

    Raises
    ------
    NotEstimable
        For a model without tau².
    """
    c, h = fit.coefficients, fit.heterogeneity
    if h is None or not fit.components:
        raise NotEstimable("A model without random effects gives every study the same true effect.")
    X = data.X[:, [data.names.index(name) for name in c.names]] if data.p > 1 else data.X
    mean = X.dot(c.b)
    leverage = c.standard_errors(X) ** 2
    pull = h.tau2 / (h.tau2 + data.vi)
    pred = pull * data.yi + (1.0 - pull) * mean
    se = np.sqrt(pull * data.vi + (1.0 - pull) ** 2 * leverage)
    ranef_se = np.sqrt(pull * data.vi + pull**2 * leverage)
    df = float(np.min(c.df))
    half = float(quantile(c.level, df if df > 0 else math.inf)) * se
    return StudyEffects(
        pred, se, pred - half, pred + half, pull * (data.yi - mean), ranef_se, c.level
    )
