"""Profile-likelihood intervals of variance components and correlations."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from metadesk.errors import NotEstimable
from metadesk.models.meta.multilevel.estimate import Fit, climb
from metadesk.models.result import Interval
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import chi2_quantile
from metadesk.numerics.types import BoolVector, FloatVector


def profile_intervals(fit: Fit, level: float, progress: Progress = SILENT) -> tuple[Interval, ...]:
    """Interval of every variance, then of every correlation.

    The ends are where twice the drop of the (restricted) profile likelihood reaches the χ²₁
    quantile; an end the likelihood does not reach is the edge of the component's range.
    """
    covariance = fit.machine.covariance
    count = covariance.n_tau + covariance.n_rho
    intervals = []
    for which in range(count):
        progress.step(which / count, "Profiling the variance components")
        intervals.append(_Profile(fit, which, level, progress).interval())
    return tuple(intervals)


class _Profile:
    """The deviance of one parameter, others re-estimated from the nearest solution known."""

    def __init__(self, fit: Fit, which: int, level: float, progress: Progress) -> None:
        self.fit, self.which, self.level, self.progress = fit, which, level, progress
        self.n_tau = fit.machine.covariance.n_tau
        self.target = chi2_quantile(level, 1.0)
        self.held = np.zeros(fit.phi.size, dtype=bool)
        self.held[which] = True
        self.known: list[tuple[float, FloatVector]] = [(self.best, fit.phi)]

    @property
    def is_variance(self) -> bool:
        return self.which < self.n_tau

    @property
    def best(self) -> float:
        return float(np.concatenate([self.fit.variances, self.fit.correlations])[self.which])

    def interval(self) -> Interval:
        """Both ends."""
        covariance = self.fit.machine.covariance
        if self.is_variance:
            low, high = 0.0, math.inf
        else:
            low, high = float(covariance.rho_low[self.which - self.n_tau]), 1.0
        lower = self._end(low)
        upper = self._upper_variance() if math.isinf(high) else self._end(high)
        return Interval(lower, upper, self.level, "profile likelihood")

    def excess(self, value: float) -> float:
        """Twice the drop of the profile likelihood at ``value``, less the critical value."""
        covariance = self.fit.machine.covariance
        nearest = self._inner_neighbour(value)
        start = np.where(self._restart(nearest), 0.1 * self.fit.machine.scale, nearest)
        if self.is_variance:
            start[self.which] = math.sqrt(max(value, 0.0))
        else:
            rho = covariance.rho(start[self.n_tau :])
            rho[self.which - self.n_tau] = value
            start[self.which] = covariance.free(rho)[self.which - self.n_tau]
        try:
            found = climb(self.fit.machine, start, self.held, self.progress)
        except NotEstimable:
            return math.inf
        self.known.append((value, found.phi))
        best = self.fit.found.log_likelihood
        return 2.0 * (best - found.found.log_likelihood) - self.target

    def _inner_neighbour(self, value: float) -> FloatVector:
        """Return the nearest solution that lies between ``value`` and the maximum."""
        low, high = min(value, self.best), max(value, self.best)
        inside = [pair for pair in self.known if low <= pair[0] <= high]
        return min(inside, key=lambda pair: abs(pair[0] - value))[1]

    def _restart(self, phi: FloatVector) -> BoolVector:
        """Components at zero are lifted a little: zero is stationary and would hold them."""
        lifted = (phi < 0.1 * self.fit.machine.scale) & ~self.held
        lifted[self.n_tau :] = False
        return lifted

    def _end(self, edge: float) -> float:
        if math.isclose(edge, self.best, rel_tol=0.0, abs_tol=1e-10):
            return edge
        if self.excess(edge) <= 0.0:
            return edge
        return self._root(edge, self.best)

    def _upper_variance(self) -> float:
        high = max(2.0 * self.best, self.fit.machine.scale**2)
        low = self.best
        for _ in range(60):
            if self.excess(high) > 0.0:
                return self._root(low, high)
            low, high = high, 2.0 * high
        return math.inf

    def _root(self, a: float, b: float) -> float:
        from scipy.optimize import brentq  # half a second to import; only intervals need it

        f: Callable[[float], float] = self.excess
        fa, fb = f(a), f(b)
        if not math.isfinite(fa) or not math.isfinite(fb):
            a, b = self._finite(a, b)
        elif fa * fb > 0.0:
            return a if abs(fa) < abs(fb) else b
        tolerance = 1e-9 * max(abs(self.best), 1e-3 * self.fit.machine.scale**2)
        if not self.is_variance:
            tolerance = 1e-9
        return float(brentq(f, a, b, xtol=tolerance, rtol=1e-9))

    def _finite(self, a: float, b: float) -> tuple[float, float]:
        """Move the end at which there is no likelihood towards the other until there is one."""
        for _ in range(60):
            if not math.isfinite(self.excess(a)):
                a = a + 0.02 * (b - a)
            elif not math.isfinite(self.excess(b)):
                b = b + 0.02 * (a - b)
            else:
                break
        return a, b
