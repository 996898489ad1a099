"""Outcome families: row log-likelihoods and their derivatives in the linear predictor.

Every family gives, for a predictor ``eta`` of shape (n, ...) and its own parameters ``psi``:
``logs`` the log-likelihood, ``slopes`` its first three derivatives in eta, and the derivatives in
psi that the optimiser needs. Constants that do not depend on parameters are included.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy import special

from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector


class Family(Protocol):
    """An outcome family bound to its outcomes."""

    @property
    def key(self) -> str:
        """Name of the family."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its own parameters."""
        ...

    def start(self) -> FloatVector:
        """First values of its own parameters."""
        ...

    def admissible(self, psi: FloatVector) -> bool:
        """Whether the parameters are in range."""
        ...

    def logs(self, eta: FloatMatrix, psi: FloatVector) -> FloatMatrix:
        """Log-likelihood of each row."""
        ...

    def slopes(self, eta: FloatMatrix, psi: FloatVector, order: int = 3) -> tuple[FloatMatrix, ...]:
        """The first ``order`` derivatives in eta."""
        ...

    def own(self, eta: FloatMatrix, psi: FloatVector, order: int = 3) -> tuple[FloatMatrix, ...]:
        """Derivatives in psi (k, n, ...): of the log-likelihood, its first and second slope."""
        ...

    def own_curvature(self, eta: FloatMatrix, psi: FloatVector) -> FloatMatrix:
        """Second derivatives of the log-likelihood in psi (k, k, n, ...)."""
        ...

    def at(self, rows: IntVector) -> Family:
        """The family on some rows."""
        ...


def _spread(values: FloatVector, eta: FloatMatrix) -> FloatMatrix:
    """Give a row vector as many axes as ``eta``."""
    return values.reshape((len(values),) + (1,) * (eta.ndim - 1))


def _log_rising(y: FloatMatrix, size: FloatMatrix) -> FloatMatrix:
    """Log Γ(y + size) − log Γ(size), by Stirling's series where both are large."""
    large = np.maximum(size, 100.0)
    total = large + y
    series = (large - 0.5) * np.log1p(y / large) + y * (np.log(total) - 1)
    series += (1 / total - 1 / large) / 12 - (1 / total**3 - 1 / large**3) / 360
    small = np.minimum(size, 100.0)
    plain = special.gammaln(y + small) - special.gammaln(small)
    return np.asarray(np.where(size > 100.0, series, plain))


def _nothing(eta: FloatMatrix) -> tuple[FloatMatrix, FloatMatrix, FloatMatrix]:
    empty = np.zeros((0, *eta.shape))
    return empty, empty, empty


class _Plain:
    """A family without parameters of its own."""

    names: tuple[str, ...] = ()

    def start(self) -> FloatVector:
        """No parameters."""
        return np.zeros(0)

    def admissible(self, psi: FloatVector) -> bool:
        """Nothing can be out of range."""
        return True

    def own(self, eta: FloatMatrix, psi: FloatVector, order: int = 3) -> tuple[FloatMatrix, ...]:
        """No parameters."""
        return _nothing(eta)

    def own_curvature(self, eta: FloatMatrix, psi: FloatVector) -> FloatMatrix:
        """No parameters."""
        return np.zeros((0, 0, *eta.shape))


@dataclass(frozen=True, eq=False)
class Binomial(_Plain):
    """``y`` successes of ``m`` with logit link."""

    y: FloatVector
    m: FloatVector
    key: str = "binomial"

    @cached_property
    def constant(self) -> FloatVector:
        """Logarithm of the binomial coefficient."""
        return np.asarray(
            special.gammaln(self.m + 1)
            - special.gammaln(self.y + 1)
            - special.gammaln(self.m - self.y + 1)
        )

    def logs(self, eta: FloatMatrix, psi: FloatVector) -> FloatMatrix:
        """``yη − m log(1 + e^η)`` and the binomial coefficient."""
        y, m = _spread(self.y, eta), _spread(self.m, eta)
        rise = np.maximum(eta, 0.0) + np.log1p(np.exp(-np.abs(eta)))
        return np.asarray(y * eta - m * rise + _spread(self.constant, eta))

    def slopes(self, eta: FloatMatrix, psi: FloatVector, order: int = 3) -> tuple[FloatMatrix, ...]:
        """Residual, minus the variance, minus its derivative."""
        y, m = _spread(self.y, eta), _spread(self.m, eta)
        p = special.expit(eta)
        mean = m * p
        if order == 1:
            return (y - mean,)
        v = mean * (p - 1)
        return (y - mean, v) if order == 2 else (y - mean, v, v * (1 - 2 * p))

    def at(self, rows: IntVector) -> Binomial:
        """The family on some rows."""
        return Binomial(self.y[rows], self.m[rows])


@dataclass(frozen=True, eq=False)
class Poisson(_Plain):
    """Counts with log link; an offset belongs to the predictor."""

    y: FloatVector
    key: str = "poisson"

    @cached_property
    def constant(self) -> FloatVector:
        """``log y!``."""
        return np.asarray(special.gammaln(self.y + 1))

    def logs(self, eta: FloatMatrix, psi: FloatVector) -> FloatMatrix:
        """``yη − e^η − log y!``."""
        with np.errstate(over="ignore"):
            found = _spread(self.y, eta) * eta - np.exp(eta)
        return np.asarray(found - _spread(self.constant, eta))

    def slopes(self, eta: FloatMatrix, psi: FloatVector, order: int = 3) -> tuple[FloatMatrix, ...]:
        """Residual, minus the mean, minus the mean."""
        mu = np.exp(np.minimum(eta, 700.0))
        return (_spread(self.y, eta) - mu, -mu, -mu)[:order]

    def at(self, rows: IntVector) -> Poisson:
        """The family on some rows."""
        return Poisson(self.y[rows])


@dataclass(frozen=True, eq=False)
class NegativeBinomial:
    """Counts with log link and variance μ + μ²/k (``quadratic``) or μ(1 + φ).

    The parameter is log k, or log φ. Derivatives in it are by central differences of closed forms
    (relative error about 1e-9).
    """

    y: FloatVector
    quadratic: bool
    names: tuple[str, ...] = ("log dispersion",)

    @property
    def key(self) -> str:
        """Name of the family."""
        return "nbinom2" if self.quadratic else "nbinom1"

    def start(self) -> FloatVector:
        """A moderate dispersion."""
        return np.array([1.0 if self.quadratic else 0.0])

    def admissible(self, psi: FloatVector) -> bool:
        """Keep clear of the Poisson limit, beyond which nothing changes."""
        return bool(abs(psi[0]) < 25)

    def logs(self, eta: FloatMatrix, psi: FloatVector) -> FloatMatrix:
        """Negative binomial log-probability."""
        y = _spread(self.y, eta)
        eta = np.minimum(eta, 600.0)
        if self.quadratic:
            k = float(np.exp(psi[0]))
            ratio = np.logaddexp(0.0, eta - psi[0])
            rise = _log_rising(self.y, np.full(len(self.y), k)) - special.gammaln(self.y + 1)
            return np.asarray(_spread(rise, eta) + y * (eta - psi[0]) - (y + k) * ratio)
        phi = float(np.exp(psi[0]))
        size = np.exp(eta) / phi
        return np.asarray(
            _log_rising(y, size) - special.gammaln(y + 1) + y * psi[0] - (y + size) * np.log1p(phi)
        )

    def slopes(self, eta: FloatMatrix, psi: FloatVector, order: int = 3) -> tuple[FloatMatrix, ...]:
        """Derivatives in eta."""
        y = _spread(self.y, eta)
        eta = np.minimum(eta, 600.0)
        if self.quadratic:
            k = float(np.exp(psi[0]))
            p = special.expit(eta - psi[0])
            total = y + k
            v = total * p * (1 - p)
            return (y - total * p, -v, -v * (1 - 2 * p))[:order]
        size = np.exp(eta - psi[0])
        a = special.digamma(y + size) - special.digamma(size) - np.log1p(np.exp(psi[0]))
        if order == 1:
            return (size * a,)
        b = special.zeta(2.0, y + size) - special.zeta(2.0, size)
        if order == 2:
            return size * a, size * a + size**2 * b
        c = 2 * (special.zeta(3.0, size) - special.zeta(3.0, y + size))
        return size * a, size * a + size**2 * b, size * a + 3 * size**2 * b + size**3 * c

    def own(self, eta: FloatMatrix, psi: FloatVector, order: int = 3) -> tuple[FloatMatrix, ...]:
        """Derivatives in the log dispersion."""
        step = 1e-5
        up, down = psi + step, psi - step
        first = (self.logs(eta, up) - self.logs(eta, down)) / (2 * step)
        if order == 1:
            return (first[None],)
        pairs = zip(self.slopes(eta, up, order - 1), self.slopes(eta, down, order - 1), strict=True)
        return first[None], *(((a - b) / (2 * step))[None] for a, b in pairs)

    def own_curvature(self, eta: FloatMatrix, psi: FloatVector) -> FloatMatrix:
        """Second derivative in the log dispersion, by differences (relative error about 1e-6)."""
        step = 1e-3
        up, here, down = (self.logs(eta, psi + shift) for shift in (step, 0.0, -step))
        return np.asarray((up - 2 * here + down) / step**2)[None, None]

    def at(self, rows: IntVector) -> NegativeBinomial:
        """The family on some rows."""
        return NegativeBinomial(self.y[rows], self.quadratic)


@dataclass(frozen=True, eq=False)
class Ordinal:
    """Ordered categories: logit P(Y ≤ c) = θ_c − η, with increasing thresholds as parameters."""

    category: IntVector
    levels: tuple[str, ...]
    key: str = "ordinal"

    @property
    def names(self) -> tuple[str, ...]:
        """One threshold between two neighbouring categories."""
        pairs = zip(self.levels[:-1], self.levels[1:], strict=True)
        return tuple(f"{a}|{b}" for a, b in pairs)

    def start(self) -> FloatVector:
        """Logits of the cumulative proportions."""
        counts = np.bincount(self.category, minlength=len(self.levels)) + 0.5
        share = np.cumsum(counts)[:-1] / counts.sum()
        return np.asarray(special.logit(share))

    def admissible(self, psi: FloatVector) -> bool:
        """Thresholds must increase."""
        return bool((np.diff(psi) > 0).all())

    def _edges(self, eta: FloatMatrix, psi: FloatVector) -> tuple[FloatMatrix, FloatMatrix]:
        ends = np.concatenate([[-np.inf], psi, [np.inf]])
        return (
            _spread(ends[self.category], eta) - eta,
            _spread(ends[self.category + 1], eta) - eta,
        )

    def logs(self, eta: FloatMatrix, psi: FloatVector) -> FloatMatrix:
        """Log of the logistic mass between two thresholds."""
        low, high = self._edges(eta, psi)
        gap = np.where(np.isinf(low) | np.isinf(high), np.inf, high - low)
        inside = np.where(np.isinf(gap), 0.0, np.log(-np.expm1(-np.maximum(gap, 1e-300))))
        return np.asarray(special.log_expit(high) + special.log_expit(-low) + inside)

    def slopes(self, eta: FloatMatrix, psi: FloatVector, order: int = 3) -> tuple[FloatMatrix, ...]:
        """With logistic errors the log-mass is a sum of two log-logistic terms and a constant."""
        low, high = self._edges(eta, psi)
        H, L = special.expit(high), special.expit(low)
        h, lo = H * (1 - H), L * (1 - L)
        return (H + L - 1, -h - lo, h * (1 - 2 * H) + lo * (1 - 2 * L))[:order]

    def own(self, eta: FloatMatrix, psi: FloatVector, order: int = 3) -> tuple[FloatMatrix, ...]:
        """Derivatives in the thresholds."""
        low, high = self._edges(eta, psi)
        H, L = special.expit(high), special.expit(low)
        h, lo = H * (1 - H), L * (1 - L)
        gap = np.where(np.isinf(low) | np.isinf(high), np.inf, high - low)
        pull = 1 / np.expm1(np.maximum(gap, 1e-300))
        k = len(psi)
        shape = (k, *eta.shape)
        first, second, third = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for c in range(k):
            upper = _spread((self.category == c).astype(float), eta)
            lower = _spread((self.category == c + 1).astype(float), eta)
            first[c] = upper * (1 - H + pull) - lower * (L + pull)
            second[c] = upper * h + lower * lo
            third[c] = -upper * h * (1 - 2 * H) - lower * lo * (1 - 2 * L)
        return first, second, third

    def own_curvature(self, eta: FloatMatrix, psi: FloatVector) -> FloatMatrix:
        """Second derivatives in the thresholds."""
        low, high = self._edges(eta, psi)
        H, L = special.expit(high), special.expit(low)
        gap = np.where(np.isinf(low) | np.isinf(high), np.inf, high - low)
        pull = 1 / np.expm1(np.maximum(gap, 1e-300))
        pull = pull * (1 + pull)
        k = len(psi)
        found = np.zeros((k, k, *eta.shape))
        for c in range(k):
            upper = _spread((self.category == c).astype(float), eta)
            lower = _spread((self.category == c + 1).astype(float), eta)
            found[c, c] = -upper * (H * (1 - H) + pull) - lower * (L * (1 - L) + pull)
            if c + 1 < k:
                found[c, c + 1] = found[c + 1, c] = lower * pull
        return found

    def at(self, rows: IntVector) -> Ordinal:
        """The family on some rows."""
        return Ordinal(self.category[rows], self.levels)
