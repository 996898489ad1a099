"""Cluster-robust (sandwich) variances with small-sample corrections.

CR0 is the plain sandwich, CR1 multiplies it by n/(n − 1), CR2 adjusts residuals so that it is
unbiased if the working covariance is right (Bell & McCaffrey 2002; Pustejovsky & Tipton 2018, with
the fitted covariance as both weight and target). Degrees of freedom are Satterthwaite's; joint
tests are Hotelling's T² approximation HTZ (Tipton & Pustejovsky 2015). ``sandwich`` and
``sandwich_adjusted`` are metafor's: CR0, and CR0 times n/(n − p), with t on n − p.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from metadesk.errors import DataProblem, NotEstimable
from metadesk.models.meta.multilevel.blocks import Stack, components, stack
from metadesk.models.meta.multilevel.data import Factor
from metadesk.models.meta.multilevel.estimate import Fit
from metadesk.models.meta.wald import coefficient_table, joint_test, moderator_positions
from metadesk.models.result import Coefficients, Omnibus
from metadesk.numerics.tails import f_sf
from metadesk.numerics.types import FloatMatrix, FloatVector

ROBUST: Mapping[str, str] = MappingProxyType(
    {
        "CR2": "CR2, Satterthwaite df (recommended)",
        "CR1": "CR1, Satterthwaite df",
        "CR0": "CR0, Satterthwaite df",
        "sandwich_adjusted": "Sandwich × n/(n − p), t with n − p df",
        "sandwich": "Sandwich, t with n − p df",
    }
)


@dataclass(frozen=True, eq=False)
class RobustResult:
    """Coefficients with cluster-robust errors, how they are tested jointly, how many clusters."""

    kind: str
    n_clusters: int
    coefficients: Coefficients
    omnibus: Omnibus | None
    joint: ClusterRobustTest


@dataclass(frozen=True, eq=False)
class _Pieces:
    """Per cluster: score contributions (n, p), and for each coefficient a = A'WXBc and U = X'a.

    ``inner[j, s, t]`` is a_s' M a_t of cluster j; ``U[j, :, s]`` its X'a_s.
    """

    scores: FloatMatrix
    inner: FloatMatrix
    U: FloatMatrix


@dataclass(frozen=True, eq=False)
class ClusterRobustTest:
    """Joint tests of coefficients: HTZ, for the plain sandwiches F on n − p df."""

    table: Coefficients
    bread: FloatMatrix
    pieces: _Pieces
    kind: str

    def __call__(self, which: Sequence[int], title: str) -> Omnibus:
        """Test that the coefficients at these positions are all zero."""
        index = list(which)
        if not self.kind.startswith("sandwich"):
            return replace(_htz(self.table, self.pieces, self.bread, index), title=title)
        test = joint_test(self.table, index, title)
        if _degenerate(self.table.vb, self.bread, index):
            return replace(test, statistic=math.nan, p=math.nan)
        return test


def robust_coefficients(
    fit: Fit, cluster: Factor, kind: str, level: float, test_of: Sequence[int] | None = None
) -> RobustResult:
    """Replace the model's standard errors by cluster-robust ones.

    Raises
    ------
    DataProblem
        If effects of one model cluster (shared random effect or correlated errors) lie in
        different robust clusters.
    NotEstimable
        If there are no more clusters than coefficients.
    """
    data = fit.machine.data
    together = components(data.k, [fit.machine.clusters, cluster.codes])
    if np.unique(together).size != cluster.n_used:
        raise DataProblem(
            f"Effects that depend on each other in the model lie in different levels of "
            f"'{cluster.name}'; cluster by the outermost grouping instead."
        )
    n, p = cluster.n_used, data.p
    if n <= p:
        raise NotEstimable(f"{n} clusters cannot carry robust errors of {p} coefficients.")
    parts = [entry.part for entry in fit.machine.covariance.entries]
    gamma, _ = fit.machine.covariance.linear(fit.phi)
    stacks = stack(data, together, parts)
    pieces = _pieces(fit, stacks, gamma, kind)
    factor = {"CR1": n / (n - 1), "sandwich_adjusted": n / (n - p)}.get(kind, 1.0)
    bread = fit.found.vb
    vb = factor * bread @ (pieces.scores.T @ pieces.scores) @ bread
    if kind.startswith("sandwich"):
        df: float | FloatVector = float(n - p)
        words = f"cluster-robust ({kind}), t with n − p = {n - p} df"
    else:
        df = np.array([_satterthwaite(pieces, bread, s) for s in range(p)])
        words = f"cluster-robust {kind}, t with Satterthwaite df"
    table = coefficient_table(data.names, fit.found.b, vb, df, level, words)
    joint = ClusterRobustTest(table, bread, pieces, kind)
    which = list(moderator_positions(data.names) if test_of is None else test_of)
    omnibus = joint(which, "Test of moderators") if which else None
    return RobustResult(kind, n, table, omnibus, joint)


def _pieces(fit: Fit, stacks: Sequence[Stack], gamma: FloatVector, kind: str) -> _Pieces:
    b, bread = fit.found.b, fit.found.vb
    scores, inner, U = [], [], []
    for s in stacks:
        M = s.V + np.tensordot(gamma, s.Z, axes=1)
        W = np.linalg.inv(M)
        WX = W @ s.X
        left = _adjusted(M, s.X, bread, WX) if kind == "CR2" else WX
        resid = s.y - s.X @ b
        scores.append(np.einsum("mnp,mn->mp", left, resid))
        a = left @ bread
        inner.append(np.swapaxes(a, 1, 2) @ M @ a)
        U.append(np.swapaxes(s.X, 1, 2) @ a)
    return _Pieces(np.concatenate(scores), np.concatenate(inner), np.concatenate(U))


def _adjusted(M: FloatMatrix, X: FloatMatrix, bread: FloatMatrix, WX: FloatMatrix) -> FloatMatrix:
    """A'WX with A = D'(D(M − XBX')D')^(+½)D and M = D'D; null directions contribute nothing."""
    L = np.linalg.cholesky(M)
    Lt = np.swapaxes(L, 1, 2)
    middle = Lt @ (M - X @ bread @ np.swapaxes(X, 1, 2)) @ L
    values, vectors = np.linalg.eigh(0.5 * (middle + np.swapaxes(middle, 1, 2)))
    floor = 1e-12 * np.maximum(values.max(axis=1, keepdims=True), 1e-300)
    power = np.where(values > floor, 1.0 / np.sqrt(np.where(values > floor, values, 1.0)), 0.0)
    root = (vectors * power[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    return np.asarray(L @ root @ Lt @ WX)


def _satterthwaite(pieces: _Pieces, bread: FloatMatrix, s: int) -> float:
    """tr(G)² / tr(G²) with G_ij = δ_ij a'Ma − U_i'BU_j, without forming G."""
    d = pieces.inner[:, s, s]
    U = pieces.U[:, :, s]
    own = np.einsum("jp,pq,jq->j", U, bread, U)
    K = bread @ (U.T @ U)
    trace = float(d.sum() - own.sum())
    square = float(d @ d - 2.0 * d @ own + np.trace(K @ K))
    return trace**2 / square if square > 0 else math.nan


def _degenerate(vb: FloatMatrix, bread: FloatMatrix, which: Sequence[int]) -> bool:
    """Whether the clusters vary in fewer directions than ``which`` coefficients, but for rounding.

    So it is where a level occurs in one cluster only, whose residuals add up to nothing.
    """
    index = np.ix_(list(which), list(which))
    unit = np.sqrt(np.diag(bread[index]))
    values = np.linalg.eigvalsh(vb[index] / np.outer(unit, unit))
    return bool(values[0] <= 1e-14 * values[-1])


def _htz(table: Coefficients, pieces: _Pieces, bread: FloatMatrix, which: Sequence[int]) -> Omnibus:
    """Approximate Hotelling T² test that the chosen coefficients are zero."""
    index = list(which)
    q = len(index)
    inner = pieces.inner[:, index][:, :, index]
    U = pieces.U[:, :, index]
    names = tuple(table.names[i] for i in index)
    omega = inner.sum(axis=0) - np.einsum("jps,pq,jqt->st", U, bread, U)
    values, vectors = np.linalg.eigh(omega)
    b, vb = table.b[index], table.vb[np.ix_(index, index)]
    if values[0] <= 1e-12 * values[-1] or _degenerate(table.vb, bread, index):
        unknown = "not available: too few clusters say something about these coefficients"
        nan = math.nan
        return Omnibus("Test of moderators", nan, "F", float(q), nan, nan, names, unknown)
    root = (vectors / np.sqrt(values)) @ vectors.T
    inner = root @ inner @ root
    U = U @ root
    own = np.einsum("jps,pq,jqt->jst", U, bread, U)
    K = np.einsum("jps,jqt->stpq", U, U)
    total = 0.0
    for s in range(q):
        for t in range(q):
            same = np.sum(inner[:, s, s] * inner[:, t, t])
            same -= np.sum(inner[:, s, s] * own[:, t, t] + inner[:, t, t] * own[:, s, s])
            same += np.trace(bread @ K[s, t] @ bread @ K[t, s])
            crossed = np.sum(inner[:, s, t] ** 2) - 2.0 * np.sum(inner[:, s, t] * own[:, s, t])
            crossed += np.trace(bread @ K[t, s] @ bread @ K[t, s])
            total += float(same + crossed)
    eta = q * (q + 1) / total
    quadratic = float(b @ np.linalg.solve(vb, b))
    df2 = eta - q + 1.0
    statistic = quadratic * df2 / (eta * q)
    p = float(f_sf(statistic, q, df2)) if df2 > 0 else math.nan
    return Omnibus(
        "Test of moderators", statistic, "F", float(q), df2, p, names, "HTZ, cluster-robust"
    )
