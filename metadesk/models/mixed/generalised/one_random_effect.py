"""The likelihood with one random effect a person: value, gradient and curvature in one pass.

All nodes of all distinct persons are one array. The gradient is that of the quadrature rule itself,
its nodes moving with the parameters; the curvature is Louis's, exact where the rule is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metadesk.models.mixed.generalised.quadrature import MarginalLikelihood, Persons, Rule
from metadesk.numerics.types import FloatMatrix, FloatVector

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
COARSE = 5


@dataclass(frozen=True, eq=False)
class _Nodes:
    """What was found at the nodes: places, shares of the integral, first slopes of the rows."""

    par: FloatVector
    psi: FloatVector
    v: FloatMatrix
    eta: FloatMatrix
    share: FloatMatrix
    share_of_row: FloatMatrix
    s1: FloatMatrix
    own1: FloatMatrix


class OneRandomEffect(MarginalLikelihood):
    """Log-likelihood of persons with one random effect each, integrated by an adaptive rule.

    References
    ----------
    Pinheiro & Bates (1995) for the rule; Louis (1982) for the curvature.
    """

    def __init__(self, persons: Persons, rule: Rule) -> None:
        super().__init__(persons, rule)
        self.z = persons.Z[:, 0]
        self.log_weights = np.log(rule.weights)
        self.of_pattern = persons.counts[:, None]
        self._nodes: _Nodes | None = None

    @property
    def curvature_is_exact(self) -> bool:
        """Whether there are points enough for :meth:`curvature`."""
        return len(self.rule.nodes) > COARSE

    def _mode(self, base: FloatVector, a: FloatVector, psi: FloatVector) -> FloatVector:
        """Modes by plain Newton steps from the last ones; with care where these are long."""
        P, f = self.persons, self.persons.family
        u = self.modes[:, 0]
        if not np.isfinite(u).all():
            u = np.zeros_like(u)
        square = a * a
        for _ in range(12):
            s1, s2 = f.slopes(base + a * u[P.of_row], psi, 2)
            g = np.add.reduceat(a * s1, P.starts) - u
            step = g / (1.0 + np.add.reduceat(square * np.maximum(-s2, 0.0), P.starts))
            size = float(np.abs(step).max())
            if not size < 0.5:
                break
            u = u + step
            if size < 1e-7:
                self.modes = u[:, None]
                return u
        return self._find_modes(base, a[:, None], psi)[0][:, 0]

    def evaluate(self, par: FloatVector, *, gradient: bool = True) -> tuple[float, FloatVector]:
        """Log-likelihood and gradient; −inf where the parameters are out of range."""
        P, f, rule, k = self.persons, self.persons.family, self.rule, self.k
        psi, sd, beta = par[:k], float(par[k]), par[k + 1 :]
        nothing = np.zeros(self.size)
        if not np.isfinite(par).all() or not f.admissible(psi):
            return -math.inf, nothing
        base = P.X @ beta + P.offset
        if np.abs(base).max(initial=0.0) > 500:
            return -math.inf, nothing
        a = self.z * sd
        u = self._mode(base, a, psi)
        mode_eta = base + a * u[P.of_row]
        slopes = f.slopes(mode_eta, psi)
        h = 1.0 - np.add.reduceat(a * a * slopes[1], P.starts)
        if not (h > 0).all():
            return -math.inf, nothing
        s = 1.0 / np.sqrt(h)
        self.smallest_spread = float(s.min())
        v = u[:, None] + s[:, None] * rule.nodes
        eta = base[:, None] + a[:, None] * v[P.of_row]
        logs = np.add.reduceat(f.logs(eta, psi), P.starts, axis=0) - 0.5 * v * v + self.log_weights
        top = logs.max(axis=1)
        mass = np.exp(logs - top[:, None])
        total = mass.sum(axis=1)
        value = float(P.counts @ (np.log(total) + top + np.log(s) - HALF_LOG_TWO_PI))
        if not gradient or not math.isfinite(value):
            return value, nothing
        share = mass / total[:, None]
        (s1,) = f.slopes(eta, psi, 1)
        of_row = share[P.of_row]
        own1 = f.own(eta, psi, 1)[0]
        self._nodes = _Nodes(par.copy(), psi, v, eta, share, of_row, s1, own1)
        slope = self._fixed_nodes(of_row * s1, of_row, own1, v)
        du, spread_rate = self._moving(a, u, h, mode_eta, psi, slopes)
        if not rule.is_laplace:
            rise = share * (np.add.reduceat(a[:, None] * s1, P.starts, axis=0) - v)
            slope += rise.sum(axis=1)[:, None] * du
            slope += (rise @ rule.nodes * s)[:, None] * spread_rate
        return value, np.asarray(P.counts @ (slope + spread_rate))

    def _fixed_nodes(
        self, weighted: FloatMatrix, of_row: FloatMatrix, own1: FloatMatrix, v: FloatMatrix
    ) -> FloatMatrix:
        """Slope of each person's log-integral, nodes held still."""
        P, k = self.persons, self.k
        rows = np.empty((len(P.of_row), self.size))
        for i in range(k):
            rows[:, i] = (of_row * own1[i]).sum(axis=1)
        rows[:, k] = self.z * (weighted * v[P.of_row]).sum(axis=1)
        rows[:, k + 1 :] = P.X * weighted.sum(axis=1)[:, None]
        return np.asarray(np.add.reduceat(rows, P.starts, axis=0))

    def _moving(
        self,
        a: FloatVector,
        u: FloatVector,
        h: FloatVector,
        eta: FloatVector,
        psi: FloatVector,
        slopes: tuple[FloatMatrix, ...],
    ) -> tuple[FloatMatrix, FloatMatrix]:
        """How the modes, and the logarithms of the spreads, move with each parameter."""
        P, k = self.persons, self.k
        s1, s2, s3 = slopes
        E = np.empty((len(eta), self.size))
        E[:, :k] = 0.0
        E[:, k] = self.z * u[P.of_row]
        E[:, k + 1 :] = P.X
        pull = (a * s2)[:, None] * E
        pull[:, k] += self.z * s1
        own = P.family.own(eta, psi) if k else None
        if own is not None:
            pull[:, :k] += a[:, None] * own[1].T
        du = np.add.reduceat(pull, P.starts, axis=0) / h[:, None]
        bend = (a * a * s3)[:, None] * (E + a[:, None] * du[P.of_row])
        bend[:, k] += 2 * s2 * a * self.z
        if own is not None:
            bend[:, :k] += (a * a)[:, None] * own[2].T
        return du, 0.5 * np.add.reduceat(bend, P.starts, axis=0) / h[:, None]

    def curvature(self, par: FloatVector) -> FloatMatrix:
        """Hessian of minus the log-likelihood by Louis's formula."""
        if self._nodes is None or not np.array_equal(self._nodes.par, par):
            self.evaluate(par)
        here = self._nodes
        assert here is not None
        P, f, k, X = self.persons, self.persons.family, self.k, self.persons.X
        share, s1, v = here.share, here.s1, here.v
        scores = np.empty((*share.shape, self.size))
        for i in range(k):
            scores[:, :, i] = np.add.reduceat(here.own1[i], P.starts, axis=0)
        scores[:, :, k] = v * np.add.reduceat(self.z[:, None] * s1, P.starts, axis=0)
        for j in range(self.p):
            scores[:, :, k + 1 + j] = np.add.reduceat(X[:, j : j + 1] * s1, P.starts, axis=0)
        mean = (share[:, :, None] * scores).sum(axis=1)
        weight = (share * self.of_pattern).reshape(-1, 1)
        flat = scores.reshape(-1, self.size)
        H = (mean * self.of_pattern).T @ mean - (flat * weight).T @ flat
        _, s2 = f.slopes(here.eta, here.psi, 2)
        of_row = here.share_of_row * P.counts[P.of_row][:, None]
        W = of_row * s2
        v_row = v[P.of_row]
        Wv = W * v_row
        zv = self.z * Wv.sum(axis=1)
        H[k, k] -= float(self.z**2 @ (Wv * v_row).sum(axis=1))
        H[k + 1 :, k + 1 :] -= X.T @ (X * W.sum(axis=1)[:, None])
        cross = X.T @ zv
        H[k + 1 :, k] -= cross
        H[k, k + 1 :] -= cross
        if k:
            self._own_part(H, here, of_row, v_row)
        return np.asarray((H + H.T) / 2)

    def _own_part(
        self, H: FloatMatrix, here: _Nodes, of_row: FloatMatrix, v_row: FloatMatrix
    ) -> None:
        """Second derivatives that reach the family's own parameters."""
        f, k, X = self.persons.family, self.k, self.persons.X
        own2 = f.own(here.eta, here.psi, 2)[1] * of_row
        H[:k, :k] -= (f.own_curvature(here.eta, here.psi) * of_row).sum(axis=(2, 3))
        plain = own2.sum(axis=2)
        tilted = (own2 * v_row).sum(axis=2) @ self.z
        H[:k, k] -= tilted
        H[k, :k] -= tilted
        H[:k, k + 1 :] -= plain @ X
        H[k + 1 :, :k] -= (plain @ X).T
