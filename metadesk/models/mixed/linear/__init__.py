"""Linear mixed models: covariances, their likelihood, small-sample inference."""

from metadesk.models.mixed.linear.estimate import LinearEstimate, estimate_linear
from metadesk.models.mixed.linear.fit import fit_linear
from metadesk.models.mixed.linear.problem import LinearProblem, linear_problem

__all__ = ["LinearEstimate", "LinearProblem", "estimate_linear", "fit_linear", "linear_problem"]
