"""Profile-likelihood interval of the SD of one random effect of a generalised mixed model."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from metadesk.models.mixed.generalised.climb import Peak, climb
from metadesk.models.mixed.generalised.fit import Fitted
from metadesk.models.mixed.generalised.integrate import likelihood_of
from metadesk.models.mixed.generalised.marginal import cholesky_factor
from metadesk.models.result import Interval
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import chi2_quantile
from metadesk.numerics.types import FloatMatrix, FloatVector

METHOD = "profile likelihood"
MOST_STEPS = 40
CLOSE = 1e-5  # of the square root of the likelihood's drop
NOTHING = 1e-3  # of a logarithm: a standard deviation below it is none
FURTHEST = 25.0


class SpreadProfile:
    """The likelihood as a function of the SD of one random effect, all else at its best.

    The effect is put first among those of its group: its SD is then the first entry of the
    Cholesky factor, which is held while the other parameters are climbed.

    References
    ----------
    Venzon & Moolgavkar (1988) for the interval.
    """

    def __init__(self, fitted: Fitted, term: int, progress: Progress = SILENT) -> None:
        first = fitted.problem.components[0]
        if fitted.problem.blocks.most[0] != 1:
            raise ValueError("The first grouping has to be the person.")
        order = [term, *(i for i in range(first.size) if i != term)]
        persons, par = fitted.likelihood.persons, fitted.peak.par.copy()
        k = fitted.likelihood.k
        Z = persons.Z.copy()
        Z[:, : first.size] = Z[:, order]
        self.likelihood = likelihood_of(replace(persons, Z=Z), fitted.likelihood.rule)
        factor = cholesky_factor(first, par[k : k + fitted.likelihood.m])[order]
        L = np.asarray(np.linalg.qr(factor.T).R).T
        L = L * np.where(np.diag(L) < 0, -1.0, 1.0)
        par[k : k + len(first.pairs)] = [L[a, b] for a, b in first.pairs]
        self.at, self.best, self.value = k, float(L[0, 0]), fitted.peak.value
        self.progress = progress
        self._start = np.delete(par, k)
        self._warm = self._start
        self._curve: FloatMatrix | None = None

    def peak(self, sd: float) -> Peak:
        """The highest likelihood with the SD at ``sd``."""

        def held(rest: FloatVector) -> tuple[float, FloatVector]:
            value, slope = self.likelihood.evaluate(np.insert(rest, self.at, sd))
            return value, np.delete(slope, self.at)

        found = climb(held, self._warm, self._curve, tolerance=1e-10, progress=self.progress)
        if found.converged:
            self._warm, self._curve = found.par, found.hessian
        return found

    def root(self, sd: float) -> float:
        """Square root of the rise of minus twice the log-likelihood; NaN without a maximum."""
        found = self.peak(sd)
        if not found.converged:
            return math.nan
        return math.sqrt(max(2 * (self.value - found.value), 0.0))

    def lower(self, level: float, zero: float) -> float:
        """Lower end; 0 where the likelihood at an SD of 0, lower by ``zero``², allows that."""
        goal = math.sqrt(float(chi2_quantile(level, 1)))
        if self.best <= NOTHING or zero <= goal:
            return 0.0
        self._warm, self._curve = self._start, None
        return self._between(goal, (self.best, 0.0), (0.0, zero))

    def upper(self, level: float) -> float:
        """Upper end; infinite where the likelihood never drops far enough."""
        goal = math.sqrt(float(chi2_quantile(level, 1)))
        self._warm, self._curve = self._start, None
        inner, height, x = self.best, 0.0, max(1.5 * self.best, 0.1)
        while x < FURTHEST:
            root = self.root(x)
            if math.isnan(root):
                return math.nan
            if root >= goal:
                return self._between(goal, (inner, height), (x, root))
            inner, height, x = x, root, 1.6 * x
        return math.inf

    def _between(
        self, goal: float, inner: tuple[float, float], outer: tuple[float, float]
    ) -> float:
        """Where the root of the drop is ``goal``: it is nearly a straight line in the SD."""
        x = inner[0]
        for _ in range(MOST_STEPS):
            share = (goal - inner[1]) / (outer[1] - inner[1])
            x = inner[0] + min(max(share, 0.05), 0.95) * (outer[0] - inner[0])
            root = self.root(x)
            if math.isnan(root) or abs(root - goal) < CLOSE:
                return x if root == root else math.nan
            inner, outer = ((x, root), outer) if root < goal else (inner, (x, root))
        return x


def spread_interval(
    fitted: Fitted, term: int, level: float, gain: float, progress: Progress = SILENT
) -> Interval | None:
    """Interval of the SD of one of the persons' random effects.

    Parameters
    ----------
    fitted : Fitted
        The model at its maximum; its first random effects are those of the persons.
    term : int
        Which of them.
    level : float
        Confidence level; at an end −2 log-likelihood has risen by its quantile of chi-square(1).
    gain : float
        How much minus twice the log-likelihood rises where the SD is 0.

    Returns
    -------
    Interval or None
        None where the likelihood could not be followed to an end.
    """
    if fitted.problem.blocks.most[0] != 1:
        return None
    profile = SpreadProfile(fitted, term, progress)
    low = profile.lower(level, math.sqrt(max(gain, 0.0)))
    high = profile.upper(level)
    if math.isnan(low) or math.isnan(high):
        return None
    return Interval(low, high, level, METHOD)
