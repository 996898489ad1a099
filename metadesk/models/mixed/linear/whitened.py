"""Random effects with residuals that differ in variance or are autocorrelated.

``V = R + ZDZ'``. Rows are whitened by the residual structure, ``WRW' = I``; of the random effects
only q × q algebra a block is left, as with equal residual variances. Nothing grows faster than the
number of rows, so that a series may be as long as it likes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metadesk.models.mixed.blocks import (
    block_columns,
    derivative_blocks,
    find_blocks,
)
from metadesk.models.mixed.columns import Factor
from metadesk.models.mixed.linear.moments import Moments
from metadesk.models.mixed.linear.residuals import Residuals, Whitening
from metadesk.models.mixed.random_columns import RandomColumns, components_of
from metadesk.numerics.types import FloatMatrix, FloatVector


@dataclass(frozen=True, eq=False)
class _Inner:
    """Whitened rows and the small matrices of the blocks at one value of the parameters.

    With ``B = I + ZDZ'`` of the whitened random columns: ``B⁻¹ = I − ZMZ'``, ``B⁻¹Z = ZT``,
    ``x = B⁻¹X̃``, ``a = Z'x``, ``N = Z'B⁻¹Z``, ``logdet = log|B|``.
    """

    logdet: float
    X: FloatMatrix
    Z: FloatMatrix
    x: FloatMatrix
    a: FloatMatrix
    M: FloatMatrix
    T: FloatMatrix
    N: FloatMatrix


class WhitenedCovariance:
    """``V = ZDZ' + R`` with structured residuals; parameters of D first, then those of R."""

    def __init__(
        self,
        groups: tuple[RandomColumns, ...],
        structure: Residuals,
        subject: Factor,
        X: FloatMatrix,
    ) -> None:
        n, P = X.shape
        self.groups, self.n, self.P = groups, n, P
        self.components = components_of(groups)
        names = [
            f"{c.group}: {c.terms[a]}" + ("" if a == b else f", {c.terms[b]}")
            for c in self.components
            for a, b in c.pairs
        ]
        self.parameters = (*names, *structure.parameters)
        self.linear = structure.linear
        self.floors = {len(names) + k: v for k, v in structure.floors.items()}
        persons = RandomColumns("subject", subject, ("1",), np.ones((n, 1)))
        self.blocks = find_blocks((*groups, persons), n)
        self.E = np.array(derivative_blocks(self.components, self.blocks.most[: len(groups)]))
        self._sort(structure, subject, X)

    def _sort(self, structure: Residuals, subject: Factor, X: FloatMatrix) -> None:
        """Rows by block, within it by person, within that as the structure asks."""
        inside = structure.order()
        keys = [subject.codes, self.blocks.of_row]
        order = np.lexsort(keys if inside is None else [inside, *keys])
        person = subject.codes[order]
        first = np.flatnonzero(np.diff(person, prepend=-1))
        self.structure = structure.sorted_by(order, first)
        self.starts = np.flatnonzero(np.diff(self.blocks.of_row[order], prepend=-1))
        self.block_of = np.repeat(
            np.arange(len(self.starts)), np.diff(np.append(self.starts, self.n))
        )
        self.X = X[order]
        self.Z = (
            block_columns(self.groups, self.blocks, self.n)[order]
            if self.groups
            else np.zeros((self.n, 0))
        )

    def start(self) -> FloatVector:
        """First values of both parts."""
        theta = []
        for c, g in zip(self.components, self.groups, strict=True):
            size = np.maximum(np.mean(g.Z**2, axis=0), 1e-12)
            theta += [0.4 / size[a] if a == b else 0.0 for a, b in c.pairs]
        return np.concatenate([np.array(theta, dtype=float), self.structure.start()])

    def residual_words(self, theta: FloatVector, scale: float) -> dict[str, float]:
        """Standard deviations and correlations of the residuals by name."""
        return self.structure.words(theta[len(self.E) :], scale)

    def block_covariance(self, theta: FloatVector) -> FloatMatrix:
        """D of a whole block."""
        return np.asarray(np.tensordot(theta[: len(self.E)], self.E, axes=1))

    def block_products(self, theta: FloatVector) -> tuple[FloatMatrix, FloatMatrix]:
        """Z'V⁻¹X̃ and Z'V⁻¹Z of every block."""
        white = self.structure.at(theta[len(self.E) :])
        assert white is not None
        inner = self._inner(white, theta)
        assert inner is not None
        return inner.a, inner.N

    def moments(self, theta: FloatVector) -> Moments | None:
        """All sums at ``theta``."""
        if not np.isfinite(theta).all():
            return None
        white = self.structure.at(theta[len(self.E) :])
        if white is None:
            return None
        inner = self._inner(white, theta)
        return None if inner is None else self._sums(white, inner)

    def _inner(self, white: Whitening, theta: FloatVector) -> _Inner | None:
        X, Z = white.whiten(self.X), white.whiten(self.Z)
        q, B = Z.shape[1], len(self.starts)
        if q == 0:
            none = np.zeros((B, 0, 0))
            return _Inner(0.0, X, Z, X, np.zeros((B, 0, self.P)), none, none, none)
        K, A = self._by_block(Z, Z), self._by_block(Z, X)
        D = self.block_covariance(theta)
        F = np.eye(q) + D @ K
        sign, logdet = np.linalg.slogdet(F)
        if (sign <= 0).any():
            return None
        M = np.asarray(np.linalg.solve(F, np.broadcast_to(D, K.shape)), dtype=float)
        M = (M + M.transpose(0, 2, 1)) / 2
        T = np.eye(q) - M @ K
        x = X - np.einsum("nq,nqp->np", Z, (M @ A)[self.block_of])
        return _Inner(float(logdet.sum()), X, Z, x, T.transpose(0, 2, 1) @ A, M, T, K @ T)

    def _by_block(self, left: FloatMatrix, right: FloatMatrix) -> FloatMatrix:
        """Sum of left'right over the rows of each block."""
        products = left[:, :, None] * right[:, None, :]
        return np.asarray(np.add.reduceat(products, self.starts, axis=0))

    def _sums(self, white: Whitening, inner: _Inner) -> Moments:
        """The sums of :class:`Moments`, parameters of the random effects before those of R."""
        k, r, P = len(self.E), len(white.trace), self.P
        rows = np.concatenate([inner.x, inner.Z], axis=1)
        turned = [white.derivative(j, rows) for j in range(r)]
        Y, SZ = [t[:, :P] for t in turned], [t[:, P:] for t in turned]
        first, second = np.zeros((k + r, P, P)), np.zeros((k + r, k + r, P, P))
        trace, trace2 = np.zeros(k + r), np.zeros((k + r, k + r))
        trace[k:], trace2[k:, k:] = white.trace, white.trace2
        for j in range(r):
            first[k + j] = inner.x.T @ Y[j]
            for i in range(r):
                second[k + j, k + i] = Y[j].T @ Y[i]
        if k:
            self._effects(inner, first, second, trace, trace2)
            self._both(white, inner, Y, SZ, first, second, trace, trace2)
        total = inner.x.T @ inner.X
        curve, curve_trace = self._curves(white, inner, rows)
        return Moments(
            logdet=white.logdet + inner.logdet,
            total=(total + total.T) / 2,
            trace=trace,
            first=first,
            trace2=trace2,
            second=second,
            curve_trace=curve_trace,
            curve=curve,
        )

    def _effects(
        self,
        inner: _Inner,
        first: FloatMatrix,
        second: FloatMatrix,
        trace: FloatVector,
        trace2: FloatMatrix,
    ) -> None:
        """What has to do with the random effects alone, where V_k is ZEZ'."""
        k, N, a = len(self.E), inner.N, inner.a
        EN, Ea = self.E[:, None] @ N, self.E[:, None] @ a
        first[:k] = np.einsum("bqi,kbqj->kij", a, Ea)
        second[:k, :k] = np.einsum("kbqi,bqr,lbrj->klij", Ea, N, Ea, optimize=True)
        trace[:k] = np.einsum("kbqq->k", EN)
        trace2[:k, :k] = np.einsum("kbqr,lbrq->kl", EN, EN)

    def _both(
        self,
        white: Whitening,
        inner: _Inner,
        Y: list[FloatMatrix],
        SZ: list[FloatMatrix],
        first: FloatMatrix,
        second: FloatMatrix,
        trace: FloatVector,
        trace2: FloatMatrix,
    ) -> None:
        """What links residuals and random effects: cross terms, and what V⁻¹ takes off R⁻¹."""
        k, r, M = len(self.E), len(Y), inner.M
        Tt = inner.T.transpose(0, 2, 1)
        Ea = self.E[:, None] @ inner.a
        ZY = [self._by_block(inner.Z, y) for y in Y]
        ZSZ = [self._by_block(inner.Z, s) for s in SZ]
        for j in range(r):
            second[k + j, :k] = np.einsum("bqi,lbqp->lip", Tt @ ZY[j], Ea)
            second[:k, k + j] = second[k + j, :k].transpose(0, 2, 1)
            trace2[k + j, :k] = np.einsum("bqr,lrq->l", Tt @ ZSZ[j] @ inner.T, self.E)
            trace2[:k, k + j] = trace2[k + j, :k]
            trace[k + j] -= np.einsum("bqr,brq->", M, ZSZ[j])
            for i in range(r):
                second[k + j, k + i] -= np.einsum("bqi,bqr,brp->ip", ZY[j], M, ZY[i], optimize=True)
                pair = self._by_block(SZ[j], SZ[i])
                trace2[k + j, k + i] += np.einsum("bqr,brq->", M @ ZSZ[j], M @ ZSZ[i])
                trace2[k + j, k + i] -= 2 * np.einsum("bqr,brq->", M, pair)

    def _curves(
        self, white: Whitening, inner: _Inner, rows: FloatMatrix
    ) -> tuple[FloatMatrix | None, FloatMatrix | None]:
        """Sums with the second derivatives of R; None where it is linear."""
        if white.curve_trace is None:
            return None, None
        k, r, P = len(self.E), len(white.trace), self.P
        curve, trace = np.zeros((k + r, k + r, P, P)), np.zeros((k + r, k + r))
        trace[k:, k:] = white.curve_trace
        for j in range(r):
            for i in range(j + 1):
                turned = white.curve(j, i, rows)
                if turned is None:
                    continue
                product = inner.x.T @ turned[:, :P]
                curve[k + j, k + i] = curve[k + i, k + j] = (product + product.T) / 2
                if k:
                    ZSZ = self._by_block(inner.Z, turned[:, P:])
                    trace[k + j, k + i] -= np.einsum("bqr,brq->", inner.M, ZSZ)
                    trace[k + i, k + j] = trace[k + j, k + i]
        return curve, trace
