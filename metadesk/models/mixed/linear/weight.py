"""How much of the information about an effect rests on some of the rows."""

from __future__ import annotations

import numpy as np

from metadesk.errors import NotEstimable
from metadesk.models.mixed.linear.fit import largest
from metadesk.models.mixed.linear.problem import LinearProblem, linear_problem
from metadesk.models.mixed.options import LinearMixed
from metadesk.models.mixed.trial_data import TrialData
from metadesk.numerics.progress import SILENT
from metadesk.numerics.types import FloatMatrix


def share_of_the_others(spec: LinearMixed, data: TrialData, part: TrialData, name: str) -> float:
    """Share of the information about coefficient ``name`` that the rows outside ``part`` carry.

    One less the ratio of its variances with all rows and with ``part``, both at the covariance
    parameters of the fit to all rows.

    Raises
    ------
    NotEstimable
        If the coefficient cannot be estimated from ``part``.
    """
    whole = linear_problem(spec, data)
    optimum = largest(whole, spec.method == "REML", SILENT)
    inside = linear_problem(spec, part)
    units = np.array(
        [1.0 if p == "phi" else (whole.scale / inside.scale) ** 2
         for p in whole.covariance.parameters]
    )  # fmt: skip
    moments = inside.covariance.moments(optimum.theta * units)
    names = inside.frame.design.names
    if moments is None or name not in names or name not in whole.frame.design.names:
        raise NotEstimable(f"'{name}' cannot be estimated from these rows alone.")
    all_rows = _variance(whole, optimum.criterion.C, name)
    p = inside.p
    C = np.asarray(np.linalg.inv(moments.total[:p, :p]), dtype=float)
    alone = _variance(inside, C, name)
    return max(0.0, 1.0 - all_rows / alone)


def _variance(problem: LinearProblem, C: FloatMatrix, name: str) -> float:
    """Variance of one coefficient from the covariance of the orthonormal ones."""
    row = np.linalg.inv(problem.R)[problem.frame.design.names.index(name)] * problem.scale
    return float(row @ C @ row)
