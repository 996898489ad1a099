"""Every number that a fit found, one by one: its name, its title, its scale and its method."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from metadesk.analysis.result import AnalysisResult
from metadesk.document.numbers import NumberKind
from metadesk.models import FitResult, Heterogeneity, Interval

ANALYSIS, NATURAL = "analysis", "natural"


@dataclass(frozen=True)
class NamedNumber:
    """A number at full precision.

    ``scale`` is ``analysis`` (log for ratios), ``natural`` (ratios as ratios) or '' where there is
    but one.
    """

    name: str
    title: str
    value: float
    method: str
    kind: NumberKind = "number"
    scale: str = ""


def models_of(result: AnalysisResult) -> tuple[tuple[str, str, FitResult], ...]:
    """The main model and those beside it, each once: key, title and fit; the main one first."""
    if result.main is None:
        return ()
    main_title = next(
        (c.label for c in result.companions if c.fit is result.main), result.main.title
    )
    beside = tuple((c.key, c.label, c.fit) for c in result.companions if c.fit is not result.main)
    return ((result.spec.model, main_title, result.main), *beside)


def all_numbers(result: AnalysisResult, fit: FitResult) -> tuple[NamedNumber, ...]:
    """Coefficients, prediction, heterogeneity, likelihood and whatever else the model reports."""
    return (
        *_coefficients(result, fit),
        *_prediction(result, fit),
        *heterogeneity_numbers(fit),
        *_likelihood(fit),
        *_others(fit),
    )


def _coefficients(result: AnalysisResult, fit: FitResult) -> Iterator[NamedNumber]:
    c = fit.coefficients
    single = fit.has_pooled
    ci = f"{100 * c.level:g}% CI"
    for i, term in enumerate(c.names):
        where = "" if single else f"{term}."
        of = "" if single else f" of {term}"
        what = "Pooled effect" if single else f"Coefficient{of}"
        b, lower, upper = float(c.b[i]), float(c.ci_lb[i]), float(c.ci_ub[i])
        if single:
            a, z = result.natural(lower), result.natural(upper)
            yield NamedNumber("estimate", what, result.natural(b), fit.method, "effect", NATURAL)
            yield NamedNumber("estimate.ci_lb", f"{ci}, lower", a, c.test, "effect", NATURAL)
            yield NamedNumber("estimate.ci_ub", f"{ci}, upper", z, c.test, "effect", NATURAL)
        yield NamedNumber(f"{where}b", what, b, fit.method, "effect", ANALYSIS)
        se = float(c.se[i])
        yield NamedNumber(f"{where}se", f"Standard error{of}", se, c.test, "se", ANALYSIS)
        yield NamedNumber(f"{where}ci_lb", f"{ci}{of}, lower", lower, c.test, "effect", ANALYSIS)
        yield NamedNumber(f"{where}ci_ub", f"{ci}{of}, upper", upper, c.test, "effect", ANALYSIS)
        df = float(c.df[i])
        letter = "t" if math.isfinite(df) else "z"
        stat = float(c.stat[i])
        yield NamedNumber(f"{where}stat", f"{letter} statistic{of}", stat, c.test, "statistic")
        yield NamedNumber(f"{where}df", f"Degrees of freedom{of}", df, c.test, "df")
        yield NamedNumber(f"{where}pval", f"P, two-sided{of}", float(c.pval[i]), c.test, "p")


def _prediction(result: AnalysisResult, fit: FitResult) -> Iterator[NamedNumber]:
    found = fit.prediction
    if found is None:
        return
    title = f"{100 * found.level:g}% prediction interval"
    for end, words, value in (("lb", "lower", found.lower), ("ub", "upper", found.upper)):
        yield NamedNumber(
            f"estimate.pi_{end}", f"{title}, {words}", result.natural(value), found.method,
            "effect", NATURAL,
        )  # fmt: skip
        yield NamedNumber(f"pi_{end}", f"{title}, {words}", value, found.method, "effect", ANALYSIS)


def heterogeneity_numbers(fit: FitResult) -> tuple[NamedNumber, ...]:
    """Between-study variance, I², H² and Cochran's Q, each with its method."""
    found = fit.heterogeneity
    if found is None:
        return ()
    numbers: list[NamedNumber] = []
    if fit.family != "fixed":
        numbers += _variance(found)
    numbers += [
        NamedNumber("I2", "I²", found.I2, found.I2_definition, "percent"),
        *_ends("I2", "I²", found.I2_interval, "percent"),
        NamedNumber("H2", "H²", found.H2, found.I2_definition, "number"),
        *_ends("H2", "H²", found.H2_interval, "number"),
        NamedNumber("QE", "Cochran's Q", found.QE, found.QE_method, "statistic"),
        NamedNumber("QE_df", "Degrees of freedom of Q", found.QE_df, found.QE_method, "df"),
        NamedNumber("QEp", "P of Q", found.QEp, f"{found.QE_method}, chi-squared", "p"),
    ]
    if not math.isnan(found.R2):
        numbers.append(
            NamedNumber("R2", "R²", found.R2, "share of τ² that moderators explain", "percent")
        )
    return tuple(numbers)


def _variance(found: Heterogeneity) -> list[NamedNumber]:
    method = found.tau2_method
    tau = math.sqrt(found.tau2) if found.tau2 >= 0 else math.nan
    return [
        NamedNumber("tau2", "Between-study variance, τ²", found.tau2, method, "variance", ANALYSIS),
        NamedNumber("se_tau2", "Standard error of τ²", found.se_tau2, method, "se", ANALYSIS),
        *_ends("tau2", "τ²", found.tau2_interval, "variance", ANALYSIS),
        NamedNumber("tau", "Between-study SD, τ", tau, method, "variance", ANALYSIS),
    ]


def _ends(
    name: str, title: str, found: Interval | None, kind: NumberKind, scale: str = ""
) -> list[NamedNumber]:
    if found is None:
        return []
    ci = f"{title}, {100 * found.level:g}% CI"
    return [
        NamedNumber(f"{name}.ci_lb", f"{ci}, lower", found.lower, found.method, kind, scale),
        NamedNumber(f"{name}.ci_ub", f"{ci}, upper", found.upper, found.method, kind, scale),
    ]


def _likelihood(fit: FitResult) -> Iterator[NamedNumber]:
    found = fit.statistics
    if found is None:
        return
    kind = "restricted likelihood" if found.restricted else "likelihood"
    for name, title, value in (
        ("logLik", "Log-likelihood", found.logLik),
        ("deviance", "Deviance", found.deviance),
        ("AIC", "Akaike information criterion", found.AIC),
        ("BIC", "Bayesian information criterion", found.BIC),
        ("AICc", "AIC, small samples", found.AICc),
    ):
        yield NamedNumber(name, title, value, kind)


def _others(fit: FitResult) -> Iterator[NamedNumber]:
    for test in fit.omnibus:
        letter = "F" if test.kind == "F" else "χ²"
        where = f"omnibus.{test.title}"
        yield NamedNumber(
            f"{where}.stat", f"{test.title}, {letter}", test.statistic, test.method, "statistic"
        )
        yield NamedNumber(
            f"{where}.df1", f"{test.title}, degrees of freedom", test.df1, test.method, "df"
        )
        if test.kind == "F":
            yield NamedNumber(
                f"{where}.df2", f"{test.title}, df of the denominator", test.df2, test.method, "df"
            )
        yield NamedNumber(f"{where}.pval", f"{test.title}, P", test.p, test.method, "p")
    for key, quantity in fit.extra.items():
        yield NamedNumber(key, quantity.title, quantity.value, quantity.method)
