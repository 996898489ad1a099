"""Tables of what a model adds to the pooled effect: tests, subgroups, predictions, components.

The results tab, the workbook and the report show the same ones; which there are follows from the
result.
"""

from __future__ import annotations

import math

from metadesk.analysis.result import AnalysisResult, Companion
from metadesk.document import Cell, Column, Table
from metadesk.models import FitResult, Quantity
from metadesk.reports.moderator_tables import moderator_tables
from metadesk.reports.numbers import models_of
from metadesk.reports.plain import plain_table
from metadesk.reports.subgroup_tables import subgroup_tables
from metadesk.reports.tables import effect_title, known, natural_ends


def model_tables(result: AnalysisResult) -> tuple[Table, ...]:
    """Every table that this result has beyond pooled effect, studies and heterogeneity."""
    if result.main is None:
        return ()
    plain, further = plain_table(result), further_table(result)
    tables = [*((plain,) if plain.rows or plain.notes else ()), *result.main.tables]
    tables += moderator_tables(result)
    if result.permutation is not None:
        tables.append(result.permutation.table())
    if result.subgroups is not None:
        tables += subgroup_tables(result, result.subgroups)
    if len(result.main.components) > 1:
        tables.append(components_table(result.main))
    tables += [further] if further.rows else []
    tables.append(comparison_table(result))
    if result.main.statistics is not None:
        tables.append(fit_table(result.main))
    if any(math.isfinite(s.blup) for s in result.used):
        tables.append(blup_table(result))
    return tuple(tables)


def report_tables(result: AnalysisResult) -> tuple[Table, ...]:
    """Those of them that a report prints; best predictions stand in its table of studies."""
    return tuple(t for t in model_tables(result) if t.key != "blups")


def further_table(result: AnalysisResult) -> Table:
    """What else the main model found: tests of tables, intervals of another kind."""
    assert result.main is not None
    ci = f"{100 * result.spec.level:g}% CI"
    columns = (
        Column("quantity", "Quantity"),
        Column("value", "Value", "number"),
        Column("ci_lb", f"{ci} from", "number"),
        Column("ci_ub", "to", "number"),
        Column("df", "df", "df"),
        Column("pval", "P", "p"),
        Column("method", "By"),
    )
    rows = tuple(
        _further(result, found)
        for name, found in result.main.extra.items()
        if not name.startswith(SHOWN_ELSEWHERE)
    )
    return Table("Further numbers of the model", columns, rows, key="further")


SHOWN_ELSEWHERE = ("I2 ", "tau2_", "n_clusters", "QE_")
"""Beginnings of the names of quantities that other tables hold."""


def _further(result: AnalysisResult, found: Quantity) -> tuple[Cell, ...]:
    effect = found.kind == "effect"
    title = f"{found.title} ({effect_title(result).lower()})" if effect else found.title
    value = result.natural(found.value) if effect else found.value
    if effect:
        ends = natural_ends(result, found.interval)
    else:
        ends = (None, None) if found.interval is None else (
            found.interval.lower, found.interval.upper
        )  # fmt: skip
    df = None if math.isinf(found.df) else known(found.df)
    return (title, known(value), *ends, df, known(found.p), found.method)


def fit_table(fit: FitResult) -> Table:
    """How well the main model fits, and how the fit went."""
    columns = (Column("quantity", "Quantity"), Column("value", "Value", "number"))
    s = fit.statistics
    assert s is not None
    kind = "restricted likelihood" if s.restricted else "likelihood"
    rows: tuple[tuple[Cell, ...], ...] = (
        (f"Log-{kind}", known(s.logLik)),
        ("Deviance", known(s.deviance)),
        ("AIC", known(s.AIC)),
        ("AICc, for small samples", known(s.AICc)),
        ("BIC", known(s.BIC)),
        ("Parameters", float(s.n_parameters)),
    )
    status = fit.status
    went = "converged" if status.converged else "did not converge"
    steps = f" in {status.iterations} steps" if status.iterations else ""
    notes = [f"The fit {went}{steps}; answered by: {status.rung or fit.method}."]
    if not s.likelihood:
        notes.append("The estimates do not maximise this likelihood: compare AIC with care.")
    return Table("Fit statistics", columns, rows, tuple(notes), key="fit")


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
        Column("ratio", "Likelihood ratio to the main model, χ²", "statistic"),
        Column("ratio_df", "df", "df"),
        Column("ratio_p", "P", "p"),
        Column("answered", "Answered by"),
    )
    found = models_of(result)
    beside = {id(c.fit): c for c in result.companions}
    rows = [_model_row(result, title, fit, beside.get(id(fit))) for _, title, fit in found]
    notes = []
    if any(f.statistics and f.statistics.restricted for _, _, f in found):
        notes.append(
            "Restricted likelihoods (REML) and their AIC compare models with the same moderators "
            "only; choose ML to compare different ones."
        )
    if any(not f.has_pooled for _, _, f in found):
        notes.append("A model with moderators has no single pooled effect.")
    kinds = {f.statistics.likelihood for _, _, f in found if f.statistics} - {""}
    if len(kinds) > 1:
        notes.append(
            "Models of the counts and models of the effects have likelihoods of different data: "
            "their log-likelihoods and AIC say nothing about each other."
        )
    notes += _ratio_notes(result)
    return Table("Models side by side", columns, tuple(rows), tuple(notes), key="comparison")


def _ratio_notes(result: AnalysisResult) -> list[str]:
    """What the likelihood ratios are, and why a model that was asked for has none."""
    tested = [c for c in result.companions if c.ratio is not None]
    notes = []
    if tested:
        by = "; ".join(dict.fromkeys(c.ratio.method for c in tested if c.ratio is not None))
        notes.append(
            f"The likelihood ratio tests the smaller of the two models in the larger. {by}."
        )
    asked = [c for c in result.companions if c.key.startswith("other") and c.why_no_ratio]
    notes += [f"No likelihood ratio for {c.label}: {c.why_no_ratio}" for c in asked]
    return notes


def _model_row(
    result: AnalysisResult, title: str, fit: FitResult, beside: Companion | None
) -> tuple[Cell, ...]:
    h, s = fit.heterogeneity, fit.statistics
    pooled: tuple[Cell, ...] = (None, None, None)
    if fit.has_pooled:
        pooled = (
            known(result.natural(fit.pooled.value)), *natural_ends(result, fit.pooled.interval)
        )  # fmt: skip
    spread: tuple[Cell, ...] = (None, None, None)
    if h is not None:
        tau2 = None if fit.family == "fixed" else known(h.tau2)
        spread = (tau2, known(h.I2), known(h.R2))
    likelihood: tuple[Cell, ...] = (None,) * 4
    if s is not None:
        likelihood = (known(s.logLik), known(s.AIC), known(s.AICc), known(s.BIC))
    ends = natural_ends(result, fit.prediction if fit.has_pooled else None)
    test = None if beside is None else beside.ratio
    ratio: tuple[Cell, ...] = (None,) * 3
    if test is not None:
        ratio = (known(test.statistic), known(test.df1), known(test.p))
    rung = fit.status.rung if fit.status.converged else f"{fit.status.rung}, not converged"
    return (title, fit.k, *pooled, *spread, *ends, *likelihood, *ratio, rung)


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
