"""Tables of moderators: coefficients, tests, expected effects, differences, inflation."""

from __future__ import annotations

import math

import numpy as np

from metadesk.analysis.expected import (
    asked_columns,
    differences_between,
    expected_along,
    expected_at,
    factor_columns,
    factor_levels,
    has_moderators,
)
from metadesk.analysis.result import AnalysisResult
from metadesk.analysis.testing import adjusted_words, testing_of
from metadesk.document import Cell, Column, Table
from metadesk.errors import SpecProblem
from metadesk.models import Coefficients, FitResult, Omnibus
from metadesk.models.meta.data import INTERCEPT
from metadesk.models.meta.moderator_tests import (
    adjust_p,
    generalised_inflation,
    variance_inflation,
)
from metadesk.models.meta.predictions import Predictions
from metadesk.reports.tables import effect_title, known


def moderator_tables(result: AnalysisResult) -> list[Table]:
    """Every table about moderators that this result has."""
    tables: list[Table] = []
    if has_moderators(result):
        tables.append(coefficients_table(result))
    tests = tests_table(result)
    tables += [tests] if tests.rows else []
    if result.spec.predict_at and asked_columns(result):
        tables.append(predictions_table(result))
    if has_moderators(result):
        for column in factor_columns(result):
            tables += [marginal_table(result, column), differences_table(result, column)]
        assert result.main is not None
        if len(result.main.coefficients.names) > 2:
            tables.append(inflation_table(result, result.main))
    return tables


def coefficients_table(result: AnalysisResult) -> Table:
    """The coefficients of the main model with their tests; for ratios, as ratios too."""
    assert result.main is not None
    c = result.main.coefficients
    named = np.array([name != INTERCEPT for name in c.names])
    columns, rows = estimates_with_tests(result, c, named)
    notes = [f"Test: {c.test}."]
    words = adjusted_words(result.spec, int(named.sum()))
    notes += [words] if words else []
    if INTERCEPT in c.names:
        notes.append(
            "intrcpt: the effect expected where every moderator is at zero or at its reference."
        )
    return Table("Coefficients", columns, rows, tuple(notes), key="coefficients")


def differences_table(result: AnalysisResult, column: str) -> Table:
    """Differences of every two levels of a factor."""
    c = differences_between(result, column)
    columns, rows = estimates_with_tests(result, c, np.ones(len(c.names), dtype=bool), "Difference")
    notes = [f"Test: {c.test}."]
    many = len(c.names)
    if many > 1:
        words = adjusted_words(result.spec, many)
        notes.append(words or f"P values as they stand, not adjusted for being {many} tests.")
    return Table(f"Differences between levels of {column}", columns, rows, tuple(notes),
                 key=f"differences-{column}")  # fmt: skip


def estimates_with_tests(
    result: AnalysisResult, c: Coefficients, counted: np.ndarray, what: str = "Term"
) -> tuple[tuple[Column, ...], tuple[tuple[Cell, ...], ...]]:
    """Estimates with tests and intervals, P adjusted where asked for, ratios where it is a log."""
    ci = f"{100 * c.level:g}% CI"
    adjusted = adjusted_p(result, c.pval, counted)
    ratio = result.scale.key == "log"
    columns = [
        Column("term", what),
        Column("estimate", "Estimate", "effect", 3),
        Column("se", "SE", "se"),
        Column("stat", "t" if np.isfinite(c.df).any() else "z", "statistic"),
        Column("df", "df", "df"),
        Column("pval", "P", "p"),
        *((Column("p_adjusted", "P, adjusted", "p"),) if adjusted is not None else ()),
        Column("ci_lb", f"{ci} lower", "effect", 3),
        Column("ci_ub", "upper", "effect", 3),
    ]
    if ratio:
        columns += [
            Column("ratio", "As a ratio", "effect"),
            Column("ratio_lb", f"{ci} lower", "effect"),
            Column("ratio_ub", "upper", "effect"),
        ]
    rows = []
    for i, name in enumerate(c.names):
        cells: list[Cell] = [name, *(known(float(v[i])) for v in (c.b, c.se, c.stat))]
        cells += [known(float(c.df[i])), known(float(c.pval[i]))]
        if adjusted is not None:
            cells.append(known(float(adjusted[i])))
        ends = (float(c.b[i]), float(c.ci_lb[i]), float(c.ci_ub[i]))
        cells += [known(ends[1]), known(ends[2])]
        if ratio:
            cells += [known(result.natural(v)) for v in ends]
        rows.append(tuple(cells))
    return tuple(columns), tuple(rows)


def adjusted_p(result: AnalysisResult, pval: np.ndarray, counted: np.ndarray) -> np.ndarray | None:
    """P values adjusted as the request says; None where nothing is to be adjusted."""
    method = testing_of(result.spec).adjust
    if method == "none" or int(counted.sum()) < 2:
        return None
    out = np.full(pval.size, math.nan)
    out[counted] = adjust_p(pval[counted], method)
    return out


def tests_table(result: AnalysisResult) -> Table:
    """Joint tests: all moderators, each term, chosen ones, heterogeneity; no rows without any."""
    fit = result.main
    assert fit is not None
    columns = (
        Column("test", "Test"),
        Column("stat", "Statistic", "statistic"),
        Column("kind", "Kind"),
        Column("df1", "df", "df"),
        Column("df2", "df of the denominator", "df"),
        Column("pval", "P", "p"),
        Column("method", "By"),
    )
    rows = [_test_row(test) for test in (*fit.omnibus, *result.tests)]
    h = fit.heterogeneity
    if h is not None and has_moderators(result) and not _tells_heterogeneity(fit):
        rows.append(
            ("Test for residual heterogeneity (QE)", known(h.QE), "χ²", known(h.QE_df), None,
             known(h.QEp), h.QE_method)
        )  # fmt: skip
    dropped = fit.status.aliased
    notes = (f"Dropped, as other terms say the same: {', '.join(dropped)}.",) if dropped else ()
    title = "Tests of moderators" if has_moderators(result) else "Further tests"
    return Table(title, columns, tuple(rows), notes, key="tests")


def _tells_heterogeneity(fit: FitResult) -> bool:
    return any(test.title.startswith("Heterogeneity") for test in fit.omnibus)


def _test_row(test: Omnibus) -> tuple[Cell, ...]:
    df2 = test.df2 if test.kind == "F" else math.nan
    kind = "F" if test.kind == "F" else "χ²"
    return (
        test.title, known(test.statistic), kind, known(test.df1), known(df2), known(test.p),
        test.method,
    )  # fmt: skip


def predictions_table(result: AnalysisResult) -> Table:
    """Expected effects at the places that were typed."""
    places = result.spec.predict_at
    names = list(dict.fromkeys(name for place in places for name in place))
    columns = (*(Column(f"at:{n}", n) for n in names), *_expected_columns(result))
    try:
        at = expected_at(result, places)
    except SpecProblem as problem:
        return Table("Predictions", columns, (), (str(problem),), key="predictions")
    rows = tuple(
        (*(_word(place.get(n)) for n in names), *_expected_row(result, at, i))
        for i, place in enumerate(places)
    )
    return Table("Predictions", columns, rows, (f"{_sentence(at.method)}",), key="predictions")


def marginal_table(result: AnalysisResult, column: str) -> Table:
    """Estimated marginal means: expected effects at the levels of a factor."""
    assert result.design is not None
    levels = factor_levels(result, column)
    at, held = expected_along(result, column, levels)
    rows = tuple((level, *_expected_row(result, at, i)) for i, level in enumerate(levels))
    return Table(
        f"Estimated marginal means of {column}",
        (Column("level", column), *_expected_columns(result)),
        rows,
        (held,) if held else (),
        key=f"marginal-{column}",
    )


def inflation_table(result: AnalysisResult, fit: FitResult) -> Table:
    """Variance inflation factors: how much a term's error grows because others resemble it."""
    names = [n for n in fit.coefficients.names if n != INTERCEPT]
    rows: list[tuple[Cell, ...]] = [
        (name, known(float(v)), None)
        for name, v in zip(names, variance_inflation(fit), strict=True)
    ]
    rows += _of_terms(result, fit)
    columns = (
        Column("term", "Term"),
        Column("vif", "VIF", "number"),
        Column("root", "GVIF^(1/2m)", "number"),
    )
    notes = (
        "1: unrelated to the other terms; from about 5 on hard to tell apart from them. A term "
        "with m coefficients has one generalised factor (GVIF); its 1/2m power squared compares "
        "with a VIF.",
    )
    return Table("Variance inflation", columns, tuple(rows), notes, key="vif")


def _of_terms(result: AnalysisResult, fit: FitResult) -> list[tuple[Cell, ...]]:
    """The generalised factor of every term with several coefficients."""
    design, names = result.design, fit.coefficients.names
    rows: list[tuple[Cell, ...]] = []
    for term, (first, last) in zip(
        () if design is None else design.terms, () if design is None else design.spans, strict=True
    ):
        assert design is not None
        which = [names.index(n) for n in design.names[first:last] if n in names and n != INTERCEPT]
        if len(which) > 1 and len(which) < len(names) - (INTERCEPT in names):
            gvif, root = generalised_inflation(fit, which)
            rows.append((f"{term.title}, all its coefficients", known(gvif), known(root)))
    return rows


def _expected_columns(result: AnalysisResult) -> tuple[Column, ...]:
    ci = f"{100 * result.spec.level:g}%"
    return (
        Column("estimate", effect_title(result), "effect"),
        Column("ci_lb", f"{ci} CI, lower", "effect"),
        Column("ci_ub", f"{ci} CI, upper", "effect"),
        Column("pi_lb", f"{ci} prediction, lower", "effect"),
        Column("pi_ub", f"{ci} prediction, upper", "effect"),
        Column("pred", "Expected (analysis scale)", "effect", 4),
        Column("se", "SE", "se", 4),
    )


def _expected_row(result: AnalysisResult, at: Predictions, i: int) -> tuple[Cell, ...]:
    ends = (
        *sorted((result.natural(float(at.ci_lb[i])), result.natural(float(at.ci_ub[i])))),
        *sorted((result.natural(float(at.pi_lb[i])), result.natural(float(at.pi_ub[i])))),
    )
    numbers = (result.natural(float(at.pred[i])), *ends, float(at.pred[i]), float(at.se[i]))
    return tuple(known(v) for v in numbers)


def _word(value: object) -> str | None:
    if value is None:
        return None
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _sentence(words: str) -> str:
    return words if words.endswith(".") else f"{words}."
