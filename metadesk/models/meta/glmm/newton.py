"""Newton's method for models with few shared parameters and at most one own parameter a study.

The Hessian is an arrow: the studies' own intercepts are eliminated one by one, so a step costs
O(k p²) whatever the number of studies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from metadesk.models.meta.glmm.families import Likelihood, Terms
from metadesk.models.meta.glmm.quadrature import Local, integrate
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector

_AT_ONCE = 1_000_000
"""Numbers worked on between two questions whether to go on: a few hundredths of a second."""
_NO_DISTANCE = 1e-16
"""Newton decrement of a step so short, 1e-8 standard errors, that the likelihood stays."""
LARGEST_SCALE = 12.0
"""Standard deviation of log odds (or log rates) beyond which an estimate counts as infinite."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A likelihood with its linear predictors.

    ``design`` (R, k, p) carries the shared coefficients, ``own`` (R, k) the studies' own parameters
    (None: there are none), ``z`` (q, R, k) the random effects, ``offset`` (R, k) what is known.
    """

    family: Likelihood
    design: FloatMatrix
    offset: FloatMatrix
    z: FloatMatrix
    own: FloatMatrix | None = None

    @property
    def k(self) -> int:
        """Number of studies."""
        return int(self.offset.shape[1])

    @property
    def p(self) -> int:
        """Number of shared coefficients."""
        return int(self.design.shape[2])

    def without(self, effect: int) -> Problem:
        """Return the problem without one of its random effects."""
        return replace(self, z=np.delete(self.z, effect, axis=0))


@dataclass(frozen=True, eq=False)
class Point:
    """Parameters: shared coefficients, the studies' own, standard deviations."""

    beta: FloatVector
    own: FloatVector
    scales: FloatVector


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where the likelihood is largest, and its shape there.

    ``information`` is that of the shared coefficients and standard deviations after elimination of
    the own parameters; ``own_information`` (k,) and ``cross`` (k, p + q) complete the arrow.
    ``score`` is the slope of the log-likelihood in the last standard deviation, 0 but where that
    was held.
    """

    point: Point
    log_likelihood: float
    information: FloatMatrix
    own_information: FloatVector
    cross: FloatMatrix
    mode: FloatMatrix
    iterations: int
    converged: bool
    nodes: int
    score: float = 0.0

    def covariance(self, p: int) -> FloatMatrix:
        """Covariance of the first ``p`` shared coefficients; SDs at 0 are left out."""
        scales = self.point.scales
        keep = np.concatenate([np.ones(self.point.beta.size, bool), np.abs(scales) > 0.0])
        whole = np.linalg.pinv(self.information[np.ix_(keep, keep)], hermitian=True)
        return whole[:p, :p]

    def own_precision(self, M: FloatMatrix) -> FloatMatrix:
        """The precision of the studies' own parameters times ``M`` (k, m).

        With the shared parameters eliminated it is ``diag(d) - C S^-1 C'``, ``S`` their whole
        information and ``C`` (k, p + q) the cross information; SDs at 0 are left out.
        """
        d, scales = self.own_information[:, None], self.point.scales
        keep = np.concatenate([np.ones(self.point.beta.size, bool), np.abs(scales) > 0.0])
        C = self.cross[:, keep]
        S = self.information[np.ix_(keep, keep)] + C.T @ (C / d)
        return d * M - C @ (np.linalg.pinv(S, hermitian=True) @ (C.T @ M))


def linear_predictor(problem: Problem, point: Point) -> FloatMatrix:
    """Linear predictors (R, k) without random effects."""
    eta = problem.offset + problem.design @ point.beta
    return eta if problem.own is None else eta + problem.own * point.own


def evaluate(
    problem: Problem, point: Point, nodes: int, start: FloatMatrix | None, exact: bool
) -> Local:
    """Every study's log-likelihood and its local derivatives."""
    eta = linear_predictor(problem, point)
    return integrate(problem.family, eta, problem.z, point.scales, nodes, start, exact=exact)


@dataclass(frozen=True, eq=False)
class Watched:
    """A likelihood that asks before each evaluation whether to go on.

    Exact conditional likelihoods of many large tables take a second a step; nobody who has given
    up shall wait for the rest of it.
    """

    family: Likelihood
    progress: Progress

    def terms(self, eta: FloatMatrix) -> Terms:
        """Log-likelihood, score and curvature of every row, some of the nodes at a time."""
        many = max(1, int(_AT_ONCE / (eta[0].size * self.family.burden))) if eta.ndim > 2 else 1
        if eta.ndim <= 2 or many >= eta.shape[0]:
            self.progress.check()
            return self.family.terms(eta)
        parts = []
        for first in range(0, eta.shape[0], many):
            self.progress.check()
            parts.append(self.family.terms(eta[first : first + many]))
        ll, d1, d2 = (np.concatenate(piece) for piece in zip(*parts, strict=True))
        return ll, d1, d2

    @property
    def burden(self) -> float:
        """As the likelihood's own."""
        return self.family.burden

    def saturated(self) -> FloatMatrix:
        """Return the log-likelihood with a free linear predictor for every row."""
        return self.family.saturated()

    def take(self, units: IntVector) -> Likelihood:
        """Return the same likelihood for some of the units, watched as well."""
        return Watched(self.family.take(units), self.progress)


def maximise(
    problem: Problem,
    start: Point,
    nodes: int,
    *,
    exact: bool = True,
    held: bool = False,
    iterations: int = 60,
    progress: Progress = SILENT,
    local: Local | None = None,
) -> Optimum:
    """Climb to a maximum of the log-likelihood from ``start``, where ``local`` may be known.

    Newton steps on the full arrow, made to point uphill where the curvature is of the wrong sign,
    halved until the likelihood does not fall; it stops when the step is 1e-10 of its natural size
    (the Newton decrement), which does not depend on the units of the moderators. With ``held`` the
    last standard deviation stays where it is.
    """
    scale = np.sqrt(np.mean(problem.design**2, axis=(0, 1)))
    scale = np.where(scale > 0, scale, 1.0)
    family = Watched(problem.family, progress)
    scaled = replace(problem, design=problem.design / scale, family=family)
    point = replace(start, beta=start.beta * scale)
    local = evaluate(scaled, point, nodes, None, exact) if local is None else local
    converged, count = False, 0
    while count < iterations and not converged:
        count += 1
        progress.step(1.0 - 0.8**count, "Maximising the likelihood")
        gradient, own_gradient, information, own_information, cross = _arrow(scaled, point, local)
        if held:
            gradient, information, cross = gradient[:-1], information[:-1, :-1], cross[:, :-1]
        step, own_step = _uphill(gradient, own_gradient, information, own_information, cross)
        if held:
            gradient, step = np.append(gradient, 0.0), np.append(step, 0.0)
        decrement = float(gradient @ step + own_gradient @ own_step)
        converged = decrement < 1e-13 * (1.0 + abs(float(local.value.sum())))
        if 0.0 <= decrement < _NO_DISTANCE:
            point = _moved(point, step, own_step)
            break
        point, local, moved = _halving(scaled, point, local, step, own_step, nodes, exact)
        if not moved:
            converged = converged or decrement < 1e-8
            break
        if _ran_away(point):
            converged = False
            break
    gradient, _, information, own_information, cross = _arrow(scaled, point, local)
    back = np.concatenate([scale, np.ones(point.scales.size)])
    return Optimum(
        point=replace(point, beta=point.beta / scale, scales=np.abs(point.scales)),
        log_likelihood=float(local.value.sum()),
        information=information * np.outer(back, back),
        own_information=own_information,
        cross=cross * back,
        mode=local.mode * np.where(point.scales < 0, -1.0, 1.0)[:, None],
        iterations=count,
        converged=converged,
        nodes=nodes,
        score=float(gradient[-1]) if held else 0.0,
    )


def _ran_away(point: Point) -> bool:
    """Whether a spread has left all sense: its estimate is infinite, and every step costs more."""
    return bool((np.abs(point.scales) > LARGEST_SCALE).any())


def _arrow(
    problem: Problem, point: Point, local: Local
) -> tuple[FloatVector, FloatVector, FloatMatrix, FloatVector, FloatMatrix]:
    """Gradient and information of the shared part (own part eliminated), and the own part."""
    rows, k, p = problem.design.shape
    q = problem.z.shape[0]
    jacobian = np.zeros((k, rows + q, p + q))
    jacobian[:, :rows, :p] = problem.design.transpose(1, 0, 2)
    jacobian[:, rows:, p:] = np.eye(q)
    gradient = np.einsum("ka,kab->b", local.slope, jacobian)
    bent = local.curvature @ jacobian
    information = -np.einsum("kab,kac->bc", jacobian, bent, optimize=False)
    if problem.own is None:
        return gradient, np.zeros(0), information, np.zeros(0), np.zeros((0, p + q))
    own = problem.own.T
    own_gradient = np.einsum("ka,ka->k", local.slope[:, :rows], own)
    cross = -np.einsum("ka,kab->kb", own, bent[:, :rows])
    own_information = -np.einsum("ka,kab,kb->k", own, local.curvature[:, :rows, :rows], own)
    own_information = np.maximum(own_information, 1e-10)
    information = information - (cross / own_information[:, None]).T @ cross
    return gradient, own_gradient, information, own_information, cross


def _uphill(
    gradient: FloatVector, own_gradient: FloatVector, information: FloatMatrix,
    own_information: FloatVector, cross: FloatMatrix,
) -> tuple[FloatVector, FloatVector]:  # fmt: skip
    """Newton step of shared and own parameters; directions of wrong curvature are turned round."""
    if own_gradient.size:
        gradient = gradient - cross.T @ (own_gradient / own_information)
    values, vectors = np.linalg.eigh(0.5 * (information + information.T))
    floor = 1e-10 * max(float(np.abs(values).max(initial=0.0)), 1e-8)
    step = vectors @ ((vectors.T @ gradient) / np.maximum(np.abs(values), floor))
    if not own_gradient.size:
        return step, np.zeros(0)
    return step, (own_gradient - cross @ step) / own_information


def _moved(point: Point, step: FloatVector, own_step: FloatVector) -> Point:
    p = point.beta.size
    own = point.own + own_step if own_step.size else point.own
    return Point(point.beta + step[:p], own, point.scales + step[p:])


def _halving(
    problem: Problem, point: Point, local: Local, step: FloatVector, own_step: FloatVector,
    nodes: int, exact: bool,
) -> tuple[Point, Local, bool]:  # fmt: skip
    """Take the step, at most 5 in a linear predictor, halved while the likelihood falls."""
    p = point.beta.size
    change = problem.design @ step[:p]
    if problem.own is not None:
        change = change + problem.own * own_step
    largest = max(float(np.abs(change).max()), float(2.0 * np.abs(step[p:]).max(initial=0.0)))
    fraction = min(1.0, 5.0 / largest) if largest > 0 else 1.0
    before = float(local.value.sum())
    slack = 1e-13 * (1.0 + abs(before))
    for _ in range(40):
        candidate = _moved(point, fraction * step, fraction * own_step)
        trial = evaluate(problem, candidate, nodes, local.mode, exact)
        after = float(trial.value.sum())
        if np.isfinite(after) and after >= before - slack:
            return candidate, trial, True
        fraction *= 0.5
    return point, local, False
