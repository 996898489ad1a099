"""Tables of what a model adds to the pooled effect: tests, subgroups, predictions, components.

The results tab, the workbook and the report show the same ones; which there are follows from the
result.
"""

from __future__ import annotations

import math

from metadesk.analysis.expected import (
    expected_along,
    expected_at,
    factor_columns,
    factor_levels,
    has_moderators,
)
from metadesk.analysis.result import AnalysisResult
from metadesk.document import Cell, Column, Table
from metadesk.document.numbers import p_phrase
from metadesk.errors import SpecProblem
from metadesk.models import FitResult, Interval, Omnibus
from metadesk.models.meta.moderator_tests import variance_inflation, wald_of_terms
from metadesk.models.meta.predictions import Predictions
from metadesk.models.meta.subgroups import Subgroup, SubgroupAnalysis
from metadesk.reports.numbers import models_of
from metadesk.reports.plain import plain_table
from metadesk.reports.tables import effect_title, known


def model_tables(result: AnalysisResult) -> tuple[Table, ...]:
    """Every table that this result has beyond pooled effect, studies and heterogeneity."""
    if result.main is None:
        return ()
    plain = plain_table(result)
    tables = [*((plain,) if plain.rows or plain.notes else ()), *result.main.tables]
    tables += _moderator_tables(result) if has_moderators(result) else []
    if result.permutation is not None:
        tables.append(_keyed(result.permutation.table(), "permutation"))
    if result.subgroups is not None:
        tables.append(subgroup_table(result, result.subgroups))
    if len(result.main.components) > 1:
        tables.append(components_table(result.main))
    tables.append(comparison_table(result))
    if any(math.isfinite(s.blup) for s in result.used):
        tables.append(blup_table(result))
    return tuple(tables)


def report_tables(result: AnalysisResult) -> tuple[Table, ...]:
    """Those of them that a report prints; best predictions stand in its table of studies."""
    return tuple(t for t in model_tables(result) if t.key != "blups")


def _moderator_tables(result: AnalysisResult) -> list[Table]:
    tables = [tests_table(result)]
    if result.spec.predict_at:
        tables.append(predictions_table(result))
    tables += [marginal_table(result, column) for column in factor_columns(result)]
    assert result.main is not None
    if len(result.main.coefficients.names) > 2:
        tables.append(inflation_table(result.main))
    return tables


def tests_table(result: AnalysisResult) -> Table:
    """Joint tests: all moderators, each term, and what heterogeneity is left."""
    fit, design = result.main, result.design
    assert fit is not None
    columns = (
        Column("test", "Test"),
        Column("stat", "Statistic", "statistic"),
        Column("kind", "Kind"),
        Column("df1", "df", "df"),
        Column("df2", "df of the denominator", "df"),
        Column("pval", "P", "p"),
    )
    tests = list(fit.omnibus)
    if design is not None and len(design.terms) > 1:
        tests += wald_of_terms(fit, design)
    rows = [_test_row(test) for test in tests]
    h = fit.heterogeneity
    if h is not None:
        rows.append(
            ("Test for residual heterogeneity (QE)", known(h.QE), "χ²", known(h.QE_df), None,
             known(h.QEp))
        )  # fmt: skip
    dropped = fit.status.aliased
    notes = (f"Dropped, as other terms say the same: {', '.join(dropped)}.",) if dropped else ()
    return Table("Tests of moderators", columns, tuple(rows), notes, key="tests")


def _test_row(test: Omnibus) -> tuple[Cell, ...]:
    df2 = test.df2 if test.kind == "F" else math.nan
    kind = "F" if test.kind == "F" else "χ²"
    return (test.title, known(test.statistic), kind, known(test.df1), known(df2), known(test.p))


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


def inflation_table(fit: FitResult) -> Table:
    """Variance inflation factors: how much a term's error grows because others resemble it."""
    names = [n for n in fit.coefficients.names if n != "intrcpt"]
    rows = tuple((name, float(v)) for name, v in zip(names, variance_inflation(fit), strict=True))
    columns = (Column("term", "Term"), Column("vif", "VIF", "number"))
    notes = ("1: unrelated to the other terms; from about 5 on hard to tell apart from them.",)
    return Table("Variance inflation", columns, rows, notes, key="vif")


def subgroup_table(result: AnalysisResult, found: SubgroupAnalysis) -> Table:
    """One row a group on the scale a reader understands, then the overall estimate."""
    ci = f"{100 * result.spec.level:g}%"
    columns = (
        Column("level", found.column),
        Column("k", "Studies", "count"),
        Column("estimate", effect_title(result), "effect"),
        Column("ci_lb", f"{ci} CI, lower", "effect"),
        Column("ci_ub", f"{ci} CI, upper", "effect"),
        Column("pi_lb", f"{ci} prediction, lower", "effect"),
        Column("pi_ub", f"{ci} prediction, upper", "effect"),
        Column("pval", "P", "p"),
        Column("tau2", "τ²", "variance"),
        Column("I2", "I²", "percent"),
        Column("QE", "Q", "statistic"),
        Column("QEp", "P of Q", "p"),
        Column("b", "Estimate (analysis scale)", "effect", 4),
        Column("se", "SE", "se", 4),
    )
    rows = [_subgroup_row(result, found, group) for group in found.groups]
    rows.append(_overall_row(result, found.overall))
    notes = [difference_sentence(found)]
    if found.overall.family != "fixed":
        notes += [note.text for note in found.notes]
    return Table(f"Subgroups by {found.column}", columns, tuple(rows), tuple(notes), "subgroups")


def difference_sentence(found: SubgroupAnalysis) -> str:
    """The test for subgroup differences in words."""
    d = found.difference
    if math.isnan(d.statistic):
        return "Test for subgroup differences: not available."
    letter = "F" if d.kind == "F" else "χ²"
    if found.overall.family == "fixed":
        how = ""
    elif found.tau2 == "common":
        how = "; one common τ²"
    else:
        how = "; each group its own τ²"
    df = f"{d.df1:g} and {d.df2:g}" if d.kind == "F" else f"{d.df1:g}"
    return (
        f"Test for subgroup differences: {letter} = {d.statistic:.2f}, df = {df} "
        f"({p_phrase(d.p)}){how}."
    )


def _subgroup_row(
    result: AnalysisResult, found: SubgroupAnalysis, group: Subgroup
) -> tuple[Cell, ...]:
    q, fit = group.estimate, group.fit or found.model
    own = group.fit is not None
    h = None if fit is None else fit.heterogeneity
    fixed = fit is not None and fit.family == "fixed"
    return (
        group.level, group.k, known(result.natural(q.value)), *_natural(result, q.interval),
        *_natural(result, group.prediction), known(q.p),
        None if h is None or fixed else known(h.tau2),
        known(h.I2) if h and own else None, known(h.QE) if h and own else None,
        known(h.QEp) if h and own else None, known(q.value), known(q.se),
    )  # fmt: skip


def _overall_row(result: AnalysisResult, fit: FitResult) -> tuple[Cell, ...]:
    q, h = fit.pooled, fit.heterogeneity
    spread = (None,) * 4 if h is None else (
        None if fit.family == "fixed" else known(h.tau2), known(h.I2), known(h.QE), known(h.QEp)
    )  # fmt: skip
    return (
        "Overall", fit.k, known(result.natural(q.value)), *_natural(result, q.interval),
        *_natural(result, fit.prediction), known(q.p), *spread, known(q.value), known(q.se),
    )  # fmt: skip


def components_table(fit: FitResult) -> Table:
    """Every variance and correlation of the random effects, with the share of its level."""
    columns = (
        Column("component", "Component"),
        Column("estimate", "Estimate", "variance"),
        Column("sd", "SD", "variance"),
        Column("lower", "CI from", "variance"),
        Column("upper", "to", "variance"),
        Column("levels", "Levels", "count"),
        Column("I2", "I² of the level", "percent"),
    )
    rows: list[tuple[Cell, ...]] = []
    for c in fit.components:
        share = fit.extra.get(f"I2 {c.name}")
        variance = not c.name.startswith("rho")
        ends = (None, None) if c.interval is None else (c.interval.lower, c.interval.upper)
        rows.append(
            (
                c.title, c.estimate, math.sqrt(max(c.estimate, 0.0)) if variance else None, *ends,
                c.n_levels or None, None if share is None else known(share.value),
            )
        )  # fmt: skip
    interval = next((c.interval for c in fit.components if c.interval), None)
    notes = [f"Intervals: {interval.method}, {100 * interval.level:g}%."] if interval else []
    clusters = fit.extra.get("n_clusters")
    if clusters is not None:
        notes.append(
            f"Errors are cluster-robust ({clusters.method}) over {clusters.value:.0f} clusters."
        )
    return Table("Variance components", columns, tuple(rows), tuple(notes), key="components")


def comparison_table(result: AnalysisResult) -> Table:
    """The models of the same data side by side."""
    ci = f"{100 * result.spec.level:g}%"
    columns = (
        Column("model", "Model"),
        Column("k", "Studies", "count"),
        Column("estimate", effect_title(result), "effect"),
        Column("ci_lb", f"{ci} CI, lower", "effect"),
        Column("ci_ub", f"{ci} CI, upper", "effect"),
        Column("tau2", "τ²", "variance"),
        Column("I2", "I²", "percent"),
        Column("R2", "R²", "percent"),
        Column("pi_lb", f"{ci} prediction, lower", "effect"),
        Column("pi_ub", f"{ci} prediction, upper", "effect"),
        Column("logLik", "Log-likelihood", "number"),
        Column("AIC", "AIC", "number"),
        Column("AICc", "AICc", "number"),
        Column("BIC", "BIC", "number"),
        Column("answered", "Answered by"),
    )
    found = models_of(result)
    rows = [_model_row(result, title, fit) for _, title, fit in found]
    notes = []
    if any(f.statistics and f.statistics.restricted for _, _, f in found):
        notes.append(
            "Restricted likelihoods (REML) and their AIC compare models with the same moderators "
            "only; choose ML to compare different ones."
        )
    if any(len(f.coefficients.names) > 1 for _, _, f in found):
        notes.append("A model with moderators has no single pooled effect.")
    return Table("Models side by side", columns, tuple(rows), tuple(notes), key="comparison")


def _model_row(result: AnalysisResult, title: str, fit: FitResult) -> tuple[Cell, ...]:
    single = len(fit.coefficients.names) == 1
    h, s = fit.heterogeneity, fit.statistics
    pooled: tuple[Cell, ...] = (None, None, None)
    if single:
        pooled = (
            known(result.natural(fit.pooled.value)), *_natural(result, fit.pooled.interval)
        )  # fmt: skip
    spread: tuple[Cell, ...] = (None, None, None)
    if h is not None:
        tau2 = None if fit.family == "fixed" else known(h.tau2)
        spread = (tau2, known(h.I2), known(h.R2))
    likelihood: tuple[Cell, ...] = (None,) * 4
    if s is not None:
        likelihood = (known(s.logLik), known(s.AIC), known(s.AICc), known(s.BIC))
    ends = _natural(result, fit.prediction if single else None)
    rung = fit.status.rung if fit.status.converged else f"{fit.status.rung}, not converged"
    return (title, fit.k, *pooled, *spread, *ends, *likelihood, rung)


def blup_table(result: AnalysisResult) -> Table:
    """What the model takes each study's true effect to be."""
    ci = f"{100 * result.spec.level:g}%"
    columns = (
        Column("study", "Study"),
        Column("effect", effect_title(result), "effect"),
        Column("blup", "Best prediction", "effect"),
        Column("lower", f"{ci} interval from", "effect"),
        Column("upper", "to", "effect"),
        Column("fitted", "Expected by the model", "effect"),
        Column("blup_b", "Best prediction (analysis scale)", "effect", 4),
        Column("se", "SE", "se", 4),
    )
    from metadesk.numerics.tails import quantile

    assert result.main is not None
    reach = float(quantile(result.spec.level, float(result.main.coefficients.df[0])))
    rows = tuple(
        (
            s.label, known(s.effect), known(result.natural(s.blup)),
            *(known(v) for v in sorted(
                (result.natural(s.blup - reach * s.blup_se),
                 result.natural(s.blup + reach * s.blup_se)))),
            known(result.natural(s.fitted)), known(s.blup), known(s.blup_se),
        )
        for s in result.used
        if math.isfinite(s.blup)
    )  # fmt: skip
    notes = (
        "Best linear unbiased prediction: each study drawn towards what the model expects, the "
        "more the less precise it is.",
    )
    return Table("True effects of the studies", columns, rows, notes, key="blups")


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


def _natural(result: AnalysisResult, interval: Interval | None) -> tuple[Cell, Cell]:
    if interval is None or math.isnan(interval.lower):
        return None, None
    low, high = sorted((result.natural(interval.lower), result.natural(interval.upper)))
    return known(low), known(high)


def _word(value: object) -> str | None:
    if value is None:
        return None
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _sentence(words: str) -> str:
    return words if words.endswith(".") else f"{words}."


def _keyed(table: Table, key: str) -> Table:
    return Table(table.title, table.columns, table.rows, table.notes, key)
