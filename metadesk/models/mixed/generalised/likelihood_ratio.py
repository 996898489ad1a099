"""Likelihood-ratio test and profile interval of one coefficient of a generalised mixed model.

Wald tests are poor where outcomes are few or effects large; the likelihood itself is not.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from metadesk.errors import NotEstimable
from metadesk.models.mixed.generalised.climb import Peak
from metadesk.models.mixed.generalised.fit import Fitted
from metadesk.models.mixed.generalised.integrate import climbed, likelihood_of
from metadesk.models.result import Interval, Quantity
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import chi2_quantile, chi2_sf

MOST_STEPS = 30
CLOSE = 1e-6  # of the standard error


class CoefficientProfile:
    """The likelihood as a function of one coefficient, all other parameters at their best.

    References
    ----------
    Venzon & Moolgavkar (1988) for the interval.
    """

    def __init__(self, fitted: Fitted, name: str, progress: Progress = SILENT) -> None:
        names = fitted.problem.frame.design.names
        if name not in names:
            raise NotEstimable(f"The model has no coefficient '{name}'.")
        self.fitted, self.progress = fitted, progress
        self.column = names.index(name)
        self.at = fitted.likelihood.k + fitted.likelihood.m + self.column
        self.best = float(fitted.peak.par[self.at])
        self._warm = np.delete(fitted.peak.par, self.at)

    def peak(self, value: float) -> Peak:
        """The highest likelihood with the coefficient at ``value``."""
        P = self.fitted.likelihood.persons
        held = replace(
            P,
            X=np.delete(P.X, self.column, axis=1),
            offset=P.offset + P.X[:, self.column] * value,
        )
        likelihood = likelihood_of(held, self.fitted.likelihood.rule)
        found = climbed(likelihood, self._warm, None, self.progress, tolerance=1e-10)
        if found.converged:
            self._warm = found.par
        return found

    def excess(self, value: float) -> float:
        """How much minus twice the log-likelihood rises where the coefficient is ``value``."""
        return 2 * (self.fitted.peak.value - self.peak(value).value)

    def test(self) -> tuple[float, float]:
        """Likelihood-ratio statistic of no effect and its P value."""
        self._warm = np.delete(self.fitted.peak.par, self.at)
        statistic = max(0.0, self.excess(0.0))
        return statistic, float(chi2_sf(statistic, 1))

    def end(self, side: float, se: float, level: float) -> float:
        """Where the likelihood has dropped by the chi-square quantile, above or below the estimate.

        Steps follow the square root of the drop, which is nearly a straight line; infinite where
        the likelihood never drops so far.
        """
        goal = math.sqrt(float(chi2_quantile(level, 1)))
        self._warm = np.delete(self.fitted.peak.par, self.at)
        inner, height = self.best, 0.0
        x = self.best + side * goal * se
        outer, above = math.nan, math.nan
        for _ in range(MOST_STEPS):
            root = math.sqrt(max(self.excess(x), 0.0))
            if abs(root - goal) < CLOSE:
                return x
            if root < goal:
                inner, height = x, root
            else:
                outer, above = x, root
            if math.isnan(outer):
                reach = abs(x - self.best) * min(max(goal / max(root, 0.1), 1.2), 3.0)
                x = self.best + side * reach
                if reach > 60:
                    return side * math.inf
            else:
                share = (goal - height) / (above - height)
                x = inner + min(max(share, 0.02), 0.98) * (outer - inner)
        return x


def likelihood_ratio_of(
    fitted: Fitted, name: str, level: float, progress: Progress = SILENT
) -> Quantity:
    """One coefficient with its likelihood-ratio P value and profile interval.

    Raises
    ------
    NotEstimable
        If the model has no such coefficient.
    """
    profile = CoefficientProfile(fitted, name, progress)
    se = _standard_error(fitted, profile.at)
    _, p = profile.test()
    low, high = profile.end(-1.0, se, level), profile.end(1.0, se, level)
    method = "likelihood ratio, profile interval"
    return Quantity(
        name, name, profile.best, method, se=se, p=p,
        interval=Interval(low, high, level, "profile likelihood"), kind="effect",
    )  # fmt: skip


def _standard_error(fitted: Fitted, at: int) -> float:
    spread = np.linalg.pinv(fitted.peak.hessian, hermitian=True)
    return math.sqrt(max(float(spread[at, at]), 1e-8))
