"""Fitting linear mixed models for trials with repeated measures."""

from __future__ import annotations

import math

import numpy as np

from metadesk.errors import NotEstimable
from metadesk.models.mixed.linear.moments import Criterion
from metadesk.models.mixed.linear.newton import Optimum, maximise
from metadesk.models.mixed.linear.problem import LinearProblem, linear_problem
from metadesk.models.mixed.linear.random_intercept import (
    RandomInterceptCovariance,
    maximise_intercept,
)
from metadesk.models.mixed.linear.residuals import LEAST, ByStratum
from metadesk.models.mixed.linear.summary import residual_start, summarise
from metadesk.models.mixed.linear.whitened import WhitenedCovariance
from metadesk.models.mixed.options import LinearMixed
from metadesk.models.mixed.result import MixedResult
from metadesk.models.mixed.trial_data import TrialData
from metadesk.numerics.progress import SILENT, Progress


def fit_linear(spec: LinearMixed, data: TrialData, progress: Progress = SILENT) -> MixedResult:
    """Fit a linear mixed model to trial rows.

    Parameters
    ----------
    spec : LinearMixed
        Terms, residual structure, estimation, degrees of freedom.
    data : TrialData
        The rows.
    progress : Progress
        Told how far the fit is.

    Returns
    -------
    MixedResult
        Coefficients with their tests, variance components, means, contrasts, effects by person.

    Raises
    ------
    DataProblem, SpecProblem, NotEstimable
        With one sentence on what stands in the way.

    References
    ----------
    Laird & Ware (1982); Patterson & Thompson (1971); Kenward & Roger (1997).
    """
    problem = linear_problem(spec, data)
    restricted = spec.method == "REML"
    _check_told_apart(problem, restricted)
    optimum = largest(problem, restricted, progress)
    _check_vanishing(problem, optimum, restricted)
    return summarise(spec, problem, optimum, progress)


def _check_vanishing(problem: LinearProblem, optimum: Optimum, restricted: bool) -> None:
    """Refuse residual variances whose vanishing raises the likelihood for ever."""
    covariance = problem.covariance
    if not isinstance(covariance, WhitenedCovariance):
        return
    structure = covariance.structure
    if not isinstance(structure, ByStratum) or len(structure.stratum.levels) < 2:
        return
    start = residual_start(problem)
    lowest = int(np.argmin(optimum.theta[start:]))
    if optimum.theta[start + lowest] > LEAST:
        return
    closer = optimum.theta.copy()
    closer[start + lowest] = LEAST / 100
    moments = covariance.moments(closer)
    gained = math.inf
    if moments is not None:
        gained = optimum.criterion.value - Criterion(moments, problem.n, restricted).value
    if gained > 0.01:
        raise NotEstimable(
            f"The residual variance of {structure.stratum.levels[lowest]} shrinks to nothing, "
            f"because the terms of the model can follow its few rows exactly; choose equal "
            f"residual variances or fewer terms."
        )


def largest(problem: LinearProblem, restricted: bool, progress: Progress) -> Optimum:
    """The largest likelihood: by its one score where there is one, else by the general climb."""
    if isinstance(problem.covariance, RandomInterceptCovariance):
        found = maximise_intercept(problem.covariance, problem.n, restricted)
        if found is not None:
            return found
    return maximise(problem.covariance, problem.n, restricted, progress=progress)


def _check_told_apart(problem: LinearProblem, restricted: bool) -> None:
    """Refuse variance parameters that say the same about the data."""
    covariance = problem.covariance
    if isinstance(covariance, RandomInterceptCovariance):
        return
    moments = covariance.moments(covariance.start())
    if moments is None:
        return
    expected = Criterion(moments, problem.n, restricted).hessian()[1]
    size = np.sqrt(np.diag(expected))
    if (size > 0).all() and np.linalg.eigvalsh(expected / np.outer(size, size))[0] > 1e-9:
        return
    raise NotEstimable(
        "The variances of this model cannot be told apart with these rows: some of them say the "
        "same about the data; choose fewer random effects or a simpler residual structure."
    )
