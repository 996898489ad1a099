"""Profile-likelihood intervals of variance components and correlations."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metadesk.errors import NotEstimable
from metadesk.models.meta.multilevel.blocks import Evaluation
from metadesk.models.meta.multilevel.estimate import (
    Fit,
    Form,
    climb_in,
    derivatives,
    unstructured_term,
)
from metadesk.models.meta.multilevel.factored import Factored
from metadesk.models.meta.multilevel.structures import Covariance
from metadesk.models.result import Interval
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import chi2_quantile
from metadesk.numerics.types import FloatVector

_ENOUGH = 1e-11
"""Twice the likelihood still to be gained: no digit of an end that is shown depends on it."""
_STEPS = 60
_FINE = 1e-8


def profile_intervals(fit: Fit, level: float, progress: Progress = SILENT) -> tuple[Interval, ...]:
    """Interval of every variance, then of every correlation.

    The ends are where twice the drop of the (restricted) profile likelihood reaches the χ²₁
    quantile; an end the likelihood does not reach is the edge of the component's range.
    """
    covariance = fit.machine.covariance
    count = covariance.n_tau + covariance.n_rho
    intervals = []
    for which in range(count):
        part = progress.within(which / count, (which + 1) / count)
        part.step(0.0, "Profiling the variance components")
        intervals.append(_Profile(fit, which, level, part).interval())
    return tuple(intervals)


@dataclass(frozen=True, eq=False)
class _Known:
    """A point of the profile: the parameters, and the root of twice the drop with its slope."""

    psi: FloatVector
    root: float
    slope: float


def _form_of(covariance: Covariance, which: int) -> Form:
    """The way to write the parameters in which this one can be held and the rest is free."""
    if not covariance.unstructured:
        return covariance
    term = unstructured_term(covariance)
    taus, rhos = covariance.spans[term]
    n_tau = covariance.n_tau
    if taus.start <= which < taus.stop:
        return Factored(covariance, term, (which - taus.start,))
    if rhos.start <= which - n_tau < rhos.stop:
        n = taus.stop - taus.start
        pairs = [(a, b) for b in range(n) for a in range(b + 1, n)]
        return Factored(covariance, term, pairs[which - n_tau - rhos.start])
    return Factored(covariance, term)


class _Profile:
    """The profile of one parameter, in standard deviations or angles of correlations.

    The signed root of the deviance is nearly a straight line there, so Newton's method needs few
    points; the other parameters are estimated anew from where the nearest points let expect them.
    """

    def __init__(self, fit: Fit, which: int, level: float, progress: Progress) -> None:
        self.fit, self.which, self.level, self.progress = fit, which, level, progress
        self.machine, covariance = fit.machine, fit.machine.covariance
        self.n_tau = covariance.n_tau
        self.form = _form_of(covariance, which)
        self.critical = math.sqrt(chi2_quantile(level, 1.0))
        psi = self.form.from_natural(fit.phi) if isinstance(self.form, Factored) else fit.phi
        self.free = np.arange(psi.size) != which
        self.hessian = derivatives(self.form, psi, fit.found)[1]
        self.tangent = self._tangent()
        self.known: list[_Known] = [_Known(psi, 0.0, 0.0)]

    @property
    def top(self) -> FloatVector:
        """The parameters at the maximum."""
        return self.known[0].psi

    @property
    def best(self) -> float:
        """The parameter itself at the maximum."""
        return float(self.top[self.which])

    def interval(self) -> Interval:
        """Both ends, as variances or correlations."""
        if self.which < self.n_tau:
            ends = self._end(0.0) ** 2, self._beyond() ** 2
        else:
            quarter = 0.5 * math.pi
            ends = self._correlation(self._end(-quarter)), self._correlation(self._end(quarter))
        return Interval(ends[0], ends[1], self.level, "profile likelihood")

    def _correlation(self, angle: float) -> float:
        angles = self.fit.phi[self.n_tau :].copy()
        angles[self.which - self.n_tau] = angle
        return float(self.machine.covariance.rho(angles)[self.which - self.n_tau])

    def _tangent(self) -> FloatVector:
        """How the other parameters move with this one at the maximum."""
        H, free = self.hessian, self.free
        tangent = np.zeros(free.size)
        across = np.linalg.pinv(H[np.ix_(free, free)], hermitian=True) @ H[free, self.which]
        tangent[free] = -across if np.isfinite(across).all() else 0.0
        return tangent

    # -- points of the profile --------------------------------------------------------------------

    def at(self, value: float) -> _Known:
        """The profile at a value of the parameter; an infinite root where there is none."""
        self.progress.step(1.0 - 0.9 ** len(self.known), "Profiling the variance components")
        found = self._climbed(value)
        if found is None:
            return _Known(self.top, math.inf, 0.0)
        psi, now = found
        drop = 2.0 * (self.fit.found.log_likelihood - now.log_likelihood)
        root = math.sqrt(max(drop, 0.0))
        gradient = float(derivatives(self.form, psi, now)[0][self.which])
        point = _Known(psi, root, abs(gradient) / root if root > 0.0 else 0.0)
        self.known.append(point)
        return point

    def _climbed(self, value: float) -> tuple[FloatVector, Evaluation] | None:
        """The maximum with the parameter held, from where the others are expected."""
        for start in (self._expected(value), self._nearest(value)):
            psi = self._lifted(start)
            psi[self.which] = value
            try:
                found = climb_in(self.machine, self.form, psi, self.free, self.progress, _ENOUGH)
            except NotEstimable:
                continue
            return found[:2]
        return None

    def _nearest(self, value: float) -> FloatVector:
        """The solution nearest to ``value`` among those between it and the maximum."""
        low, high = min(value, self.best), max(value, self.best)
        inside = [p.psi for p in self.known if low <= p.psi[self.which] <= high]
        return min(inside, key=lambda psi: abs(psi[self.which] - value))

    def _expected(self, value: float) -> FloatVector:
        """Where the other parameters should be: on the line through the two nearest solutions.

        With the maximum alone known, on the line that the profile leaves it on.
        """
        near = self._nearest(value)
        others = [p.psi for p in self.known if p.psi[self.which] != near[self.which]]
        direction = self.tangent
        if others:
            second = min(others, key=lambda psi: abs(psi[self.which] - value))
            direction = (near - second) / (near[self.which] - second[self.which])
        moved = near + (value - near[self.which]) * direction
        angles = ~self.form.scaled
        low = np.where(angles, -1.5, np.where(self.form.positive, 0.2 * near, -math.inf))
        high = np.where(angles, 1.5, math.inf)
        return np.asarray(np.clip(moved, low, high), dtype=np.float64)

    def _lifted(self, start: FloatVector) -> FloatVector:
        """Components at zero lifted a little: zero is stationary and would hold them."""
        is_tau = np.arange(start.size) < self.n_tau
        share = 0.03 if isinstance(self.form, Factored) else 0.1
        least = share * self.machine.scale
        return np.where(is_tau & (np.abs(start) < least), least, start)

    # -- ends -------------------------------------------------------------------------------------

    @property
    def spread(self) -> float:
        """How far the end would lie were the profile a parabola."""
        inverse = np.linalg.pinv(self.hessian, hermitian=True)
        variance = float(inverse[self.which, self.which])
        small = self.machine.scale if self.which < self.n_tau else 0.5
        return self.critical * math.sqrt(variance) if 0.0 < variance < 1e6 * small**2 else small

    def _end(self, edge: float) -> float:
        """The end towards the edge of the range; the edge itself where the likelihood is high."""
        way = abs(edge - self.best)
        if way <= 1e-7:
            return edge
        away = 1.0 if edge > self.best else -1.0
        value, inside = self.best + away * min(self.spread, 0.6 * way), self.best
        there = self.at(value)
        for _ in range(_STEPS):
            if there.root > self.critical:
                return self._root(value, inside, there)
            inside = value
            if abs(edge - value) <= 0.1 * way:
                at_edge = self.at(edge)
                if at_edge.root <= self.critical:
                    return edge
                return self._root(edge, inside, there)
            step = 0.5 * abs(edge - value)
            if there.slope > 0.0:
                step = min(1.1 * (self.critical - there.root) / there.slope, 1.2 * step)
            value += away * max(step, 0.05 * way)
            there = self.at(value)
        return edge

    def _beyond(self) -> float:
        """The upper end of a standard deviation; infinite where the likelihood stays high."""
        near = self.best
        far = self.best + max(self.spread, 0.1 * self.machine.scale)
        for _ in range(60):
            there = self.at(far)
            if there.root > self.critical:
                return self._root(far, near, there)
            near = far
            step = (self.critical - there.root) / there.slope if there.slope > 0.0 else math.inf
            far += min(1.1 * step, far - self.best + self.machine.scale)
        return math.inf

    def _root(self, outside: float, inside: float, there: _Known) -> float:
        """Newton from a point of the profile, kept between an end outside and one inside."""
        value = float(there.psi[self.which]) if math.isfinite(there.root) else outside
        for _ in range(_STEPS):
            if abs(there.root - self.critical) < _FINE:
                return value
            value = self._next(value, there, outside, inside)
            if abs(outside - inside) <= _FINE * max(abs(value), 1e-3 * self.machine.scale):
                return value
            there = self.at(value)
            if there.root > self.critical:
                outside = value
            else:
                inside = value
        return value

    def _next(self, value: float, there: _Known, outside: float, inside: float) -> float:
        """Newton's step where it stays between the ends, else the middle."""
        away = 1.0 if outside > inside else -1.0
        if math.isfinite(there.root) and there.slope > 0.0:
            moved = value - away * (there.root - self.critical) / there.slope
            if min(outside, inside) < moved < max(outside, inside):
                return moved
        return 0.5 * (outside + inside)
