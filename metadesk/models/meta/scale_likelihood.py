"""The profile likelihood of ``link(tau²) = Z alpha``, and its highest maximum for ``ln tau²``."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metadesk.models.meta.kernel import LOG_2PI, kernel_of
from metadesk.models.meta.linear import least_squares
from metadesk.models.meta.scale_link import curve_of
from metadesk.models.meta.tau2 import estimate_tau2
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatMatrix, FloatVector

_STEPS = 200
# ln tau² so far below ln v that tau² adds nothing a double could see.
_FLAT = 40.0


@dataclass(frozen=True, eq=False)
class State:
    """Everything about one value of alpha."""

    ll: float
    gradient: FloatVector
    hessian: FloatMatrix
    tau2: FloatVector


class ScaleLikelihood:
    """The profile log-likelihood of alpha (on an orthonormal basis of Z) with two derivatives."""

    def __init__(
        self,
        y: FloatVector,
        v: FloatVector,
        X: FloatMatrix,
        Z: FloatMatrix,
        restricted: bool,
        link: str = "log",
    ) -> None:
        self.y, self.v, self.X, self.Z, self.restricted = y, v, np.linalg.qr(X)[0], Z, restricted
        self.link = link

    def at(self, alpha: FloatVector) -> State:
        """Log-likelihood, gradient and Hessian, in time linear in the number of studies.

        With ``P = W - U U'``: gradient ``½ Z' D ((Py)² - diag P)`` for D the slopes of tau² along
        its linear part; the squares of P's entries expand into products of rows of U.
        """
        t, first, second = curve_of(self.link, self.Z @ alpha)
        w = 1.0 / (self.v + t)
        A = (self.X.T * w) @ self.X
        L = np.linalg.cholesky(A)
        U = np.linalg.solve(L, (self.X * w[:, None]).T).T
        Py = w * self.y - U @ (U.T @ self.y)
        h = np.einsum("ij,ij->i", U, U)
        ll = 0.5 * (float(np.log(w).sum()) - float(self.y @ Py) - self.y.size * LOG_2PI)
        diagonal = w - h if self.restricted else w
        if self.restricted:
            ll += 0.5 * self.X.shape[1] * LOG_2PI - float(np.log(np.diag(L)).sum())
        pull = 0.5 * (Py * Py - diagonal)
        DZ, PyDZ = first[:, None] * self.Z, (first * Py)[:, None] * self.Z
        UP = U.T @ PyDZ
        H = (self.Z.T * (pull * second)) @ self.Z - ((PyDZ.T * w) @ PyDZ - UP.T @ UP)
        if self.restricted:
            K = (U[:, :, None] * U[:, None, :]).reshape(self.y.size, -1)
            KZ = K.T @ DZ
            H += 0.5 * ((DZ.T * (w * w - 2.0 * w * h)) @ DZ + KZ.T @ KZ)
        else:
            H += 0.5 * (DZ.T * (w * w)) @ DZ
        return State(ll, DZ.T @ pull, 0.5 * (H + H.T), t)

    def maximise(self, progress: Progress = SILENT) -> tuple[FloatVector, State, int, bool]:
        """The best of the maxima reached from several starts: the likelihood can have many."""
        found: list[tuple[FloatVector, State, int, bool]] = []
        for alpha in self._starts():
            progress.step(0.1 + 0.15 * len(found), "Moderators of the spread")
            found.append(self._climb(alpha, progress))
        return max(found, key=lambda one: one[1].ll)

    def _starts(self) -> list[FloatVector]:
        """Even heterogeneity at four sizes, and ln of the squared residuals regressed on Z."""
        method = "REML" if self.restricted else "ML"
        t = estimate_tau2(kernel_of(self.y, self.v, self.X), method).value
        t = max(t, 0.01 * float(np.median(self.v)))
        even = [self.Z.T @ np.full(self.y.size, math.log(t * c)) for c in (1.0, 8.0, 0.1, 64.0)]
        r = least_squares(self.y, self.v + t, self.X).residual
        excess = np.log(np.maximum(r * r - self.v, 0.1 * self.v))
        return [*even, self.Z.T @ excess]

    def _climb(
        self, alpha: FloatVector, progress: Progress
    ) -> tuple[FloatVector, State, int, bool]:
        """Newton with the Hessian made negative definite where it is not, steps halved."""
        floor = math.log(float(self.v.min())) - _FLAT
        state = self.at(alpha)
        for step in range(1, _STEPS + 1):
            progress.check()
            values, vectors = np.linalg.eigh(state.hessian)
            size = np.maximum(np.abs(values), 1e-10)
            move = vectors @ ((vectors.T @ state.gradient) / size)
            widest = float(np.abs(self.Z @ move).max())
            move *= min(1.0, 5.0 / widest) if widest > 0 else 1.0
            alpha, state, gained = self._step(alpha, state, move)
            done = float(np.abs(state.gradient / np.sqrt(size)).max()) < 1e-9
            if done or gained <= 0.0 or float((self.Z @ alpha).min()) < floor:
                return alpha, state, step, done or gained <= 1e-10
        return alpha, state, _STEPS, False

    def _step(
        self, alpha: FloatVector, state: State, move: FloatVector
    ) -> tuple[FloatVector, State, float]:
        for _ in range(40):
            trial = self.at(alpha + move)
            if trial.ll >= state.ll:
                return alpha + move, trial, trial.ll - state.ll
            move = 0.5 * move
        return alpha, state, 0.0


def covariance(hessian: FloatMatrix) -> FloatMatrix:
    """Inverse of the negative Hessian; pseudo-inverse with huge variances along flat directions."""
    values, vectors = np.linalg.eigh(-hessian)
    safe = np.maximum(values, 1e-12 * max(float(values.max()), 1e-300))
    return np.asarray((vectors / safe) @ vectors.T, dtype=np.float64)
