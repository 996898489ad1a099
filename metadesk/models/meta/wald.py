"""Wald tables of models fitted by likelihood: coefficients, joint tests, information criteria."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from metadesk.models.result import Coefficients, FitStatistics, Omnibus
from metadesk.numerics.tails import chi2_sf, f_sf, quantile, two_sided_p
from metadesk.numerics.types import FloatMatrix, FloatVector


def coefficient_table(
    names: tuple[str, ...],
    b: FloatVector,
    vb: FloatMatrix,
    df: float | FloatVector,
    level: float,
    test: str,
) -> Coefficients:
    """Coefficients with standard errors, tests and intervals; ``df`` infinite gives z."""
    degrees = np.broadcast_to(np.asarray(df, dtype=float), b.shape).copy()
    se = np.sqrt(np.maximum(np.diag(vb), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        stat = b / se
    usable = degrees > 0
    pval = np.where(usable, two_sided_p(stat, np.where(usable, degrees, 1.0)), np.nan)
    half = np.where(usable, quantile(level, np.where(usable, degrees, 1.0)), np.nan) * se
    return Coefficients(names, b, se, stat, degrees, pval, b - half, b + half, vb, level, test)


def joint_test(
    table: Coefficients, which: Sequence[int], title: str, *, df2: float | None = None
) -> Omnibus:
    """Test that coefficients ``which`` are all zero: chi-square, or F if ``df2`` is finite."""
    index = list(which)
    names = tuple(table.names[i] for i in index)
    part = table.vb[np.ix_(index, index)]
    b = table.b[index]
    quadratic = math.nan if singular(part) else float(b @ np.linalg.solve(part, b))
    m = float(len(index))
    degrees = float(np.min(table.df[index])) if df2 is None else df2
    if math.isinf(degrees):
        p = float(chi2_sf(quadratic, m))
        return Omnibus(title, quadratic, "chi2", m, math.inf, p, names, "Wald chi-square")
    p = float(f_sf(quadratic / m, m, degrees)) if degrees > 0 else math.nan
    return Omnibus(title, quadratic / m, "F", m, degrees, p, names, "Wald F")


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
