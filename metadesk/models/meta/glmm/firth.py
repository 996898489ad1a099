"""Penalised (Firth) regression with study effects: finite estimates where likelihood has none."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metadesk.document import Note
from metadesk.errors import SpecProblem
from metadesk.models.meta.glmm.data import CountData, as_counts
from metadesk.models.meta.glmm.estimate import start_point
from metadesk.models.meta.glmm.families import Binomial
from metadesk.models.meta.glmm.newton import Problem
from metadesk.models.meta.glmm.problems import build
from metadesk.models.meta.two_arms import TwoArms
from metadesk.models.meta.wald import coefficient_table, joint_test, moderator_positions
from metadesk.models.result import FitResult, Heterogeneity, Interval, Quantity, Status
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.roots import bracketed_root
from metadesk.numerics.tails import chi2_quantile, chi2_sf
from metadesk.numerics.types import FloatMatrix, FloatVector
from metadesk.options import number


@dataclass(frozen=True)
class Firth:
    """How the penalised regression is reported."""

    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.9999)


@dataclass(frozen=True, eq=False)
class _State:
    """Penalised log-likelihood with its score and the pieces of the information arrow."""

    value: float
    score: FloatVector
    own_score: FloatVector
    schur: FloatMatrix
    lever: FloatMatrix
    own: FloatVector


def fit_firth(spec: Firth, data: CountData | TwoArms, progress: Progress = SILENT) -> FitResult:
    """Fit arms with an intercept for every study, penalised by Jeffreys' prior; equal effects.

    The penalty ½ ln|I| takes away the first-order bias and keeps the estimate finite when one arm
    has no event at all. ``extra`` has the profile interval and the test by the penalised
    likelihood, which are to be preferred to Wald's when events are few.

    References
    ----------
    Firth (1993), Biometrika 80, 27; Heinze & Schemper (2002), Statist. Med. 21, 2409.
    """
    counts = as_counts(data)
    if counts.measure not in ("OR", "IRR"):
        raise SpecProblem("Penalised regression compares two arms: choose OR or IRR.")
    used = counts.informative()
    problem = build(used, "UM.FS")
    start = start_point(problem, used)
    progress.step(0.0, "Penalised regression")
    beta, own, state, count, converged = _climb(problem, start.beta, start.own, None, progress)
    vb = np.asarray(np.linalg.inv(state.schur), dtype=float)
    table = coefficient_table(used.names, beta, vb, math.inf, spec.level, "z (Wald)")
    which = moderator_positions(used.names)
    extra: dict[str, Quantity] = {}
    if used.intercept_only:
        extra["penalised"] = _penalised_test(problem, beta, own, state, spec.level, progress)
    notes = (
        *used.dropped_notes(),
        Note(
            "Penalised by Jeffreys' prior: the estimate is finite even where an arm has no event.",
            "note",
            "firth",
        ),
    )
    return FitResult(
        model="firth",
        title="Penalised regression with study effects (Firth)",
        family="fixed",
        k=used.k,
        coefficients=table,
        method="Penalised maximum likelihood (Jeffreys)",
        status=Status(converged=converged, iterations=count, rung="firth"),
        heterogeneity=Heterogeneity(0.0, "equal effects (τ² = 0)"),
        omnibus=(joint_test(table, which, "Test of moderators"),) if which else (),
        weights_meaning="A model of the counts themselves has no study weights.",
        fitted=counts.over_all(used.X @ beta),
        notes=notes,
        extra=extra,
    )


def _evaluate(problem: Problem, beta: FloatVector, own: FloatVector) -> _State:
    """Penalised score: y − n p + h(½ − p) for risks, y − mu + h/2 for rates; h are hat values."""
    eta = problem.offset + problem.design @ beta + own
    ll, d1, d2 = problem.family.terms(eta)
    w = -d2
    d = w.sum(axis=0)
    cross = np.einsum("rk,rkp->kp", w, problem.design)
    lever = cross / d[:, None]
    schur = np.einsum("rk,rkp,rkq->pq", w, problem.design, problem.design) - lever.T @ cross
    inverse = np.linalg.inv(schur)
    away = problem.design - lever[None]
    hat = w * (1.0 / d + np.einsum("rkp,pq,rkq->rk", away, inverse, away))
    pull = 0.5 * hat
    if isinstance(problem.family, Binomial):
        pull = hat * (0.5 - (problem.family.y - d1) / problem.family.n)
    slope = d1 + pull
    value = float(ll.sum() + 0.5 * (np.log(d).sum() + np.linalg.slogdet(schur)[1]))
    score = np.einsum("rk,rkp->p", slope, problem.design)
    return _State(value, score, slope.sum(axis=0), schur, lever, d)


def _climb(
    problem: Problem,
    beta: FloatVector,
    own: FloatVector,
    held: float | None,
    progress: Progress = SILENT,
) -> tuple[FloatVector, FloatVector, _State, int, bool]:
    """Fisher scoring with halving; with ``held`` the first coefficient stays at that value."""
    if held is not None:
        beta = beta.copy()
        beta[0] = held
    state = _evaluate(problem, beta, own)
    for count in range(1, 201):
        progress.check()
        gradient = state.score - state.lever.T @ state.own_score
        step = np.zeros_like(beta) if held is not None else np.linalg.solve(state.schur, gradient)
        own_step = state.own_score / state.own - state.lever @ step
        size = max(float(np.abs(step).max()), float(np.abs(own_step).max()))
        if size < 1e-10:
            return beta, own, state, count, True
        fraction = min(1.0, 3.0 / size)
        for _ in range(40):
            trial = _evaluate(problem, beta + fraction * step, own + fraction * own_step)
            if trial.value >= state.value - 1e-12 * (1.0 + abs(state.value)):
                break
            fraction *= 0.5
        else:
            return beta, own, state, count, size < 1e-6
        beta, own, state = beta + fraction * step, own + fraction * own_step, trial
    return beta, own, state, 200, False


def _penalised_test(
    problem: Problem,
    beta: FloatVector,
    own: FloatVector,
    state: _State,
    level: float,
    progress: Progress,
) -> Quantity:
    """Estimate with the test and interval of the profile penalised likelihood."""
    target = chi2_quantile(level, 1.0)

    def excess(value: float) -> float:
        """Twice what the penalised likelihood loses at ``value``, less the critical value."""
        progress.step(0.5, "Profile of the penalised likelihood")
        return 2.0 * (state.value - _climb(problem, beta, own, value, progress)[2].value) - target

    centre = float(beta[0])
    se = math.sqrt(float(np.linalg.inv(state.schur)[0, 0]))
    ends = []
    for side in (-1.0, 1.0):
        reach = 2.0 * se
        while (beyond := excess(centre + side * reach)) < 0.0 and reach < 1e3:
            reach *= 1.6
        far = centre + side * reach
        ends.append(bracketed_root(excess, centre, far, -target, beyond, 1e-10))
    return Quantity(
        "penalised",
        "Pooled effect, penalised likelihood",
        centre,
        "Profile penalised likelihood",
        se=se,
        p=float(chi2_sf(excess(0.0) + target, 1.0)),
        interval=Interval(ends[0], ends[1], level, "profile penalised likelihood"),
        kind="effect",
    )
