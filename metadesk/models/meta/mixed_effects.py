"""The mixed-effects model (meta-regression): moderators explain part of the heterogeneity."""

from __future__ import annotations

from dataclasses import dataclass, replace

from metadesk.document import Column, Note, Table
from metadesk.models.meta import linear, prediction, tau2, tau2_interval
from metadesk.models.meta.data import MetaData
from metadesk.models.meta.kernel import DesignKernel, MeanKernel
from metadesk.models.meta.likelihood_ratio import Refits
from metadesk.models.meta.pooling import Pooled, Request, generalised_q_weights, pool
from metadesk.models.meta.random_effects import I2_TITLES, Q_HELP, bare, tests_of_tau2
from metadesk.models.meta.tau2 import Q_WEIGHTS, estimate_tau2
from metadesk.models.result import FitResult, Omnibus, Quantity
from metadesk.numerics.progress import SILENT, Progress
from metadesk.options import choice, flag, number

TAU2 = {**tau2.METHODS, "none": "None: moderators explain all heterogeneity (fixed effects)"}


@dataclass(frozen=True)
class MixedEffects:
    """How residual heterogeneity is estimated and the moderators' coefficients are tested."""

    tau2: str = choice("Residual between-study variance", TAU2, "REML")
    test: str = choice("Test and interval", linear.TESTS, "hksj-guarded")
    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.9999)
    prediction: str = choice(
        "Prediction interval",
        {key: prediction.METHODS[key] for key in (*prediction.CLOSED, "none")},
        "t(k-1)",
        help="The rules' degrees of freedom are less one for every moderator column.",
    )
    tau2_interval: str = choice("Interval of τ²", tau2_interval.METHODS, "QP", advanced=True)
    I2: str = choice("Definition of I²", I2_TITLES, "tau2", advanced=True)
    weighting: str = choice("Weights", linear.WEIGHTINGS, "inverse-variance", advanced=True)
    tau2_value: float | None = number(
        "Residual between-study variance, given", None, minimum=0.0, advanced=True,
        help="Instead of estimating τ², use this value.",
    )  # fmt: skip
    q_weights: str = choice("Weights of the generalised Q", Q_WEIGHTS, "1/sqrt(v)",
                            help=Q_HELP, advanced=True)  # fmt: skip
    centred: bool = flag(
        "Without intercept: heterogeneity about the mean effect",
        False,
        help="metafor centres the effects before it estimates τ² and QE, which matters only "
        "where the model has no intercept. Off: both are about the model itself.",
        advanced=True,
    )


def fit_mixed(spec: MixedEffects, data: MetaData, progress: Progress = SILENT) -> FitResult:
    """Estimate ``y_i = x_i'b + u_i + e_i`` with ``u_i ~ N(0, tau²)``, ``e_i ~ N(0, v_i)``.

    The result holds the test of moderators, the test of residual heterogeneity, and the partition
    of heterogeneity: total tau² of the model without moderators = explained + residual.

    Raises
    ------
    NotEstimable
        With fewer studies than coefficients; the message names them.
    """
    request = mixed_request(spec)
    fit = pool(request, data, progress)
    if data.intercept_only:
        return fit.result
    return _with_partition(request, fit, data, progress)


def mixed_request(spec: MixedEffects) -> Request:
    """What the spec asks of the shared machinery."""
    none = spec.tau2 == "none"
    return Request(
        "mixed",
        "Fixed effects with moderators" if none else "Mixed effects (meta-regression)",
        "mixed",
        spec.test,
        spec.level,
        spec.weighting,
        "" if none else spec.tau2,
        None if none else spec.tau2_value,
        "none" if none else spec.tau2_interval,
        spec.prediction,
        spec.I2,
        spec.centred,
        spec.q_weights,
    )


def _with_partition(request: Request, fit: Pooled, data: MetaData, progress: Progress) -> FitResult:
    """Add R² and the partition of heterogeneity, where the intercept-only model is nested.

    ``R² = 100 max(0, (total - residual)/total)`` (Raudenbush 2009, eq. 16.39); for fixed effects
    with moderators the adjusted R² of weighted least squares, ``1 - (QE/(k - p))/(QT/(k - 1))``.
    """
    result = fit.result
    if not _nests_the_mean(fit) or request.tau2_value is not None:
        return result
    rest = result.heterogeneity
    assert rest is not None
    if rest.QE_df < 1.0:
        return replace(result, notes=_with_no_df(result))
    alone = MeanKernel(data.yi, data.vi)
    if fit.tau2 is None:
        h2 = alone.quadratic(0.0)[0] / (data.k - 1)
        r2 = _share(h2, rest.H2) if rest.QE_df > 0 else float("nan")
        return replace(result, heterogeneity=replace(rest, R2=r2))
    weights = generalised_q_weights(request, data)
    total = estimate_tau2(alone, request.tau2_method, weights, progress).value
    spread = replace(rest, R2=_share(total, rest.tau2), tau2_total=total)
    return replace(
        result,
        heterogeneity=spread,
        extra={
            "tau2_total": _quantity("tau2_total", "τ², total", total, rest.tau2_method),
            "tau2_explained": _quantity(
                "tau2_explained",
                "τ², explained by the moderators",
                total - rest.tau2,
                "total − residual",
            ),
            "tau2_residual": _quantity(
                "tau2_residual", "τ², residual", rest.tau2, rest.tau2_method
            ),
        },
        tables=(*result.tables, _partition_table(total, rest.tau2, spread.R2)),
        notes=result.notes + _partition_notes(total, rest.tau2, result),
    )


def _with_no_df(result: FitResult) -> tuple[Note, ...]:
    """The notes of a result, and that its tau² of 0 says nothing; where no note says it already."""
    if any(note.code == "no-df" for note in result.notes):
        return result.notes
    text = (
        f"{result.k} studies for {len(result.coefficients.names)} coefficients: the line runs "
        "through every study, so heterogeneity cannot be seen and tau² is taken as 0."
    )
    return (*result.notes, Note(text, "strong", "no-df"))


def _nests_the_mean(fit: Pooled) -> bool:
    """Whether the columns span the constant, by an intercept or by a factor's full coding."""
    kernel = fit.kernel
    return isinstance(kernel, DesignKernel) and kernel.p > 1 and kernel.spans_constant


def _share(total: float, residual: float) -> float:
    """Percentage of ``total`` that is gone in ``residual``; NaN where there was none."""
    return 100.0 * max(0.0, (total - residual) / total) if total > 0.0 else float("nan")


def _quantity(name: str, title: str, value: float, method: str) -> Quantity:
    return Quantity(name, title, value, method, kind="variance")


def _partition_table(total: float, residual: float, r2: float) -> Table:
    """Total = explained + residual."""
    columns = (
        Column("part", "Heterogeneity"),
        Column("tau2", "τ²", "variance"),
        Column("share", "% of total", "percent"),
    )
    rest = 100.0 * residual / total if total > 0.0 else float("nan")
    rows = (
        ("Total (no moderators)", total, 100.0 if total > 0.0 else float("nan")),
        ("Explained by the moderators", total - residual, 100.0 - rest),
        ("Residual", residual, rest),
    )
    notes = (f"R² = {r2:.1f}%, the explained share, not below 0.",) if total > 0.0 else ()
    return Table("Partition of heterogeneity", columns, rows, notes, key="partition")


def _partition_notes(total: float, residual: float, result: FitResult) -> tuple[Note, ...]:
    notes = []
    if residual > total:
        notes.append(
            Note(
                "Residual τ² exceeds the total: the moderators cost more precision than they "
                "explain; R² is shown as 0.",
                "note",
                "r2-negative",
            )
        )
    m = len(result.coefficients.names) - 1
    if result.k < 10 * m:
        notes.append(
            Note(
                f"{result.k} studies for {m} moderator column{'s' if m > 1 else ''}: below ten "
                "studies a column, meta-regression finds chance patterns easily.",
                "caution",
                "few-studies-per-moderator",
                "Cochrane Handbook, ch. 10.11",
            )
        )
    return tuple(notes)


def _tests_of_tau2(spec: MixedEffects, data: MetaData, progress: Progress) -> tuple[Omnibus, ...]:
    return () if spec.tau2 == "none" else tests_of_tau2(fit_mixed, spec, data)


RATIOS = Refits(
    lambda spec: replace(bare(spec), tau2="none" if spec.tau2 == "none" else "ML"), _tests_of_tau2
)
