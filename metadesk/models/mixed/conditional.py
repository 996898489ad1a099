"""Logistic regression within persons: each person's own level is conditioned away.

For binary outcomes the number of successes of a person is sufficient for the person's level; given
it, only the arrangement of the successes over the rows counts. Treatment effects estimated so need
no distribution of levels, and have an exact distribution.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from metadesk.errors import NotEstimable
from metadesk.models.mixed.climb import climb, numerical_hessian
from metadesk.numerics.tails import chi2_sf
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector

MOST_ARRANGEMENTS = 3432


@dataclass(frozen=True, eq=False)
class Conditional:
    """Conditional logistic estimates; ``penalised`` says whether Firth's penalty was used."""

    names: tuple[str, ...]
    b: FloatVector
    se: FloatVector
    pval: FloatVector
    loglik: float
    n_persons: int
    penalised: bool


class ConditionalLikelihood:
    """Conditional log-likelihood of all persons who have both outcomes."""

    def __init__(self, X: FloatMatrix, y: FloatVector, person: IntVector) -> None:
        self.sets: list[tuple[FloatMatrix, FloatVector]] = []
        for i in range(int(person.max()) + 1):
            rows = np.flatnonzero(person == i)
            total = int(y[rows].sum())
            n = len(rows)
            if total in (0, n):
                continue
            if math.comb(n, total) > MOST_ARRANGEMENTS:
                raise NotEstimable(
                    f"A person has {n} rows, too many to list all arrangements of the outcomes."
                )
            sums = np.array([X[rows[list(c)]].sum(axis=0) for c in combinations(range(n), total)])
            self.sets.append((sums, X[rows].T @ y[rows]))
        if not self.sets:
            raise NotEstimable(
                "No person has both outcomes, so nothing can be learnt within persons."
            )

    def pieces(self, b: FloatVector) -> tuple[float, FloatVector, FloatMatrix]:
        """Log-likelihood, score and information."""
        value, score = 0.0, np.zeros(len(b))
        information = np.zeros((len(b), len(b)))
        for sums, seen in self.sets:
            logs = sums @ b
            top = logs.max()
            mass = np.exp(logs - top)
            total = mass.sum()
            mean = mass @ sums / total
            value += float(seen @ b) - float(top) - math.log(total)
            score += seen - mean
            information += (sums * (mass / total)[:, None]).T @ sums - np.outer(mean, mean)
        return value, score, information

    def penalised(self, b: FloatVector) -> float:
        """Log-likelihood plus half the log determinant of the information (Jeffreys' prior)."""
        value, _, information = self.pieces(b)
        sign, logdet = np.linalg.slogdet(information)
        return value + 0.5 * float(logdet) if sign > 0 else -math.inf


def conditional_logistic(
    X: FloatMatrix,
    y: FloatVector,
    person: IntVector,
    names: tuple[str, ...],
    *,
    penalise: bool = False,
) -> Conditional:
    """Fit within persons, by maximum or by Firth's penalised conditional likelihood.

    Columns that do not vary within any contributing person are left out. P values are from
    (penalised) likelihood ratios, which stay right where Wald tests fail.

    References
    ----------
    Firth (1993); Heinze & Puhr (2010).
    """
    from metadesk.models.mixed.terms import independent_columns

    centred = X.copy()
    for i in range(int(person.max()) + 1):
        rows = person == i
        constant = len(np.unique(y[rows])) < 2
        centred[rows] = 0.0 if constant else X[rows] - X[rows].mean(axis=0)
    varying = np.flatnonzero(np.abs(centred).max(axis=0) > 0)
    kept, _ = independent_columns(centred[:, varying])
    columns = varying[kept]
    if len(columns) == 0:
        raise NotEstimable("No term varies within the persons who have both outcomes.")
    names = tuple(names[j] for j in columns)
    likelihood = ConditionalLikelihood(X[:, columns], y, person)

    def value_and_slope(b: FloatVector, held: int = -1) -> tuple[float, FloatVector]:
        if np.abs(b).max() > 60:
            return -math.inf, np.zeros(len(b))
        if not penalise:
            value, score, _ = likelihood.pieces(b)
        else:
            value = likelihood.penalised(b)
            score = np.empty(len(b))
            for j in range(len(b)):
                up, down = b.copy(), b.copy()
                up[j] += 1e-5
                down[j] -= 1e-5
                score[j] = (likelihood.penalised(up) - likelihood.penalised(down)) / 2e-5
        if held >= 0:
            score = score.copy()
            score[held] = 0.0
        return value, score

    start = np.zeros(len(columns))
    peak = climb(value_and_slope, start, likelihood.pieces(start)[2], tolerance=1e-10)
    _, _, information = likelihood.pieces(peak.par)
    se = np.sqrt(np.diag(np.linalg.pinv(information)))
    p = np.empty(len(columns))
    for j in range(len(columns)):
        others = [i for i in range(len(columns)) if i != j]
        null = _held_at_zero(value_and_slope, peak.par, others)
        p[j] = float(chi2_sf(max(0.0, 2 * (peak.value - null)), 1))
    return Conditional(names, peak.par, se, p, peak.value, len(likelihood.sets), penalise)


def _held_at_zero(evaluate: object, par: FloatVector, free: list[int]) -> float:
    def inner(b: FloatVector) -> tuple[float, FloatVector]:
        full = np.zeros(len(par))
        full[free] = b
        value, slope = evaluate(full)  # type: ignore[operator]
        return value, slope[free]

    if not free:
        return float(inner(np.zeros(0))[0])
    start = np.zeros(len(free))
    return climb(inner, start, numerical_hessian(inner, start), tolerance=1e-10).value


def exact_conditional_p(
    X: FloatMatrix, y: FloatVector, person: IntVector, column: int
) -> tuple[float, float, float]:
    """Exact test of one 0/1 column, given all other columns' sufficient statistics.

    Returns the two-sided P value (arrangements no more probable than the observed one), and the
    one-sided ones of a smaller and of a larger statistic.

    References
    ----------
    Hirji, Mehta & Patel (1987).
    """
    likelihood = ConditionalLikelihood(X, y, person)
    states: dict[tuple[int, ...], float] = {(0,) * X.shape[1]: 1.0}
    for sums, _ in likelihood.sets:
        arrangements: dict[tuple[int, ...], float] = defaultdict(float)
        for s in np.rint(sums).astype(int):
            arrangements[tuple(s.tolist())] += 1.0 / len(sums)
        grown: dict[tuple[int, ...], float] = defaultdict(float)
        for state, weight in states.items():
            for add, share in arrangements.items():
                key = tuple(a + b for a, b in zip(state, add, strict=True))
                grown[key] += weight * share
        if len(grown) > 400_000:
            raise NotEstimable("The exact distribution is too large to list.")
        states = grown
    seen = np.rint(np.sum([s for _, s in likelihood.sets], axis=0)).astype(int)
    given = {
        key[column]: weight
        for key, weight in states.items()
        if all(key[j] == seen[j] for j in range(len(seen)) if j != column)
    }
    total = sum(given.values())
    at = given[int(seen[column])]
    two = sum(w for w in given.values() if w <= at * (1 + 1e-7)) / total
    less = sum(w for k, w in given.items() if k <= seen[column]) / total
    greater = sum(w for k, w in given.items() if k >= seen[column]) / total
    return min(1.0, two), less, greater
