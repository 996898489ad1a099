"""The tables of a report: pooled effects on both scales, every study, heterogeneity, settings."""

from __future__ import annotations

import math

from metadesk.analysis.result import AnalysisResult, StudyResult
from metadesk.document import Cell, Column, Table
from metadesk.models import FitResult, Interval
from metadesk.reports.numbers import heterogeneity_numbers, models_of
from metadesk.reports.sources import citations


def pooled_table(result: AnalysisResult) -> Table:
    """Fixed and random effects side by side, on the scale that a reader understands."""
    ci = f"{100 * result.spec.level:g}%"
    columns = (
        Column("model", "Model"),
        Column("test", "Test"),
        Column("k", "Studies", "count"),
        Column("estimate", effect_title(result), "effect"),
        Column("ci_lb", f"{ci} CI, lower", "effect"),
        Column("ci_ub", f"{ci} CI, upper", "effect"),
        Column("pi_lb", f"{ci} prediction, lower", "effect"),
        Column("pi_ub", f"{ci} prediction, upper", "effect"),
        Column("stat", "Statistic", "statistic"),
        Column("df", "df", "df"),
        Column("pval", "P", "p"),
    )
    rows = [
        (*_head(result, fit, title), *_ends(result, fit), *_test(fit))
        for _, title, fit in models_of(result)
        if fit.has_pooled
    ]
    notes = (
        "The first row is the model of this analysis; the others stand beside it for comparison.",
    )
    return Table("Pooled effect", columns, tuple(rows), notes if len(rows) > 1 else (), "pooled")


def analysis_scale_table(result: AnalysisResult) -> Table:
    """Pooled effects and coefficients on the analysis scale, as other programs print them."""
    ci = f"{100 * result.spec.level:g}%"
    columns = (
        Column("model", "Model"),
        Column("method", "Method"),
        Column("term", "Term"),
        Column("b", "Estimate", "effect", 4),
        Column("ci_lb", f"{ci} CI, lower", "effect", 4),
        Column("ci_ub", f"{ci} CI, upper", "effect", 4),
        Column("pi_lb", f"{ci} prediction, lower", "effect", 4),
        Column("pi_ub", f"{ci} prediction, upper", "effect", 4),
        Column("stat", "Statistic", "statistic"),
        Column("df", "df", "df"),
        Column("pval", "P", "p"),
        Column("se", "SE", "se", 4),
    )
    rows: list[tuple[Cell, ...]] = []
    for _, title, fit in models_of(result):
        c = fit.coefficients
        interval = fit.prediction if fit.has_pooled else None
        for i, name in enumerate(c.names):
            ends = (interval.lower, interval.upper) if interval else (math.nan, math.nan)
            numbers = (
                c.b[i], c.ci_lb[i], c.ci_ub[i], *ends, c.stat[i], c.df[i], c.pval[i], c.se[i],
            )  # fmt: skip
            term = "pooled effect" if fit.has_pooled else name
            rows.append((title, fit.method, term, *(known(float(v)) for v in numbers)))
    return Table(
        f"On the scale of the analysis ({scale_words(result)})",
        columns,
        tuple(rows),
        key="analysis",
    )


def study_table(result: AnalysisResult) -> Table:
    """Every row of the sheet: raw data, effect on both scales, weights, route, or why not."""
    ci = f"{100 * result.spec.level:g}%"
    data = tuple(
        Column(f"data{i}", f"{c.group}: {c.title}" if c.group else c.title, c.kind)
        for i, c in enumerate(result.data_columns)
    )
    columns = (
        Column("study", "Study"),
        Column("year", "Year", "year"),
        Column("subgroup", "Subgroup"),
        Column("used", "Pooled"),
        *data,
        Column("effect", effect_title(result), "effect"),
        Column("lower", f"{ci} CI, lower", "effect"),
        Column("upper", f"{ci} CI, upper", "effect"),
        Column("weight", "Weight, %", "percent"),
        Column("weight_fixed", "Weight, fixed effect, %", "percent"),
        Column("yi", f"yi ({scale_words(result)})", "effect", 4),
        Column("vi", "vi", "variance"),
        Column("sei", "SE", "se"),
        Column("fitted", "Expected by the model", "effect", 4),
        Column("blup", "Best prediction (BLUP)", "effect", 4),
        Column("blup_se", "SE of the best prediction", "se"),
        Column("route", "Worked out from"),
        Column("reason", "Why left out"),
        Column("notes", "Notes"),
        Column("route_source", "Source of the conversion"),
    )
    shown = [(i, study) for i, study in enumerate(result.studies) if study.listed]
    rows = tuple(_study(result, i, study) for i, study in shown)
    if any(study.steps for study in result.studies):
        columns = (*columns, Column("steps", "Done to its cells"))
        told = (" ".join(step.sentence for step in study.steps) for _, study in shown)
        rows = tuple((*row, words or None) for row, words in zip(rows, told, strict=True))
    return Table("Studies", columns, rows, key="studies")


def heterogeneity_table(result: AnalysisResult) -> Table:
    """How far effects differ, by each model, every number with its method."""
    columns = (
        Column("model", "Model"),
        Column("quantity", "Quantity"),
        Column("value", "Value", "number"),
        Column("method", "Method"),
    )
    rows = tuple(
        (title, number.title, known(number.value), number.method)
        for _, title, fit in models_of(result)
        for number in heterogeneity_numbers(fit)
    )
    return Table("Heterogeneity", columns, rows, key="heterogeneity")


def settings_table(result: AnalysisResult) -> Table:
    """Every choice that shaped the numbers, and where its method comes from."""
    columns = (Column("setting", "Setting"), Column("value", "Choice"), Column("source", "Source"))
    sources = citations(result)
    rows = tuple((s.title, s.value, sources.get(s.name, "")) for s in result.settings)
    return Table("Settings", columns, rows, key="settings")


def effect_title(result: AnalysisResult) -> str:
    """What the effect is called in a heading."""
    if not result.measure:
        return "Effect"
    if result.measure == "GEN":
        return "Ratio" if result.scale.axis == "log" else "Estimate"
    return result.family.title


def scale_words(result: AnalysisResult) -> str:
    """The scale that ``yi`` is on, such as 'log risk ratio'."""
    name = effect_title(result).lower()
    if result.scale.key == "identity":
        return name
    return f"log {name}" if result.scale.key == "log" else f"{name}, {result.scale.key} scale"


def known(value: float) -> float | None:
    """A number as a cell, nothing for NaN."""
    return None if math.isnan(value) else float(value)


def natural_ends(result: AnalysisResult, interval: Interval | None) -> tuple[Cell, Cell]:
    """The ends of an interval on the natural scale, the lower first."""
    if interval is None or math.isnan(interval.lower):
        return None, None
    low, high = sorted((result.natural(interval.lower), result.natural(interval.upper)))
    return known(low), known(high)


def _head(result: AnalysisResult, fit: FitResult, title: str) -> tuple[Cell, ...]:
    return title, fit.coefficients.test, fit.k, known(result.natural(fit.pooled.value))


def _ends(result: AnalysisResult, fit: FitResult) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    for found in (fit.pooled.interval, fit.prediction):
        for value in (found.lower, found.upper) if found else (math.nan, math.nan):
            cells.append(known(result.natural(value)))
    return tuple(cells)


def _test(fit: FitResult) -> tuple[Cell, ...]:
    c = fit.coefficients
    return known(c.stat[0]), known(c.df[0]), known(c.pval[0])


def _study(result: AnalysisResult, i: int, study: StudyResult) -> tuple[Cell, ...]:
    return (
        study.study or study.label,
        int(study.year) if study.year.isdigit() else study.year or None,
        study.subgroup or None,
        "yes" if study.used else "no",
        *(column.values[i] for column in result.data_columns),
        known(study.effect),
        known(study.lower),
        known(study.upper),
        known(study.weight),
        known(study.weight_fixed),
        known(study.yi),
        known(study.vi),
        known(study.sei),
        known(study.fitted),
        known(study.blup),
        known(study.blup_se),
        study.route_title or None,
        study.reason or None,
        " ".join(study.notes) or None,
        _conversion_source(result, study),
    )


def _conversion_source(result: AnalysisResult, study: StudyResult) -> str | None:
    """Where the way of a row comes from, if it converts what the paper told."""
    if not study.route:
        return None
    cited = result.family.route(study.route).citation
    return None if cited is None else cited.full
