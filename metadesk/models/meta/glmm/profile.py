"""The profile-likelihood interval of tau² in a model of counts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from metadesk.models.meta.glmm.estimate import NODES, Rule
from metadesk.models.meta.glmm.newton import LARGEST_SCALE, Optimum, Problem, maximise
from metadesk.models.result import Interval
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import chi2_quantile

_STEPS = 40
_FINE = 1e-8
WORDS = "profile likelihood"


def profile_interval(
    problem: Problem,
    found: Optimum,
    at_zero: float,
    level: float,
    rule: Rule,
    progress: Progress = SILENT,
) -> Interval:
    """Values of tau² whose profile log-likelihood lies within half a chi-square of the maximum.

    Parameters
    ----------
    problem : Problem
        With the random treatment effect last.
    found : Optimum
        Its maximum.
    at_zero : float
        Log-likelihood with equal effects.
    rule : Rule
        How the likelihood was integrated.

    Returns
    -------
    Interval
        The lower end is 0 where the likelihood does not fall far enough on the way there; the
        upper one is infinite where it does not up to a standard deviation of 12.
    """
    target = chi2_quantile(level, 1.0)
    profile = _Profile(problem, found, math.sqrt(target), rule, progress)
    top = float(found.point.scales[-1])
    lower = 0.0
    if top > 0.0 and 2.0 * (found.log_likelihood - at_zero) > target:
        lower = profile.end(0.0, top, top - profile.spread)
    upper = profile.end_beyond(top)
    return Interval(lower**2, upper**2, level, WORDS)


class _Profile:
    """The signed root of the deviance of a standard deviation, less its critical value.

    It is nearly a straight line, so Newton's method needs few steps.
    """

    def __init__(
        self, problem: Problem, found: Optimum, critical: float, rule: Rule, progress: Progress
    ) -> None:
        fewest = NODES[problem.z.shape[0]][1]
        self.nodes = max(found.nodes, fewest) if rule.nodes is None else rule.nodes
        self.exact = rule.nodes is None
        self.problem, self.best, self.critical = problem, found, critical
        self.progress, self.near, self.count = progress, found, 0
        inverse = np.linalg.pinv(found.information, hermitian=True)
        width = math.sqrt(max(float(inverse[-1, -1]), 0.0)) if found.point.scales[-1] > 0 else 0.0
        self.spread = critical * (width if 0.0 < width < 1.0 else 0.3)

    def at(self, scale: float) -> tuple[float, float]:
        """The excess of the root over its critical value, and its slope away from the maximum."""
        self.count += 1
        part = self.progress.within(1.0 - 0.85**self.count, 1.0 - 0.85 ** (self.count + 1))
        part.step(0.0, "Profiling the between-study variance")
        scales = self.near.point.scales.copy()
        scales[-1] = scale
        start = replace(self.near.point, scales=scales)
        self.near = maximise(
            self.problem, start, self.nodes, exact=self.exact, held=True, progress=part
        )
        root = math.sqrt(max(2.0 * (self.best.log_likelihood - self.near.log_likelihood), 0.0))
        slope = abs(self.near.score) / root if root > 0.0 else 0.0
        return root - self.critical, slope

    def end(self, far: float, near: float, start: float) -> float:
        """The root between ``far`` (outside) and ``near`` (inside), by safeguarded Newton."""
        self.near = self.best
        scale = start if min(far, near) < start < max(far, near) else 0.5 * (far + near)
        side = 1.0 if far > near else -1.0
        for _ in range(_STEPS):
            excess, slope = self.at(scale)
            if excess > 0.0:
                far = scale
            else:
                near = scale
            move = -side * excess / slope if slope > 0.0 else math.inf
            there = scale + move
            if not min(far, near) < there < max(far, near):
                there = 0.5 * (far + near)
            if abs(there - scale) <= _FINE * max(far, near):
                return there
            scale = there
        return scale

    def end_beyond(self, top: float) -> float:
        """The upper end; infinite where the likelihood stays high."""
        self.near = self.best
        near, far = top, top + 1.2 * self.spread
        while self.at(far)[0] <= 0.0:
            if far >= LARGEST_SCALE:
                return math.inf
            near, far = far, min(top + 2.0 * (far - top), LARGEST_SCALE)
        return self.end(far, near, top + self.spread)
