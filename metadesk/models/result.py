"""What was found: one result for every model of the house.

A study-level random-effects model, a meta-regression, a crossover LMM and an N-of-1 series are one
linear predictor with more or fewer random terms, so they answer in one shape. Numbers are on the
analysis scale (log for ratios) and keep full precision; every number names its method.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from metadesk.document import Cell, Column, Note, Table
from metadesk.numerics.types import FloatMatrix, FloatVector

if TYPE_CHECKING:
    import pandas as pd

Family = Literal["fixed", "random", "mixed"]


@dataclass(frozen=True)
class Interval:
    """Two ends, the confidence level they hold at (0.95), and how they were found."""

    lower: float
    upper: float
    level: float
    method: str


@dataclass(frozen=True)
class Quantity:
    """A named number with its method, and where it has them its standard error and interval.

    ``stat`` is the statistic that ``p`` belongs to, where that is not ``value`` itself.
    """

    name: str
    title: str
    value: float
    method: str
    se: float = math.nan
    df: float = math.nan
    p: float = math.nan
    interval: Interval | None = None
    kind: str = "number"
    stat: float = math.nan


@dataclass(frozen=True, eq=False)
class Basis:
    """Coefficients in the coordinates of an orthonormal design: ``b = T z``, ``vb = T C T'``.

    Nearly collinear columns, such as an intercept and a year, make ``T`` steep: ``b`` and ``vb``
    are then differences of large numbers, and what is formed from them loses digits twice over.
    ``z`` and ``C`` know nothing of the steepness.
    """

    T: FloatMatrix
    z: FloatVector
    C: FloatMatrix


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Fixed effects with their covariance.

    ``df`` is infinite where the test is z. ``test`` names statistic and rule of the degrees of
    freedom in words; ``ci_lb``/``ci_ub`` are at ``level``. ``basis`` is there where the model was
    fitted in coordinates of its own.
    """

    names: tuple[str, ...]
    b: FloatVector
    se: FloatVector
    stat: FloatVector
    df: FloatVector
    pval: FloatVector
    ci_lb: FloatVector
    ci_ub: FloatVector
    vb: FloatMatrix
    level: float
    test: str
    basis: Basis | None = None

    @property
    def coordinates(self) -> Basis:
        """The basis; without one, the coefficients themselves."""
        return self.basis or Basis(np.eye(self.b.size), self.b, self.vb)

    def covariance(self, rows: FloatMatrix) -> FloatMatrix:
        """Covariance of the linear combinations ``rows @ b``."""
        at = self.coordinates
        A = rows.dot(at.T)
        return np.asarray(A.dot(at.C).dot(A.T))

    def standard_errors(self, rows: FloatMatrix) -> FloatVector:
        """Standard errors of the linear combinations ``rows @ b``."""
        at = self.coordinates
        A = rows.dot(at.T)
        squares = np.einsum("ij,jk,ik->i", A, at.C, A)
        return np.asarray(np.sqrt(np.maximum(squares, 0.0)))

    def at(self, name: str) -> Quantity:
        """The coefficient of this name as one quantity."""
        i = self.names.index(name)
        return Quantity(
            name=name,
            title=name,
            value=float(self.b[i]),
            method=self.test,
            se=float(self.se[i]),
            df=float(self.df[i]),
            p=float(self.pval[i]),
            interval=Interval(float(self.ci_lb[i]), float(self.ci_ub[i]), self.level, self.test),
            kind="effect",
        )


@dataclass(frozen=True)
class VarianceComponent:
    """A variance or correlation of random effects or residuals, with its interval if asked for."""

    name: str
    title: str
    estimate: float
    n_levels: int = 0
    se: float = math.nan
    fixed: bool = False
    at_boundary: bool = False
    interval: Interval | None = None


@dataclass(frozen=True)
class Heterogeneity:
    """How much true effects differ: ``tau2`` on the squared analysis scale, ``I2`` in percent.

    ``QE`` is Cochran's Q (residual Q with moderators) with its degrees of freedom and upper-tail p.
    ``I2_definition`` says which of the definitions ('from tau²', 'from Q') the number follows.
    """

    tau2: float
    tau2_method: str
    se_tau2: float = math.nan
    tau2_interval: Interval | None = None
    I2: float = math.nan
    I2_definition: str = "from τ²"
    I2_interval: Interval | None = None
    I2_Q: float = math.nan
    H2: float = math.nan
    H2_interval: Interval | None = None
    QE: float = math.nan
    QE_df: float = math.nan
    QEp: float = math.nan
    QE_method: str = "Cochran's Q, inverse-variance weights"
    tau2_total: float = math.nan
    R2: float = math.nan


@dataclass(frozen=True)
class FitStatistics:
    """Log-likelihood (restricted where ``restricted``) and information criteria.

    ``likelihood`` names the likelihood that the estimates maximise ('normal', 'counts, UM.FS'), ''
    where they do not maximise the one that is shown; ``variances`` names its free variances. Two
    fits can be compared by their likelihoods only where these go together.
    """

    logLik: float
    deviance: float
    AIC: float
    BIC: float
    AICc: float
    restricted: bool
    n_parameters: int = 0
    likelihood: str = ""
    variances: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Spread:
    """Heterogeneity that has moderators: their coefficients, and tau² of every study.

    The coefficients are those of ln tau² where ``link`` is 'log', of tau² where it is 'identity'.
    """

    coefficients: Coefficients
    tau2: FloatVector
    link: str = "log"


@dataclass(frozen=True)
class Omnibus:
    """A joint test of several coefficients."""

    title: str
    statistic: float
    kind: Literal["chi2", "F"]
    df1: float
    df2: float
    p: float
    coefficients: tuple[str, ...]
    method: str


class JointTest(Protocol):
    """A way to test several coefficients at once."""

    def __call__(self, which: Sequence[int], title: str) -> Omnibus:
        """Test that the coefficients at these positions are all zero."""
        ...


@dataclass(frozen=True)
class Status:
    """How the fit went; nothing about it is hidden.

    ``rung`` names the method of the fall-back ladder that answered; ``boundary`` the components at
    the edge of their range; ``aliased`` the terms that were dropped because others say the same.
    """

    converged: bool = True
    iterations: int = 0
    rung: str = ""
    boundary: tuple[str, ...] = ()
    aliased: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class FitResult:
    """What one model found.

    ``coefficients.names[0]`` is ``intrcpt`` for a pooled estimate without moderators. ``weights``
    are percentages over the studies used (None where the model has none; ``weights_meaning`` says
    what they mean or why there are none). ``prediction`` holds for the true effect in a new study.
    ``extra`` holds further named quantities; ``tables`` further tables, both for the reports.
    ``spread`` is there where heterogeneity has moderators; ``joint`` where joint tests of
    coefficients are made otherwise than by Wald's quadratic form.
    """

    model: str
    title: str
    family: Family
    k: int
    coefficients: Coefficients
    method: str
    status: Status = field(default_factory=Status)
    heterogeneity: Heterogeneity | None = None
    components: tuple[VarianceComponent, ...] = ()
    statistics: FitStatistics | None = None
    omnibus: tuple[Omnibus, ...] = ()
    weights: FloatVector | None = None
    weights_meaning: str = ""
    prediction: Interval | None = None
    fitted: FloatVector | None = None
    blup: FloatVector | None = None
    blup_se: FloatVector | None = None
    notes: tuple[Note, ...] = ()
    extra: Mapping[str, Quantity] = field(default_factory=lambda: MappingProxyType({}))
    tables: tuple[Table, ...] = ()
    spread: Spread | None = None
    joint: JointTest | None = None

    @property
    def has_pooled(self) -> bool:
        """Whether there is one pooled effect: a mean alone, not the slope of a lone moderator."""
        return self.coefficients.names == ("intrcpt",)

    @property
    def pooled(self) -> Quantity:
        """The first coefficient: the pooled effect of a model without moderators."""
        return self.coefficients.at(self.coefficients.names[0])

    def summary(self) -> Table:
        """Coefficients as a table, full precision in the cells."""
        c = self.coefficients
        columns = (
            Column("term", "Term"),
            Column("estimate", "Estimate", "effect", 3),
            Column("se", "SE", "se"),
            Column("stat", "t" if np.isfinite(c.df).any() else "z", "statistic"),
            Column("df", "df", "df"),
            Column("pval", "P", "p"),
            Column("ci_lb", f"{c.level * 100:g}% CI lower", "effect", 3),
            Column("ci_ub", "upper", "effect", 3),
        )
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (name, *(float(v[i]) for v in (c.b, c.se, c.stat, c.df, c.pval, c.ci_lb, c.ci_ub)))
            for i, name in enumerate(c.names)
        )
        return Table(self.title, columns, rows, (f"Test: {c.test}.",), key="coefficients")

    def to_frame(self) -> pd.DataFrame:
        """Coefficients as a data frame, one row a coefficient, the field's column names."""
        import pandas as pd

        c = self.coefficients
        columns: dict[str, Any] = {
            "b": c.b, "se": c.se, "stat": c.stat, "df": c.df,
            "pval": c.pval, "ci_lb": c.ci_lb, "ci_ub": c.ci_ub,
        }  # fmt: skip
        return pd.DataFrame(columns, index=list(c.names))
