"""Fixed effects of a linear mixed model and the tests of their combinations in small samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from metadesk.models.mixed.estimates import DF_TITLES, DfRule, Estimates, JointTest, estimates
from metadesk.numerics.tails import f_sf
from metadesk.numerics.types import FloatMatrix, FloatVector


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
