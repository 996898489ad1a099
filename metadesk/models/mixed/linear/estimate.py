"""The bare fit of a linear mixed model: estimates and likelihood, no tests and no tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metadesk.models.mixed.linear.fit import largest
from metadesk.models.mixed.linear.problem import linear_problem
from metadesk.models.mixed.options import LinearMixed
from metadesk.models.mixed.trial_data import TrialData
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatMatrix, FloatVector


@dataclass(frozen=True, eq=False)
class LinearEstimate:
    """Coefficients, their model-based covariance, variances by name, log-likelihood."""

    names: tuple[str, ...]
    b: FloatVector
    vb: FloatMatrix
    parameters: tuple[str, ...]
    theta: FloatVector
    logLik: float
    converged: bool


def estimate_linear(
    spec: LinearMixed, data: TrialData, progress: Progress = SILENT
) -> LinearEstimate:
    """Fit a linear mixed model and stop there, for simulations and repeated fits.

    ``theta`` holds the covariance parameters named in ``parameters`` in the sheet's squared units
    (an autocorrelation has none). Everything else is reported by
    :func:`~metadesk.models.mixed.linear.fit_linear`, which starts from the same fit.
    """
    problem = linear_problem(spec, data)
    restricted = spec.method == "REML"
    optimum = largest(problem, restricted, progress)
    criterion = optimum.criterion
    to = np.linalg.inv(problem.R) * problem.scale
    parameters = problem.covariance.parameters
    units = np.array([1.0 if name == "phi" else problem.scale**2 for name in parameters])
    return LinearEstimate(
        names=problem.frame.design.names,
        b=np.asarray(problem.offset + to @ criterion.delta),
        vb=np.asarray(to @ criterion.C @ to.T),
        parameters=tuple(parameters),
        theta=optimum.theta * units,
        logLik=problem.loglik(optimum, restricted),
        converged=optimum.converged,
    )
