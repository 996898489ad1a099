"""Two hypergeometric functions that a bias-corrected correlation needs, for any size of study.

The general function of ``scipy.special`` loses digits, or all of them, near the argument 1 and for
large sizes; both integrals here are smooth after a change of variable.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

from metadesk.numerics.types import FloatMatrix, FloatVector

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(160)
_CHUNK = 4096
_TINY = 1e-9


def unbiased(r: FloatVector, n: FloatVector) -> FloatVector:
    """Correlation freed of its small bias, r·₂F₁(½, ½; (n − 2)/2; 1 − r²); NaN for n ≤ 4.

    Olkin & Pratt (1958), eq. 2.3.
    """
    return np.where(n > 4, r * half_half(np.maximum(n, 5.0), r), np.nan)


def half_half(n: FloatVector, r: FloatVector) -> FloatVector:
    """₂F₁(½, ½; (n − 2)/2; 1 − r²) by Euler's integral with t = cos²φ.

    (2/B)·∫₀^{π/2} sin^{n−4}φ / √(sin²φ + r²cos²φ) dφ with B = B(½, (n − 3)/2).
    """
    scale = 2.0 / special.beta(0.5, (n - 3.0) / 2.0)

    def inner(phi: FloatMatrix, m: FloatMatrix, x: FloatMatrix) -> FloatMatrix:
        sine = np.sin(phi)
        return np.asarray(sine ** (m - 4.0) / np.sqrt(sine**2 + (x * np.cos(phi)) ** 2))

    low = np.maximum(np.pi / 2.0 - 10.0 / np.sqrt(np.maximum(n - 4.0, 1e-9)), 0.0)
    return scale * _integral(inner, low, np.full(len(n), np.pi / 2.0), n, r)


def one_one(n: FloatVector, r: FloatVector) -> FloatVector:
    """₂F₁(1, 1; n/2; 1 − r²) by Euler's integral with t = 1 − v².

    (n − 2)·∫₀¹ v^{n−3} / (r² + (1 − r²)·v²) dv.
    """

    def inner(v: FloatMatrix, m: FloatMatrix, x: FloatMatrix) -> FloatMatrix:
        return np.asarray(v ** (m - 3.0) / (x**2 + (1.0 - x**2) * v**2))

    low = np.maximum(1.0 - 45.0 / np.maximum(n - 3.0, 1e-9), 0.0)
    return (n - 2.0) * _integral(inner, low, np.ones(len(n)), n, r)


def _integral(
    inner: Callable[[FloatMatrix, FloatMatrix, FloatMatrix], FloatMatrix],
    low: FloatVector,
    high: FloatVector,
    n: FloatVector,
    r: FloatVector,
) -> FloatVector:
    """Integrate row by row after v = |r|·sinh(s), which spreads out the edge near zero."""
    answer = np.empty(len(n))
    for start in range(0, len(n), _CHUNK):
        part = slice(start, start + _CHUNK)
        x = np.maximum(np.abs(r[part]), _TINY)[:, None]
        first, last = (np.arcsinh(end[part][:, None] / x) for end in (low, high))
        s = first + (last - first) * (_NODES[None, :] + 1.0) / 2.0
        values = inner(x * np.sinh(s), n[part][:, None], x) * x * np.cosh(s)
        answer[part] = (values @ _WEIGHTS) * ((last - first) / 2.0)[:, 0]
    return answer
