"""Maximum (restricted) likelihood for the random part: Newton on the average information."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from metadesk.errors import NotEstimable, RankError
from metadesk.models.meta.multilevel.blocks import (
    Evaluation,
    Stack,
    components,
    evaluate,
    stack,
)
from metadesk.models.meta.multilevel.data import DependentData
from metadesk.models.meta.multilevel.factored import Factored
from metadesk.models.meta.multilevel.identified import taken_up
from metadesk.models.meta.multilevel.nested import Nested
from metadesk.models.meta.multilevel.structures import (
    Covariance,
    RandomTerm,
    covariance_of,
)
from metadesk.models.meta.pooling import independent_columns
from metadesk.models.result import Basis
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import BoolVector, FloatMatrix, FloatVector, IntVector

_AT_ZERO = 1e-5
_QUARTER = 0.5 * math.pi
_DECREMENT = 1e-18
"""Twice the likelihood still to be gained: a relative error of about 1e-9 in the components."""
_PATIENCE = 10
"""Steps with the average information before the exact second derivatives are worth their price."""


@dataclass(frozen=True, eq=False)
class Machine:
    """A model laid out for evaluation; ``scale`` is the unit in which variances are of order 1.

    It is evaluated with orthonormal columns ``data.X @ T`` in place of ``data.X``: columns that
    are nearly collinear (an intercept and a year) then cost no digits, and the restricted
    likelihood needs no ``|X'X|``.
    """

    data: DependentData
    covariance: Covariance
    restricted: bool
    scale: float
    T: FloatMatrix

    @cached_property
    def orthonormal(self) -> DependentData:
        """The data with orthonormal columns."""
        return replace(self.data, X=self.data.X @ self.T)

    @cached_property
    def nested(self) -> Nested | None:
        """The layout without matrices, where the model has that form."""
        return Nested.of(self.orthonormal, self.covariance)

    @cached_property
    def clusters(self) -> IntVector:
        """Independent sets of rows, numbered."""
        groupings = [*self.covariance.groups, *_block_codes(self.data)]
        return components(self.data.k, groupings)

    @cached_property
    def stacks(self) -> tuple[Stack, ...]:
        """The clusters as stacks of matrices, made when they are needed."""
        parts = [entry.part for entry in self.covariance.entries]
        return stack(self.orthonormal, self.clusters, parts)

    def at(self, phi: FloatVector) -> Evaluation | None:
        """Evaluate at standard deviations and angles of correlations; None outside the domain."""
        if not self.covariance.within_domain(phi):
            return None
        return self.at_linear(self.covariance.linear(phi)[0])

    def at_linear(self, gamma: FloatVector) -> Evaluation | None:
        """Evaluate at the linear parameters of the covariance."""
        if self.nested is not None:
            return self.nested.evaluate(gamma, self.restricted)
        return evaluate(self.stacks, gamma, self.data.k, self.restricted)


@dataclass(frozen=True, eq=False)
class Fit:
    """Where the (restricted) likelihood is largest.

    ``phi`` holds standard deviations (non-negative) and the angles of correlations;
    ``hessian`` the negative second derivatives there; ``found`` is in the orthonormal columns.
    """

    machine: Machine
    phi: FloatVector
    found: Evaluation
    hessian: FloatMatrix
    iterations: int
    converged: bool
    boundary: tuple[str, ...]

    @property
    def basis(self) -> Basis:
        """The coefficients of the orthonormal columns."""
        return Basis(self.machine.T, self.found.b, self.found.vb)

    @property
    def variances(self) -> FloatVector:
        """Variance components in the order of their names."""
        return self.phi[: self.machine.covariance.n_tau] ** 2

    @property
    def correlations(self) -> FloatVector:
        """Correlations in the order of their names."""
        covariance = self.machine.covariance
        return covariance.rho(self.phi[covariance.n_tau :])


def lay_out(
    data: DependentData,
    terms: tuple[RandomTerm, ...],
    restricted: bool,
    correlations: str = "proper",
) -> Machine:
    """Write down the covariance of a model for these data.

    Raises
    ------
    RankError
        If the moderators are collinear or more than the effects.
    NotEstimable
        If nothing is left to estimate a variance from.
    """
    covariance = covariance_of(terms, data, correlations)
    dropped = independent_columns(data.X, data.names).dropped
    if dropped or data.k < data.p:
        what = f"{', '.join(dropped)} among" if dropped else "Some of"
        raise RankError(
            f"{what} the {data.p} columns ({', '.join(data.names)}) say what the others already "
            f"say, or there are more columns than the {data.k} effects; leave some out."
        )
    if restricted and data.k == data.p:
        raise NotEstimable(
            f"{data.k} effects and {data.p} coefficients leave nothing to estimate variances from."
        )
    scale = math.sqrt(float(np.median(data.vi)))
    size = np.sqrt(np.square(data.X).sum(axis=0))
    T = np.linalg.inv(np.linalg.qr(data.X / size)[1]) / size[:, None]
    machine = Machine(data, covariance, restricted, scale, T)
    if restricted:
        _refuse_taken_up(machine)
    return machine


def _refuse_taken_up(machine: Machine) -> None:
    """Refuse variances that the restricted likelihood is flat in."""
    covariance = machine.covariance
    for i in taken_up(covariance, machine.orthonormal.X):
        what = covariance.tau_titles[i]
        why = "only one group tells of it"
        if covariance.tau_levels[i] > 1:
            names = ", ".join(machine.data.names)
            why = f"the coefficients ({names}) already give every level a mean of its own"
        raise NotEstimable(
            f"The variance {what[:1].lower()}{what[1:]} cannot be estimated: {why}. Leave that "
            "random effect or a moderator out."
        )


def _block_codes(data: DependentData) -> list[IntVector]:
    """Rows with correlated sampling errors as one more grouping."""
    if not data.blocks:
        return []
    codes = np.arange(data.k, dtype=np.int64)
    for rows, _ in data.blocks:
        codes[rows] = rows[0]
    return [codes]


_TIGHT = 0.95
"""The correlation of further starts, as a part of its range."""
_MOST_SIGNS = 4
"""Levels up to which every pattern of signs of their correlations is a start."""


def maximise(machine: Machine, progress: Progress = SILENT) -> Fit:
    """Find the maximum from a start that splits the excess variance.

    Where a fit of several variances with correlations ends at an edge, it starts again from tight
    correlations, positive and negative: such likelihoods can have one maximum with variances of
    zero or correlations of one sign and a higher one with others.
    """
    start = _start(machine)
    fit = _settle(machine, start, progress)
    covariance = machine.covariance
    if covariance.n_tau < 2 or not covariance.n_rho or not _at_an_edge(fit):
        return fit
    for rho in _further_correlations(covariance):
        start[covariance.n_tau :] = covariance.free(rho)
        if machine.at(start) is None:
            continue
        other = _settle(machine, start.copy(), progress)
        if other.found.log_likelihood > fit.found.log_likelihood + 1e-8:
            fit = other
    return fit


def _at_an_edge(fit: Fit) -> bool:
    """Whether a variance is zero or a correlation at an end of its range."""
    return bool(fit.boundary or _edges(fit.machine, fit.phi))


def _further_correlations(covariance: Covariance) -> list[FloatVector]:
    """Tight correlations of either sign; of free ones every pattern that signs of levels make."""
    if not covariance.pairs:
        low = covariance.rho_low
        return [low + (1.0 - low) * share for share in (_TIGHT, 1.0 - _TIGHT)]
    levels = max(max(pair) for pair in covariance.pairs) + 1
    if levels > _MOST_SIGNS:
        return []
    patterns = [[1 - 2 * (n >> i & 1) for i in range(levels)] for n in range(0, 2**levels, 2)]
    return [np.array([_TIGHT * one[a] * one[b] for a, b in covariance.pairs]) for one in patterns]


def _settle(machine: Machine, start: FloatVector, progress: Progress) -> Fit:
    """Climb; a component that arrives at an edge is checked there.

    A standard deviation of zero and a correlation at the end of its range are always stationary,
    so a component that arrives there is accepted only if the score of its variance (or correlation)
    does not point back inside; else it starts again from within.
    """
    progress.step(0.2, "Estimating the variance components")
    fit = climb(machine, start, None, progress)
    for _ in range(3):
        edge = _edges(machine, fit.phi)
        if not edge:
            return fit
        phi = fit.phi.copy()
        for i, value in edge.items():
            phi[i] = value
        inward = _inward_scores(machine, phi, edge)
        wrong = [i for i in edge if inward[i] > 1e-6]
        found = machine.at(phi)
        if found is None or (wrong and machine.covariance.unstructured):
            return fit
        if not wrong:
            names = (*machine.covariance.tau_names, *machine.covariance.rho_names)
            _, hessian = derivatives(machine.covariance, phi, found)
            at = tuple(names[i] for i in edge)
            return Fit(machine, phi, found, hessian, fit.iterations, fit.converged, at)
        for i in wrong:
            phi[i] = 0.3 * machine.scale if i < machine.covariance.n_tau else 0.5 * phi[i]
        fit = climb(machine, phi, None, progress)
    return fit


def _edges(machine: Machine, phi: FloatVector) -> dict[int, float]:
    """Parameters that have arrived at an end of their range, and that end."""
    n_tau = machine.covariance.n_tau
    edge: dict[int, float] = {}
    for i, value in enumerate(phi.tolist()):
        if i < n_tau and value < _AT_ZERO * machine.scale:
            edge[i] = 0.0
        elif i >= n_tau and _QUARTER - abs(value) < 1e-4:
            edge[i] = math.copysign(_QUARTER, value)
    return edge


def _inward_scores(machine: Machine, phi: FloatVector, edge: dict[int, float]) -> FloatVector:
    """Second derivatives of the likelihood in the parameters at an edge, in units of the effects.

    The first derivative is zero there; a positive second one means that the likelihood rises
    inwards, i.e. that the score of the variance or correlation itself points inwards.
    """
    found = machine.at(phi)
    scores = np.zeros(phi.size)
    if found is None:
        return scores
    _, hessian = derivatives(machine.covariance, phi, found)
    for i in edge:
        unit = machine.scale if i < machine.covariance.n_tau else 1.0
        scores[i] = -hessian[i, i] * unit**2
    return scores


def _start(machine: Machine) -> FloatVector:
    """Split what the residual variance exceeds the sampling variance by; correlations a half."""
    data, covariance = machine.data, machine.covariance
    Q = machine.orthonormal.X
    resid = data.yi - Q @ (Q.T @ data.yi)
    typical = 1.0 / float(np.mean(1.0 / data.vi))
    spread = float(resid @ resid) / max(data.k - data.p, 1)
    shared = len({span[0].start for span in covariance.spans}) + sum(
        name.startswith("sigma") for name in covariance.tau_names
    )
    tau2 = max(spread - typical, 0.05 * typical) / max(shared, 1)
    middle = np.maximum(0.5, covariance.rho_low + 0.1)
    return np.concatenate([np.full(covariance.n_tau, math.sqrt(tau2)), covariance.free(middle)])


Form = Covariance | Factored
"""A way to write the parameters of one and the same covariance."""


def climb(
    machine: Machine,
    start: FloatVector,
    held: BoolVector | None = None,
    progress: Progress = SILENT,
) -> Fit:
    """Climb from ``start`` with the parameters in ``held`` staying where they are."""
    covariance = machine.covariance
    form: Form = covariance
    if covariance.unstructured and held is None:
        form = Factored(covariance, unstructured_term(covariance))
        start = form.from_natural(start)
    free = np.ones(start.size, dtype=bool) if held is None else ~held
    phi, now, count, converged = climb_in(machine, form, start, free, progress)
    if isinstance(form, Factored):
        phi = form.to_natural(phi)
    _, hessian = derivatives(covariance, phi, now)
    return Fit(machine, phi, now, hessian, count, converged, ())


def unstructured_term(covariance: Covariance) -> int:
    """Position of the term with a free correlation for every pair."""
    sizes = [span[1].stop - span[1].start for span in covariance.spans]
    return int(np.argmax(sizes))


def climb_in(
    machine: Machine,
    form: Form,
    start: FloatVector,
    free: BoolVector,
    progress: Progress = SILENT,
    enough: float = _DECREMENT,
    iterations: int = 200,
) -> tuple[FloatVector, Evaluation, int, bool]:
    """Climb in the parameters of ``form``, those in ``free``: Newton steps with halving.

    ``enough`` is twice the likelihood still to be gained at which the climb ends. Returns the
    parameters, the evaluation there, the number of steps and whether it came to an end.

    Second derivatives: −J'(average information)J + Σ score ∂²gamma, exact at a component of zero,
    where the first part vanishes.
    """
    unit = np.where(form.scaled, machine.scale, 1.0)
    phi = start.copy()
    now = machine.at_linear(form.linear(phi)[0])
    if now is None:
        raise NotEstimable(
            "The covariance of the effects is not positive definite at the starting values; "
            "check the sampling variances and covariances."
        )
    converged, count = not free.any(), 0
    while count < iterations and not converged:
        progress.check()
        count += 1
        gradient, hessian = derivatives(form, phi, now)
        if count > _PATIENCE:
            hessian = _observed(machine, form, phi, hessian)
        gradient, hessian = gradient * unit, hessian * np.outer(unit, unit)
        step = np.zeros_like(phi)
        pressed = form.positive & (phi < 1e-7 * machine.scale) & (gradient < 0.0)
        move = free & ~pressed
        step[move] = _uphill(gradient[move], hessian[np.ix_(move, move)])
        decrement = float(gradient @ step)
        converged = decrement < enough
        phi, now, moved = _halve(machine, form, phi, now, step * unit)
        if not moved:
            return phi, now, count, converged or decrement < 1e-7
    return phi, now, count, converged


def derivatives(form: Form, phi: FloatVector, now: Evaluation) -> tuple[FloatVector, FloatMatrix]:
    """Gradient and approximate negative Hessian in phi."""
    _, jacobian = form.linear(phi)
    gradient = now.score @ jacobian
    hessian = jacobian.T @ now.information @ jacobian - form.bend(phi, now.score)
    return gradient, hessian


def _observed(machine: Machine, form: Form, phi: FloatVector, average: FloatMatrix) -> FloatMatrix:
    """Exact negative Hessian, by differences of the analytic gradient; else the average one."""
    observed = np.zeros_like(average)
    for a in range(phi.size):
        h = 1e-5 * (max(abs(float(phi[a])), 1e-3 * machine.scale) if form.scaled[a] else 1.0)
        sides = []
        for shift in (h, -h):
            moved = phi.copy()
            moved[a] += shift
            gamma, jacobian = form.linear(moved)
            there = machine.at_linear(gamma)
            if there is None:
                return average
            sides.append(there.score @ jacobian)
        observed[a] = -(sides[0] - sides[1]) / (2.0 * h)
    return 0.5 * (observed + observed.T)


def _uphill(gradient: FloatVector, information: FloatMatrix) -> FloatVector:
    """Newton step; directions of wrong curvature are turned round, flat ones get small steps."""
    if not gradient.size:
        return gradient
    values, vectors = np.linalg.eigh(0.5 * (information + information.T))
    largest = float(np.abs(values).max())
    curvature = np.maximum(np.abs(values), 1e-9 * max(largest, 1e-9))
    return np.asarray(vectors @ ((vectors.T @ gradient) / curvature))


def _halve(
    machine: Machine,
    form: Form,
    phi: FloatVector,
    now: Evaluation,
    step: FloatVector,
) -> tuple[FloatVector, Evaluation, bool]:
    """Take the step, halved while the likelihood falls.

    A standard deviation shrinks to a twentieth at most and grows by five units at most; so does
    an angle's distance from the end of its range.
    """
    positive, scaled = form.positive, form.scaled
    limit = np.where(scaled, 5.0 * np.maximum(np.abs(phi), machine.scale), 1.0)
    low = np.where(positive, 0.05 * phi, -np.inf)
    low = np.where(scaled, low, -_QUARTER + 0.05 * (phi + _QUARTER))
    high = np.where(scaled, np.inf, _QUARTER - 0.05 * (_QUARTER - phi))
    fraction = 1.0 / max(1.0, float((np.abs(step) / limit).max(initial=0.0)))
    slack = 1e-13 * (1.0 + abs(now.log_likelihood))
    for _ in range(40):
        candidate = phi + fraction * step
        candidate = np.clip(candidate, low, high)
        if form.within_domain(candidate):
            trial = machine.at_linear(form.linear(candidate)[0])
            if trial is not None and trial.log_likelihood >= now.log_likelihood - slack:
                return candidate, trial, True
        fraction *= 0.5
    return phi, now, False
