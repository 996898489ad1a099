"""What a model for trial rows found: the house's one result, with what repeated measures add."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from metadesk.document import Cell, Column, Table
from metadesk.models.mixed.estimates import DfRule, Estimates, JointTest
from metadesk.models.mixed.fixed_effects import FixedEffects
from metadesk.models.mixed.random_effects import IndividualEffects, RandomEffects
from metadesk.models.mixed.trial_plan import ExcludedRow
from metadesk.models.result import FitResult
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector


@dataclass(frozen=True, eq=False)
class MixedResult(FitResult):
    """A fitted mixed model.

    ``k`` is the number of persons, ``n`` the number of rows. ``effects`` can test further
    combinations of the coefficients. ``lsmeans`` are means with equal weights over the other
    factors (None where the terms leave them ambiguous), ``contrasts`` all pairs of treatments,
    their P values adjusted in ``adjusted``. ``covariances`` holds the estimated covariance of each
    grouping, ``residual`` the parameters of the residual structure by name.
    """

    n: int = 0
    rows: IntVector = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    excluded: tuple[ExcludedRow, ...] = ()
    effects: FixedEffects | None = None
    type3: tuple[JointTest, ...] = ()
    lsmeans: Estimates | None = None
    contrasts: Estimates | None = None
    adjusted: FloatVector | None = None
    adjustment: str = "none"
    random: tuple[RandomEffects, ...] = ()
    individual: tuple[IndividualEffects, ...] = ()
    covariances: Mapping[str, FloatMatrix] = field(default_factory=lambda: MappingProxyType({}))
    residual: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    sigma: float = float("nan")
    residuals: FloatVector | None = None
    rule: DfRule = "z"
    equation: str = ""
    separated: tuple[str, ...] = ()

    @property
    def singular(self) -> bool:
        """Whether a covariance parameter sits at the edge of its range."""
        return bool(self.status.boundary)


def estimates_table(title: str, key: str, e: Estimates, adjusted: FloatVector | None) -> Table:
    """Means or contrasts as a table."""
    columns = [
        Column("term", "Term"),
        Column("estimate", "Estimate", "effect", 3),
        Column("se", "SE", "se"),
        Column("df", "df", "df"),
        Column("ci_lb", f"{e.level * 100:g}% CI lower", "effect", 3),
        Column("ci_ub", "upper", "effect", 3),
        Column("stat", "t", "statistic"),
        Column("pval", "P", "p"),
    ]
    if adjusted is not None:
        columns.append(Column("padj", "P adjusted", "p"))
    rows: list[tuple[Cell, ...]] = []
    for i, name in enumerate(e.names):
        cells: list[Cell] = [name]
        cells += [
            float(v[i]) for v in (e.estimate, e.se, e.df, e.ci_lb, e.ci_ub, e.statistic, e.pval)
        ]
        if adjusted is not None:
            cells.append(float(adjusted[i]))
        rows.append(tuple(cells))
    return Table(title, tuple(columns), tuple(rows), (f"Degrees of freedom: {e.rule}.",), key=key)


def type3_table(tests: tuple[JointTest, ...]) -> Table:
    """Joint tests of all terms as a table."""
    columns = (
        Column("term", "Term"),
        Column("num_df", "df", "count"),
        Column("den_df", "Denominator df", "df"),
        Column("F", "F", "statistic"),
        Column("p", "P", "p"),
    )
    rows = tuple((t.title, t.num_df, t.den_df, t.F, t.p) for t in tests)
    note = f"Each term given all others; denominator degrees of freedom: {tests[0].rule}."
    return Table("Tests of the terms (type III)", columns, rows, (note,), key="type3")


def individual_table(e: IndividualEffects) -> Table:
    """Effects by person as a table."""
    columns = (
        Column("subject", "Person"),
        Column("estimate", "Effect", "effect", 3),
        Column("se", "SE of prediction", "se"),
        Column("shrinkage", "Weight of own data", "number", 2),
    )
    rows = tuple(
        (name, float(a), float(b), float(c))
        for name, a, b, c in zip(e.levels, e.estimate, e.se, e.shrinkage, strict=True)
    )
    note = (
        "Shrunken effects: population effect plus the person's own deviation; the standard error "
        "includes the uncertainty of the population effect."
    )
    return Table(f"Effect of {e.contrast} by person", columns, rows, (note,), key="individual")
