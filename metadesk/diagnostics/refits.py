"""Leave-one-out and cumulative meta-analysis: the pooled result on subsets of the studies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metadesk.document import Cell, Column, Table
from metadesk.errors import SpecProblem
from metadesk.models.meta.batch import BatchFit, fit_batch
from metadesk.models.meta.data import MetaData
from metadesk.models.meta.fixed_effect import FixedEffect
from metadesk.models.meta.leave_one_out import leave_one_out as without_each
from metadesk.models.meta.random_effects import RandomEffects
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import chi2_sf, quantile, two_sided_p
from metadesk.numerics.types import FloatVector, IntVector


@dataclass(frozen=True, eq=False)
class Refits:
    """Pooled results on subsets: row i is without study i, or with the first i + 1 studies."""

    title: str
    slab: tuple[str, ...]
    k: IntVector
    estimate: FloatVector
    se: FloatVector
    stat: FloatVector
    pval: FloatVector
    ci_lb: FloatVector
    ci_ub: FloatVector
    Q: FloatVector
    Qp: FloatVector
    tau2: FloatVector
    I2: FloatVector
    H2: FloatVector

    def table(self) -> Table:
        """One row a subset."""
        columns = (
            Column("slab", "Study"),
            Column("k", "Studies", "count"),
            Column("estimate", "Estimate", "effect", 3),
            Column("ci_lb", "CI lower", "effect", 3),
            Column("ci_ub", "upper", "effect", 3),
            Column("pval", "P", "p"),
            Column("tau2", "τ²", "variance"),
            Column("I2", "I²", "percent"),
        )
        numbers = (self.estimate, self.ci_lb, self.ci_ub, self.pval, self.tau2, self.I2)
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (name, int(self.k[i]), *(float(n[i]) for n in numbers))
            for i, name in enumerate(self.slab)
        )
        return Table(self.title, columns, rows)


def leave_one_out(
    model: FixedEffect | RandomEffects, data: MetaData, progress: Progress = SILENT
) -> Refits:
    """Pool again without each study in turn, by the model's own tau² and test."""
    method, given = _tau2(model)
    fits = without_each(data.without_moderators(), method, tau2=given, progress=progress)
    return _refits("Leave-one-out", model, fits, data.slab)


def cumulate(
    model: FixedEffect | RandomEffects,
    data: MetaData,
    order: Sequence[int],
    progress: Progress = SILENT,
) -> Refits:
    """Pool the first study of ``order``, then the first two, and so on to all of them."""
    rows = np.asarray(order, dtype=np.int64)
    sorted_data = data.without_moderators().take(rows)
    method, given = _tau2(model)
    mask = np.tril(np.ones((data.k, data.k)))
    fits = fit_batch(
        sorted_data.yi, sorted_data.vi, mask=mask, method=method, tau2=given, progress=progress
    )
    return _refits("Cumulative meta-analysis", model, fits, sorted_data.slab)


def _tau2(model: FixedEffect | RandomEffects) -> tuple[str, float | None]:
    if model.weighting != "inverse-variance":
        raise SpecProblem("Refits on subsets need inverse-variance weights.")
    return ("EE", None) if isinstance(model, FixedEffect) else (model.tau2, model.tau2_value)


def _refits(
    title: str, model: FixedEffect | RandomEffects, fits: BatchFit, slab: tuple[str, ...]
) -> Refits:
    """Test every subset's estimate; a single study has no t distribution and is tested by z."""
    df = (fits.k - 1).astype(float)
    scale = np.ones(df.size)
    if model.test in ("hksj", "hksj-guarded"):
        scale = np.sqrt(np.where(df > 0, fits.s2w, 1.0))
        scale = np.maximum(scale, 1.0) if model.test == "hksj-guarded" else scale
    elif model.test not in ("z", "t"):
        raise SpecProblem("Refits on subsets run with the tests z, t or Hartung–Knapp.")
    dfs = np.where((df > 0) & (model.test != "z"), df, math.inf)
    b, se = fits.b[:, 0], fits.se[:, 0] * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        stat = b / se
    half = quantile(model.level, dfs) * se
    return Refits(
        title, slab, fits.k, b, se, stat, two_sided_p(stat, dfs), b - half, b + half,
        fits.QE, chi2_sf(fits.QE, df), fits.tau2, fits.I2, fits.H2,
    )  # fmt: skip
