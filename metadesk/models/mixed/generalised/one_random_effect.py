"""The likelihood with one random effect a person: value, gradient and curvature in one pass.

All nodes of all distinct persons are one array. The gradient is that of the quadrature rule itself,
its nodes moving with the parameters; the curvature is Louis's, exact where the rule is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metadesk.models.mixed.generalised.families import Family
from metadesk.models.mixed.generalised.quadrature import MarginalLikelihood, Persons, Rule
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
COARSE = 5
CLOSE = 1e-7


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of persons, at one or at several values of the parameters one below the other."""

    X: FloatMatrix
    z: FloatVector
    offset: FloatVector
    family: Family
    starts: IntVector
    of_row: IntVector

    @classmethod
    def of(cls, P: Persons) -> _Rows:
        return cls(P.X, P.Z[:, 0], P.offset, P.family, P.starts, P.of_row)

    def repeated(self, times: int) -> _Rows:
        n, persons = len(self.of_row), len(self.starts)
        again = np.tile(np.arange(n), times)
        shift = np.repeat(np.arange(times), n)
        return _Rows(
            self.X[again],
            self.z[again],
            self.offset[again],
            self.family.at(again),
            (self.starts + n * np.arange(times)[:, None]).reshape(-1),
            self.of_row[again] + persons * shift,
        )


@dataclass(frozen=True, eq=False)
class _Modes:
    """Where each person's integrand is highest, its spread there, slopes of the rows."""

    a: FloatVector
    u: FloatVector
    h: FloatVector
    s: FloatVector
    eta: FloatVector
    slopes: tuple[FloatMatrix, ...]


@dataclass(frozen=True, eq=False)
class _Nodes:
    """What was found at the nodes: places, shares of the integral, first slopes of the rows."""

    psi: FloatVector
    v: FloatMatrix
    v_row: FloatMatrix
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
        self.rows = _Rows.of(persons)
        self.z = self.rows.z
        self.log_weights = np.log(rule.weights)
        self._nodes: tuple[FloatVector, _Nodes] | None = None

    @property
    def curvature_is_exact(self) -> bool:
        """Whether there are points enough for :meth:`curvature`."""
        return len(self.rule.nodes) > COARSE

    def evaluate(self, par: FloatVector, *, gradient: bool = True) -> tuple[float, FloatVector]:
        """Log-likelihood and gradient; −inf where the parameters are out of range."""
        P, rows, k = self.persons, self.rows, self.k
        nothing = np.zeros(self.size)
        psi = par[:k]
        if not np.isfinite(par).all() or not P.family.admissible(psi):
            return -math.inf, nothing
        base = rows.X @ par[k + 1 :] + rows.offset
        if max(base.max(initial=0.0), -base.min(initial=0.0)) > 500:
            return -math.inf, nothing
        u = self._mode(base, rows.z * float(par[k]), psi)
        modes = self._around(rows, base, rows.z * float(par[k]), u, psi)
        if modes is None:
            return -math.inf, nothing
        self.smallest_spread = float(modes.s.min())
        logs, nodes = self._at_nodes(rows, base, modes, psi, gradient)
        value = float(P.counts @ logs)
        if nodes is None or not math.isfinite(value):
            return value, nothing
        self._nodes = (par.copy(), nodes)
        return value, np.asarray(P.counts @ self._slopes(rows, modes, nodes))

    def gradients(self, pars: FloatMatrix) -> FloatMatrix | None:
        """Gradients at several places near the last one, in one pass.

        None where a place is out of range or its modes are not found at once.
        """
        P, k, J = self.persons, self.k, len(pars)
        psi = pars[0, :k]
        if k and not np.array_equal(pars[:, :k], np.tile(psi, (J, 1))):
            return None
        rows = self.rows.repeated(J)
        base = (self.rows.X @ pars[:, k + 1 :].T + self.rows.offset[:, None]).T.reshape(-1)
        a = (pars[:, k][:, None] * self.rows.z).reshape(-1)
        u = self._quick_modes(rows, base, a, psi, np.tile(self.modes[:, 0], J))
        modes = None if u is None else self._around(rows, base, a, u, psi)
        if modes is None:
            return None
        logs, nodes = self._at_nodes(rows, base, modes, psi, True)
        if nodes is None or not np.isfinite(logs).all():
            return None
        slopes = self._slopes(rows, modes, nodes).reshape(J, -1, self.size)
        return np.asarray(np.einsum("g,jgd->jd", P.counts, slopes))

    def numerical_curvature(self, par: FloatVector, step: float = 1e-4) -> FloatMatrix | None:
        """Hessian of minus the log-likelihood of the rule, by central differences in one pass."""
        if self.k:
            return None
        h = step * np.maximum(1.0, np.abs(par))
        g = self.gradients(np.concatenate([par + np.diag(h), par - np.diag(h)]))
        if g is None:
            return None
        H = -(g[: len(par)] - g[len(par) :]) / (2 * h[:, None])
        return np.asarray((H + H.T) / 2)

    def _mode(self, base: FloatVector, a: FloatVector, psi: FloatVector) -> FloatVector:
        """Modes by plain Newton steps from the last ones; with care where these are long."""
        u = self._quick_modes(self.rows, base, a, psi, self.modes[:, 0])
        if u is None:
            return self._find_modes(base, a[:, None], psi)[0][:, 0]
        self.modes = u[:, None]
        return u

    @staticmethod
    def _quick_modes(
        rows: _Rows, base: FloatVector, a: FloatVector, psi: FloatVector, u: FloatVector
    ) -> FloatVector | None:
        f, square = rows.family, a * a
        if not np.isfinite(u).all():
            u = np.zeros_like(u)
        for _ in range(12):
            s1, s2 = f.slopes(base + a * u[rows.of_row], psi, 2)
            g = np.add.reduceat(a * s1, rows.starts) - u
            step = g / (1.0 + np.add.reduceat(square * np.maximum(-s2, 0.0), rows.starts))
            size = max(float(step.max()), -float(step.min()))
            if not size < 0.5:
                return None
            u = u + step
            if size < CLOSE:
                return u
        return None

    @staticmethod
    def _around(
        rows: _Rows, base: FloatVector, a: FloatVector, u: FloatVector, psi: FloatVector
    ) -> _Modes | None:
        eta = base + a * u[rows.of_row]
        slopes = rows.family.slopes(eta, psi)
        h = 1.0 - np.add.reduceat(a * a * slopes[1], rows.starts)
        if not (h > 0).all():
            return None
        return _Modes(a, u, h, 1.0 / np.sqrt(h), eta, slopes)

    def _at_nodes(
        self, rows: _Rows, base: FloatVector, modes: _Modes, psi: FloatVector, gradient: bool
    ) -> tuple[FloatVector, _Nodes | None]:
        """Log-integral of each person, and what the gradient needs of the nodes."""
        f = rows.family
        v = modes.u[:, None] + modes.s[:, None] * self.rule.nodes
        v_row = v[rows.of_row]
        eta = base[:, None] + modes.a[:, None] * v_row
        logs = np.add.reduceat(f.logs(eta, psi), rows.starts, axis=0)
        logs += self.log_weights - 0.5 * v * v
        top = logs.max(axis=1)
        mass = np.exp(logs - top[:, None])
        total = mass.sum(axis=1)
        found = np.log(total * modes.s) + (top - HALF_LOG_TWO_PI)
        if not gradient:
            return found, None
        share = mass / total[:, None]
        (s1,) = f.slopes(eta, psi, 1)
        own1 = f.own(eta, psi, 1)[0]
        return found, _Nodes(psi, v, v_row, eta, share, share[rows.of_row], s1, own1)

    def _slopes(self, rows: _Rows, modes: _Modes, nodes: _Nodes) -> FloatMatrix:
        """Slope of each person's log-integral in every parameter, nodes moving along."""
        slope = self._fixed_nodes(rows, nodes)
        du, spread_rate = self._moving(rows, modes, nodes.psi)
        if not self.rule.is_laplace:
            pull = np.add.reduceat(modes.a[:, None] * nodes.s1, rows.starts, axis=0)
            rise = nodes.share * (pull - nodes.v)
            slope += rise.sum(axis=1)[:, None] * du
            slope += (rise @ self.rule.nodes * modes.s)[:, None] * spread_rate
        return np.asarray(slope + spread_rate)

    def _fixed_nodes(self, rows: _Rows, nodes: _Nodes) -> FloatMatrix:
        """Slope of each person's log-integral, nodes held still."""
        k = self.k
        weighted = nodes.share_of_row * nodes.s1
        found = np.empty((len(rows.of_row), self.size))
        for i in range(k):
            found[:, i] = (nodes.share_of_row * nodes.own1[i]).sum(axis=1)
        found[:, k] = rows.z * np.einsum("nq,nq->n", weighted, nodes.v_row)
        found[:, k + 1 :] = rows.X * weighted.sum(axis=1)[:, None]
        return np.asarray(np.add.reduceat(found, rows.starts, axis=0))

    def _moving(
        self, rows: _Rows, modes: _Modes, psi: FloatVector
    ) -> tuple[FloatMatrix, FloatMatrix]:
        """How the modes, and the logarithms of the spreads, move with each parameter."""
        k, a, starts = self.k, modes.a, rows.starts
        s1, s2, s3 = modes.slopes
        E = np.empty((len(a), self.size))
        E[:, :k] = 0.0
        E[:, k] = rows.z * modes.u[rows.of_row]
        E[:, k + 1 :] = rows.X
        pull = (a * s2)[:, None] * E
        pull[:, k] += rows.z * s1
        own = rows.family.own(modes.eta, psi) if k else None
        if own is not None:
            pull[:, :k] += a[:, None] * own[1].T
        du = np.add.reduceat(pull, starts, axis=0) / modes.h[:, None]
        bend = (a * a * s3)[:, None] * (E + a[:, None] * du[rows.of_row])
        bend[:, k] += 2 * s2 * a * rows.z
        if own is not None:
            bend[:, :k] += (a * a)[:, None] * own[2].T
        return du, 0.5 * np.add.reduceat(bend, starts, axis=0) / modes.h[:, None]

    def curvature(self, par: FloatVector) -> FloatMatrix:
        """Hessian of minus the log-likelihood by Louis's formula."""
        if self._nodes is None or not np.array_equal(self._nodes[0], par):
            self.evaluate(par)
        assert self._nodes is not None
        here = self._nodes[1]
        P, f, k, X = self.persons, self.persons.family, self.k, self.persons.X
        share, s1, v = here.share, here.s1, here.v
        scores = np.empty((*share.shape, self.size))
        for i in range(k):
            scores[:, :, i] = np.add.reduceat(here.own1[i], P.starts, axis=0)
        scores[:, :, k] = v * np.add.reduceat(self.z[:, None] * s1, P.starts, axis=0)
        products = X[:, None, :] * s1[:, :, None]
        scores[:, :, k + 1 :] = np.add.reduceat(products, P.starts, axis=0)
        mean = np.einsum("gq,gqd->gd", share, scores)
        weight = (share * P.counts[:, None]).reshape(-1, 1)
        flat = scores.reshape(-1, self.size)
        H = (mean * P.counts[:, None]).T @ mean - (flat * weight).T @ flat
        _, s2 = f.slopes(here.eta, here.psi, 2)
        of_row = here.share_of_row * P.counts[P.of_row][:, None]
        W = of_row * s2
        Wv = W * here.v_row
        zv = self.z * Wv.sum(axis=1)
        H[k, k] -= float(self.z**2 @ np.einsum("nq,nq->n", Wv, here.v_row))
        H[k + 1 :, k + 1 :] -= X.T @ (X * W.sum(axis=1)[:, None])
        cross = X.T @ zv
        H[k + 1 :, k] -= cross
        H[k, k + 1 :] -= cross
        if k:
            self._own_part(H, here, of_row)
        return np.asarray((H + H.T) / 2)

    def _own_part(self, H: FloatMatrix, here: _Nodes, of_row: FloatMatrix) -> None:
        """Second derivatives that reach the family's own parameters."""
        f, k, X = self.persons.family, self.k, self.persons.X
        own2 = f.own(here.eta, here.psi, 2)[1] * of_row
        H[:k, :k] -= (f.own_curvature(here.eta, here.psi) * of_row).sum(axis=(2, 3))
        plain = own2.sum(axis=2)
        tilted = (own2 * here.v_row).sum(axis=2) @ self.z
        H[:k, k] -= tilted
        H[k, :k] -= tilted
        H[:k, k + 1 :] -= plain @ X
        H[k + 1 :, :k] -= (plain @ X).T
