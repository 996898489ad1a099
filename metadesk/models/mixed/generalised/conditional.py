"""Logistic regression within persons: each person's own level is conditioned away.

For binary outcomes the number of successes of a person is sufficient for the person's level; given
it, only the arrangement of the successes over the rows counts. Treatment effects estimated so need
no distribution of levels, and have an exact distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from metadesk.errors import NotEstimable
from metadesk.models.mixed.generalised.climb import Peak, newton
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import chi2_sf
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector

MOST_ARRANGEMENTS = 3432
MOST_STATES = 2_000_000


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
        lengths = [len(sums) for sums, _ in self.sets]
        self.sums = np.concatenate([sums for sums, _ in self.sets])
        self.starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        self.of = np.repeat(np.arange(len(lengths)), lengths)
        self.seen = np.sum([seen for _, seen in self.sets], axis=0)

    def pieces(
        self, b: FloatVector, penalised: bool = False
    ) -> tuple[float, FloatVector, FloatMatrix]:
        """Log-likelihood, score and information.

        Penalised, half the log determinant of the information (Jeffreys' prior) is added; its
        slope is the leverage-weighted third moment.
        """
        logs = self.sums @ b
        top = np.maximum.reduceat(logs, self.starts)
        mass = np.exp(logs - top[self.of])
        total = np.add.reduceat(mass, self.starts)
        share = mass / total[self.of]
        mean = np.add.reduceat(share[:, None] * self.sums, self.starts, axis=0)
        away = self.sums - mean[self.of]
        information = np.asarray((away * share[:, None]).T @ away)
        value = float(self.seen @ b - top.sum() - np.log(total).sum())
        score = np.asarray(self.seen - mean.sum(axis=0))
        if not penalised:
            return value, score, information
        sign, logdet = np.linalg.slogdet(information)
        if sign <= 0 or not np.isfinite(logdet):
            return -math.inf, score, information
        leverage = np.einsum("ia,ia->i", away @ np.linalg.inv(information), away)
        score = score + 0.5 * (share * leverage) @ away
        return value + 0.5 * float(logdet), np.asarray(score), information


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

    everything = list(range(len(columns)))
    peak = _climbed(likelihood, penalise, everything)
    _, _, information = likelihood.pieces(peak.par)
    se = np.sqrt(np.diag(np.linalg.pinv(information)))
    p = np.empty(len(columns))
    for j in everything:
        null = _climbed(likelihood, penalise, [i for i in everything if i != j])
        p[j] = float(chi2_sf(max(0.0, 2 * (peak.value - null.value)), 1))
    return Conditional(names, peak.par, se, p, peak.value, len(likelihood.sets), penalise)


def _climbed(likelihood: ConditionalLikelihood, penalise: bool, free: list[int]) -> Peak:
    """Largest (penalised) likelihood with the other coefficients at zero."""
    size = likelihood.sums.shape[1]

    def full(b: FloatVector) -> FloatVector:
        found = np.zeros(size)
        found[free] = b
        return found

    def evaluate(b: FloatVector) -> tuple[float, FloatVector]:
        if np.abs(b).max(initial=0.0) > 60:
            return -math.inf, np.zeros(len(b))
        value, score, _ = likelihood.pieces(full(b), penalise)
        return value, score[free]

    def curvature(b: FloatVector) -> FloatMatrix:
        return likelihood.pieces(full(b))[2][np.ix_(free, free)]

    if not free:
        value, score = evaluate(np.zeros(0))
        return Peak(np.zeros(0), value, score, np.zeros((0, 0)), 0, True)
    return newton(evaluate, curvature, np.zeros(len(free)))


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
    return ExactDistribution(X, y, person).test(column)


class ExactDistribution:
    """Joint distribution of the sufficient statistics of 0/1 columns if none has an effect.

    Raises
    ------
    NotEstimable
        If the distribution is too large to list.
    """

    def __init__(
        self, X: FloatMatrix, y: FloatVector, person: IntVector, progress: Progress = SILENT
    ) -> None:
        sets = ConditionalLikelihood(X, y, person).sets
        self.seen = np.rint(np.sum([s for _, s in sets], axis=0)).astype(np.int64)
        most = np.sum([sums.max(axis=0) for sums, _ in sets], axis=0) + 1
        if float(np.log(most).sum()) > 43:
            raise NotEstimable("The exact distribution is too large to list.")
        self.place = np.concatenate([[1], np.cumprod(np.rint(most).astype(np.int64))[:-1]])
        self.most = np.rint(most).astype(np.int64)
        keys: IntVector = np.zeros(1, dtype=np.int64)
        weights: FloatVector = np.ones(1)
        for i, (sums, _) in enumerate(sets):
            progress.step(0.9 * i / len(sets), "Listing all arrangements")
            add, counts = np.unique(np.rint(sums).astype(np.int64) @ self.place, return_counts=True)
            if len(keys) * len(add) > MOST_STATES:
                raise NotEstimable("The exact distribution is too large to list.")
            grown = (keys[:, None] + add).ravel()
            mass = (weights[:, None] * (counts / len(sums))).ravel()
            keys, of = np.unique(grown, return_inverse=True)
            weights = np.asarray(np.bincount(of.reshape(-1), mass), dtype=float)
        self.states = keys[:, None] // self.place % self.most
        self.weights = weights

    def test(self, column: int) -> tuple[float, float, float]:
        """Two-sided, lower and upper P value of one column given the statistics of the others."""
        others = np.delete(np.arange(len(self.seen)), column)
        given = (self.states[:, others] == self.seen[others]).all(axis=1)
        value, weight = self.states[given, column], self.weights[given]
        total = weight.sum()
        at = weight[value == self.seen[column]].sum()
        two = weight[weight <= at * (1 + 1e-7)].sum() / total
        less = weight[value <= self.seen[column]].sum() / total
        greater = weight[value >= self.seen[column]].sum() / total
        return min(1.0, float(two)), float(less), float(greater)
