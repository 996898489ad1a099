"""A result as the tables of the results tab: fewer columns than the workbook, all digits."""

from __future__ import annotations

import math

from metadesk.analysis.engine import AnyResult
from metadesk.analysis.result import AnalysisResult
from metadesk.document import Cell, Column, Table
from metadesk.models import FitResult
from metadesk.models.result import Interval
from metadesk.reports.model_tables import model_tables
from metadesk.reports.numbers import models_of
from metadesk.reports.tables import effect_title

FIRST, LAST = ("coefficients",), ("comparison", "fit", "blups")


def any_tables(result: AnyResult) -> tuple[Table, ...]:
    """All tables of a result of either kind."""
    if isinstance(result, AnalysisResult):
        return result_tables(result)
    from metadesk.reports.trial_tables import design_tables, trial_tables

    return (*trial_tables(result), *design_tables(result))


def result_tables(result: AnalysisResult) -> tuple[Table, ...]:
    """All tables of a result, the most wanted first."""
    tables = [studies_table(result)]
    if result.main is not None:
        more = list(model_tables(result))
        first = [table for table in more if table.key in FIRST]
        last = [table for table in more if table.key in LAST]
        rest = [table for table in more if table.key not in FIRST + LAST]
        tables = [
            pooled_table(result), *first, *rest, heterogeneity_table(result), *tables, *last
        ]  # fmt: skip
    return tuple(tables)


def _models(result: AnalysisResult) -> list[tuple[str, FitResult]]:
    """The main model first and said to be it, then those beside it."""
    found = models_of(result)
    return [
        (f"{title} (main)" if fit is result.main and len(found) > 1 else title, fit)
        for _, title, fit in found
    ]


def pooled_table(result: AnalysisResult) -> Table:
    """Fixed and random effects side by side: estimate, interval, test, prediction."""
    level = f"{result.spec.level * 100:g}%"
    digits = 2
    columns = (
        Column("model", "Model"),
        Column("k", "Studies", "count"),
        Column("estimate", effect_title(result), "effect", digits),
        Column("ci_lb", f"{level} CI from", "effect", digits),
        Column("ci_ub", "to", "effect", digits),
        Column("stat", "z or t", "statistic"),
        Column("df", "df", "df"),
        Column("p", "P", "p"),
        Column("pi_lb", f"{level} PI from", "effect", digits),
        Column("pi_ub", "to", "effect", digits),
    )
    models = _models(result)
    whole = [(label, fit) for label, fit in models if fit.has_pooled]
    rows = tuple(_pooled_row(result, label, fit) for label, fit in whole)
    notes = [f"{label}: {_sentence(fit.method)}" for label, fit in models]
    if len(whole) < len(models):
        notes.append("A model with moderators has no one pooled effect: see its coefficients.")
    if result.scale.key == "log":
        notes.append(f"Pooled as log {result.family.short}, shown as {result.family.short}.")
    return Table("Pooled effect", columns, rows, tuple(notes), key="pooled")


def _pooled_row(result: AnalysisResult, label: str, fit: FitResult) -> tuple[Cell, ...]:
    pooled = fit.pooled
    stat = float(fit.coefficients.stat[0])
    df = None if math.isinf(pooled.df) else pooled.df
    ends = _natural(result, pooled.interval)
    prediction = _natural(result, fit.prediction)
    return (label, fit.k, result.natural(pooled.value), *ends, stat, df, pooled.p, *prediction)


def _natural(
    result: AnalysisResult, interval: Interval | None
) -> tuple[float, float] | tuple[None, None]:
    if interval is None or math.isnan(interval.lower):
        return None, None
    ends = sorted((result.natural(interval.lower), result.natural(interval.upper)))
    return ends[0], ends[1]


def heterogeneity_table(result: AnalysisResult) -> Table:
    """How much true effects differ, by each model, with Cochran's Q."""
    columns = (
        Column("model", "Model"),
        Column("tau2", "τ²", "variance"),
        Column("tau2_lb", "CI from", "variance"),
        Column("tau2_ub", "to", "variance"),
        Column("tau", "τ", "variance"),
        Column("I2", "I²", "percent"),
        Column("H2", "H²", "statistic"),
        Column("QE", "Q", "statistic"),
        Column("QE_df", "df", "df"),
        Column("QEp", "P", "p"),
    )
    rows: list[tuple[Cell, ...]] = []
    notes: list[str] = []
    for label, fit in _models(result):
        h = fit.heterogeneity
        if h is None:
            continue
        ends = (
            (None, None) if h.tau2_interval is None
            else (h.tau2_interval.lower, h.tau2_interval.upper)
        )  # fmt: skip
        spread = (None,) * 4 if fit.family == "fixed" else (h.tau2, *ends, math.sqrt(h.tau2))
        rows.append((label, *spread, h.I2, h.H2, h.QE, h.QE_df, h.QEp))
        said = f"I² {h.I2_definition}; {h.QE_method}"
        if fit.family != "fixed":
            interval = f", interval {h.tau2_interval.method}" if h.tau2_interval else ""
            said = f"τ² by {h.tau2_method}{interval}; {said}"
        notes.append(f"{label}: {_sentence(said)}")
    return Table("Heterogeneity", columns, tuple(rows), tuple(notes), key="heterogeneity")


def studies_table(result: AnalysisResult) -> Table:
    """Every row of the sheet with its effect and weights, or the reason why it has no part."""
    columns = (
        Column("study", "Study"),
        Column("effect", effect_title(result), "effect"),
        Column("lower", f"{result.spec.level * 100:g}% CI from", "effect"),
        Column("upper", "to", "effect"),
        Column("weight", "Weight", "percent"),
        Column("weight_fixed", "Weight, fixed", "percent"),
        Column("route", "Worked out from"),
        Column("reason", "Left out because"),
    )
    rows = tuple(
        (s.label, s.effect, s.lower, s.upper, s.weight, s.weight_fixed, s.route_title, s.reason)
        for s in result.studies
        if s.listed
    )
    meaning = result.main.weights_meaning if result.main is not None else ""
    notes = (f"Weights: {meaning}",) if meaning else ()
    return Table("Studies", columns, rows, notes, key="studies")


def _sentence(words: str) -> str:
    return words if words.endswith(".") else f"{words}."
