"""Comparisons within strata: the level of each person (or cycle) is conditioned away.

For binary and binomial outcomes the successes of a stratum are sufficient for its level, for counts
their total is; given it, only how they fall on the rows counts. Treatment effects estimated so need
no distribution of levels, and have an exact distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from metadesk.errors import NotEstimable
from metadesk.models.mixed.generalised.climb import Peak, newton
from metadesk.models.mixed.terms import independent_columns
from metadesk.numerics.tails import chi2_quantile, chi2_sf
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector

MOST_ARRANGEMENTS = 200_000
FARTHEST = 30.0


@dataclass(frozen=True, eq=False)
class Conditional:
    """Conditional estimates; ``penalised`` says whether Firth's penalty was used.

    ``n_strata`` counts the persons (or cycles) that can contribute.
    """

    names: tuple[str, ...]
    b: FloatVector
    se: FloatVector
    pval: FloatVector
    loglik: float
    n_strata: int
    penalised: bool
    likelihood: ConditionalLikelihood


@dataclass(frozen=True, eq=False)
class ConditionalLikelihood:
    """Conditional log-likelihood ``seen'b − Σ_i times_i log Σ_j w_ij exp(x_ij'b)`` over strata i.

    For successes ``j`` runs over their arrangements on the rows (``x_ij`` sums of the rows that
    have one, ``w_ij`` how many arrangements are alike), for counts over the rows themselves.
    """

    items: FloatMatrix
    log_weight: FloatVector
    starts: IntVector
    of: IntVector
    times: FloatVector
    seen: FloatVector

    @classmethod
    def of_successes(
        cls, X: FloatMatrix, y: FloatVector, m: FloatVector, stratum: IntVector
    ) -> ConditionalLikelihood:
        """Strata of ``y`` successes out of ``m`` a row; those without both outcomes say nothing.

        Raises
        ------
        NotEstimable
            If no stratum has both outcomes, or one has too many arrangements to list.
        """
        found: list[tuple[FloatMatrix, FloatVector]] = []
        known: dict[tuple[int, bytes], tuple[FloatMatrix, FloatVector]] = {}
        seen = np.zeros(X.shape[1])
        for rows in _strata(stratum):
            total = int(y[rows].sum())
            if total in (0, int(m[rows].sum())):
                continue
            # a trial has few different plans: persons of one plan share their arrangements
            key = total, np.column_stack([X[rows], m[rows]]).tobytes()
            if key not in known:
                known[key] = _arrangements(X[rows], m[rows], total)
            found.append(known[key])
            seen += X[rows].T @ y[rows]
        if not found:
            raise NotEstimable(
                "No person has both outcomes, so nothing can be learnt within persons."
            )
        return cls._joined(found, np.ones(len(found)), seen)

    @classmethod
    def of_counts(
        cls, X: FloatMatrix, y: FloatVector, offset: FloatVector, stratum: IntVector
    ) -> ConditionalLikelihood:
        """Strata of counts, given their totals; strata without events say nothing.

        Raises
        ------
        NotEstimable
            If there are no events in strata of several rows.
        """
        kept = [r for r in _strata(stratum) if len(r) > 1 and y[r].sum() > 0]
        if not kept:
            raise NotEstimable("No person with several rows has events to compare.")
        found = [(X[r], offset[r]) for r in kept]
        times = np.array([y[r].sum() for r in kept])
        return cls._joined(found, times, np.sum([X[r].T @ y[r] for r in kept], axis=0))

    @classmethod
    def of_listed_counts(
        cls, X: FloatMatrix, y: FloatVector, offset: FloatVector, stratum: IntVector
    ) -> ConditionalLikelihood:
        """As :meth:`of_counts`, with every way the events may fall listed, for exact tests."""
        kept = [r for r in _strata(stratum) if len(r) > 1 and y[r].sum() > 0]
        if not kept:
            raise NotEstimable("No person with several rows has events to compare.")
        found = [_count_arrangements(X[r], offset[r], int(y[r].sum())) for r in kept]
        seen = np.sum([X[r].T @ y[r] for r in kept], axis=0)
        return cls._joined(found, np.ones(len(found)), seen)

    @classmethod
    def _joined(
        cls, found: list[tuple[FloatMatrix, FloatVector]], times: FloatVector, seen: FloatVector
    ) -> ConditionalLikelihood:
        lengths = [len(w) for _, w in found]
        return cls(
            items=np.concatenate([x for x, _ in found]),
            log_weight=np.concatenate([w for _, w in found]),
            starts=np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64),
            of=np.repeat(np.arange(len(lengths)), lengths),
            times=times,
            seen=np.asarray(seen, dtype=float),
        )

    def pieces(
        self, b: FloatVector, penalised: bool = False
    ) -> tuple[float, FloatVector, FloatMatrix]:
        """Log-likelihood, score and information.

        Penalised, half the log determinant of the information (Jeffreys' prior) is added; its
        slope is the leverage-weighted third moment.
        """
        logs = self.items @ b + self.log_weight
        top = np.maximum.reduceat(logs, self.starts)
        mass = np.exp(logs - top[self.of])
        total = np.add.reduceat(mass, self.starts)
        share = mass / total[self.of]
        mean = np.add.reduceat(share[:, None] * self.items, self.starts, axis=0)
        away = self.items - mean[self.of]
        weight = share * self.times[self.of]
        information = np.asarray((away * weight[:, None]).T @ away)
        value = float(self.seen @ b - self.times @ (top + np.log(total)))
        score = np.asarray(self.seen - self.times @ mean)
        if not penalised:
            return value, score, information
        sign, logdet = np.linalg.slogdet(information)
        if sign <= 0 or not np.isfinite(logdet):
            return -math.inf, score, information
        leverage = np.einsum("ia,ia->i", away @ np.linalg.inv(information), away)
        score = score + 0.5 * (weight * leverage) @ away
        return value + 0.5 * float(logdet), np.asarray(score), information


def _strata(stratum: IntVector) -> list[IntVector]:
    order = np.argsort(stratum, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1)


def _arrangements(X: FloatMatrix, m: FloatVector, total: int) -> tuple[FloatMatrix, FloatVector]:
    """Sums of the rows over all ways to place ``total`` successes; logs of how many ways each."""
    kinds, kind_of = np.unique(X, axis=0, return_inverse=True)
    sizes = np.bincount(kind_of.reshape(-1), m).round().astype(int)
    ways = []
    for size in sizes:
        here = np.arange(size + 1)
        log_ways = special.gammaln(size + 1) - special.gammaln(here + 1)
        ways.append(log_ways - special.gammaln(size - here + 1))
    return _listed(kinds, ways, total)


def _count_arrangements(
    X: FloatMatrix, offset: FloatVector, total: int
) -> tuple[FloatMatrix, FloatVector]:
    """Sums of the rows over all ways that ``total`` events fall on them, with log-chances."""
    kinds, kind_of = np.unique(X, axis=0, return_inverse=True)
    rates = np.log(np.bincount(kind_of.reshape(-1), np.exp(offset - offset.max())))
    here = np.arange(total + 1)
    ways = [here * rate - special.gammaln(here + 1) for rate in rates]
    return _listed(kinds, ways, total)


def _listed(
    kinds: FloatMatrix, ways: list[FloatVector], total: int
) -> tuple[FloatMatrix, FloatVector]:
    """Add kinds of rows one after another; ways that agree so far go on as one."""
    sums, placed, logs = np.zeros((1, kinds.shape[1])), np.zeros(1, dtype=int), np.zeros(1)
    left = sum(len(w) - 1 for w in ways)
    for row, log_ways in zip(kinds, ways, strict=True):
        left -= len(log_ways) - 1
        here = np.arange(len(log_ways))
        placed = (placed[:, None] + here).reshape(-1)
        sums = (sums[:, None, :] + here[:, None] * row).reshape(-1, kinds.shape[1])
        logs = (logs[:, None] + log_ways).reshape(-1)
        kept = (placed <= total) & (placed + left >= total)
        sums, placed, logs = _merged(sums[kept], placed[kept], logs[kept])
        if len(logs) > MOST_ARRANGEMENTS:
            raise NotEstimable("A person has too many rows to list all arrangements of outcomes.")
    return sums, logs


def _merged(
    sums: FloatMatrix, placed: IntVector, logs: FloatVector
) -> tuple[FloatMatrix, IntVector, FloatVector]:
    key = np.column_stack([placed, np.round(sums, 9)])
    _, first, of = np.unique(key, axis=0, return_index=True, return_inverse=True)
    of = of.reshape(-1)
    top = float(logs.max(initial=0.0))
    total = np.bincount(of, np.exp(logs - top))
    return sums[first], placed[first], top + np.log(total)


def varying_columns(X: FloatMatrix, stratum: IntVector) -> IntVector:
    """Columns that vary within strata and are not determined there by those before them.

    Raises
    ------
    NotEstimable
        If there are none.
    """
    centred = np.zeros_like(X)
    for rows in _strata(stratum):
        centred[rows] = X[rows] - X[rows].mean(axis=0)
    varying = np.flatnonzero(np.abs(centred).max(axis=0, initial=0.0) > 1e-12)
    kept, _ = independent_columns(centred[:, varying])
    if not len(kept):
        raise NotEstimable("No term varies within the persons who can contribute.")
    return np.asarray(varying[kept])


def conditional_logistic(
    X: FloatMatrix,
    y: FloatVector,
    stratum: IntVector,
    names: tuple[str, ...],
    *,
    trials: FloatVector | None = None,
    penalise: bool = False,
) -> Conditional:
    """Fit within strata, by maximum or by Firth's penalised conditional likelihood.

    Columns that do not vary within any contributing stratum are left out. P values are from
    (penalised) likelihood ratios, which stay right where Wald tests fail.

    References
    ----------
    Firth (1993); Heinze & Puhr (2010).
    """
    m = np.ones(len(y)) if trials is None else trials
    kept = _contributing(y, m, stratum)
    columns = varying_columns(X[kept], stratum[kept])
    likelihood = ConditionalLikelihood.of_successes(
        X[kept][:, columns], y[kept], m[kept], stratum[kept]
    )
    return fit_conditional(likelihood, tuple(names[j] for j in columns), penalise=penalise)


def _contributing(y: FloatVector, m: FloatVector, stratum: IntVector) -> IntVector:
    """Rows of strata that have both outcomes."""
    found = [r for r in _strata(stratum) if 0 < y[r].sum() < m[r].sum()]
    if not found:
        raise NotEstimable("No person has both outcomes, so nothing can be learnt within persons.")
    return np.sort(np.concatenate(found))


def conditional_counts(
    X: FloatMatrix,
    y: FloatVector,
    offset: FloatVector,
    stratum: IntVector,
    names: tuple[str, ...],
    *,
    penalise: bool = False,
) -> Conditional:
    """Compare counts within strata given their totals; as :func:`conditional_logistic`."""
    rows = [r for r in _strata(stratum) if len(r) > 1 and y[r].sum() > 0]
    if not rows:
        raise NotEstimable("No person with several rows has events to compare.")
    kept = np.sort(np.concatenate(rows))
    columns = varying_columns(X[kept], stratum[kept])
    likelihood = ConditionalLikelihood.of_counts(
        X[kept][:, columns], y[kept], offset[kept], stratum[kept]
    )
    return fit_conditional(likelihood, tuple(names[j] for j in columns), penalise=penalise)


def fit_conditional(
    likelihood: ConditionalLikelihood, names: tuple[str, ...], *, penalise: bool
) -> Conditional:
    """Largest (penalised) conditional likelihood, with a likelihood-ratio P value a column."""
    everything = list(range(len(names)))
    peak = _climbed(likelihood, penalise, everything)
    _, _, information = likelihood.pieces(peak.par)
    se = np.sqrt(np.diag(np.linalg.pinv(information)))
    p = np.empty(len(names))
    for j in everything:
        null = _climbed(likelihood, penalise, [i for i in everything if i != j])
        p[j] = float(chi2_sf(max(0.0, 2 * (peak.value - null.value)), 1))
    n = len(likelihood.times)
    return Conditional(names, peak.par, se, p, peak.value, n, penalise, likelihood)


def profile_ends(
    likelihood: ConditionalLikelihood, found: Conditional, level: float
) -> tuple[FloatVector, FloatVector]:
    """Where the likelihood with one coefficient held has fallen by half a chi-square quantile.

    These intervals agree with the likelihood-ratio P values; an end farther than 30 from
    the estimate is infinite. Heinze & Schemper (2002), section 2.4.
    """
    drop = 0.5 * chi2_quantile(level, 1)
    size = len(found.b)

    def above(j: int, value: float) -> float:
        held = np.zeros(size)
        held[j] = value
        rest = [i for i in range(size) if i != j]
        return _climbed(likelihood, found.penalised, rest, held).value - found.loglik + drop

    def end(j: int, sign: float) -> float:
        step = 1.0
        while above(j, found.b[j] + sign * step) > 0:
            step *= 1.5
            if step > FARTHEST:
                return sign * math.inf
        return float(optimize.brentq(lambda t: above(j, t), found.b[j], found.b[j] + sign * step))

    lower, upper = (np.array([end(j, sign) for j in range(size)]) for sign in (-1.0, 1.0))
    return lower, upper


def _climbed(
    likelihood: ConditionalLikelihood,
    penalise: bool,
    free: list[int],
    others: FloatVector | None = None,
) -> Peak:
    """Largest (penalised) likelihood with the other coefficients held, at zero if not said."""
    size = likelihood.items.shape[1]

    def full(b: FloatVector) -> FloatVector:
        found = np.zeros(size) if others is None else others.copy()
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
    return newton(evaluate, curvature, np.zeros(len(free)), tolerance=1e-18)
