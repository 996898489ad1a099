"""Quadratic forms and traces of the weighted projection, as functions of tau².

With weights ``w = 1/(v + t)``, ``P = W - W X (X'WX)^-1 X'W``. Every iterative estimator of tau² is
a root of ``y'Py``, ``y'PPy``, ``tr P`` and ``tr PP``; none of them needs the k x k matrix. The two
kernels answer the same questions: :class:`MeanKernel` for an intercept alone, exact even where one
study's weight exceeds all others by 24 orders of magnitude, and :class:`DesignKernel` for
moderators.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np

from metadesk.numerics.types import FloatMatrix, FloatVector

_LARGE = 500
LOG_2PI = math.log(2.0 * math.pi)


class Forms(NamedTuple):
    """What the score functions are made of, at one value of tau²."""

    yPy: float
    yPPy: float
    yPPPy: float
    trP: float
    trPP: float
    sw: float
    sw2: float


class Moment(NamedTuple):
    """Traces for a fixed weighting ``A``: ``y'P_A y``, ``tr P_A``, ``tr P_A V`` and products."""

    yPy: float
    trP: float
    trPV: float
    trPP: float
    trPVP: float
    trPVPV: float


class Kernel(Protocol):
    """The questions that an estimator of tau² asks of the data."""

    v: FloatVector
    k: int
    p: int

    @property
    def spread(self) -> float:
        """Mean squared deviation of the effects from their mean."""
        ...

    @property
    def basis(self) -> FloatMatrix:
        """Orthonormal columns that span the moderators."""
        ...

    def quadratic(self, t: float) -> tuple[float, float]:
        """``y'Py`` and ``y'PPy`` at ``t``."""
        ...

    def forms(self, t: float) -> Forms:
        """All forms at ``t``."""
        ...

    def scan(self, t: FloatVector) -> tuple[FloatVector, FloatVector, FloatVector]:
        """``y'PPy``, ``tr P`` and the sum of weights at each of several values."""
        ...

    def log_likelihood(self, t: float, restricted: bool) -> float:
        """Log-likelihood at ``t`` with the coefficients profiled out, all constants included."""
        ...

    def moment(self, a: FloatVector) -> Moment:
        """The traces that moment estimators with weights ``a`` need."""
        ...

    def residual_sum(self) -> float:
        """Residual sum of squares of the unweighted fit."""
        ...


def kernel_of(
    y: FloatVector, v: FloatVector, X: FloatMatrix, basis: FloatMatrix | None = None
) -> Kernel:
    """The kernel that suits ``X`` of full column rank; ``basis`` where one is known already."""
    return MeanKernel(y, v) if is_constant(X) else DesignKernel(y, v, X, basis)


def is_constant(X: FloatMatrix) -> bool:
    """Whether ``X`` is an intercept alone, of ones."""
    return bool(X.shape[1] == 1 and np.count_nonzero(X == 1.0) == X.shape[0])


class MeanKernel:
    """An intercept alone.

    The most precise study is kept apart from the rest and ``y`` is measured from it: what remains
    has no cancellation, whatever the ratio of the variances.
    """

    __slots__ = ("_one", "_v0", "_vr", "_y", "_yr", "k", "p", "v")

    @property
    def spread(self) -> float:
        """Mean squared deviation of the effects from their mean."""
        return self.residual_sum() / self.k

    @property
    def basis(self) -> FloatMatrix:
        """Orthonormal columns that span the moderators."""
        return np.full((self.k, 1), 1.0 / math.sqrt(self.k))

    def __init__(self, y: FloatVector, v: FloatVector) -> None:
        self.k, self.p, self.v = y.size, 1, v
        j = int(v.argmin())
        self._y = y - y[j]
        self._yr = np.concatenate((self._y[:j], self._y[j + 1 :]))
        self._vr, self._v0 = np.concatenate((v[:j], v[j + 1 :])), float(v[j])
        self._one = np.ones(y.size - 1)

    def quadratic(self, t: float) -> tuple[float, float]:
        """``y'Py`` and ``y'PPy`` at ``t``."""
        w = 1.0 / (self._vr + t)
        a = 1.0 / (self._v0 + t)
        mu = float(w.dot(self._yr)) / (a + float(w.dot(self._one)))
        r = self._yr - mu
        u = w * r
        s = a * mu
        return float(u.dot(r)) + s * mu, float(u.dot(u)) + s * s

    def forms(self, t: float) -> Forms:
        """All forms at ``t``."""
        w = 1.0 / (self._vr + t)
        a = 1.0 / (self._v0 + t)
        w2 = w * w
        b1, b2, b3 = float(w.dot(self._one)), float(w.dot(w)), float(w2.dot(w))
        sw = a + b1
        mu = float(w.dot(self._yr)) / sw
        r = self._yr - mu
        u = w * r
        wu = w * u
        c, am = float(wu.dot(self._one)), a * mu
        third = float(wu.dot(u)) + (a * am * am * b1 - c * c + 2.0 * c * a * am) / sw
        trP = (2.0 * a * b1 + (b1 * b1 - b2)) / sw
        trPP = (a * a * (b1 * b1 + 3.0 * b2) + 2.0 * a * (b1 * b2 - b3)) / (sw * sw)
        trPP += (b1 * b1 * b2 - 2.0 * b1 * b3 + b2 * b2) / (sw * sw)
        return Forms(
            float(u.dot(r)) + am * mu, float(u.dot(u)) + am * am, third, trP, trPP, sw, a * a + b2
        )

    def scan(self, t: FloatVector) -> tuple[FloatVector, FloatVector, FloatVector]:
        """``y'PPy``, ``tr P`` and the sum of weights at each of several values."""
        b1, wy, b2, w2y, w2yy = self._power_sums(t)
        a = 1.0 / (self._v0 + t)
        sw = a + b1
        mu = wy / sw
        # a is the largest weight, so (a mu)² keeps the differences before it from cancelling
        yPPy = (a * mu) ** 2 + (w2yy - 2.0 * mu * w2y + mu * mu * b2)
        return yPPy, (2.0 * a * b1 + (b1 * b1 - b2)) / sw, sw

    def _power_sums(self, t: FloatVector) -> tuple[FloatVector, ...]:
        """Sums of w, w y, w², w² y and w² y² without the most precise study."""
        one, y, yy = self._one, self._yr, self._yr * self._yr
        if self.k <= _LARGE:
            w = 1.0 / (self._vr + t[:, None])
            w2 = w * w
            return w.dot(one), w.dot(y), w2.dot(one), w2.dot(y), w2.dot(yy)
        powers, found = np.stack([one, y, yy], axis=1), np.empty((5, t.size))
        for i, at in enumerate(t.tolist()):  # one at a time, which the cache holds
            w = 1.0 / (self._vr + at)
            found[:2, i] = w @ powers[:, :2]
            found[2:, i] = (w * w) @ powers
        return tuple(found)

    def log_likelihood(self, t: float, restricted: bool) -> float:
        """Log-likelihood at ``t`` with the mean profiled out, all constants included."""
        s = self.v + t
        logs = float(np.log(s).sum())
        q = self.quadratic(t)[0]
        if not restricted:
            return -0.5 * (self.k * LOG_2PI + logs + q)
        sw = float((1.0 / s).sum())
        return -0.5 * ((self.k - 1) * LOG_2PI - math.log(self.k) + logs + math.log(sw) + q)

    def moment(self, a: FloatVector) -> Moment:
        """The traces that moment estimators with weights ``a`` need."""
        return _moment(self._y, self.v, self.basis, a)

    def residual_sum(self) -> float:
        """Residual sum of squares of the unweighted fit."""
        mean = float(self._yr.dot(self._one)) / self.k
        r = self._yr - mean
        return float(r.dot(r)) + mean * mean


class DesignKernel:
    """Any full-rank set of columns, through an orthonormal basis of their span."""

    __slots__ = ("_G", "_Q", "_spread", "_top", "_y", "k", "p", "spans_constant", "v")

    def __init__(
        self, y: FloatVector, v: FloatVector, X: FloatMatrix, basis: FloatMatrix | None = None
    ) -> None:
        self.k, self.p, self.v = y.size, int(X.shape[1]), v
        self._top = float(v.max())
        # |X'X| cancels against the same factor in |X'WX|, so only the span of X matters.
        Q = np.linalg.qr(X)[0] if basis is None else basis
        self._Q: FloatMatrix = np.asarray(Q, dtype=np.float64)
        self.spans_constant = self._spans_constant()
        deviation = y - y.mean()
        self._spread: float = float(deviation.dot(deviation)) / self.k
        y = deviation if self.spans_constant else y
        self._y: FloatVector = y - self._Q.dot(self._Q.T.dot(y))
        self._G = (self._Q[:, :, None] * self._Q[:, None, :]).reshape(self.k, -1)

    @property
    def spread(self) -> float:
        """Mean squared deviation of the effects from their mean."""
        return self._spread

    @property
    def basis(self) -> FloatMatrix:
        """Orthonormal columns that span the moderators."""
        return self._Q

    def _spans_constant(self) -> bool:
        one = np.ones(self.k)
        return bool(np.abs(one - self._Q.dot(self._Q.T.dot(one))).max() < 1e-8)

    def _fit(self, w: FloatVector) -> tuple[FloatMatrix, FloatVector]:
        A = (w @ self._G).reshape(self.p, self.p)
        inverse = _inverse(A)
        r = self._y - self._Q.dot(inverse.dot(self._Q.T.dot(w * self._y)))
        # One step of refinement keeps the residuals orthogonal where weights differ widely.
        r = r - self._Q.dot(inverse.dot(self._Q.T.dot(w * r)))
        return inverse, r

    def quadratic(self, t: float) -> tuple[float, float]:
        """``y'Py`` and ``y'PPy`` at ``t``."""
        w = 1.0 / (self.v + t)
        _, r = self._fit(w)
        u = w * r
        return float(u.dot(r)), float(u.dot(u))

    def forms(self, t: float) -> Forms:
        """All forms at ``t``."""
        w = 1.0 / (self.v + t)
        inverse, r = self._fit(w)
        u, w2 = w * r, w * w
        wu = w * u
        c = self._Q.T.dot(wu)
        flat, A2 = inverse.ravel(), w2 @ self._G
        B2 = inverse.dot(A2.reshape(self.p, self.p))
        sw, sw2 = float(w.sum()), float(w.dot(w))
        # P has k - p eigenvalues of at least 1/(max v + t): rounding must not take more away.
        least = 1.0 / (self._top + t)
        df = self.k - self.p
        return Forms(
            float(u.dot(r)),
            float(u.dot(u)),
            float(wu.dot(u)) - float(c.dot(inverse.dot(c))),
            max(sw - float(flat.dot(A2)), df * least),
            max(
                sw2
                - 2.0 * float(flat.dot((w2 * w) @ self._G))
                + float(B2.ravel().dot(B2.T.ravel())),
                df * least * least,
            ),
            sw,
            sw2,
        )

    def scan(self, t: FloatVector) -> tuple[FloatVector, FloatVector, FloatVector]:
        """``y'PPy``, ``tr P`` and the sum of weights at each of several values."""
        shape = (-1, self.p, self.p)
        w = 1.0 / (self.v + t[:, None])
        inverse = _inverse((w @ self._G).reshape(shape))
        c = (w * self._y) @ self._Q
        b = np.einsum("mij,mj->mi", inverse, c)
        u = w * (self._y - b @ self._Q.T)
        sw = w.sum(axis=1)
        B2 = ((w * w) @ self._G).reshape(shape)
        trP = np.maximum(
            sw - np.einsum("mij,mji->m", inverse, B2), (self.k - self.p) / (self._top + t)
        )
        return np.einsum("ij,ij->i", u, u), trP, sw

    def log_likelihood(self, t: float, restricted: bool) -> float:
        """Log-likelihood at ``t`` with the coefficients profiled out, all constants included."""
        s = self.v + t
        logs = float(np.log(s).sum())
        q = self.quadratic(t)[0]
        if not restricted:
            return -0.5 * (self.k * LOG_2PI + logs + q)
        A = ((1.0 / s) @ self._G).reshape(self.p, self.p)
        return -0.5 * ((self.k - self.p) * LOG_2PI + logs + float(np.linalg.slogdet(A)[1]) + q)

    def moment(self, a: FloatVector) -> Moment:
        """The traces that moment estimators with weights ``a`` need."""
        return _moment(self._y, self.v, self._Q, a)

    def residual_sum(self) -> float:
        """Residual sum of squares of the unweighted fit."""
        return float(self._y.dot(self._y))


def _inverse(A: FloatMatrix) -> FloatMatrix:
    """Invert small symmetric matrices; where rounding made one singular, its pseudo-inverse."""
    try:
        return np.asarray(np.linalg.inv(A), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(A, hermitian=True), dtype=np.float64)


def _moment(y: FloatVector, v: FloatVector, Q: FloatMatrix, a: FloatVector) -> Moment:
    """Traces of ``P_A = A - A Q (Q'AQ)^-1 Q'A`` with ``A = diag(a)`` and ``V = diag(v)``."""
    B = _inverse(Q.T.dot(a[:, None] * Q))
    av = a * v
    F = B.dot(Q.T.dot((a * a)[:, None] * Q))
    C = B.dot(Q.T.dot((a * av)[:, None] * Q))
    D = B.dot(Q.T.dot((a * a * av)[:, None] * Q))
    E = B.dot(Q.T.dot((a * av * av)[:, None] * Q))
    H = B.dot(Q.T.dot((a * a * a)[:, None] * Q))
    r = y - Q.dot(B.dot(Q.T.dot(a * y)))
    return Moment(
        yPy=float((a * r).dot(r)),
        trP=float(a.sum() - np.trace(F)),
        trPV=float(av.sum() - np.trace(C)),
        trPP=float(a.dot(a) - 2.0 * np.trace(H) + (F * F.T).sum()),
        trPVP=float(a.dot(av) - 2.0 * np.trace(D) + (C * F.T).sum()),
        trPVPV=float(av.dot(av) - 2.0 * np.trace(E) + (C * C.T).sum()),
    )
