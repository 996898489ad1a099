"""From the optimum of a linear mixed model to its fixed effects, ready for small-sample tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from metadesk.models.mixed.fixed_effects import FixedEffects
from metadesk.models.mixed.linear.newton import Optimum
from metadesk.numerics.types import FloatMatrix, FloatVector


def fixed_effects(
    optimum: Optimum,
    R: FloatMatrix,
    scale: float,
    offset: FloatVector,
    strata: Callable[[], tuple[FloatVector, FloatVector]],
    n: int,
) -> FixedEffects:
    """Bring the results of the orthonormal, unit-variance problem back to the sheet's own units.

    The climb saw ``X = QR`` as Q and residuals divided by ``scale``; ``offset`` are the
    least-squares coefficients taken off beforehand.
    """
    c = optimum.criterion
    p = c.p
    m = c.moments
    back = np.linalg.inv(R) if p else np.zeros((0, 0))
    to = back * scale
    C = c.C
    P = m.first[:, :p, :p]
    Q = m.second[:, :, :p, :p]
    _, expected = c.hessian()
    W = 2 * _inverse(expected)
    PC = P @ C
    middle = np.einsum("kl,klab->ab", W, Q) - np.einsum("kl,kab,lbc->ac", W, PC, P)
    if m.curve is not None:
        middle = middle - 0.25 * np.einsum("kl,klab->ab", W, m.curve[:, :, :p, :p])
    adjusted = C + 2 * C @ ((middle + middle.T) / 2) @ C
    A = 2 * _inverse(optimum.hessian)
    inner = R.T / scale
    return FixedEffects(
        beta=offset + to @ c.delta,
        C=to @ C @ to.T,
        first=inner @ P @ inner.T,
        adjusted=to @ adjusted @ to.T,
        W=W,
        J=optimum.jacobian,
        A=A,
        strata=strata,
        n=n,
    )


def _inverse(H: FloatMatrix) -> FloatMatrix:
    """Inverse of a symmetric matrix; directions without information get none."""
    if H.size == 0:
        return H
    scale = np.sqrt(np.maximum(np.abs(np.diag(H)), 1e-300))
    scaled = H / np.outer(scale, scale)
    try:
        return np.asarray(np.linalg.inv(scaled) / np.outer(scale, scale))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(scaled) / np.outer(scale, scale))
