"""Cluster-robust (sandwich) variances with small-sample corrections.

CR0 is the plain sandwich, CR1 multiplies it by n/(n − 1), CR2 adjusts residuals so that it is
unbiased if the working covariance is right (Bell & McCaffrey 2002; Pustejovsky & Tipton 2018, with
the fitted covariance as both weight and target). Degrees of freedom are Satterthwaite's; joint
tests are Hotelling's T² approximation HTZ (Tipton & Pustejovsky 2015). ``sandwich`` and
``sandwich_adjusted`` are metafor's: CR0, and CR0 times n/(n − p), with t on n − p.

All is done in the orthonormal columns of the fit, so neither the unit of the effects nor that of a
moderator matters.
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
from metadesk.models.meta.wald import (
    coefficients_of,
    joint_test,
    moderator_positions,
    quadratic,
    tested_directions,
)
from metadesk.models.result import Basis, Coefficients, Omnibus
from metadesk.numerics.tails import f_sf
from metadesk.numerics.types import BoolVector, FloatMatrix, FloatVector

ROBUST: Mapping[str, str] = MappingProxyType(
    {
        "CR2": "CR2, Satterthwaite df (recommended)",
        "CR1": "CR1, Satterthwaite df",
        "CR0": "CR0, Satterthwaite df",
        "sandwich_adjusted": "Sandwich × n/(n − p), t with n − p df",
        "sandwich": "Sandwich, t with n − p df",
    }
)


_NOTHING = 1e-12
"""A share of the model's variance so small that it is rounding."""


@dataclass(frozen=True, eq=False)
class RobustResult:
    """Coefficients with cluster-robust errors, how they are tested jointly, how many clusters.

    ``unknown`` names coefficients without an error (NaN): all that tells of them is one cluster,
    whose residuals add up to nothing.
    """

    kind: str
    n_clusters: int
    coefficients: Coefficients
    omnibus: Omnibus | None
    joint: ClusterRobustTest
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Pieces:
    """Per cluster j, in q directions: its part in the estimate and what the model expects of it.

    ``parts`` (n, q) holds ``B X'WA e``, whose squares and products add up to the covariance. Under
    the working model a cluster's own part has covariance ``own_j`` (q, q), and the parts of
    clusters i and j have ``−lever_i B lever_j'`` with ``lever`` (n, q, p).
    """

    parts: FloatMatrix
    own: FloatMatrix
    lever: FloatMatrix
    bread: FloatMatrix

    def along(self, U: FloatMatrix) -> _Pieces:
        """The same for the combinations in the columns of ``U``."""
        own = U.T @ self.own @ U
        return _Pieces(self.parts @ U, own, U.T @ self.lever, self.bread)

    @property
    def expected(self) -> FloatMatrix:
        """Expectation of the covariance under the working model."""
        return np.asarray(self.own.sum(axis=0))


@dataclass(frozen=True, eq=False)
class ClusterRobustTest:
    """Joint tests of coefficients: HTZ, for the plain sandwiches F on n − p df."""

    table: Coefficients
    pieces: _Pieces
    simple: bool

    def __call__(self, which: Sequence[int], title: str) -> Omnibus:
        """Test that the coefficients at these positions are all zero."""
        table, q = self.table, len(which)
        names = tuple(table.names[i] for i in which)
        U = tested_directions(table.coordinates, np.eye(table.b.size)[list(which)])
        chosen = self.pieces.along(U)
        values = np.linalg.eigvalsh(chosen.expected)
        if values[0] <= _NOTHING * np.linalg.eigvalsh(U.T @ chosen.bread @ U)[-1]:
            words = "not available: too few clusters tell of these coefficients"
            df2 = float(table.df[which[0]]) if self.simple else math.nan
            return Omnibus(title, math.nan, "F", float(q), df2, math.nan, names, words)
        if self.simple:
            return joint_test(table, which, title)
        eta = _degrees(chosen)
        df2 = eta - q + 1.0
        if df2 <= 0.0:
            words = "not available: too few clusters for a joint test of so many coefficients"
            return Omnibus(title, math.nan, "F", float(q), df2, math.nan, names, words)
        statistic = quadratic(table.coordinates, U) * df2 / (eta * q)
        p = float(f_sf(statistic, q, df2))
        return Omnibus(title, statistic, "F", float(q), df2, p, names, "HTZ, cluster-robust")


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
    data, at = fit.machine.orthonormal, fit.basis
    together = components(data.k, [fit.machine.clusters, cluster.codes])
    if np.unique(together).size != cluster.n_used:
        raise DataProblem(
            f"Effects that depend on each other in the model lie in different levels of "
            f"'{cluster.name}'; cluster by the outermost grouping instead."
        )
    n, p = cluster.n_used, data.p
    if n <= p:
        raise NotEstimable(f"{n} clusters cannot carry robust errors of {p} coefficients.")
    layout = [entry.part for entry in fit.machine.covariance.entries]
    gamma, _ = fit.machine.covariance.linear(fit.phi)
    pieces = _pieces(at, stack(data, together, layout), gamma, kind)
    factor = {"CR1": n / (n - 1), "sandwich_adjusted": n / (n - p)}.get(kind, 1.0)
    robust = Basis(at.T, at.z, factor * pieces.parts.T @ pieces.parts)
    single = [pieces.along(row[:, None]) for row in at.T]
    told = np.array([float(one.expected[0, 0]) for one in single])
    known = told > _NOTHING * np.einsum("sp,pq,sq->s", at.T, at.C, at.T)
    simple = kind.startswith("sandwich")
    if simple:
        df = np.full(p, float(n - p))
        words = f"cluster-robust ({kind}), t with n − p = {n - p} df"
    else:
        df = np.array([_degrees(one) if known[s] else math.nan for s, one in enumerate(single)])
        words = f"cluster-robust {kind}, t with Satterthwaite df"
    table = coefficients_of(data.names, robust, df, level, words)
    which = list(moderator_positions(data.names) if test_of is None else test_of)
    joint = ClusterRobustTest(table, pieces, simple)
    omnibus = joint(which, "Test of moderators") if which else None
    unknown = tuple(name for name, ok in zip(data.names, known, strict=True) if not ok)
    return RobustResult(kind, n, _blanked(table, known), omnibus, joint, unknown)


def _blanked(table: Coefficients, known: BoolVector) -> Coefficients:
    """Leave out errors, tests and intervals of coefficients that are not ``known``."""

    def only(values: FloatVector) -> FloatVector:
        return np.where(known, values, math.nan)

    return replace(
        table,
        se=only(table.se),
        stat=only(table.stat),
        pval=only(table.pval),
        ci_lb=only(table.ci_lb),
        ci_ub=only(table.ci_ub),
    )


def _pieces(at: Basis, stacks: Sequence[Stack], gamma: FloatVector, kind: str) -> _Pieces:
    parts, own, lever = [], [], []
    for s in stacks:
        M = _covariance(s, gamma)
        WX = np.asarray(np.linalg.solve(M, s.X), dtype=float)
        left_over = np.asarray(M - s.X @ at.C @ np.swapaxes(s.X, 1, 2), dtype=float)
        a = (_adjusted(M, s.X, at.C, left_over, WX) if kind == "CR2" else WX) @ at.C
        turned = np.swapaxes(a, 1, 2)
        parts.append(np.einsum("mnp,mn->mp", a, s.y - s.X @ at.z))
        own.append(turned @ left_over @ a)
        lever.append(turned @ s.X)
    return _Pieces(np.concatenate(parts), np.concatenate(own), np.concatenate(lever), at.C)


def _covariance(s: Stack, gamma: FloatVector) -> FloatMatrix:
    """The clusters' covariance; padding gets a variance of the same size as the effects."""
    M = s.V + np.tensordot(gamma, s.Z, axes=1)
    diagonal = np.diagonal(M, axis1=1, axis2=2)
    mean = np.where(s.real, diagonal, 0.0).sum(axis=1) / s.real.sum(axis=1)
    index = np.arange(M.shape[1])
    M[:, index, index] = np.where(s.real, diagonal, mean[:, None])
    return np.asarray(M)


def _adjusted(
    M: FloatMatrix, X: FloatMatrix, bread: FloatMatrix, left_over: FloatMatrix, WX: FloatMatrix
) -> FloatMatrix:
    """A'WX with A = D'(D(M − XBX')D')^(+½)D and M = D'D; null directions contribute nothing.

    There are as many of them as directions of which ``D'^-1 XBX' D^-1`` leaves nothing.
    """
    L = np.linalg.cholesky(M)
    Lt = np.swapaxes(L, 1, 2)
    whitened = np.linalg.solve(L, X)
    share = np.linalg.eigvalsh(whitened @ bread @ np.swapaxes(whitened, 1, 2))
    null = (share > 1.0 - 1e-10).sum(axis=1)
    middle = Lt @ left_over @ L
    values, vectors = np.linalg.eigh(0.5 * (middle + np.swapaxes(middle, 1, 2)))
    kept = (np.arange(values.shape[1]) >= null[:, None]) & (values > 0.0)
    power = np.where(kept, 1.0 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    root = (vectors * power[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    return np.asarray(L @ root @ Lt @ WX)


def _degrees(pieces: _Pieces) -> float:
    """Degrees of freedom of the Wishart distribution nearest to that of the covariance.

    ``q(q + 1)`` over the sum of the variances of its elements, in directions where its expectation
    is the identity (Tipton & Pustejovsky 2015); for one direction, Satterthwaite's
    ``tr(G)² / tr(G²)``.
    """
    q = pieces.own.shape[1]
    values, vectors = np.linalg.eigh(pieces.expected)
    unit = pieces.along(vectors / np.sqrt(values))
    B, lever = unit.bread, unit.lever
    within = lever @ B @ np.swapaxes(lever, 1, 2)
    K = np.einsum("jsp,jtr->stpr", lever, lever) @ B
    between = np.einsum("stpr,tsrp->", K, K) + np.einsum("tspr,tsrp->", K, K)
    total = _squares(unit.own) + max(float(between) - _squares(within), 0.0)
    return float(q * (q + 1) / total)


def _squares(matrices: FloatMatrix) -> float:
    """Sum over the matrices of tr(A)² + tr(A²)."""
    trace = np.trace(matrices, axis1=1, axis2=2)
    return float(trace @ trace + np.square(matrices).sum())
