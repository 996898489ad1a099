"""The likelihoods of the generalised linear mixed models, written down as problems to maximise."""

from __future__ import annotations

from typing import Literal

import numpy as np

from metadesk.models.meta.glmm.data import CountData
from metadesk.models.meta.glmm.families import Binomial, Hypergeometric, Likelihood, Poisson
from metadesk.models.meta.glmm.newton import Problem
from metadesk.numerics.types import FloatMatrix

CountModel = Literal["UM.FS", "UM.RS", "CM.EL", "CM.AL", "one-arm"]

GROUP_CODING = {"half": (0.5, -0.5), "group 1": (1.0, 0.0), "group 2": (0.0, 1.0)}
"""How the random treatment effect enters the two arms."""


def build(data: CountData, model: CountModel, coding: str = "half") -> Problem:
    """Write down the model with its random treatment effect as the *last* random effect.

    UM.RS has the random study intercept before it. Shared coefficients are the treatment effect's
    (and its moderators'), then for UM.RS the overall log odds or log rate of group 2.
    """
    if model == "one-arm" or model.startswith("CM"):
        return _one_row(data, _conditional(data, model))
    return _arms(data, model, coding)


def _conditional(data: CountData, model: CountModel) -> Likelihood:
    """Likelihood of the one row a study has."""
    y, n = data.events, data.totals
    if data.measure == "PLO":
        return Binomial.of(y, n)
    if data.measure == "IRLN":
        return Poisson.of(y)
    m = y.sum(axis=0)
    if data.measure == "OR" and model == "CM.EL":
        return Hypergeometric.of(y[0], n[0], n[1], m)
    return Binomial.of(y[:1], m[None, :])


def _one_row(data: CountData, family: Likelihood) -> Problem:
    offset = np.zeros((1, data.k))
    if data.measure == "IRLN":
        offset = np.log(data.totals)
    elif data.measure in ("OR", "IRR") and isinstance(family, Binomial):
        offset = np.log(data.totals[0] / data.totals[1])[None, :]
    return Problem(family, data.X[None, :, :], offset, np.ones((1, 1, data.k)))


def _arms(data: CountData, model: CountModel, coding: str) -> Problem:
    k = data.k
    design = np.zeros((2, k, data.p))
    design[0] = data.X
    offset = np.log(data.totals) if data.measure == "IRR" else np.zeros((2, k))
    group = _spread(GROUP_CODING[coding], k)
    family: Likelihood
    if data.measure == "IRR":
        family = Poisson.of(data.events)
    else:
        family = Binomial.of(data.events, data.totals)
    if model == "UM.FS":
        return Problem(family, design, offset, group[None], own=np.ones((2, k)))
    design = np.concatenate([design, np.ones((2, k, 1))], axis=2)
    return Problem(family, design, offset, np.stack([np.ones((2, k)), group]))


def saturated_with_random_studies(problem: Problem, p: int) -> Problem:
    """UM.RS with an effect of its own for every study: what heterogeneity is tested against."""
    own = np.zeros((2, problem.k))
    own[0] = 1.0
    return Problem(problem.family, problem.design[:, :, p:], problem.offset, problem.z[:1], own)


def _spread(values: tuple[float, float], k: int) -> FloatMatrix:
    return np.repeat(np.array(values)[:, None], k, axis=1)
