"""Independent clusters as stacks of small matrices.

Rows that share a random effect or correlated sampling errors form a cluster. Clusters of similar
size are padded to a common one (with an identity that contributes nothing) and handled as one
array, so the cost is linear in the number of clusters and no k × k matrix is ever made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metadesk.models.meta.multilevel.data import DependentData
from metadesk.numerics.types import BoolVector, FloatMatrix, FloatVector, IntVector

LOG_2PI = math.log(2.0 * math.pi)


@dataclass(frozen=True, eq=False)
class LinearPart:
    """One linear parameter of the covariance: where it stands, and with what factor.

    Rows i and j of the same ``group`` have the parameter times ``table[inner_i, inner_j]`` in their
    covariance; rows of different groups have nothing of it.
    """

    group: IntVector
    inner: IntVector
    table: FloatMatrix

    @classmethod
    def shared(cls, group: IntVector) -> LinearPart:
        """Return the variance of an intercept that all rows of a group share."""
        return cls(group, np.zeros_like(group), np.ones((1, 1)))


@dataclass(frozen=True, eq=False)
class Stack:
    """Clusters of one padded size n: ``rows`` (m, n), ``real`` marks what is not padding."""

    rows: IntVector
    real: BoolVector
    y: FloatMatrix
    X: FloatMatrix
    V: FloatMatrix
    Z: FloatMatrix


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything that one value of the covariance parameters gives.

    ``score`` and ``information`` (average information) are in the linear parameters gamma;
    ``resid_weighted`` holds M⁻¹(y − Xb), ``X_weighted`` M⁻¹X, per row.
    """

    log_likelihood: float
    b: FloatVector
    vb: FloatMatrix
    score: FloatVector
    information: FloatMatrix
    resid_weighted: FloatVector
    X_weighted: FloatMatrix
    rss: float


def components(k: int, groupings: Sequence[IntVector]) -> IntVector:
    """Number the sets of rows that the groupings tie together."""
    label = np.arange(k, dtype=np.int64)
    while True:
        before = label
        for codes in groupings:
            least = np.full(int(codes.max()) + 1, k, dtype=np.int64)
            np.minimum.at(least, codes, label)
            label = least[codes]
        if np.array_equal(before, label):
            break
    return np.unique(label, return_inverse=True)[1].astype(np.int64)


def stack(
    data: DependentData, clusters: IntVector, parts: Sequence[LinearPart]
) -> tuple[Stack, ...]:
    """Lay the clusters out in stacks; a stack holds sizes from n/2 to n."""
    order = np.argsort(clusters, kind="stable")
    sizes = np.bincount(clusters)
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    pairs = _covariances(data)
    stacks = []
    left = np.arange(sizes.size)
    while left.size:
        n = int(sizes[left].max())
        fits = 2 * sizes[left] >= n if n > 2 else np.ones(left.size, dtype=bool)
        now, left = left[fits], left[~fits]
        place = first[now][:, None] + np.arange(n)[None, :]
        real = np.arange(n)[None, :] < sizes[now][:, None]
        rows = order[np.where(real, place, 0)]
        stacks.append(_one_stack(data, rows, real, parts, pairs))
    return tuple(stacks)


def _one_stack(
    data: DependentData,
    rows: IntVector,
    real: BoolVector,
    parts: Sequence[LinearPart],
    pairs: tuple[IntVector, IntVector, FloatVector],
) -> Stack:
    m, n = rows.shape
    both = real[:, :, None] & real[:, None, :]
    V = np.zeros((m, n, n))
    index = np.arange(n)
    V[:, index, index] = np.where(real, data.vi[rows], 1.0)
    if pairs[0].size:
        _place(V, rows, real, data.k, pairs)
    Z = np.zeros((len(parts), m, n, n))
    for t, part in enumerate(parts):
        g, a = part.group[rows], part.inner[rows]
        same = (g[:, :, None] == g[:, None, :]) & both
        if part.table.size == 1:
            Z[t] = same * part.table[0, 0]
        else:
            Z[t] = np.where(same, part.table[a[:, :, None], a[:, None, :]], 0.0)
    return Stack(
        rows=rows,
        real=real,
        y=np.where(real, data.yi[rows], 0.0),
        X=np.where(real[:, :, None], data.X[rows], 0.0),
        V=V,
        Z=Z,
    )


def _covariances(data: DependentData) -> tuple[IntVector, IntVector, FloatVector]:
    """Off-diagonal sampling covariances as (row, column, value)."""
    if not data.blocks:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing, np.zeros(0)
    left = [np.repeat(rows, rows.size) for rows, _ in data.blocks]
    right = [np.tile(rows, rows.size) for rows, _ in data.blocks]
    values = [block.ravel() for _, block in data.blocks]
    return np.concatenate(left), np.concatenate(right), np.concatenate(values)


def _place(
    V: FloatMatrix,
    rows: IntVector,
    real: BoolVector,
    k: int,
    pairs: tuple[IntVector, IntVector, FloatVector],
) -> None:
    """Write the sampling covariances of the rows of a stack into it."""
    cluster = np.full(k, -1, dtype=np.int64)
    position = np.zeros(k, dtype=np.int64)
    m, n = rows.shape
    cluster[rows[real]] = np.repeat(np.arange(m), n).reshape(m, n)[real]
    position[rows[real]] = np.tile(np.arange(n), m).reshape(m, n)[real]
    i, j, value = pairs
    here = cluster[i] >= 0
    V[cluster[i[here]], position[i[here]], position[j[here]]] = value[here]


def evaluate(
    stacks: Sequence[Stack], gamma: FloatVector, k: int, restricted: bool
) -> Evaluation | None:
    """Likelihood, score and average information; None where M is not positive definite.

    REML: ``-½[(k-p) ln 2π + ln|M| + ln|X'M⁻¹X| + r'M⁻¹r]`` for orthonormal columns (Harville 1977;
    for others ``ln|X'X|`` is taken off, as metafor has it). The average information is ½ q'Pq with
    q = Z M⁻¹r (Gilmour, Thompson & Cullis 1995).
    """
    p = stacks[0].X.shape[2]
    inverses, projected = [], []
    log_det = 0.0
    cross = np.zeros((p, p + 1))
    for s in stacks:
        M = s.V + np.tensordot(gamma, s.Z, axes=1)
        try:
            root = np.linalg.cholesky(M)
        except np.linalg.LinAlgError:
            return None
        diagonal = np.diagonal(root, axis1=1, axis2=2)
        log_det += 2.0 * float(np.log(diagonal).sum())
        inverse = np.linalg.inv(M)
        A = inverse @ np.concatenate([s.X, s.y[:, :, None]], axis=2)
        cross += np.tensordot(s.X, A, axes=([0, 1], [0, 1]))
        inverses.append(inverse)
        projected.append(A)
    xmx = cross[:, :p]
    try:
        vb = np.linalg.inv(xmx)
    except np.linalg.LinAlgError:
        return None
    b = vb @ cross[:, p]
    T = gamma.size
    score, information = np.zeros(T), np.zeros((T, T))
    lever = np.zeros((T, p))
    weighted, designs = np.zeros(k), np.zeros((k, p))
    rss = 0.0
    slope = np.zeros((T, p, p))
    for s, inverse, A in zip(stacks, inverses, projected, strict=True):
        resid = s.y - s.X @ b
        e = A[:, :, p] - A[:, :, :p] @ b
        rss += float((resid * e).sum())
        weighted[s.rows[s.real]] = e[s.real]
        designs[s.rows[s.real]] = A[:, :, :p][s.real]
        q = np.matmul(s.Z, e[None, :, :, None])[..., 0]
        score += 0.5 * np.tensordot(q, e, axes=([1, 2], [0, 1]))
        score -= 0.5 * np.tensordot(s.Z, inverse, axes=([1, 2, 3], [0, 1, 2]))
        Mq = np.matmul(inverse[None], q[..., None])[..., 0]
        information += 0.5 * np.tensordot(q, Mq, axes=([1, 2], [1, 2]))
        lever += np.tensordot(q, A[:, :, :p], axes=([1, 2], [0, 1]))
        if restricted:
            ZA = np.matmul(s.Z, A[None, :, :, :p])
            slope += np.tensordot(ZA, A[:, :, :p], axes=([1, 2], [0, 1])).transpose(0, 2, 1)
    information -= 0.5 * lever @ vb @ lever.T
    sign, log_det_xmx = np.linalg.slogdet(xmx)
    if sign <= 0:
        return None
    if restricted:
        score += 0.5 * np.einsum("tab,ba->t", slope, vb)
        ll = -0.5 * ((k - p) * LOG_2PI + log_det + float(log_det_xmx) + rss)
    else:
        ll = -0.5 * (k * LOG_2PI + log_det + rss)
    return Evaluation(ll, b, vb, score, information, weighted, designs, rss)
