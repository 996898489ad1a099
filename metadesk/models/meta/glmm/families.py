"""Likelihoods of counts as functions of their linear predictors, with two derivatives.

A *unit* is a study; a *row* is one of its arms (models on the arms) or its one conditional table.
Linear predictors come as arrays whose last two axes are rows × units; leading axes are quadrature
nodes. Every likelihood here is log-concave in its linear predictor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import special

from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector

Terms = tuple[FloatMatrix, FloatMatrix, FloatMatrix]
"""Log-likelihood and its first and second derivative in the linear predictor."""


class Likelihood(Protocol):
    """What a family of counts must tell: terms at a linear predictor, and the best it could do."""

    def terms(self, eta: FloatMatrix) -> Terms:
        """Log-likelihood, score and curvature of every row at ``eta`` (…, rows, units)."""
        ...

    def saturated(self) -> FloatMatrix:
        """Return the log-likelihood (rows, units) with a free linear predictor for every row."""
        ...

    def take(self, units: IntVector) -> Likelihood:
        """Return the same likelihood for some of the units."""
        ...

    @property
    def burden(self) -> float:
        """How many numbers one linear predictor costs."""
        ...


@dataclass(frozen=True, eq=False)
class Binomial:
    """``y`` events of ``n``, both (rows, units); the logit of the risk is linear."""

    y: FloatMatrix
    n: FloatMatrix
    constant: FloatMatrix

    @classmethod
    def of(cls, y: FloatMatrix, n: FloatMatrix) -> Binomial:
        """Make the likelihood with the full constant, ln C(n, y)."""
        gammaln = special.gammaln
        return cls(y, n, gammaln(n + 1.0) - gammaln(y + 1.0) - gammaln(n - y + 1.0))

    def terms(self, eta: FloatMatrix) -> Terms:
        """Log-likelihood, score and curvature at the log odds ``eta``."""
        p = special.expit(eta)
        mean = self.n * p
        log_likelihood = self.constant + self.y * eta - self.n * np.logaddexp(0.0, eta)
        return log_likelihood, self.y - mean, -mean * special.expit(-eta)

    def saturated(self) -> FloatMatrix:
        """Log-likelihood at the observed proportions."""
        y, n = self.y, self.n
        return (
            self.constant + special.xlogy(y, y) + special.xlogy(n - y, n - y) - special.xlogy(n, n)
        )

    @property
    def burden(self) -> float:
        """How many numbers one linear predictor costs."""
        return 1.0

    def take(self, units: IntVector) -> Binomial:
        """Return the same for some of the units."""
        return Binomial(self.y[:, units], self.n[:, units], self.constant[:, units])


@dataclass(frozen=True, eq=False)
class Poisson:
    """``y`` events (rows, units); the log of their expectation is linear."""

    y: FloatMatrix
    constant: FloatMatrix

    @classmethod
    def of(cls, y: FloatMatrix) -> Poisson:
        """Make the likelihood with the full constant, −ln y!."""
        return cls(y, -special.gammaln(y + 1.0))

    def terms(self, eta: FloatMatrix) -> Terms:
        """Log-likelihood, score and curvature at the log expectation ``eta``."""
        mean = np.exp(np.minimum(eta, 700.0))
        return self.constant + self.y * eta - mean, self.y - mean, -mean

    def saturated(self) -> FloatMatrix:
        """Log-likelihood at the observed counts."""
        return self.constant + special.xlogy(self.y, self.y) - self.y

    @property
    def burden(self) -> float:
        """How many numbers one linear predictor costs."""
        return 1.0

    def take(self, units: IntVector) -> Poisson:
        """Return the same for some of the units."""
        return Poisson(self.y[:, units], self.constant[:, units])


_SMALL_SUPPORT = 4000


@dataclass(frozen=True, eq=False)
class Hypergeometric:
    """Fisher's noncentral hypergeometric likelihood of one 2×2 table a unit, all margins given.

    The supports of all tables lie end to end in ``support`` with their log weights
    ln C(n1, s) C(n2, m − s); ``starts`` says where each table begins. The normalising sum is exact,
    in logarithms.
    """

    a: FloatMatrix
    n1: FloatVector
    n2: FloatVector
    m: FloatVector
    support: FloatVector
    log_weight: FloatVector
    starts: IntVector
    lengths: IntVector

    @classmethod
    def of(
        cls, ai: FloatVector, n1i: FloatVector, n2i: FloatVector, m: FloatVector
    ) -> Hypergeometric:
        """Make the likelihood of ``ai`` events in group 1 given ``m`` events in all."""
        low = np.maximum(0.0, m - n2i)
        lengths = (np.minimum(n1i, m) - low + 1.0).astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
        s = np.arange(int(lengths.sum()), dtype=float) - np.repeat(starts - low, lengths)
        n1, n2, total = (np.repeat(x, lengths) for x in (n1i, n2i, m))
        gammaln = special.gammaln
        log_weight = (
            gammaln(n1 + 1.0) - gammaln(s + 1.0) - gammaln(n1 - s + 1.0)
            + gammaln(n2 + 1.0) - gammaln(total - s + 1.0) - gammaln(n2 - total + s + 1.0)
        )  # fmt: skip
        return cls(ai[None, :], n1i, n2i, m, s, log_weight, starts, lengths)

    def terms(self, eta: FloatMatrix) -> Terms:
        """Log-likelihood, score and curvature at the log odds ratio ``eta``."""
        flat = eta.reshape(-1, eta.shape[-1])
        support, log_weight, starts, lengths = self._window(flat)
        exponent = np.repeat(flat, lengths, axis=1) * support + log_weight
        largest = np.maximum.reduceat(exponent, starts, axis=1)
        exponent -= np.repeat(largest, lengths, axis=1)
        weight = np.exp(exponent, out=exponent)
        total = np.add.reduceat(weight, starts, axis=1)
        mean = np.add.reduceat(weight * support, starts, axis=1) / total
        distance = support - np.repeat(mean, lengths, axis=1)
        variance = np.add.reduceat(weight * distance**2, starts, axis=1) / total
        log_likelihood = self._own_weight() + self.a * flat - largest - np.log(total)
        shape = eta.shape
        return (
            log_likelihood.reshape(shape),
            (self.a - mean).reshape(shape),
            -variance.reshape(shape),
        )

    def _window(self, eta: FloatMatrix) -> tuple[FloatVector, FloatVector, IntVector, IntVector]:
        """Return the part of the supports that carries weight at these values; all if it is small.

        From 12 standard deviations below the mode at the smallest ``eta`` to 12 above that at the
        largest: what is left out is below 1e-30 of the sum.
        """
        if self.support.size <= _SMALL_SUPPORT:
            return self.support, self.log_weight, self.starts, self.lengths
        first = self.support[self.starts]
        last = first + self.lengths - 1.0
        ends = []
        for value, side in ((eta.min(axis=0), -1.0), (eta.max(axis=0), 1.0)):
            mode = self._mode(value)
            cells = (mode, self.n1 - mode, self.m - mode, self.n2 - self.m + mode)
            sd = 1.0 / np.sqrt(sum(1.0 / (cell + 0.5) for cell in cells))
            ends.append(np.clip(mode + side * (12.0 * sd + 20.0), first, last))
        low, high = np.floor(ends[0] - first), np.ceil(ends[1] - first)
        lengths = (high - low + 1.0).astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
        offset = self.starts + low.astype(np.int64) - starts
        index = np.arange(int(lengths.sum())) + np.repeat(offset, lengths)
        return self.support[index], self.log_weight[index], starts, lengths

    def _mode(self, eta: FloatVector) -> FloatVector:
        """Where neighbouring terms are equal: (n1 − s)(m − s) e^eta = s (n2 − m + s)."""
        odds = np.exp(np.clip(eta, -200.0, 200.0))
        b = odds * (self.n1 + self.m) + self.n2 - self.m
        root = np.sqrt(np.maximum(b**2 + 4.0 * (1.0 - odds) * odds * self.n1 * self.m, 0.0))
        return 2.0 * odds * self.n1 * self.m / np.maximum(b + root, 1e-300)

    def _own_weight(self) -> FloatVector:
        """Log weight of the table that was seen."""
        position = self.starts + (self.a[0] - self.support[self.starts]).astype(np.int64)
        own: FloatVector = self.log_weight[position]
        return own

    def free_estimates(self) -> tuple[FloatVector, FloatVector]:
        """Conditional maximum-likelihood log odds ratio of every table, and its variance.

        Infinite where the table lies at an end of its support; 0 with infinite variance where the
        margins leave only one table.
        """
        a = self.a[0]
        low, high = self.support[self.starts], self.support[self.starts] + self.lengths - 1
        estimate = np.where(a <= low, -np.inf, np.where(a >= high, np.inf, 0.0))
        estimate = np.where(low == high, 0.0, estimate)
        inside = np.flatnonzero((a > low) & (a < high))
        variance = np.full(a.size, np.inf)
        if inside.size:
            some = self.take(inside)
            x = np.zeros(inside.size)
            for _ in range(200):
                _, slope, curvature = some.terms(x[None, :])
                step = np.clip(slope[0] / np.maximum(-curvature[0], 1e-12), -1.0, 1.0)
                x = x + step
                if np.all(np.abs(step) <= 1e-13 * (1.0 + np.abs(x))):
                    break
            estimate[inside] = x
            variance[inside] = -1.0 / some.terms(x[None, :])[2][0]
        return estimate, variance

    def saturated(self) -> FloatMatrix:
        """Log-likelihood at every table's own conditional estimate (0 at an end of the support)."""
        estimate, _ = self.free_estimates()
        best = np.zeros((1, estimate.size))
        finite = np.flatnonzero(np.isfinite(estimate))
        if finite.size:
            best[0, finite] = self.take(finite).terms(estimate[None, finite])[0][0]
        return best

    @property
    def burden(self) -> float:
        """How many numbers one linear predictor costs: those of the support, or of its window."""
        return min(float(self.lengths.mean()), 400.0)

    def take(self, units: IntVector) -> Hypergeometric:
        """Return the same for some of the units."""
        lengths = self.lengths[units]
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
        index = np.arange(int(lengths.sum())) + np.repeat(self.starts[units] - starts, lengths)
        return Hypergeometric(
            self.a[:, units],
            self.n1[units],
            self.n2[units],
            self.m[units],
            self.support[index],
            self.log_weight[index],
            starts,
            lengths,
        )
