"""Random effects with equal residual variances: only q × q algebra per pattern of persons.

``V = σ²I + ZDZ'`` in each block. With ``W = (σ²I + Z'Z D)⁻¹`` one has ``Z'V⁻ᵏ = WᵏZ'``, so that all
sums need only the cross-products ``Z'Z`` and ``Z'X̃`` of each block, taken once. Blocks with the
same ``Z'Z`` (persons with the same plan) are one pattern whose products are summed beforehand.
"""

from __future__ import annotations

import math

import numpy as np

from metadesk.models.mixed.blocks import (
    block_columns,
    derivative_blocks,
    find_blocks,
)
from metadesk.models.mixed.linear.moments import Moments
from metadesk.models.mixed.linear.rows import Rows
from metadesk.models.mixed.random_columns import RandomColumns, components_of
from metadesk.numerics.types import FloatMatrix, FloatVector


class RandomEffectsCovariance:
    """``V = σ²I + ZDZ'``; parameters are those of D, then the residual variance."""

    linear = True

    def __init__(self, groups: tuple[RandomColumns, ...], rows: Rows) -> None:
        n, P = rows.n, rows.P
        self.components = components_of(groups)
        names = [
            f"{c.group}: {c.terms[a]}" + ("" if a == b else f", {c.terms[b]}")
            for c in self.components
            for a, b in c.pairs
        ]
        self.parameters = (*names, "Residual")
        self.groups, self.n, self.P = groups, n, P
        self.floors: dict[int, float] = {}
        self.blocks = find_blocks(groups, n)
        self.Z = block_columns(groups, self.blocks, n)
        self.E = np.array(derivative_blocks(self.components, self.blocks.most))
        self.everything = rows.gram()
        K, A = self._products(rows)
        self._gather(K, A)

    def _products(self, rows: Rows) -> tuple[FloatMatrix, FloatMatrix]:
        """Z'Z and Z'X̃ of every block."""
        Z, q = self.Z, self.Z.shape[1]
        if q == 1 and bool((Z == 1.0).all()):
            counts = np.bincount(self.blocks.of_row).astype(float)
            sums = rows.block_sums(self.blocks.of_row, self.blocks.count)
            return counts[:, None, None], sums[:, None, :]
        order, starts, X = self.blocks.order, self.blocks.starts, rows.dense
        if order[0] != 0 or (np.diff(order) < 0).any():
            Z, X = Z[order], X[order]
        if q <= 24:
            K = np.add.reduceat(Z[:, :, None] * Z[:, None, :], starts, axis=0)
            A = np.add.reduceat(Z[:, :, None] * X[:, None, :], starts, axis=0)
            return np.asarray(K), np.asarray(A)
        parts = np.split(np.arange(len(X)), starts[1:])
        return np.array([Z[i].T @ Z[i] for i in parts]), np.array([Z[i].T @ X[i] for i in parts])

    def _gather(self, K: FloatMatrix, A: FloatMatrix) -> None:
        """Sum the products of blocks that have the same Z'Z."""
        q = self.Z.shape[1]
        self.A_of_block = A
        flat = K.reshape(len(K), -1)
        if q == 1:
            patterns, pattern_of = np.unique(flat[:, 0], return_inverse=True)
            patterns = patterns[:, None]
        else:
            patterns, pattern_of = np.unique(flat, axis=0, return_inverse=True)
        pattern_of = pattern_of.reshape(-1)
        self.pattern_of = pattern_of
        self.counts = np.bincount(pattern_of).astype(float)
        self.K = patterns.reshape(-1, q, q)
        rows = A.reshape(len(A), -1)
        S = np.empty((len(patterns), q, q, self.P, self.P))
        if len(patterns) < 0.5 * len(A):
            for g in range(len(patterns)):
                mine = rows if len(patterns) == 1 else rows[pattern_of == g]
                S[g] = (mine.T @ mine).reshape(q, self.P, q, self.P).transpose(0, 2, 1, 3)
        else:
            S[:] = 0.0
            np.add.at(S, pattern_of, A[:, :, None, :, None] * A[:, None, :, None, :])
        self.S = S.reshape(len(patterns) * q * q, self.P * self.P)

    def start(self) -> FloatVector:
        """Half of a unit variance to the residual, the rest shared by the random effects."""
        theta = np.zeros(len(self.parameters))
        theta[-1] = 0.5
        for c, g in zip(self.components, self.groups, strict=True):
            size = np.maximum(np.mean(g.Z**2, axis=0), 1e-12)
            share = 0.5 / (len(self.components) * c.size)
            for k, (a, b) in enumerate(c.pairs):
                if a == b:
                    theta[c.start + k] = share / size[a]
        return theta

    def residual_words(self, theta: FloatVector, scale: float) -> dict[str, float]:
        """The residual standard deviation."""
        return {"sd": scale * math.sqrt(float(theta[-1]))}

    def block_covariance(self, theta: FloatVector) -> FloatMatrix:
        """D of a whole block."""
        return np.asarray(np.tensordot(theta[:-1], self.E, axes=1))

    def moments(self, theta: FloatVector) -> Moments | None:
        """All sums at ``theta``; the residual derivatives follow from ``σ²I = V − ZDZ'``."""
        s2 = float(theta[-1])
        if not s2 > 0 or not np.isfinite(theta).all():
            return None
        q, E, K, counts = self.K.shape[1], self.E, self.K, self.counts
        D = self.block_covariance(theta)
        M = K @ D
        M[:, np.arange(q), np.arange(q)] += s2
        sign, logdet = np.linalg.slogdet(M)
        if (sign <= 0).any():
            return None
        W = np.linalg.inv(M)
        T = W @ K
        WT = W.transpose(0, 2, 1)
        DW = D @ W
        TW = W @ T.transpose(0, 2, 1)
        k = len(E)
        WE = WT[None] @ E[:, None]
        ET = E[:, None] @ T[None]
        pairs = [(a, b) for a in range(k) for b in range(a, k)]
        WW = W @ W
        coefficients = np.concatenate(
            [
                DW[None],
                (WT @ DW)[None],
                (WW.transpose(0, 2, 1) @ DW)[None],
                WE @ W[None],
                WE @ WW[None],
                np.array([WE[a] @ T @ E[b] @ W for a, b in pairs]).reshape(-1, *W.shape),
            ]
        ).reshape(3 + 2 * k + len(pairs), -1)
        sums = (coefficients @ self.S).reshape(-1, self.P, self.P)
        total = (self.everything - sums[0]) / s2
        squared = (total - sums[1]) / s2
        cubed = (squared - sums[2]) / s2
        first = np.concatenate([sums[3 : 3 + k], squared[None]])
        second = np.empty((k + 1, k + 1, self.P, self.P))
        for i, (a, b) in enumerate(pairs):
            second[a, b] = sums[3 + 2 * k + i]
            second[b, a] = second[a, b].T
        second[:k, k] = sums[3 + k : 3 + 2 * k]
        second[k, :k] = second[:k, k].transpose(0, 2, 1)
        second[k, k] = cubed
        return Moments(
            logdet=float(counts @ logdet) + (self.n - q * counts.sum()) * float(np.log(s2)),
            total=total,
            first=first,
            second=second,
            **_traces(self.n, s2, counts, D, E, T, TW, ET),
        )

    def block_products(self, theta: FloatVector) -> tuple[FloatMatrix, FloatMatrix]:
        """Z'V⁻¹X̃ and Z'V⁻¹Z of every block."""
        M = self.K @ self.block_covariance(theta)
        q = M.shape[1]
        M[:, np.arange(q), np.arange(q)] += theta[-1]
        W = np.asarray(np.linalg.inv(M), dtype=float)
        return W[self.pattern_of] @ self.A_of_block, (W @ self.K)[self.pattern_of]


def _traces(
    n: int,
    s2: float,
    counts: FloatVector,
    D: FloatMatrix,
    E: FloatMatrix,
    T: FloatMatrix,
    TW: FloatMatrix,
    ET: FloatMatrix,
) -> dict[str, FloatMatrix]:
    k = len(E)
    trace = np.empty(k + 1)
    mean_T = np.tensordot(counts, T, axes=1)
    mean_TW = np.tensordot(counts, TW, axes=1)
    trace[:k] = np.einsum("kab,ab->k", E, mean_T)
    trace[k] = (n - np.sum(D * mean_T)) / s2
    trace2 = np.empty((k + 1, k + 1))
    trace2[:k, :k] = np.einsum("kgab,lgba,g->kl", ET, ET, counts, optimize=False)
    trace2[:k, k] = trace2[k, :k] = np.einsum("kab,ab->k", E, mean_TW)
    trace2[k, k] = (trace[k] - np.sum(D * mean_TW)) / s2
    return {"trace": trace, "trace2": trace2}
