"""Random effects with equal residual variances: only q × q algebra per pattern of persons.

``V = σ²I + ZDZ'`` in each block. With ``W = (σ²I + Z'Z D)⁻¹`` one has ``Z'V⁻ᵏ = WᵏZ'``, so that all
sums need only the cross-products ``Z'Z`` and ``Z'X̃`` of each block, taken once. Blocks with the
same ``Z'Z`` (persons with the same plan) are one pattern whose products are summed beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metadesk.errors import DataProblem
from metadesk.models.mixed.columns import Factor
from metadesk.models.mixed.moments import Component, Moments
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector

LARGEST_BLOCK = 400


@dataclass(frozen=True, eq=False)
class RandomColumns:
    """Random-effect columns of one grouping factor, one row of ``Z`` a row of the model."""

    group: str
    factor: Factor
    terms: tuple[str, ...]
    Z: FloatMatrix


@dataclass(frozen=True, eq=False)
class Blocks:
    """Independent blocks of rows and where each random effect stands within its block.

    ``order`` sorts rows by block, ``starts`` are the first rows of the blocks in that order.
    ``local`` gives, for every grouping factor, the position of a level inside its block.
    """

    of_row: IntVector
    order: IntVector
    starts: IntVector
    local: tuple[IntVector, ...]
    most: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of blocks."""
        return len(self.starts)


def find_blocks(groups: tuple[RandomColumns, ...], n: int) -> Blocks:
    """Find the sets of rows that share no random effect with other rows."""
    of_row = _joined(groups, n)
    sorted_already = bool((of_row[1:] >= of_row[:-1]).all())
    order = np.arange(n) if sorted_already else np.argsort(of_row, kind="stable")
    starts = np.flatnonzero(np.diff(of_row[order], prepend=-1))
    if len(groups) == 1:
        one_each = np.zeros(len(groups[0].factor.levels), dtype=np.int64)
        return Blocks(of_row, order, starts, (one_each,), (1,))
    local, most = [], []
    for g in groups:
        block_of = np.zeros(len(g.factor.levels), dtype=np.int64)
        block_of[g.factor.codes] = of_row
        sizes = np.bincount(g.factor.codes, minlength=len(g.factor.levels))
        by_block = np.lexsort((np.arange(len(sizes)), -sizes, block_of))
        first = np.flatnonzero(np.diff(block_of[by_block], prepend=-1))
        counts = np.diff(np.append(first, len(by_block)))
        within = np.arange(len(by_block)) - np.repeat(first, counts)
        position = np.empty_like(within)
        position[by_block] = within
        local.append(position)
        most.append(int(counts.max()))
    return Blocks(of_row, order, starts, tuple(local), tuple(most))


def _joined(groups: tuple[RandomColumns, ...], n: int) -> IntVector:
    """Number the blocks: rows that share a level of any factor, directly or in a chain, are one."""
    if not groups:
        return np.arange(n, dtype=np.int64)
    found = groups[0].factor.codes
    if len(groups) == 1:
        return found
    changed = True
    while changed:
        changed = False
        for g in groups:
            low = np.full(len(g.factor.levels), n, dtype=np.int64)
            np.minimum.at(low, g.factor.codes, found)
            lowest = np.full(int(found.max()) + 1, n, dtype=np.int64)
            np.minimum.at(lowest, found, low[g.factor.codes])
            joined = lowest[found]
            if not np.array_equal(joined, found):
                found, changed = joined, True
    return np.unique(found, return_inverse=True)[1].reshape(-1).astype(np.int64)


def components_of(groups: tuple[RandomColumns, ...]) -> tuple[Component, ...]:
    """Lay the covariance parameters of the groups one after another."""
    found: list[Component] = []
    start = 0
    for g in groups:
        c = Component(g.group, g.terms, len(g.factor.levels), start)
        found.append(c)
        start += len(c.pairs)
    return tuple(found)


def block_columns(groups: tuple[RandomColumns, ...], blocks: Blocks, n: int) -> FloatMatrix:
    """Z with the columns of a block side by side, padded with zeros; (n, q)."""
    q = sum(g.Z.shape[1] * m for g, m in zip(groups, blocks.most, strict=False))
    if q > LARGEST_BLOCK:
        raise DataProblem(
            f"The random terms reach across {q} levels at once; nest them in persons (for example "
            f"'subject:cycle') or make the crossed factor a fixed term."
        )
    Z = np.zeros((n, q))
    rows = np.arange(n)
    offset = 0
    for g, local, most in zip(groups, blocks.local, blocks.most, strict=False):
        width = g.Z.shape[1]
        at = offset + local[g.factor.codes] * width
        for t in range(width):
            Z[rows, at + t] = g.Z[:, t]
        offset += width * most
    return Z


def derivative_blocks(
    components: tuple[Component, ...], most: tuple[int, ...]
) -> tuple[FloatMatrix, ...]:
    """∂D/∂θ_k for the whole block, one q × q matrix a parameter."""
    q = sum(c.size * m for c, m in zip(components, most, strict=True))
    found = []
    offset = 0
    for c, m in zip(components, most, strict=True):
        for a, b in c.pairs:
            E = np.zeros((q, q))
            for level in range(m):
                at = offset + level * c.size
                E[at + a, at + b] = E[at + b, at + a] = 1.0
            found.append(E)
        offset += c.size * m
    return tuple(found)


class RandomEffectsCovariance:
    """``V = σ²I + ZDZ'``; parameters are those of D, then the residual variance."""

    linear = True

    def __init__(self, groups: tuple[RandomColumns, ...], X: FloatMatrix) -> None:
        n, P = X.shape
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
        self.everything = X.T @ X
        self._gather(X)

    def _gather(self, X: FloatMatrix) -> None:
        order, starts = self.blocks.order, self.blocks.starts
        Z = self.Z
        if order[0] != 0 or (np.diff(order) < 0).any():
            Z, X = Z[order], X[order]
        q = Z.shape[1]
        if q == 1 and bool((Z == 1.0).all()):
            K = np.diff(starts, append=self.n).astype(float)[:, None, None]
            A = np.add.reduceat(X, starts, axis=0)[:, None, :]
        elif q == 1:
            K = np.add.reduceat(Z[:, 0] ** 2, starts)[:, None, None]
            A = np.add.reduceat(Z * X, starts, axis=0)[:, None, :]
        elif q <= 24:
            K = np.add.reduceat(Z[:, :, None] * Z[:, None, :], starts, axis=0)
            A = np.add.reduceat(Z[:, :, None] * X[:, None, :], starts, axis=0)
        else:
            parts = np.split(np.arange(len(X)), starts[1:])
            K = np.array([Z[i].T @ Z[i] for i in parts])
            A = np.array([Z[i].T @ X[i] for i in parts])
        self.K_of_block, self.A_of_block = K, A
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
