"""Sampling covariances of estimates that share people: outcomes, time points, control groups.

The covariance matrix of all estimates is block-diagonal with one block a cluster; it is kept as the
list of its blocks, and made dense only on request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metadesk.errors import DataProblem, SpecProblem
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector


@dataclass(frozen=True, eq=False)
class BlockCovariance:
    """Blocks of a covariance matrix with their rows, in the order of first appearance."""

    k: int
    rows: tuple[IntVector, ...]
    blocks: tuple[FloatMatrix, ...]
    labels: tuple[object, ...] = ()

    @property
    def diagonal(self) -> FloatVector:
        """Sampling variances by row."""
        v = np.full(self.k, np.nan)
        for rows, block in zip(self.rows, self.blocks, strict=True):
            v[rows] = np.diag(block)
        return v

    def dense(self) -> FloatMatrix:
        """The whole (k, k) matrix."""
        V = np.zeros((self.k, self.k))
        for rows, block in zip(self.rows, self.blocks, strict=True):
            V[np.ix_(rows, rows)] = block
        return V

    def not_positive_definite(self) -> tuple[object, ...]:
        """Labels of the clusters whose block is not positive definite."""
        bad = []
        for label, block in zip(self.labels, self.blocks, strict=True):
            known = ~np.isnan(np.diag(block))
            inner = block[np.ix_(known, known)]
            if len(inner) and np.linalg.eigvalsh(inner)[0] <= np.finfo(float).eps * np.trace(inner):
                bad.append(label)
        return tuple(bad)

    def checked(self) -> BlockCovariance:
        """Return this covariance, or say which clusters make it impossible.

        Raises
        ------
        DataProblem
            If a block is not positive definite.
        """
        bad = self.not_positive_definite()
        if bad:
            named = ", ".join(str(label) for label in bad[:5])
            more = " and others" if len(bad) > 5 else ""
            raise DataProblem(
                f"The covariances assumed in cluster {named}{more} are not possible (not positive "
                "definite); use a smaller correlation or look for rows entered twice."
            )
        return self


def clusters(labels: Sequence[object]) -> tuple[tuple[object, ...], tuple[IntVector, ...]]:
    """Different labels in the order of first appearance, with the rows of each."""
    where: dict[object, list[int]] = {}
    for i, label in enumerate(labels):
        where.setdefault(label, []).append(i)
    return tuple(where), tuple(np.array(rows, dtype=np.int64) for rows in where.values())


def diagonal_covariance(vi: FloatVector) -> BlockCovariance:
    """Independent estimates: one block of size one a row."""
    v = np.asarray(vi, dtype=float)
    rows = tuple(np.array([i]) for i in range(len(v)))
    return BlockCovariance(len(v), rows, tuple(v[r][:, None] for r in rows), tuple(range(len(v))))


def covariance_from_rows(
    cluster: Sequence[object], columns: Sequence[FloatVector]
) -> BlockCovariance:
    """Blocks that stand in the table: row j of a cluster holds row j of its matrix.

    Parameters
    ----------
    cluster : sequence
        Cluster of each row.
    columns : sequence of (k,) arrays
        The first, second, … entry of each row of the cluster's matrix.
    """
    labels, rows = clusters(cluster)
    blocks = []
    table = np.array([np.asarray(c, dtype=float) for c in columns]).T
    for label, at in zip(labels, rows, strict=True):
        if len(at) > table.shape[1]:
            raise DataProblem(
                f"Cluster {label} has {len(at)} rows but only {table.shape[1]} covariance columns; "
                "add a column for each row of the largest cluster."
            )
        block = table[at][:, : len(at)]
        upper = np.isnan(block)
        block = np.where(upper, block.T, block)
        blocks.append((block + block.T) / 2.0)
    return BlockCovariance(len(cluster), rows, tuple(blocks), labels)


def of_rows(V: BlockCovariance, wanted: IntVector) -> BlockCovariance:
    """The covariances of some of the rows, in the order of ``wanted``."""
    place = {int(row): i for i, row in enumerate(wanted)}
    rows, blocks, labels = [], [], []
    for at, block, label in zip(V.rows, V.blocks, V.labels, strict=True):
        inside = [i for i, row in enumerate(at) if int(row) in place]
        if inside:
            rows.append(np.array([place[int(at[i])] for i in inside], dtype=np.int64))
            blocks.append(block[np.ix_(inside, inside)])
            labels.append(label)
    return BlockCovariance(len(wanted), tuple(rows), tuple(blocks), tuple(labels))


@dataclass(frozen=True)
class Correlations:
    """Correlations of pairs of outcomes by their names; ``other`` for pairs that are not named."""

    pairs: Mapping[frozenset[object], float]
    other: float = 0.0

    def among(self, names: Sequence[object]) -> FloatMatrix:
        """The correlation matrix of estimates of these outcomes; 1 for the same outcome."""
        return np.array(
            [
                [1.0 if a == b else self.pairs.get(frozenset((a, b)), self.other) for b in names]
                for a in names
            ]
        )


def constructed_covariance(
    vi: FloatVector,
    cluster: Sequence[object],
    *,
    subgroup: Sequence[object] | None = None,
    type_: Sequence[object] | None = None,
    obs: Sequence[object] | None = None,
    rho: float | tuple[float, float] | Correlations | None = None,
    time1: FloatVector | None = None,
    time2: FloatVector | None = None,
    phi: float | None = None,
    grp1: Sequence[object] | None = None,
    grp2: Sequence[object] | None = None,
    w1: FloatVector | None = None,
    w2: FloatVector | None = None,
) -> BlockCovariance:
    """Construct sampling covariances from variances and assumed correlations.

    The correlation of two estimates of a cluster is a product: of ``rho`` where they are of
    different ``obs`` (two values with ``type_``: within and between types; or one for each pair of
    outcomes), of ``phi`` to the power of their distance in time, and of the share that comes from
    groups both have (``grp1``/``grp2`` name the two groups of each contrast, ``w1``/``w2`` their
    sizes).

    Parameters
    ----------
    vi : (k,) array
        Sampling variances.
    cluster : sequence
        Estimates of different clusters are independent.
    subgroup : sequence, optional
        Estimates of different subgroups of a cluster are independent.
    type_, obs : sequence, optional
        Kind of outcome, and outcome within kind.
    rho : float, (within, between) or Correlations, optional
        Correlation of estimates with different ``obs``.
    time1, time2 : (k,) arrays, optional
        Time of the estimates; ``time2`` is that of the second group, where it differs.
    phi : float, optional
        Correlation at a distance of one unit of time.
    grp1, grp2 : sequence, optional
        Groups of each contrast.
    w1, w2 : (k,) arrays, optional
        Sizes of the groups (all equal where missing; the second's are the first's where only those
        are given).

    Returns
    -------
    BlockCovariance
        One block a cluster.

    References
    ----------
    Viechtbauer, function vcalc of metafor; Gleser & Olkin (2009) for shared groups.
    """
    if (grp1 is None) != (grp2 is None):
        raise SpecProblem("Shared groups need both groups of each contrast.")
    if time2 is not None and grp2 is None:
        raise SpecProblem("A second time needs the two groups of each contrast.")
    labels, rows = clusters(cluster)
    v = np.asarray(vi, dtype=float)
    blocks = []
    for at in rows:
        R = np.ones((len(at), len(at)))
        if rho is not None:
            R = R * _by_outcome(at, type_, obs, rho)
        if grp1 is not None and grp2 is not None:
            sizes = (w1, w1 if w2 is None else w2)
            R = R * _by_groups(at, (grp1, grp2), sizes, (time1, time2), phi)
        elif phi is not None and time1 is not None:
            t = np.asarray(time1, dtype=float)[at]
            R = R * phi ** np.abs(t[:, None] - t[None, :])
        if subgroup is not None:
            R = R * _same(at, subgroup)
        np.fill_diagonal(R, 1.0)
        s = np.sqrt(v[at])
        blocks.append(R * s[:, None] * s[None, :])
    return BlockCovariance(len(v), rows, tuple(blocks), labels)


def _same(at: IntVector, labels: Sequence[object]) -> FloatMatrix:
    """1 where two rows carry the same label."""
    own = [labels[int(i)] for i in at]
    return np.array([[float(a == b) for b in own] for a in own])


def _by_outcome(
    at: IntVector,
    type_: Sequence[object] | None,
    obs: Sequence[object] | None,
    rho: float | tuple[float, float] | Correlations,
) -> FloatMatrix:
    if isinstance(rho, Correlations):
        named = obs if obs is not None else type_
        if named is None:
            raise SpecProblem("Correlations of single outcomes need the outcome of each estimate.")
        return rho.among([named[int(i)] for i in at])
    within, between = rho if isinstance(rho, tuple) else (rho, rho)
    own_obs = obs if obs is not None else [int(i) for i in range(int(at.max()) + 1)]
    same_obs = _same(at, own_obs)
    if type_ is None:
        return np.where(same_obs == 1.0, 1.0, within)
    same_type = _same(at, type_)
    if obs is None and not isinstance(rho, tuple):
        # One correlation for different types; the same type is the same outcome.
        return np.where(same_type == 1.0, 1.0, within)
    return np.where(same_type == 1.0, np.where(same_obs == 1.0, 1.0, within), between)


def _by_groups(
    at: IntVector,
    groups: tuple[Sequence[object], Sequence[object]],
    sizes: tuple[FloatVector | None, FloatVector | None],
    times: tuple[FloatVector | None, FloatVector | None],
    phi: float | None,
) -> FloatMatrix:
    """Correlation of contrasts through the groups they share.

    Each side of a contrast is a mean with variance 1/size; sides of the same group correlate by 1,
    or by phi to the power of their distance in time.
    """
    names = [[side[int(i)] for i in at] for side in groups]
    n = [np.ones(len(at)) if w is None else np.asarray(w, dtype=float)[at] for w in sizes]
    first = np.zeros(len(at)) if times[0] is None else np.asarray(times[0], dtype=float)[at]
    t = [first, first if times[1] is None else np.asarray(times[1], dtype=float)[at]]
    C = np.zeros((len(at), len(at)))
    for a, sign in ((0, 1.0), (1, -1.0)):
        for b, other in ((0, 1.0), (1, -1.0)):
            shared = np.array([[x == y for y in names[b]] for x in names[a]], dtype=float)
            if phi is not None:
                shared = shared * phi ** np.abs(t[a][:, None] - t[b][None, :])
            C += sign * other * shared / np.sqrt(n[a][:, None] * n[b][None, :])
    s = np.sqrt(np.diag(C))
    return np.asarray(C / s[:, None] / s[None, :])
