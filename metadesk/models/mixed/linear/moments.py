"""What a covariance says about the data: all sums that a linear mixed model needs.

With ``V`` the covariance of the outcomes, ``V_k`` its derivatives and ``X̃ = [X, r]`` the design
with the outcome as last column, every criterion (ML, REML), its gradient and Hessian,
Kenward–Roger's and Satterthwaite's degrees of freedom are functions of the few small matrices
gathered here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from metadesk.models.mixed.random_columns import Component
from metadesk.numerics.types import FloatMatrix, FloatVector


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over all persons at one value of the ``K`` covariance parameters.

    Attributes
    ----------
    logdet : float
        log|V|.
    total : (P, P) array
        X̃'V⁻¹X̃.
    trace : (K,) array
        tr(V⁻¹V_k).
    first : (K, P, P) array
        X̃'V⁻¹V_kV⁻¹X̃.
    trace2 : (K, K) array
        tr(V⁻¹V_kV⁻¹V_l).
    second : (K, K, P, P) array
        X̃'V⁻¹V_kV⁻¹V_lV⁻¹X̃.
    curve_trace, curve : (K, K) and (K, K, P, P) arrays, optional
        tr(V⁻¹V_kl) and X̃'V⁻¹V_klV⁻¹X̃ with the second derivatives V_kl; None where V is linear.
    """

    logdet: float
    total: FloatMatrix
    trace: FloatVector
    first: FloatMatrix
    trace2: FloatMatrix
    second: FloatMatrix
    curve_trace: FloatMatrix | None = None
    curve: FloatMatrix | None = None


class Covariance(Protocol):
    """A covariance structure bound to the rows of a model."""

    components: tuple[Component, ...]
    parameters: tuple[str, ...]
    linear: bool
    floors: dict[int, float]

    def start(self) -> FloatVector:
        """Sensible first values, in units in which the residual variance is about one."""
        ...

    def moments(self, theta: FloatVector) -> Moments | None:
        """All sums at ``theta``; None where V is not positive definite."""
        ...

    def residual_words(self, theta: FloatVector, scale: float) -> dict[str, float]:
        """Standard deviations and correlations of the residuals by name, in the sheet's units."""
        ...


class Criterion:
    """−2 log-likelihood (restricted or not) and its derivatives in the covariance parameters.

    References
    ----------
    Patterson & Thompson (1971); Lindstrom & Bates (1988) for the derivatives.
    """

    def __init__(self, m: Moments, n: int, restricted: bool) -> None:
        p = m.total.shape[0] - 1
        self.moments, self.restricted, self.p = m, restricted, p
        information = m.total[:p, :p]
        self.C: FloatMatrix = np.asarray(np.linalg.inv(information), dtype=float)
        self.delta = self.C @ m.total[:p, p]
        self.rss = float(m.total[p, p] - self.delta @ m.total[:p, p])
        self.e = np.append(-self.delta, 1.0)
        self.value = m.logdet + self.rss
        if restricted:
            sign, logdet = np.linalg.slogdet(information) if p else (1.0, 0.0)
            self.value = self.value + float(logdet) if sign > 0 else np.inf
        self.value += (n - p if restricted else n) * np.log(2 * np.pi)

    def gradient(self) -> FloatVector:
        """First derivatives."""
        m, p = self.moments, self.p
        g = m.trace - np.einsum("a,kab,b->k", self.e, m.first, self.e)
        if self.restricted:
            g = g - np.einsum("ab,kab->k", self.C, m.first[:, :p, :p])
        return np.asarray(g)

    def hessian(self) -> tuple[FloatMatrix, FloatMatrix]:
        """Second derivatives: observed, and their expectation."""
        m, p, C = self.moments, self.p, self.C
        expected = m.trace2.copy()
        if self.restricted:
            CF = C @ m.first[:, :p, :p]
            cross = np.einsum("ab,klab->kl", C, m.second[:, :, :p, :p])
            expected = expected - cross - cross.T + np.einsum("kab,lba->kl", CF, CF)
        a = m.first[:, :p, :] @ self.e
        quadratic = (m.second @ self.e) @ self.e
        observed = -expected + quadratic + quadratic.T - 2 * a @ C @ a.T
        if m.curve is not None and m.curve_trace is not None:
            observed = observed + m.curve_trace - (m.curve @ self.e) @ self.e
            if self.restricted:
                observed = observed - np.einsum("ab,klab->kl", C, m.curve[:, :, :p, :p])
        return observed, expected
