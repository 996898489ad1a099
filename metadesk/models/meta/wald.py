"""Wald tables of models fitted by likelihood: coefficients, joint tests, information criteria."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from metadesk.models.result import Basis, Coefficients, FitStatistics, Omnibus
from metadesk.numerics.tails import chi2_tail, f_sf, quantile, two_sided_p
from metadesk.numerics.types import FloatMatrix, FloatVector


def coefficient_table(
    names: tuple[str, ...],
    b: FloatVector,
    vb: FloatMatrix,
    df: float | FloatVector,
    level: float,
    test: str,
    basis: Basis | None = None,
) -> Coefficients:
    """Coefficients with standard errors, tests and intervals; ``df`` infinite gives z."""
    degrees = np.broadcast_to(np.asarray(df, dtype=float), b.shape).copy()
    se = np.sqrt(np.maximum(np.diag(vb), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        stat = b / se
    usable = degrees > 0
    pval = np.where(usable, two_sided_p(stat, np.where(usable, degrees, 1.0)), np.nan)
    half = np.where(usable, quantile(level, np.where(usable, degrees, 1.0)), np.nan) * se
    low, high = b - half, b + half
    return Coefficients(names, b, se, stat, degrees, pval, low, high, vb, level, test, basis)


def coefficients_of(
    names: tuple[str, ...], basis: Basis, df: float | FloatVector, level: float, test: str
) -> Coefficients:
    """The table of coefficients that were found in coordinates of their own."""
    T = basis.T
    return coefficient_table(names, T @ basis.z, T @ basis.C @ T.T, df, level, test, basis)


def joint_test(
    table: Coefficients, which: Sequence[int], title: str, *, df2: float | None = None
) -> Omnibus:
    """Test that coefficients ``which`` are all zero: chi-square, or F if ``df2`` is finite."""
    chosen = list(which)
    names = tuple(table.names[i] for i in chosen)
    degrees = float(table.df[chosen].min()) if df2 is None else df2
    # rows of an invertible T do not depend on each other: their rank needs no looking for
    directions = np.linalg.qr(table.coordinates.T[chosen].T)[0]
    return _wald(table, directions, title, degrees, names)


def wald_of_rows(
    table: Coefficients, rows: FloatMatrix, title: str, df2: float, names: tuple[str, ...]
) -> Omnibus:
    """Joint Wald test that all rows of ``L b`` are zero; rows may depend on each other."""
    return _wald(table, tested_directions(table.coordinates, rows), title, df2, names)


def _wald(
    table: Coefficients, directions: FloatMatrix, title: str, df2: float, names: tuple[str, ...]
) -> Omnibus:
    m = float(directions.shape[1])
    value = quadratic(table.coordinates, directions)
    if math.isinf(df2):
        return Omnibus(
            title, value, "chi2", m, math.inf, chi2_tail(value, m), names, "Wald chi-square"
        )
    p = float(f_sf(value / m, m, df2)) if df2 > 0 else math.nan
    return Omnibus(title, value / m, "F", m, df2, p, names, "Wald F")


def tested_directions(basis: Basis, rows: FloatMatrix) -> FloatMatrix:
    """Orthonormal directions of ``z`` that ``L b = 0`` is about, (p, rank of L).

    ``L b = (L T) z`` is zero just where z has no part in the row space of ``L T``.
    """
    _, size, right = np.linalg.svd(rows / np.abs(rows).max(axis=1, initial=1e-300)[:, None])
    rank = int((size > 1e-10 * size[:1]).sum())
    chosen = rows if rank == rows.shape[0] else right[:rank]
    return np.asarray(np.linalg.qr(chosen.dot(basis.T).T)[0])


def quadratic(basis: Basis, directions: FloatMatrix) -> float:
    """``z'U (U'CU)^-1 U'z``; NaN where some direction has no variance, but for rounding."""
    spread = directions.T.dot(basis.C).dot(directions)
    if not _surely_regular(spread) and singular(spread):
        return math.nan
    part = directions.T.dot(basis.z)
    return float(part.dot(np.linalg.solve(spread, part)))


def _surely_regular(vb: FloatMatrix) -> bool:
    """Whether even Gershgorin's circles keep all eigenvalues far from 0, as they mostly do."""
    size = vb.diagonal()
    return bool((2.0 * size - np.abs(vb).sum(axis=0)).min() > 1e-3 * size.max())


def singular(vb: FloatMatrix) -> bool:
    """Whether some combination of the estimates has no variance, but for rounding."""
    with np.errstate(all="ignore"):
        root = np.sqrt(np.diag(vb))
        correlations = vb / np.outer(root, root)
    if not np.isfinite(correlations).all():
        return True
    values = np.linalg.eigvalsh(correlations)
    return bool(values[0] <= 1e-14 * values[-1])


def moderator_positions(names: tuple[str, ...]) -> tuple[int, ...]:
    """Positions of all coefficients but the intercept; all of them where there is none."""
    return tuple(i for i, name in enumerate(names) if name != "intrcpt")


def information_criteria(
    log_likelihood: float,
    deviance: float,
    parameters: int,
    n: int,
    restricted: bool = False,
    *,
    likelihood: str = "",
    variances: frozenset[str] = frozenset(),
) -> FitStatistics:
    """AIC, BIC and small-sample AICc for ``parameters`` estimated from ``n`` observations.

    ``likelihood`` and ``variances`` say what is maximised, as :class:`FitStatistics` has it.
    """
    m = max(n, parameters + 2)
    minus2 = -2.0 * log_likelihood
    return FitStatistics(
        logLik=log_likelihood,
        deviance=deviance,
        AIC=minus2 + 2.0 * parameters,
        BIC=minus2 + parameters * math.log(max(n, 1)),
        AICc=minus2 + 2.0 * parameters * m / (m - parameters - 1),
        restricted=restricted,
        n_parameters=parameters,
        likelihood=likelihood,
        variances=variances,
    )
