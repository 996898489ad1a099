"""Estimates of a count model with and without heterogeneity; nodes refined until stable."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from metadesk.models.meta.glmm.data import CountData
from metadesk.models.meta.glmm.newton import Optimum, Point, Problem, evaluate, maximise
from metadesk.models.meta.glmm.quadrature import FEWEST_NODES_FOR_EXACT_SLOPES
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatVector, IntVector

NODES = {0: (1,), 1: (15, 25, 51, 101, 127), 2: (9, 13, 19, 31, 41)}
FINE = {1: 61, 2: 31}
STABLE = 1e-8
_ZERO_SCALE = 1e-4


@dataclass(frozen=True)
class Rule:
    """Quadrature asked for: a number of nodes, or refinement until the likelihood is stable."""

    nodes: int | None = None

    def best(
        self, problem: Problem, start: Point, progress: Progress = SILENT
    ) -> tuple[Optimum, bool]:
        """Maximise with this rule; also whether the likelihood is stable in the nodes."""
        q = problem.z.shape[0]
        if self.nodes is not None and q:
            if self.nodes >= FEWEST_NODES_FOR_EXACT_SLOPES:
                start = maximise(problem, start, self.nodes, progress=progress).point
            return maximise(problem, start, self.nodes, exact=False, progress=progress), True
        steps = NODES[q]
        found = maximise(problem, start, steps[0], progress=progress)
        if not found.converged and q:
            # A coarse rule can mislead where spreads are wide; a fine one decides.
            found = maximise(problem, start, FINE[q], progress=progress)
            return found, found.converged
        for finer in steps[1:]:
            check = evaluate(problem, found.point, finer, found.mode, True)
            change = abs(float(check.value.sum()) - found.log_likelihood)
            if change <= STABLE * (1.0 + abs(found.log_likelihood)):
                return found, True
            found = maximise(problem, found.point, finer, progress=progress, local=check)
        return found, q == 0


def start_point(problem: Problem, data: CountData) -> Point:
    """Inverse-variance estimates of the effect and crude intercepts, no heterogeneity."""
    yi, vi = data.approximate_effects()
    root = 1.0 / np.sqrt(vi)
    beta = np.asarray(np.linalg.lstsq(data.X * root[:, None], yi * root, rcond=None)[0], float)
    rows = problem.offset.shape[0]
    if rows == 1:
        return Point(beta, np.zeros(0), np.zeros(0))
    level: FloatVector = _arm_levels(data).mean(axis=0)
    if problem.own is None:
        beta = np.append(beta, np.average(level - data.X @ beta / 2.0, weights=1.0 / vi))
        return Point(beta, np.zeros(0), np.zeros(0))
    return Point(beta, level - data.X @ beta / 2.0, np.zeros(0))


def _arm_levels(data: CountData) -> FloatVector:
    """Log odds or log rates of the arms, ½ added."""
    y, n = data.events + 0.5, data.totals
    if data.measure == "IRR":
        return np.log(y / n)
    return np.log(y / (n + 1.0 - y))


def without_heterogeneity(
    problem: Problem, data: CountData, rule: Rule, progress: Progress = SILENT
) -> tuple[Optimum, bool]:
    """Fit with equal effects: without the last random effect (UM.RS keeps its intercepts)."""
    reduced = problem.without(problem.z.shape[0] - 1)
    start = start_point(problem, data)
    if reduced.z.shape[0] == 0:
        return rule.best(reduced, start, progress)
    base = maximise(reduced.without(0), start, 1, progress=progress)
    spread = float(np.std(_arm_levels(data).mean(axis=0)))
    return _with_one_more(reduced, base, (max(spread, 0.1), 0.3), rule, progress)


def with_heterogeneity(
    problem: Problem,
    equal: Optimum,
    spread: float,
    rule: Rule,
    progress: Progress = SILENT,
    *,
    highest: bool = True,
) -> tuple[Optimum, bool]:
    """Fit with a random treatment effect, starting from the fit without one.

    The likelihood is symmetric in the standard deviation, so zero is always stationary: it is taken
    only if no start climbs above it. Not ``highest``: what a climb from a standard deviation of 1
    arrives at, be it lower than the likelihood at zero.
    """
    if highest:
        return _with_one_more(problem, equal, (max(spread, 0.1), 0.7), rule, progress)
    return _with_one_more(problem, equal, (1.0,), rule, progress, floor=-math.inf)


def _with_one_more(
    problem: Problem,
    base: Optimum,
    spreads: tuple[float, ...],
    rule: Rule,
    progress: Progress,
    floor: float | None = None,
) -> tuple[Optimum, bool]:
    """Add a random effect; it must raise the likelihood above that without it, or ``floor``."""
    at_zero = _at_zero(problem, base, rule)
    best, stable = at_zero, True
    rising = _curvature_at_zero(problem, base, rule) > 0.0
    for spread in spreads:
        start = replace(base.point, scales=np.append(base.point.scales, spread))
        found, settled = rule.best(problem, start, progress)
        small = np.flatnonzero(found.point.scales < _ZERO_SCALE)
        interior = found.point.scales[-1] >= _ZERO_SCALE
        least = best.log_likelihood + 1e-9 * (1 + abs(best.log_likelihood))
        better = found.log_likelihood > (least if floor is None else floor)
        if better and interior:
            best, stable = (_settle(problem, found, small, rule), settled)
        if interior and rising:
            break
    return best, stable


def _settle(problem: Problem, found: Optimum, small: IntVector, rule: Rule) -> Optimum:
    """Put standard deviations that ran to zero exactly there."""
    if not small.size:
        return found
    scales = found.point.scales.copy()
    scales[small] = 0.0
    return replace(found, point=replace(found.point, scales=scales))


def _at_zero(problem: Problem, base: Optimum, rule: Rule) -> Optimum:
    """Return the smaller model's fit in the parameters of the larger one."""
    p, q = base.point.beta.size, base.point.scales.size
    information = np.zeros((p + q + 1, p + q + 1))
    information[:-1, :-1] = base.information
    return replace(
        base,
        point=replace(base.point, scales=np.append(base.point.scales, 0.0)),
        information=information,
        cross=np.pad(base.cross, ((0, 0), (0, 1))) if base.cross.size else base.cross,
        mode=np.concatenate([base.mode, np.zeros((1, problem.k))]),
    )


def _curvature_at_zero(problem: Problem, base: Optimum, rule: Rule) -> float:
    """Second derivative of the log-likelihood in the last standard deviation, at zero.

    It is twice the score of the variance there; positive means that heterogeneity raises the
    likelihood. In the new dimension the integrand is the normal density times a square, for which
    three nodes are exact.
    """
    point = replace(base.point, scales=np.append(base.point.scales, 0.0))
    asked = rule.nodes if rule.nodes is not None else NODES[point.scales.size][0]
    nodes = max(asked, base.nodes, FEWEST_NODES_FOR_EXACT_SLOPES)
    mode = np.concatenate([base.mode, np.zeros((1, problem.k))])
    local = evaluate(problem, point, nodes, mode, True)
    return float(local.curvature[:, -1, -1].sum())


def typical_variance(data: CountData) -> float:
    """Higgins & Thompson's typical sampling variance, (k − p) / tr P of the approximate effects."""
    _, vi = data.approximate_effects()
    if data.k <= data.p:
        return math.nan
    w = 1.0 / vi
    q_factor = np.linalg.qr(data.X * np.sqrt(w)[:, None])[0]
    leverage = np.einsum("ij,ij->i", q_factor, q_factor)
    return float((data.k - data.p) / (w @ (1.0 - leverage)))
