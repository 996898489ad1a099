"""An unstructured covariance written as ``L L'``, with one of its components held if need be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from metadesk.models.meta.multilevel.structures import Covariance
from metadesk.numerics.types import BoolVector, FloatMatrix, FloatVector, IntVector


@dataclass(frozen=True, eq=False)
class Factored:
    """The same covariance with an unstructured G of its ``term`` written as ``L L'``.

    A singular G is an ordinary point here, so a climb can end on the edge of the domain. The
    diagonal of L stands where the standard deviations stood, the rest where the correlations were.

    ``front`` names the levels whose rows come first. With one level in front its standard
    deviation is the first element of L and can be held. With two, their correlation's angle z
    stays a parameter: the second row of L is ``tau (sin z, cos z)``, so that the correlation,
    sin z, can be held while everything else is free.
    """

    base: Covariance
    term: int
    front: tuple[int, ...] = ()

    @property
    def n_tau(self) -> int:
        """Number of standard deviations of the natural form."""
        return self.base.n_tau

    @property
    def positive(self) -> BoolVector:
        """Parameters that must not change sign: those outside L."""
        mask = self.base.positive.copy()
        mask[self._diagonal] = False
        return mask

    @property
    def scaled(self) -> BoolVector:
        """Parameters in units of the effects."""
        mask = self.base.positive.copy()
        mask[self._rest] = True
        if self.angle >= 0:
            mask[self.angle] = False
        return mask

    @property
    def angle(self) -> int:
        """The parameter that is the angle of the correlation in front, or -1."""
        if len(self.front) < 2:
            return -1
        return int(self._rest.start) + self._pair(*self.front)

    def within_domain(self, psi: FloatVector) -> bool:
        """Return True: L L' is always a covariance matrix."""
        return True

    def lower(self, psi: FloatVector) -> FloatMatrix:
        """Return L, its rows in the order of the levels."""
        slot, row, column = self._slots
        n = self._n
        L = np.zeros((n, n))
        L[row, column] = psi[slot]
        if self.angle >= 0:
            second, z = self._order[1], float(psi[self.angle])
            tau = L[second, 1]
            L[second, :2] = tau * math.sin(z), tau * math.cos(z)
        return L

    def linear(self, psi: FloatVector) -> tuple[FloatVector, FloatMatrix]:
        """Linear parameters and their derivatives."""
        gamma, jacobian = self.base.linear(psi)
        t, a, b = self._own
        L, D, slots = self.lower(psi), self._slopes(psi), self._parameters
        gamma[t] = (L @ L.T)[a, b]
        jacobian[t] = 0.0
        DL = D @ L.T
        jacobian[np.ix_(t, slots)] = (DL[:, a, b] + DL[:, b, a]).T
        return gamma, jacobian

    def bend(self, psi: FloatVector, score: FloatVector) -> FloatMatrix:
        """``Σ score ∂²gamma``; with G = L L' it is ``tr(dL' S dL) + tr(S d²L L')``."""
        t, a, b = self._own
        others = score.copy()
        others[t] = 0.0
        H = self.base.bend(psi, others)
        S = np.zeros((self._n, self._n))
        S[a, b] = S[b, a] = score[t]
        S[np.diag_indices(self._n)] *= 2.0
        D, slots = self._slopes(psi), self._parameters
        H[np.ix_(slots, slots)] = np.einsum("sab,ad,tdb->st", D, S, D)
        if self.angle >= 0:
            second, z = self._order[1], float(psi[self.angle])
            pull = (S @ self.lower(psi))[second, :2]
            tau_at = self._diagonal.start + second
            tau = float(psi[tau_at])
            H[self.angle, self.angle] -= tau * float(pull @ (math.sin(z), math.cos(z)))
            cross = float(pull @ (math.cos(z), -math.sin(z)))
            H[self.angle, tau_at] += cross
            H[tau_at, self.angle] += cross
        return H

    def to_natural(self, psi: FloatVector) -> FloatVector:
        """Standard deviations and angles of the correlations of the same covariance."""
        phi = psi.copy()
        L = self.lower(psi)
        G = L @ L.T
        tau = np.sqrt(np.diag(G))
        phi[self._diagonal] = tau
        columns, rows = np.triu_indices(tau.size, 1)
        product = tau[rows] * tau[columns]
        rho = np.where(product > 0, G[rows, columns] / np.where(product > 0, product, 1.0), 0.0)
        low = self.base.rho_low[self.base.spans[self.term][1]]
        inside = np.clip((rho - low) / (1.0 - low), 0.0, 1.0)
        phi[self._rest] = np.arcsin(2.0 * inside - 1.0)
        return phi

    def from_natural(self, phi: FloatVector) -> FloatVector:
        """Return the parameters of a covariance that is positive (semi)definite."""
        psi = phi.copy()
        G = self.base.matrix(self.term, phi)
        order = self._order
        root = semidefinite_root(G[np.ix_(order, order)])
        slot, row, column = self._slots
        place = np.argsort(order)
        psi[slot] = root[place[row], column]
        if self.angle >= 0:
            second = self._diagonal.start + order[1]
            tau = math.sqrt(max(float(G[order[1], order[1]]), 0.0))
            psi[second] = tau
            psi[self.angle] = math.atan2(float(root[1, 0]), float(root[1, 1])) if tau > 0 else 0.0
        return psi

    # -- how the parameters stand in L ------------------------------------------------------------

    @property
    def _n(self) -> int:
        return len(self.base.matrices[self.term].levels)

    @property
    def _diagonal(self) -> slice:
        return self.base.spans[self.term][0]

    @property
    def _rest(self) -> slice:
        rho = self.base.spans[self.term][1]
        return slice(self.base.n_tau + rho.start, self.base.n_tau + rho.stop)

    @cached_property
    def _order(self) -> IntVector:
        """The levels, those in front first."""
        others = [a for a in range(self._n) if a not in self.front]
        return np.array([*self.front, *others], dtype=np.int64)

    def _pair(self, a: int, b: int) -> int:
        """The position of a pair of levels among the correlations."""
        low, high = min(a, b), max(a, b)
        return sum(self._n - 1 - c for c in range(low)) + high - low - 1

    @cached_property
    def _own(self) -> tuple[IntVector, IntVector, IntVector]:
        """Entries of the unstructured term with their levels a and b."""
        first, stop = self._diagonal.start, self._diagonal.stop
        mine = [
            (t, e.i - first, e.j - first)
            for t, e in enumerate(self.base.entries)
            if first <= e.i < stop
        ]
        t, a, b = np.array(mine, dtype=np.int64).T
        return t, a, b

    @cached_property
    def _slots(self) -> tuple[IntVector, IntVector, IntVector]:
        """Every plain element of L: its parameter, the level of its row, its column."""
        found = []
        for r, level in enumerate(self._order.tolist()):
            found.append((self._diagonal.start + level, level, r))
            for c in range(r):
                at = self._rest.start + self._pair(level, int(self._order[c]))
                if at != self.angle:
                    found.append((at, level, c))
        slot, row, column = np.array(found, dtype=np.int64).T
        return slot, row, column

    @cached_property
    def _parameters(self) -> IntVector:
        """All parameters of L, the angle last."""
        slot = self._slots[0]
        return np.append(slot, self.angle) if self.angle >= 0 else slot

    def _slopes(self, psi: FloatVector) -> FloatMatrix:
        """The derivative of L in every one of its parameters, (S, n, n)."""
        slot, row, column = self._slots
        D = np.zeros((self._parameters.size, self._n, self._n))
        D[np.arange(slot.size), row, column] = 1.0
        if self.angle >= 0:
            second, z = self._order[1], float(psi[self.angle])
            tau_at = self._diagonal.start + second
            D[int(np.flatnonzero(slot == tau_at)[0]), second, :2] = math.sin(z), math.cos(z)
            tau = float(psi[tau_at])
            D[-1, second, :2] = tau * math.cos(z), -tau * math.sin(z)
        return D


def semidefinite_root(G: FloatMatrix) -> FloatMatrix:
    """The lower Cholesky factor; a column whose pivot has vanished is zero."""
    n = G.shape[0]
    L = np.zeros((n, n))
    floor = 1e-14 * float(np.trace(G)) / n
    for c in range(n):
        rest = G[c:, c] - L[c:, :c] @ L[c, :c]
        if rest[0] > floor:
            L[c:, c] = rest / math.sqrt(float(rest[0]))
    return L
