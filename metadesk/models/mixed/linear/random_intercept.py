"""One random effect a person with equal residual variances: everything in closed form.

``V = σ²I + σ_b²zz'`` has in each block the eigenvalue ``σ² + σ_b²K`` (``K = z'z``) along ``z`` and
``σ²`` elsewhere, so that every power of its inverse is known. With ``λ = σ_b²/σ²`` the residual
variance drops out and the likelihood has one parameter, whose score is solved by Newton steps
inside a bracket.
"""

from __future__ import annotations

import math

import numpy as np

from metadesk.models.mixed.linear.moments import Criterion, Moments
from metadesk.models.mixed.linear.newton import Optimum
from metadesk.models.mixed.linear.woodbury import RandomEffectsCovariance
from metadesk.models.mixed.random_columns import RandomColumns
from metadesk.numerics.types import FloatMatrix, FloatVector

GRID = np.concatenate([[0.0], np.linspace(-4.0, 9.0, 10)])
MOST_STEPS = 60


class RandomInterceptCovariance(RandomEffectsCovariance):
    """``V = σ²I + σ_b²zz'`` in every block; parameters are σ_b² and σ²."""

    @staticmethod
    def fits(groups: tuple[RandomColumns, ...]) -> bool:
        """Whether the random effects are of this form: one column, present in every level."""
        if len(groups) != 1 or groups[0].Z.shape[1] != 1:
            return False
        squares = np.bincount(groups[0].factor.codes, groups[0].Z[:, 0] ** 2)
        return bool(squares.min() > 0)

    def moments(self, theta: FloatVector) -> Moments | None:
        """All sums at ``theta``, from the powers of the two eigenvalues."""
        between, residual = float(theta[0]), float(theta[1])
        if not residual > 0 or not np.isfinite(between):
            return None
        K, counts, P = self.K[:, 0, 0], self.counts, self.P
        along = residual + between * K
        if along.min() <= 0:
            return None
        s, w = 1.0 / residual, 1.0 / along
        w2 = w * w
        w3 = w2 * w
        coefficients = np.stack([(w - s) / K, w2, (w2 - s**2) / K, w3 * K, w3, (w3 - s**3) / K])
        sums = (coefficients @ self.S).reshape(6, P, P)
        E = self.everything
        second = np.empty((2, 2, P, P))
        second[0, 0], second[0, 1], second[1, 0] = sums[3], sums[4], sums[4]
        second[1, 1] = sums[5] + s**3 * E
        first = np.empty((2, P, P))
        first[0] = sums[1]
        first[1] = sums[2] + s**2 * E
        rest = self.n - float(counts.sum())
        cross = float(counts @ (w2 * K))
        return Moments(
            logdet=float(counts @ np.log(along)) + rest * float(np.log(residual)),
            total=sums[0] + s * E,
            trace=np.array([float(counts @ (w * K)), float(counts @ w) + rest * s]),
            first=first,
            trace2=np.array(
                [
                    [float(counts @ (w2 * K * K)), cross],
                    [cross, float(counts @ w2) + rest * s**2],
                ]
            ),
            second=second,
        )


class _Profile:
    """−2 log-likelihood in ``t = log(1 + λK̄)``, the residual variance at its best."""

    def __init__(self, covariance: RandomInterceptCovariance, n: int, restricted: bool) -> None:
        self.K, self.counts = covariance.K[:, 0, 0], covariance.counts
        self.S, self.E, self.P = covariance.S, covariance.everything, covariance.P
        self.restricted = restricted
        self.size = n - (self.P - 1) if restricted else n
        self.unit = float(self.counts @ self.K) / float(self.counts.sum())

    def ratio(self, t: float) -> float:
        """λ at ``t``."""
        return float(np.expm1(t)) / self.unit

    def slopes(self, ts: FloatVector) -> tuple[FloatVector, FloatVector]:
        """Value and first derivative in ``t`` at many places at once."""
        p, m = self.P - 1, len(ts)
        ratio = np.expm1(ts) / self.unit
        w = 1.0 / (1.0 + ratio[:, None] * self.K)
        coefficients = np.concatenate([-ratio[:, None] * w, -w * w])
        sums = (coefficients @ self.S).reshape(2 * m, self.P, self.P)
        M, M1 = self.E + sums[:m], sums[m:]
        C = np.asarray(np.linalg.inv(M[:, :p, :p]), dtype=float)
        delta = (C @ M[:, :p, p:])[:, :, 0]
        rss = M[:, p, p] - (delta * M[:, :p, p]).sum(axis=1)
        e = np.concatenate([-delta, np.ones((m, 1))], axis=1)
        drop = ((M1 @ e[:, :, None])[:, :, 0] * e).sum(axis=1)
        value = self.size * np.log(rss) - np.log(w) @ self.counts
        slope = self.size * drop / rss + (w * self.K) @ self.counts
        if self.restricted:
            value = value - np.linalg.slogdet(C)[1]
            slope = slope + (C * M1[:, :p, :p]).sum(axis=(1, 2))
        return value, slope * np.exp(ts) / self.unit

    def at(self, t: float) -> tuple[float, float, float]:
        """First and second derivative in ``t``, and the residual variance."""
        p = self.P - 1
        ratio = self.ratio(t)
        w = 1.0 / (1.0 + ratio * self.K)
        wK = w * self.K
        coefficients = np.stack([-ratio * w, -w * w, 2 * w * w * wK])
        sums = (coefficients @ self.S).reshape(3, self.P, self.P)
        M, M1, M2 = self.E + sums[0], sums[1], sums[2]
        C: FloatMatrix = np.asarray(np.linalg.inv(M[:p, :p]), dtype=float)
        delta = C @ M[:p, p]
        rss = float(M[p, p] - delta @ M[:p, p])
        e = np.append(-delta, 1.0)
        turned = M1 @ e
        rss1 = float(turned @ e)
        rss2 = float(e @ M2 @ e - 2 * turned[:p] @ C @ turned[:p])
        share = rss1 / rss
        slope = self.size * share + float(wK @ self.counts)
        curve = self.size * (rss2 / rss - share**2) - float((wK * wK) @ self.counts)
        if self.restricted:
            CM = C @ M1[:p, :p]
            slope += float(np.trace(CM))
            curve += float((C * M2[:p, :p]).sum() - (CM * CM.T).sum())
        rate = float(np.exp(t)) / self.unit
        return slope * rate, curve * rate**2 + slope * rate, rss / self.size


def maximise_intercept(
    covariance: RandomInterceptCovariance, n: int, restricted: bool
) -> Optimum | None:
    """Largest (restricted) likelihood of a random-intercept model; None where it has no end.

    The sign of the score on a grid finds every maximum, the best one is solved for.

    References
    ----------
    Lindstrom & Bates (1988) for the profiled likelihood.
    """
    profile = _Profile(covariance, n, restricted)
    grid = np.where(GRID == 0.0, 0.0, np.log1p(np.exp(GRID)))
    values, slopes = profile.slopes(grid)
    if not np.isfinite(values).all() or slopes[-1] <= 0:
        return None
    turns = np.flatnonzero((slopes[:-1] < 0) & (slopes[1:] >= 0))
    steps, t = 1, 0.0
    if len(turns):
        at = int(turns[np.argmin(np.minimum(values[turns], values[turns + 1]))])
        ends = slice(at, at + 2)
        t, steps = _root(profile, grid[ends], values[ends], slopes[ends])
        if slopes[0] >= 0 and profile.slopes(np.array([t]))[0][0] >= values[0]:
            t = 0.0
    residual = profile.at(t)[2]
    theta = np.array([profile.ratio(t) * residual, residual])
    return _optimum(covariance, n, restricted, theta, steps)


def _root(
    profile: _Profile, ends: FloatVector, values: FloatVector, slopes: FloatVector
) -> tuple[float, int]:
    """Newton steps on the score between two places where it changes its sign."""
    low, high = float(ends[0]), float(ends[1])
    t = _lowest_of_cubic(ends, values, slopes)
    for steps in range(1, MOST_STEPS):
        g, curve, _ = profile.at(t)
        if g < 0:
            low = t
        else:
            high = t
        moved = t - g / curve if curve > 0 else 0.5 * (low + high)
        if not low < moved < high:
            moved = 0.5 * (low + high)
        if abs(moved - t) <= 4e-16 * max(1.0, t) or (abs(moved - t) < 3e-8 and curve > 0):
            return moved, steps
        t = moved
    return t, MOST_STEPS


def _lowest_of_cubic(ends: FloatVector, values: FloatVector, slopes: FloatVector) -> float:
    """Where the cubic through two values and slopes, falling then rising, is lowest."""
    (a, b), (fa, fb), (ga, gb) = ends.tolist(), values.tolist(), slopes.tolist()
    bend = ga + gb - 3 * (fa - fb) / (a - b)
    root = math.sqrt(max(bend * bend - ga * gb, 0.0))
    width = gb - ga + 2 * root
    t = b - (b - a) * (gb + root - bend) / width if width > 0 else 0.5 * (a + b)
    return float(t if a < t < b else 0.5 * (a + b))


def _optimum(
    covariance: RandomInterceptCovariance,
    n: int,
    restricted: bool,
    theta: FloatVector,
    steps: int,
) -> Optimum | None:
    moments = covariance.moments(theta)
    if moments is None:
        return None
    criterion = Criterion(moments, n, restricted)
    J = np.eye(2) if theta[0] > 0 else np.array([[0.0], [1.0]])
    H = J.T @ criterion.hessian()[0] @ J
    rank = 1 if theta[0] > 0 else 0
    return Optimum(theta, criterion, J, H, (rank,), steps, True)
