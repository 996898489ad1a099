"""The profile-likelihood interval of the mean: tau² is fitted anew at every value tried."""

from __future__ import annotations

import math

import numpy as np

from metadesk.models.meta.data import MetaData
from metadesk.models.meta.kernel import LOG_2PI, MeanKernel
from metadesk.models.meta.tau2 import estimate_tau2, refine_root
from metadesk.models.result import Interval, Quantity
from metadesk.numerics.tails import chi2_quantile, chi2_tail
from metadesk.numerics.types import FloatVector


def profile_mean(data: MetaData, level: float) -> Quantity | None:
    """Interval and likelihood-ratio test of the mean of random effects, by maximum likelihood.

    The values ``mu`` with ``2 (max ll - max over tau² of ll(mu, tau²))`` below the chi-square
    quantile on one degree of freedom (Hardy & Thompson 1996, section 3).

    Returns
    -------
    Quantity or None
        None with one study.
    """
    if data.k < 2:
        return None
    profile = _Profile(data.yi, data.vi)
    t = estimate_tau2(MeanKernel(data.yi, data.vi), "ML").value
    w = 1.0 / (data.vi + t)
    mean = float(data.yi[0] + w.dot(data.yi - data.yi[0]) / w.sum())
    best = profile.at(mean)[0]
    drop = best - 0.5 * chi2_quantile(level, 1.0)
    se = 1.0 / math.sqrt(float(w.sum()))
    ends = [_end(profile, mean, drop, sign, se) for sign in (-1.0, 1.0)]
    lrt = max(2.0 * (best - profile.at(0.0)[0]), 0.0)
    words = "profile likelihood (ML)"
    return Quantity(
        "profile_mean", "Mean, profile likelihood", mean, words, se=se, p=chi2_tail(lrt, 1.0),
        interval=Interval(ends[0], ends[1], level, words), kind="effect", stat=lrt,
    )  # fmt: skip


def _end(profile: _Profile, mean: float, drop: float, sign: float, se: float) -> float:
    """Double the step until outside, then Newton with the envelope's slope inside the bracket."""
    near, far = 0.0, 2.0 * se
    while profile.at(mean + sign * far)[0] > drop and far < 1e300:
        near, far = far, 2.0 * far

    def excess(step: float) -> tuple[float, float]:
        value, slope = profile.at(mean + sign * step)
        return value - drop, sign * slope

    return mean + sign * refine_root(excess, near, far, far, se)[0]


class _Profile:
    """Log-likelihood of a mean with the best tau² for it, and its slope in the mean."""

    def __init__(self, y: FloatVector, v: FloatVector) -> None:
        self.y, self.v, self.floor = y, v, float(v.min())

    def at(self, mean: float) -> tuple[float, float]:
        """Log-likelihood and ``sum w (y - mu)``, by the envelope theorem its derivative."""
        r = self.y - mean
        t = self._tau2(r * r)
        s = self.v + t
        ll = -0.5 * (self.y.size * LOG_2PI + float(np.log(s).sum() + (r * r / s).sum()))
        return ll, float((r / s).sum())

    def _tau2(self, square: FloatVector) -> float:
        """Best root of ``sum w² r² - sum w``, from every sign change on a grid, or zero."""
        top = float(square.max())
        grid = self.floor * np.expm1(np.linspace(0.0, math.log1p(top / self.floor), 12))
        w = 1.0 / (self.v + grid[:, None])
        score = (w * w) @ square - w.sum(axis=1)
        falls = np.flatnonzero((score[:-1] > 0.0) & (score[1:] <= 0.0)).tolist()
        roots = [0.0] if score[0] <= 0.0 or not falls else []
        for i in falls:
            lo, hi = float(grid[i]), float(grid[i + 1])
            roots.append(
                refine_root(lambda t: self._score(square, t), lo, hi, 0.5 * (lo + hi), self.floor)[
                    0
                ]
            )
        return min(roots, key=lambda t: self._deviance(square, t))

    def _score(self, square: FloatVector, t: float) -> tuple[float, float]:
        w = 1.0 / (self.v + t)
        w2 = w * w
        return float(w2.dot(square) - w.sum()), float(w2.sum() - 2.0 * (w2 * w).dot(square))

    def _deviance(self, square: FloatVector, t: float) -> float:
        s = self.v + t
        return float(np.log(s).sum() + (square / s).sum())
