"""The rows of a forest plot, in order: headings, studies, subtotals, totals, prediction."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from metadesk.analysis.expected import (
    expected_along,
    expected_at,
    expected_of_studies,
    factor_columns,
    factor_levels,
    has_moderators,
)
from metadesk.analysis.result import AnalysisResult, StudyResult
from metadesk.document import MISSING_TEXT
from metadesk.document.numbers import format_value
from metadesk.errors import SpecProblem
from metadesk.models import FitResult, Omnibus, Quantity
from metadesk.models.meta.predictions import Predictions
from metadesk.plots.forest.options import ForestOptions
from metadesk.plots.forest.style import Style
from metadesk.table.table import NOT_A_STUDY

Shape = Literal["none", "square", "hollow", "diamond", "light", "bar"]
NOT_NEEDED = MISSING_TEXT


FEW_WITHOUT = 5  # rows without an effect that are drawn in any case


@dataclass(frozen=True)
class Row:
    """One line of the figure; numbers are on the natural scale, ``weight`` in percent.

    ``cells`` holds words by column key. ``mark`` is the letter of a footnote. ``expected`` is what
    a model with moderators expects of the study: lower, middle, upper.
    """

    id: str
    label: str
    shape: Shape = "none"
    estimate: float = math.nan
    lower: float = math.nan
    upper: float = math.nan
    weight: float = math.nan
    cells: Mapping[str, str] = field(default_factory=dict)
    bold: bool = False
    muted: bool = False
    small: bool = False
    indent: bool = False
    rule_above: bool = False
    mark: str = ""
    tip: str = ""
    expected: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Section:
    """Studies that stand together, with their own estimate and fit where there are any.

    With one tau² for all groups there is an estimate but no fit of the group alone.
    """

    title: str
    studies: tuple[StudyResult, ...]
    fit: FitResult | None = None
    estimate: Quantity | None = None


def sections_of(result: AnalysisResult, options: ForestOptions) -> tuple[Section, ...]:
    """The studies to draw, in order and by subgroup where the result knows subgroups."""
    hidden = {id(s) for s in not_drawn(result)}
    greyed = options.show_excluded
    shown = [
        s
        for s in result.studies
        if s.used or (greyed and s.listed and s.reason not in NOT_A_STUDY and id(s) not in hidden)
    ]
    titles = dict.fromkeys(s.subgroup for s in shown)
    if not any(titles):
        return (Section("", ordered(shown, options)),)
    found = {} if result.subgroups is None else {g.level: g for g in result.subgroups.groups}
    return tuple(
        Section(
            title or "Without a subgroup",
            ordered([s for s in shown if s.subgroup == title], options),
            found[title].fit if title in found else None,
            found[title].estimate if title in found else None,
        )
        for title in titles
    )


def not_drawn(result: AnalysisResult) -> tuple[StudyResult, ...]:
    """Rows without an effect that would crowd out the studies; few of them are drawn, greyed.

    A study that a person left out is always drawn.
    """
    without = [s for s in result.left_out if not s.by_person and math.isnan(s.yi)]
    return tuple(without) if len(without) > max(FEW_WITHOUT, len(result.used)) else ()


def ordered(studies: Sequence[StudyResult], options: ForestOptions) -> tuple[StudyResult, ...]:
    """Sort studies as chosen; those that lack what is sorted by come last, ties as in the sheet."""
    if options.order == "sheet":
        return tuple(reversed(studies)) if options.reverse else tuple(studies)
    have = [s for s in studies if _sort_key(s, options.order) is not None]
    lack = [s for s in studies if _sort_key(s, options.order) is None]
    have.sort(key=lambda s: _sort_key(s, options.order) or (), reverse=options.reverse)
    return (*have, *lack)


def _sort_key(study: StudyResult, order: str) -> tuple[float | str, ...] | None:
    match order:
        case "effect":
            return None if math.isnan(study.yi) else (study.yi,)
        case "weight":
            return None if math.isnan(study.weight) else (-study.weight,)
        case "year":
            found = re.search(r"\d{4}", study.year or study.label)
            return (float(found.group()),) if found else None
        case _:
            return (study.label.casefold(),)


def footnote_letter(i: int) -> str:
    """The name of the i-th footnote: a to z, then aa, ab and so on."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return (footnote_letter(i // 26 - 1) if i >= 26 else "") + letters[i % 26]


def reasons_of(sections: Sequence[Section]) -> dict[str, str]:
    """Each reason for which a drawn study is left out, with the letter of its footnote."""
    reasons = dict.fromkeys(s.reason for c in sections for s in c.studies if not s.used)
    return {reason: footnote_letter(i) for i, reason in enumerate(r for r in reasons if r)}


def study_rows(
    result: AnalysisResult,
    sections: Sequence[Section],
    style: Style,
    digits: int,
    data: Mapping[int, Mapping[str, str]],
    *,
    show_expected: bool = False,
) -> list[Row]:
    """Headings, studies and subtotals; ``data`` holds the raw data's cells by row id."""
    letters = reasons_of(sections)
    rows: list[Row] = []
    titled = any(section.title for section in sections)
    expected = expected_by_row(result) if show_expected else {}
    for i, section in enumerate(sections):
        if titled:
            rows.append(Row(f"section:{i}", section.title, bold=True))
        for study in section.studies:
            mark = "" if study.used else letters.get(study.reason, "")
            row = _study(result, study, style, digits, data.get(study.row_id, {}), titled, mark)
            rows.append(replace(row, expected=expected.get(study.row_id)))
        if section.estimate is not None or section.fit is not None:
            rows += _subtotal(result, section, i, style, digits)
    return rows


def expected_by_row(result: AnalysisResult) -> dict[int, tuple[float, float, float]]:
    """What a model with moderators expects of each study, on the natural scale, by row id."""
    if not has_moderators(result):
        return {}
    at = expected_of_studies(result)
    if len(result.used) != at.pred.size:
        return {}
    found = {}
    for i, study in enumerate(result.used):
        if not math.isfinite(study.fitted):
            continue
        ends = [result.natural(float(v[i])) for v in (at.ci_lb, at.pred, at.ci_ub)]
        found[study.row_id] = (ends[0], ends[1], ends[2])
    return found


def _study(
    result: AnalysisResult,
    study: StudyResult,
    style: Style,
    digits: int,
    data: Mapping[str, str],
    indent: bool,
    mark: str,
) -> Row:
    effect = style.effect(study.effect, study.lower, study.upper, digits)
    weight = style.number(study.weight, "percent", 1) if study.used else NOT_NEEDED
    beside = style.number(study.weight_fixed, "percent", 1) if study.used else NOT_NEEDED
    said = f"{study.label}: {result.family.short} {effect}"
    said += f", weight {weight}" if study.used else f". Left out: {study.reason}"
    return Row(
        id=f"row:{study.row_id}",
        label=study.label,
        shape="square" if study.used else "hollow",
        estimate=study.effect,
        lower=study.lower,
        upper=study.upper,
        weight=study.weight,
        cells={**data, "effect": effect, "weight": weight, "weight_beside": beside},
        muted=not study.used,
        indent=indent,
        mark=mark,
        tip=said,
    )


def _subtotal(
    result: AnalysisResult, section: Section, i: int, style: Style, digits: int
) -> list[Row]:
    fit = section.fit
    estimate = section.estimate or (fit.pooled if fit is not None else None)
    assert estimate is not None
    used = [s for s in section.studies if s.used]
    weights = [s.weight for s in used if math.isfinite(s.weight)]
    sums = data_sums(result, style, {s.row_id for s in used})
    shown = estimate_row(
        result, estimate, f"subtotal:{i}", style.subtotal, style, digits,
        shape="light", weight=math.fsum(weights) if weights else math.nan, cells=sums,
    )  # fmt: skip
    words = heterogeneity_text(fit, style) if fit is not None else ""
    line = Row(f"subtotal:{i}:spread", words, muted=True, small=True, indent=True)
    shown = replace(shown, indent=True)
    return [shown, line] if line.label else [shown]


def data_sums(result: AnalysisResult, style: Style, rows: set[int]) -> dict[str, str]:
    """The sums of the raw data over some rows, where a sum means something."""
    sums: dict[str, str] = {}
    for i, column in enumerate(result.data_columns):
        if math.isfinite(column.total):
            pairs = zip(result.studies, column.values, strict=True)
            values = [v for s, v in pairs if s.row_id in rows and v is not None]
            sums[f"data:{i}"] = style.number(math.fsum(values), column.kind)
    return sums


def total_rows(
    result: AnalysisResult,
    options: ForestOptions,
    style: Style,
    digits: int,
    totals: Mapping[str, str],
) -> list[Row]:
    """The pooled effect, the other model beside it where asked for, and the prediction interval."""
    fit = result.main
    if fit is None:
        return []
    if not fit.has_pooled:
        return expected_rows(result, style, digits) if options.show_expected else []
    beside = companion_of(result) if options.show_companion else None
    count = result.counted
    label = style.total.format(count)
    if beside is not None:
        label = f"{_model_name(fit)} ({count})"
    whole = math.nan if fit.weights is None else 100.0
    rows = [
        pooled_row(
            result, fit, "pooled", label, style, digits,
            shape="diamond", weight=whole, cells=totals, rule_above=True,
        )
    ]  # fmt: skip
    if beside is not None:
        name = f"{_model_name(beside)} ({count})"
        weighed = {"weight_beside": style.number(100.0, "percent", 1)}
        rows.append(
            pooled_row(
                result, beside, "companion", name, style, digits,
                shape="light", bold=False, cells=weighed,
            )
        )  # fmt: skip
    if options.show_prediction and fit.prediction is not None:
        lower, upper = (result.natural(v) for v in (fit.prediction.lower, fit.prediction.upper))
        said = f"{format_value(100 * fit.prediction.level, 'number')}% prediction interval"
        ends = style.ends(lower, upper, digits)
        rows.append(
            Row(
                "prediction", said, "bar", lower=lower, upper=upper, cells={"effect": ends},
                tip=f"{said}: {ends}, {fit.prediction.method}",
            )
        )  # fmt: skip
    return rows


def expected_rows(result: AnalysisResult, style: Style, digits: int) -> list[Row]:
    """What a model with moderators expects at the typed places, else at the levels of a factor."""
    found: list[tuple[str, Predictions, int]] = []
    if not has_moderators(result):
        return []
    if result.spec.predict_at:
        try:
            at = expected_at(result, result.spec.predict_at)
        except SpecProblem:
            return []
        for i, place in enumerate(result.spec.predict_at):
            words = ", ".join(f"{name} {_short(value)}" for name, value in place.items())
            found.append((words, at, i))
    else:
        for column in factor_columns(result):
            levels = factor_levels(result, column)
            at, _ = expected_along(result, column, levels)
            found += [(f"{column} {level}", at, i) for i, level in enumerate(levels)]
    if not found:
        return []
    rows = [Row("expected:head", "Expected by the model", bold=True, rule_above=True)]
    for number, (words, at, i) in enumerate(found):
        estimate, lower, upper = (
            result.natural(float(v[i])) for v in (at.pred, at.ci_lb, at.ci_ub)
        )
        effect = style.effect(estimate, lower, upper, digits)
        rows.append(
            Row(
                f"expected:{number}", words, "diamond", estimate, lower, upper,
                cells={"effect": effect}, indent=True,
                tip=f"Expected at {words}: {result.family.short} {effect}",
            )
        )  # fmt: skip
    return rows


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def pooled_row(
    result: AnalysisResult,
    fit: FitResult,
    id: str,
    label: str,
    style: Style,
    digits: int,
    *,
    shape: Shape,
    weight: float = math.nan,
    cells: Mapping[str, str] | None = None,
    bold: bool = True,
    rule_above: bool = False,
) -> Row:
    """The row of a pooled estimate."""
    return estimate_row(
        result, fit.pooled, id, label, style, digits,
        shape=shape, weight=weight, cells=cells, bold=bold, rule_above=rule_above,
    )  # fmt: skip


def estimate_row(
    result: AnalysisResult,
    pooled: Quantity,
    id: str,
    label: str,
    style: Style,
    digits: int,
    *,
    shape: Shape,
    weight: float = math.nan,
    cells: Mapping[str, str] | None = None,
    bold: bool = True,
    rule_above: bool = False,
) -> Row:
    """The row of an estimate with its interval."""
    ends = pooled.interval
    estimate = result.natural(pooled.value)
    lower = result.natural(ends.lower) if ends else math.nan
    upper = result.natural(ends.upper) if ends else math.nan
    effect = style.effect(estimate, lower, upper, digits)
    words = {**(cells or {}), "effect": effect}
    if not math.isnan(weight):
        words["weight"] = style.number(weight, "percent", 1)
    return Row(
        id, label, shape, estimate, lower, upper, cells=words, bold=bold, rule_above=rule_above,
        tip=f"{label}: {result.family.short} {effect}, {style.p(pooled.p)}",
    )  # fmt: skip


def companion_of(result: AnalysisResult) -> FitResult | None:
    """The model of the other kind that stands beside the main one."""
    fit = result.main
    if fit is None:
        return None
    return next((c.fit for c in result.companions if c.fit.family != fit.family), None)


def _model_name(fit: FitResult) -> str:
    return {"fixed": "Fixed effect", "random": "Random effects"}.get(fit.family, fit.title)


def heterogeneity_text(fit: FitResult, style: Style) -> str:
    """The line about heterogeneity, each number with its name and method."""
    spread = fit.heterogeneity
    if spread is None:
        return ""
    if not spread.QE_df > 0:
        return "Heterogeneity: not applicable"
    parts: list[str] = []
    if fit.spread is not None and math.isnan(spread.tau2):
        parts.append("τ² differs between studies")
    elif fit.family != "fixed":
        tau2 = style.number(spread.tau2, "variance", tau2_digits(spread.tau2))
        parts.append(f"τ² = {tau2} ({short_method(spread.tau2_method)})")
    q, df = style.number(spread.QE, "statistic"), style.number(spread.QE_df, "df")
    parts.append(f"χ² = {q}, df = {df} ({style.p(spread.QEp)})")
    if not math.isnan(spread.I2):
        parts.append(f"I² = {style.number(spread.I2, 'percent', 0)}")
    return "Heterogeneity: " + "; ".join(parts)


def test_text(fit: FitResult, style: Style) -> str:
    """The line about the test of the pooled effect: statistic, degrees of freedom, P, its name."""
    pooled = fit.pooled
    coefficients = fit.coefficients
    statistic = float(coefficients.stat[0])
    if math.isnan(statistic):
        return "Test of overall effect: not available"
    by = coefficients.test.split(",")[0].removesuffix(" (z)")
    shown = style.number(statistic, "statistic")
    if math.isfinite(pooled.df):
        head = f"t = {shown}, df = {style.number(pooled.df, 'df')}"
    else:
        head = f"z = {shown}"
    return f"Test of overall effect: {head}, {style.p(pooled.p)} ({by})"


def tau2_digits(tau2: float) -> int:
    """Three digits after the point, fewer for large numbers; for small ones three that count."""
    if not tau2 > 0:
        return 3
    size = math.floor(math.log10(tau2))
    return max(3 - size, 0) if size > 0 else min(2 - size, 10) if size < -2 else 3


def short_method(title: str) -> str:
    """The abbreviation in brackets at the end of a method's title, else the title."""
    found = re.search(r"\(([A-Za-z0-9–-]+)\)$", title)
    return found.group(1) if found else title


def difference_text(test: Omnibus, style: Style) -> str:
    """The line about the test for subgroup differences."""
    if math.isnan(test.statistic):
        return "Test for subgroup differences: not available"
    shown, df = style.number(test.statistic, "statistic"), style.number(test.df1, "df")
    if test.kind == "F":
        rest = style.number(test.df2, "df")
        return (
            f"Test for subgroup differences: F = {shown}, df = {df} and {rest} ({style.p(test.p)})"
        )
    return f"Test for subgroup differences: χ² = {shown}, df = {df} ({style.p(test.p)})"
