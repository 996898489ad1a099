"""Tests and intervals for fixed effects of a linear mixed model in small samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from metadesk.models.mixed.newton import Optimum
from metadesk.numerics.tails import f_sf, quantile, two_sided_p
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector

DfRule = Literal["kenward-roger", "satterthwaite", "containment", "between-within", "residual", "z"]

DF_TITLES = {
    "kenward-roger": "Kenward–Roger",
    "satterthwaite": "Satterthwaite",
    "containment": "containment",
    "between-within": "between–within",
    "residual": "residual (n − p)",
    "z": "normal distribution",
}


@dataclass(frozen=True, eq=False)
class Estimates:
    """Some linear combinations of fixed effects with their t tests and intervals."""

    names: tuple[str, ...]
    estimate: FloatVector
    se: FloatVector
    df: FloatVector
    statistic: FloatVector
    pval: FloatVector
    ci_lb: FloatVector
    ci_ub: FloatVector
    level: float
    rule: str


@dataclass(frozen=True)
class JointTest:
    """A joint F test that some combinations of fixed effects are zero."""

    title: str
    F: float
    num_df: int
    den_df: float
    p: float
    rule: str


def estimates(
    names: tuple[str, ...],
    estimate: FloatVector,
    se: FloatVector,
    df: FloatVector,
    level: float,
    rule: str,
) -> Estimates:
    """Complete estimates with t, P and interval."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = estimate / se
    half = quantile(level, df) * se
    return Estimates(
        names,
        estimate,
        se,
        df,
        t,
        two_sided_p(t, df),
        estimate - half,
        estimate + half,
        level,
        rule,
    )


@dataclass(frozen=True, eq=False)
class FixedEffects:
    """Fixed effects of a fitted model, able to test any combination of them.

    Small matrices only: ``beta`` (p,), ``C`` (p, p) model-based covariance, ``first`` (K, p, p) the
    sums X'V⁻¹V_kV⁻¹X, ``adjusted`` Kenward and Roger's covariance, ``W`` twice the inverse expected
    information of the K covariance parameters, ``J`` and ``A`` the chart and the asymptotic
    covariance of the free covariance parameters, ``strata`` works out :func:`stratum_df` of the
    columns once a rule asks for it.
    """

    beta: FloatVector
    C: FloatMatrix
    first: FloatMatrix
    adjusted: FloatMatrix
    W: FloatMatrix
    J: FloatMatrix
    A: FloatMatrix
    strata: Callable[[], tuple[FloatVector, FloatVector]]
    n: int

    @cached_property
    def stratum_dfs(self) -> tuple[FloatVector, FloatVector]:
        """Between–within and containment degrees of freedom of the columns."""
        return self.strata()

    def combine(
        self, names: tuple[str, ...], L: FloatMatrix, rule: DfRule, level: float
    ) -> Estimates:
        """Estimate each row of ``L`` times the coefficients.

        Parameters
        ----------
        names : tuple of str
            One name a row.
        L : (m, p) array
            Combinations.
        rule : DfRule
            Degrees of freedom; Kenward–Roger also takes the adjusted covariance.
        level : float
            Confidence level, 0.95 for 95 %.

        References
        ----------
        Satterthwaite (1946), Giesbrecht & Burns (1985); Kenward & Roger (1997).
        """
        covariance = self.adjusted if rule == "kenward-roger" else self.C
        se = np.sqrt(np.maximum(np.einsum("ia,ab,ib->i", L, covariance, L), 0.0))
        df = np.array([self._one_df(row, rule) for row in L])
        return estimates(names, L @ self.beta, se, df, level, DF_TITLES[rule])

    def _one_df(self, row: FloatVector, rule: DfRule) -> float:
        if rule == "z":
            return math.inf
        if rule == "residual":
            return float(self.n - len(self.beta))
        if rule in ("containment", "between-within"):
            of = self.stratum_dfs[1 if rule == "containment" else 0]
            used = of[np.abs(row) > 1e-12]
            return float(used.min()) if len(used) else math.nan
        v = self.C @ row
        variance = float(row @ v)
        if variance <= 0:
            return math.nan
        change = np.einsum("a,kab,b->k", v, self.first, v)
        spread = self._spread(change, rule)
        return 2 * variance**2 / spread if spread > 0 else math.inf

    def _spread(self, change: FloatVector, rule: DfRule) -> float:
        """Sampling variance of the variance of a combination."""
        if rule == "kenward-roger":
            return float(change @ self.W @ change)
        free = self.J.T @ change
        return float(free @ self.A @ free)

    def joint(self, title: str, L: FloatMatrix, rule: DfRule) -> JointTest:
        """Test that all rows of ``L`` times the coefficients are zero."""
        values, vectors = np.linalg.eigh(L @ self.C @ L.T)
        keep = values > values[-1] * 1e-10
        rows = vectors[:, keep].T @ L
        values = values[keep]
        rank = len(values)
        if rule == "kenward-roger":
            F, df2 = self._kenward_roger(rows, values)
        else:
            t2 = (rows @ self.beta) ** 2 / values
            F = float(t2.mean())
            df2 = _pooled_df(np.array([self._one_df(row, rule) for row in rows]), rank)
        p = float(f_sf(F, rank, df2))
        return JointTest(title, F, rank, df2, p, DF_TITLES[rule])

    def _kenward_roger(self, rows: FloatMatrix, values: FloatVector) -> tuple[float, float]:
        """F and its df for orthogonal combinations with model-based variances ``values``."""
        q = len(rows)
        turned = rows @ self.C / np.sqrt(values)[:, None]
        M = turned @ self.first @ turned.T
        traces = -np.trace(M, axis1=1, axis2=2)
        A1 = float(traces @ self.W @ traces)
        flat = M.reshape(len(M), -1)
        A2 = float((self.W * (flat @ flat.T)).sum())
        contrast = rows @ self.beta
        wald = float(contrast @ np.linalg.solve(rows @ self.adjusted @ rows.T, contrast)) / q
        scale, df2 = kenward_roger_scale(A1, A2, q)
        return scale * wald, df2


def kenward_roger_scale(A1: float, A2: float, q: int) -> tuple[float, float]:
    """Scale of the Wald F and its denominator degrees of freedom.

    References
    ----------
    Kenward & Roger (1997), section 2; the guards against 0/0 in balanced designs as in Halekoh &
    Højsgaard (2014).
    """
    if A2 <= 0:
        return 1.0, math.inf
    B = (A1 + 6 * A2) / (2 * q)
    g = ((q + 1) * A1 - (q + 4) * A2) / ((q + 2) * A2)
    d = 3 * q + 2 * (1 - g)
    c1, c2, c3 = g / d, (q - g) / d, (q + 2 - g) / d
    V0, V1, V2 = (0.0 if abs(v) < 1e-10 else v for v in (1 + c1 * B, 1 - c2 * B, 1 - c3 * B))
    E = 1 - A2 / q
    E = 0.0 if abs(E) < 1e-10 else E
    ratio = 1.0 if E == 0.0 and V1 == 0.0 else E / V1 if V1 else math.inf
    rho = ratio**2 * V0 / V2 / q if V2 else math.inf
    gap = q * rho - 1
    df = 4 + (q + 2) / gap if gap else math.inf
    scale = 1.0 if not math.isfinite(df) or abs(df - 2) < 1e-2 else df * E / (df - 2)
    return scale, df


def _pooled_df(dfs: FloatVector, q: int) -> float:
    if len(dfs) == 0:
        return math.nan
    if not np.isfinite(dfs).all() or np.ptp(dfs) < 1e-8 * max(1.0, float(abs(dfs).max())):
        return float(dfs.mean())
    if (dfs <= 2).any():
        return 2.0
    E = float(np.sum(dfs / (dfs - 2)))
    return 2 * E / (E - q)


def fixed_effects(
    optimum: Optimum,
    R: FloatMatrix,
    scale: float,
    offset: FloatVector,
    strata: Callable[[], tuple[FloatVector, FloatVector]],
    n: int,
) -> FixedEffects:
    """Bring the results of the orthonormal, unit-variance problem back to the sheet's own units.

    The climb saw ``X = QR`` as Q and residuals divided by ``scale``; ``offset`` are the
    least-squares coefficients taken off beforehand.
    """
    c = optimum.criterion
    p = c.p
    m = c.moments
    back = np.linalg.inv(R) if p else np.zeros((0, 0))
    to = back * scale
    C = c.C
    P = m.first[:, :p, :p]
    Q = m.second[:, :, :p, :p]
    _, expected = c.hessian()
    W = 2 * _inverse(expected)
    PC = P @ C
    middle = np.einsum("kl,klab->ab", W, Q) - np.einsum("kl,kab,lbc->ac", W, PC, P)
    if m.curve is not None:
        middle = middle - 0.25 * np.einsum("kl,klab->ab", W, m.curve[:, :, :p, :p])
    adjusted = C + 2 * C @ ((middle + middle.T) / 2) @ C
    A = 2 * _inverse(optimum.hessian)
    inner = R.T / scale
    return FixedEffects(
        beta=offset + to @ c.delta,
        C=to @ C @ to.T,
        first=inner @ P @ inner.T,
        adjusted=to @ adjusted @ to.T,
        W=W,
        J=optimum.jacobian,
        A=A,
        strata=strata,
        n=n,
    )


def _inverse(H: FloatMatrix) -> FloatMatrix:
    """Inverse of a symmetric matrix; directions without information get none."""
    if H.size == 0:
        return H
    scale = np.sqrt(np.maximum(np.abs(np.diag(H)), 1e-300))
    scaled = H / np.outer(scale, scale)
    try:
        return np.asarray(np.linalg.inv(scaled) / np.outer(scale, scale))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(scaled) / np.outer(scale, scale))


def stratum_df(
    X: FloatMatrix, groups: tuple[IntVector, ...], slopes: tuple[FloatMatrix, ...]
) -> tuple[FloatVector, FloatVector]:
    """Degrees of freedom by the lowest stratum in which a column varies.

    Parameters
    ----------
    X : (n, p) array
        Fixed-effect columns.
    groups : tuple of (n,) arrays
        Level codes of the nested groupings, outermost first.
    slopes : tuple of (n, q) arrays
        Random-effect columns of each grouping.

    Returns
    -------
    between, contained : (p,) arrays
        Levels of a stratum minus those above it minus its columns; in ``contained`` a column that
        is also a random slope is tested against the slopes of that grouping.

    References
    ----------
    Pinheiro & Bates (2000), section 2.4.2.
    """
    n, p = X.shape
    sizes = [int(g.max()) + 1 for g in groups] + [n]
    stratum = np.full(p, len(groups))
    for j in range(p):
        for level, g in enumerate(groups):
            if _constant_within(X[:, j], g, sizes[level]):
                stratum[j] = level
                break
    constant = np.array([np.ptp(X[:, j]) == 0 for j in range(p)], dtype=bool)
    counts = [int(((stratum == s) & ~constant).sum()) for s in range(len(sizes))]
    above = [1 if constant.any() else 0, *sizes[:-1]]
    of_stratum = [m - a - c for m, a, c in zip(sizes, above, counts, strict=True)]
    df = np.array([float(of_stratum[s]) for s in stratum])
    df[constant] = of_stratum[-1]
    contained = df.copy()
    for level, Z in enumerate(slopes):
        for j in range(p):
            if not constant[j] and any(np.array_equal(X[:, j], Z[:, t]) for t in range(Z.shape[1])):
                contained[j] = min(contained[j], sizes[level] - 1)
    return df, contained


def _constant_within(x: FloatVector, codes: IntVector, m: int) -> bool:
    first = np.empty(m)
    first[codes] = x
    return bool(np.array_equal(first[codes], x))
