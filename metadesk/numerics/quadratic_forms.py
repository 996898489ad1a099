"""The distribution of a weighted sum of chi-square variates, by inversion of its transform."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metadesk.numerics.types import FloatMatrix, FloatVector

ComplexVector = NDArray[np.complex128]


class Transform(NamedTuple):
    """``½ ln det(I + 2 s M)``: at complex s, continuous off the negative axis; and its slopes.

    ``slopes`` gives the first and second derivative at a positive s; M has ``n`` eigenvalues.
    """

    half_log: Callable[[ComplexVector], ComplexVector]
    slopes: Callable[[float], tuple[float, float]]
    n: int


_NODES = 32
_MANY = 60.0
_REACH, _STEP, _BLOCK = 45.0, 0.2, 25
_NOTHING = 1e-17
_NEAR_ZERO, _SMALLEST = 1e-4, 1e-140


def chi2_sum_cdf(q: float, lambdas: FloatVector) -> float:
    """Probability that ``sum lambda_j Z_j²`` (Z standard normal, lambda positive) is at most ``q``.

    The Laplace transform ``e^{sq} prod (1 + 2 s lambda_j)^(-1/2) / s`` is integrated along a
    path on which it falls off fast and smoothly, so that an evenly spaced rule is exact to
    rounding: with few terms a parabola around all singularities (Weideman & Trefethen 2007,
    Math. Comp. 76, 1341), with many the vertical line through the saddlepoint.

    Parameters
    ----------
    q : float
        The value; 0 or less gives 0.
    lambdas : (n,) array
        Weights; those of zero or below are left out.

    Returns
    -------
    float
        Absolute error about 1e-12.
    """
    weights = lambdas[lambdas > 0.0]

    def half_log(s: ComplexVector) -> ComplexVector:
        logs = np.log1p(2.0 * np.multiply.outer(s, weights)).sum(axis=1)
        return np.asarray(0.5 * logs, dtype=np.complex128)

    def slopes(s: float) -> tuple[float, float]:
        shrunk = weights / (1.0 + 2.0 * s * weights)
        return float(shrunk.sum()), -2.0 * float(shrunk.dot(shrunk))

    return _cdf(q, Transform(half_log, slopes, weights.size))


@dataclass(frozen=True, eq=False)
class ResidualForm:
    """``Q = sum a (y - B b)²`` of effects about their weighted mean, or any linear model of them.

    ``a`` (k,) are positive weights, ``B`` (k, p) columns of full rank, ``b`` the estimate with
    weights ``a``. With ``y ~ N(B beta, diag(s))`` Q is a weighted sum of chi-square variates whose
    weights are the eigenvalues of ``P diag(s)``; its transform is a determinant that takes time
    linear in k, so no eigenvalue is ever computed.
    """

    a: FloatVector
    B: FloatMatrix

    def cdf(self, q: float, s: FloatVector) -> float:
        """Probability that Q is at most ``q`` where the effects have variances ``s``."""
        return _cdf(q, self._transform(s))

    def _transform(self, s: FloatVector) -> Transform:
        """``det(I + 2zPS) = prod d_i det(B'A D^-1 B)/det(B'AB)`` with ``d = 1 + 2 z a s``."""
        a, B = self.a, self.B
        c, p = a * s, B.shape[1]
        aBB = (a[:, None, None] * B[:, :, None] * B[:, None, :]).reshape(a.size, -1)

        def crossed(weights: FloatVector) -> FloatMatrix:
            return (weights @ aBB).reshape(p, p)

        inverse = np.linalg.inv(crossed(np.ones(a.size)))

        def half_log(z: ComplexVector) -> ComplexVector:
            d = 1.0 + 2.0 * np.multiply.outer(z, c)
            G = inverse @ ((1.0 / d) @ aBB).reshape(-1, p, p)
            # Every eigenvalue stays on one side of the real axis: its own logarithm is continuous.
            roots = G[:, :, 0] if p == 1 else np.linalg.eigvals(G)
            logs = np.log(d).sum(axis=1) + np.log(roots).sum(axis=1)
            return np.asarray(0.5 * logs, dtype=np.complex128)

        def slopes(z: float) -> tuple[float, float]:
            w = 1.0 / (1.0 + 2.0 * z * c)
            u = c * w
            back = np.linalg.inv(crossed(w))
            down, up = back @ crossed(-2.0 * u * w), back @ crossed(8.0 * u * u * w)
            bent = float(np.trace(up) - (down * down.T).sum())
            return float(u.sum()) + 0.5 * float(np.trace(down)), -2.0 * float(u @ u) + 0.5 * bent

        return Transform(half_log, slopes, a.size - p)


def _cdf(q: float, law: Transform) -> float:
    """Choose the path by how many weights there are in effect.

    The sums of the weights and of their squares are the slopes at s = 0. They are taken a little
    off it, seen from 1/q: at 0 itself a weight that rules the mean of the effects, and so is none
    of the eigenvalues, would leave its rounding errors behind.
    """
    if law.n == 0:
        return float(q > 0.0)
    if q < _SMALLEST:  # whose inverse has no square
        return 0.0
    total, bend = law.slopes(_NEAR_ZERO / q)
    squares = max(-0.5 * bend, total**2 / law.n)
    if q > total + 60.0 * math.sqrt(2.0 * squares):
        return 1.0
    value = _vertical(q, law) if total**2 > _MANY * squares else _parabola(q, law)
    return min(max(value, 0.0), 1.0)


def _log_transform(s: NDArray[np.complexfloating], q: float, law: Transform) -> ComplexVector:
    z = np.asarray(s, dtype=np.complex128)
    return np.asarray(z * q - np.log(z) - law.half_log(z), dtype=np.complex128)


def _parabola(q: float, law: Transform) -> float:
    """``s = (pi N/12) (i u + 1)² / q``, nodes at ``(j + 1/2) 3/N``; the lower half mirrors."""
    step, mu = 3.0 / _NODES, math.pi * _NODES / 12.0
    u = (np.arange(_NODES) + 0.5) * step
    s = mu * (1j * u + 1.0) ** 2 / q
    slope = 2j * mu * (1j * u + 1.0) / q
    terms = np.exp(_log_transform(s, q, law)) * slope
    return float(terms.imag.sum()) * step / math.pi


def _vertical(q: float, law: Transform) -> float:
    """Real part along ``s0 + i x/sqrt(K''(s0))`` with ``s0`` where the integrand is least."""
    s0, curvature = _saddlepoint(q, law)
    scale = 1.0 / math.sqrt(curvature)
    whole, start = 0.0, 0.0
    for first in range(0, int(_REACH / _STEP), _BLOCK):
        x = _STEP * np.arange(first, first + _BLOCK)
        values = np.exp(_log_transform(s0 + 1j * scale * x, q, law))
        start = start or 0.5 * float(values[0].real)
        whole += float(values.real.sum())
        if abs(values[-1]) <= _NOTHING * max(abs(start), 1e-300):
            break
    return (whole - start) * _STEP * scale / math.pi


def _saddlepoint(q: float, law: Transform) -> tuple[float, float]:
    """Where ``q - 1/s - (½ ln det)'`` crosses zero, increasing in s, and its slope there."""
    lo, hi = 0.0, (1.0 + 0.5 * law.n) / q
    s, slope = hi, math.inf
    for _ in range(100):
        first, second = law.slopes(s)
        value, slope = q - 1.0 / s - first, 1.0 / s**2 - second
        lo, hi = (lo, s) if value > 0.0 else (s, hi)
        move = -value / slope
        s = s + move if lo < s + move < hi else 0.5 * (lo + hi)
        if abs(move) < 1e-4 * s:
            break
    return s, slope
