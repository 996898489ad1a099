"""Beta-binomial regression of risks: every study counts, those without events too."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from metadesk.document import Note
from metadesk.errors import NotEstimable, SpecProblem
from metadesk.models.meta.glmm.data import CountData, as_counts
from metadesk.models.meta.two_arms import TwoArms
from metadesk.models.meta.wald import (
    coefficient_table,
    information_criteria,
    joint_test,
    moderator_positions,
)
from metadesk.models.result import (
    FitResult,
    Heterogeneity,
    Status,
    VarianceComponent,
)
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatMatrix, FloatVector
from metadesk.options import choice, number

_BINOMIAL = 14.0
"""Log precision beyond which the beta-binomial is the binomial to six digits."""


@dataclass(frozen=True)
class BetaBinomial:
    """How the beta-binomial regression is reported."""

    test: str = choice("Test and interval", {"z": "z", "t": "t, arms − parameters df"}, "z")
    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.9999)


def fit_beta_binomial(
    spec: BetaBinomial, data: CountData | TwoArms, progress: Progress = SILENT
) -> FitResult:
    """Fit log odds of the arms with a common level, an effect, and one intra-study correlation.

    Arms of a study are taken as independent given the mean risk, so studies without any event
    contribute; they pull the estimate towards no effect only as far as their size warrants.

    References
    ----------
    Kuss (2015), Statist. Med. 34, 1097 (beta-binomial model with a common intra-class correlation).
    """
    used = as_counts(data)
    if used.measure not in ("OR", "PLO"):
        raise SpecProblem("The beta-binomial model is for risks: choose OR or PLO.")
    if any(events.sum() == 0 for events in used.events):
        raise NotEstimable(
            "One arm has no event in any study; the estimate is infinite. "
            "Use the penalised (Firth) model."
        )
    y, n, X = _arms(used)
    phi, value, information, count, converged = _climb(y, n, X, progress)
    names, p = used.names, used.p
    vb = np.asarray(np.linalg.pinv(information, hermitian=True), dtype=float)[:p, :p]
    df = float(y.size - phi.size) if spec.test == "t" else math.inf
    words = "z" if spec.test == "z" else f"t with {df:g} df (arms − parameters)"
    table = coefficient_table(names, phi[:p], vb, df, spec.level, words)
    which = moderator_positions(names)
    boundary = phi[-1] >= _BINOMIAL
    rho = 0.0 if boundary else 1.0 / (1.0 + math.exp(float(phi[-1])))
    empty = int((used.events.sum(axis=0) == 0).sum()) if used.events.shape[0] == 2 else 0
    notes = []
    if empty:
        notes.append(
            Note(
                f"{empty} studies without any event are included: their sizes carry information "
                "in this model.",
                "note",
                "double-zero",
            )
        )
    return FitResult(
        model="beta-binomial",
        title="Beta-binomial regression",
        family="random",
        k=used.k,
        coefficients=table,
        method="Maximum likelihood, beta-binomial",
        status=Status(
            converged=converged,
            iterations=count,
            rung="beta-binomial",
            boundary=("rho",) if boundary else (),
        ),
        heterogeneity=Heterogeneity(math.nan, "none: the model has an intra-study correlation"),
        components=(
            VarianceComponent(
                "rho", "Intra-study correlation", rho, used.k, at_boundary=bool(boundary)
            ),
        ),
        statistics=information_criteria(
            value,
            math.nan,
            phi.size,
            y.size,
            likelihood="counts, beta-binomial",
            variances=frozenset({"rho"}),
        ),
        omnibus=(joint_test(table, which, "Test of moderators"),) if which else (),
        weights_meaning="A model of the counts themselves has no study weights.",
        notes=tuple(notes),
    )


def _arms(data: CountData) -> tuple[FloatVector, FloatVector, FloatMatrix]:
    """Arms end to end; columns are the effect's, then (two arms) the level of group 2."""
    y, n = data.events.ravel(), data.totals.ravel()
    if data.events.shape[0] == 1:
        return y, n, data.X
    effect = np.concatenate([data.X, np.zeros_like(data.X)])
    return y, n, np.column_stack([effect, np.ones(2 * data.k)])


def _evaluate(
    phi: FloatVector, y: FloatVector, n: FloatVector, X: FloatMatrix
) -> tuple[float, FloatVector]:
    """Log-likelihood and gradient; ``phi`` is the coefficients, then the log precision s."""
    s = math.exp(min(float(phi[-1]), 30.0))
    mu = special.expit(X @ phi[:-1])
    a, b = mu * s, (1.0 - mu) * s
    lg, digamma = special.gammaln, special.digamma
    ll = lg(y + a) - lg(a) + lg(n - y + b) - lg(b) - lg(n + s) + lg(s)
    ll = ll + lg(n + 1.0) - lg(y + 1.0) - lg(n - y + 1.0)
    common = digamma(s) - digamma(n + s)
    da = digamma(y + a) - digamma(a) + common
    db = digamma(n - y + b) - digamma(b) + common
    slope = (da - db) * s * mu * (1.0 - mu)
    last = float((s * (mu * da + (1.0 - mu) * db)).sum())
    return float(ll.sum()), np.append(X.T @ slope, last)


def _climb(
    y: FloatVector, n: FloatVector, X: FloatMatrix, progress: Progress
) -> tuple[FloatVector, float, FloatMatrix, int, bool]:
    """Newton with differences of the gradient, halved while the likelihood falls."""
    logit = np.log((y + 0.5) / (n - y + 0.5))
    root = np.sqrt(n)
    start = np.linalg.lstsq(X * root[:, None], logit * root, rcond=None)[0]
    phi = np.append(start, 3.0)
    value, gradient = _evaluate(phi, y, n, X)
    information = _information(phi, y, n, X)
    for count in range(1, 101):
        progress.step(count / 100.0, "Beta-binomial regression")
        values, vectors = np.linalg.eigh(information)
        floor = 1e-8 * float(np.abs(values).max())
        step = vectors @ ((vectors.T @ gradient) / np.maximum(np.abs(values), floor))
        if float(gradient @ step) < 1e-13 * (1.0 + abs(value)):
            return phi, value, information, count, True
        fraction = min(1.0, 2.0 / float(np.abs(step).max()))
        for _ in range(40):
            trial, slope = _evaluate(phi + fraction * step, y, n, X)
            if math.isfinite(trial) and trial >= value - 1e-13 * (1.0 + abs(value)):
                break
            fraction *= 0.5
        else:
            return phi, value, information, count, float(gradient @ step) < 1e-8
        phi, value, gradient = phi + fraction * step, trial, slope
        information = _information(phi, y, n, X)
        if phi[-1] > _BINOMIAL:
            return phi, value, information, count, True
    return phi, value, information, 100, False


def _information(phi: FloatVector, y: FloatVector, n: FloatVector, X: FloatMatrix) -> FloatMatrix:
    size = phi.size
    found = np.zeros((size, size))
    for a in range(size):
        step = np.zeros(size)
        step[a] = 1e-5 * max(1.0, abs(float(phi[a])))
        up, down = _evaluate(phi + step, y, n, X)[1], _evaluate(phi - step, y, n, X)[1]
        found[a] = -(up - down) / (2.0 * step[a])
    return 0.5 * (found + found.T)
