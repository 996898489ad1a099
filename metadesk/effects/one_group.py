"""One group: proportions, rates and means."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from metadesk.effects.arms import ARM_WAYS, ArmWay
from metadesk.effects.conversions.spread import sd_from_interval, sd_from_se
from metadesk.effects.estimates import ESTIMATE_ROUTES, HANDBOOK
from metadesk.effects.gamma import small_sample_factor
from metadesk.effects.generic import NoOptions
from metadesk.effects.measure import (
    Columns,
    Computed,
    Context,
    Inputs,
    Measure,
    Need,
    Remark,
    Route,
    log_scale,
    plain_scale,
)
from metadesk.effects.scales import (
    ARCSINE,
    DOUBLE_ARCSINE,
    DOUBLE_SQUARE_ROOT,
    LOGIT,
    PROBIT,
    SQUARE_ROOT,
)
from metadesk.effects.sources import FREEMAN, HEDGES_OLKIN, NAKAGAWA, ROTHMAN, STIJNEN
from metadesk.effects.zeros import ZeroCounts, ZeroCountsKept, corrected
from metadesk.numerics.types import FloatVector
from metadesk.options import choice, flag

_VTYPE = "Variance"
_LS, _AV = "large-sample approximation", "with the average proportion over studies"


@dataclass(frozen=True)
class ProportionOptions(ZeroCounts):
    """Zero counts and variance of proportions."""

    vtype: str = choice(_VTYPE, {"LS": _LS, "UB": "unbiased", "AV": _AV}, "LS", advanced=True)


@dataclass(frozen=True)
class LogProportionOptions(ZeroCounts):
    """Zero counts and variance of log and logit proportions."""

    vtype: str = choice(_VTYPE, {"LS": _LS, "AV": _AV}, "LS", advanced=True)


@dataclass(frozen=True)
class MeanOptions:
    """Variance of a mean."""

    vtype: str = choice(
        _VTYPE,
        {"LS": "own variance of each study", "HO": "one variance for all studies"},
        "LS",
        advanced=True,
    )


@dataclass(frozen=True)
class StandardisedMeanOptions:
    """Bias correction and variance of a standardised mean."""

    correct: bool = flag("Correct for small-sample bias", True)
    vtype: str = choice(
        _VTYPE, {"LS": _LS, "LS2": "large-sample, with the exact factor"}, "LS", advanced=True
    )


@dataclass(frozen=True)
class SpreadOptions:
    """Bias correction of a log SD or coefficient of variation."""

    correct: bool = flag("Correct for small-sample bias", True)


@dataclass(frozen=True, eq=False)
class _Proportion:
    """Events and size after the zero rule."""

    x: FloatVector
    n: FloatVector
    total: FloatVector
    reasons: tuple[Remark, ...]
    notes: tuple[Remark, ...]

    @property
    def p(self) -> FloatVector:
        return self.x / self.n

    @property
    def average(self) -> float:
        return float(self.x.sum() / self.n.sum())

    def at(self, vtype: str) -> FloatVector:
        """The proportion that the variance is evaluated at."""
        return np.full(len(self.x), self.average) if vtype == "AV" else self.p

    def answer(self, yi: FloatVector, vi: FloatVector) -> Computed:
        return Computed(yi, vi, self.total, self.reasons, self.notes)


def _mended(columns: Columns, options: ZeroCounts | ZeroCountsKept) -> _Proportion:
    """Add the constant to events and to non-events."""
    total = columns["xi"] + columns["mi"]
    cells, note = corrected(
        columns, ("xi", "mi"), options.add, options.to, "events and to non-events"
    )
    empty = Remark(total <= 0, "Nobody is in the group; its total must be at least 1.")
    return _Proportion(cells["xi"], cells["xi"] + cells["mi"], total, (empty,), (note,))


def proportion(columns: Columns, options: ProportionOptions) -> Computed:
    """Proportion as it stands."""
    t = _mended(columns, options)
    p = t.at(options.vtype)
    lost = 1.0 if options.vtype == "UB" else 0.0
    return t.answer(t.p, p * (1.0 - p) / (t.n - lost))


def log_proportion(columns: Columns, options: LogProportionOptions) -> Computed:
    """Logarithm of a proportion."""
    t = _mended(columns, options)
    return t.answer(np.log(t.p), 1.0 / (t.n * t.at(options.vtype)) - 1.0 / t.n)


def logit_proportion(columns: Columns, options: LogProportionOptions) -> Computed:
    """Log odds of a proportion."""
    t = _mended(columns, options)
    p = t.at(options.vtype)
    return t.answer(np.log(t.x / (t.n - t.x)), 1.0 / (t.n * p) + 1.0 / (t.n * (1.0 - p)))


def probit_proportion(columns: Columns, options: ZeroCounts) -> Computed:
    """Normal quantile of a proportion."""
    t = _mended(columns, options)
    z = special.ndtri(t.p)
    return t.answer(z, 2.0 * math.pi * t.p * (1.0 - t.p) * np.exp(z**2) / t.n)


def arcsine_proportion(columns: Columns, options: ZeroCountsKept) -> Computed:
    """Arcsine of the square root of a proportion."""
    t = _mended(columns, options)
    return t.answer(np.arcsin(np.sqrt(t.p)), 1.0 / (4.0 * t.n))


def double_arcsine_proportion(columns: Columns, options: ZeroCountsKept) -> Computed:
    """Freeman–Tukey double arcsine on the half scale."""
    t = _mended(columns, options)
    low, high = t.x / (t.n + 1.0), (t.x + 1.0) / (t.n + 1.0)
    yi = (np.arcsin(np.sqrt(low)) + np.arcsin(np.sqrt(high))) / 2.0
    return t.answer(yi, 1.0 / (4.0 * t.n + 2.0))


def _rate(
    columns: Columns, options: ZeroCounts | ZeroCountsKept
) -> tuple[FloatVector, FloatVector, tuple[Remark, ...]]:
    """Count after the zero rule, and person-time."""
    cells, note = corrected(columns, ("xi",), options.add, options.to, "the count")
    return cells["xi"], columns["ti"], (note,)


def rate(columns: Columns, options: ZeroCounts) -> Computed:
    """Incidence rate."""
    x, t, notes = _rate(columns, options)
    return Computed(x / t, x / t**2, t, (), notes)


def log_rate(columns: Columns, options: ZeroCounts) -> Computed:
    """Logarithm of an incidence rate."""
    x, t, notes = _rate(columns, options)
    return Computed(np.log(x / t), 1.0 / x, t, (), notes)


def root_rate(columns: Columns, options: ZeroCountsKept) -> Computed:
    """Square root of an incidence rate."""
    x, t, notes = _rate(columns, options)
    return Computed(np.sqrt(x / t), 1.0 / (4.0 * t), t, (), notes)


def double_root_rate(columns: Columns, options: ZeroCountsKept) -> Computed:
    """Freeman–Tukey square root of an incidence rate."""
    x, t, notes = _rate(columns, options)
    yi = (np.sqrt(x / t) + np.sqrt((x + 1.0) / t)) / 2.0
    return Computed(yi, 1.0 / (4.0 * t), t, (), notes)


def mean(columns: Columns, options: MeanOptions) -> Computed:
    """Mean in the unit of the outcome."""
    n, v = columns["ni"], columns["sdi"] ** 2
    if options.vtype == "HO":
        v = np.full(len(n), float(((n - 1.0) * v).sum() / (n - 1.0).sum()))
    return Computed(columns["mi"], v / n, n)


def standardised_mean(columns: Columns, options: StandardisedMeanOptions) -> Computed:
    """Mean over SD."""
    n, d = columns["ni"], columns["mi"] / columns["sdi"]
    J = small_sample_factor(n - 1.0) if options.correct else np.ones(len(n))
    if options.vtype == "LS2":
        return Computed(J * d, J**2 * (1.0 / n + d**2 / (2.0 * n)), n, (_at_least_3(n),))
    return Computed(J * d, 1.0 / n + (J * d) ** 2 / (2.0 * n), n, (_at_least_3(n),))


def _at_least_3(n: FloatVector) -> Remark:
    return Remark(n <= 2, "The group is too small; at least 3 people are needed.")


def _not_positive(m: FloatVector) -> Remark:
    return Remark(m <= 0, lambda i: f"The mean, {m[i]:g}, must be above 0 to have a logarithm.")


def log_mean(columns: Columns, options: NoOptions) -> Computed:
    """Logarithm of a mean."""
    n, m = columns["ni"], columns["mi"]
    return Computed(np.log(m), columns["sdi"] ** 2 / (n * m**2), n, (_not_positive(m),))


def log_sd(columns: Columns, options: SpreadOptions) -> Computed:
    """Logarithm of an SD."""
    n = columns["ni"]
    lost = 1.0 / (2.0 * (n - 1.0))
    return Computed(np.log(columns["sdi"]) + options.correct * lost, lost, n)


def log_cv(columns: Columns, options: SpreadOptions) -> Computed:
    """Logarithm of a coefficient of variation."""
    n, m, cv = columns["ni"], columns["mi"], columns["sdi"] / columns["mi"]
    lost = 1.0 / (2.0 * (n - 1.0))
    yi = np.log(cv) + options.correct * lost
    return Computed(yi, lost + cv**2 / n, n, (_not_positive(m),))


def _events_total(columns: Columns, context: Context) -> Inputs:
    x, n = columns["xi"], columns["ni"]
    over = Remark(
        x > n, lambda i: f"Events, {x[i]:g}, exceed the total, {n[i]:g}; correct one of the two."
    )
    return Inputs({"xi": x, "mi": n - x}, (over,))


def _events_others(columns: Columns, context: Context) -> Inputs:
    return Inputs({"xi": columns["xi"], "mi": columns["mi"]})


def _part_of_total(columns: Columns, context: Context) -> Inputs:
    """Events are the reported proportion of the total, to the nearest whole number."""
    p, n = columns["est"], columns["ni"]
    x = np.rint(p * n)
    note = Remark(
        np.ones(len(p), dtype=bool),
        lambda i: f"Events taken as {x[i]:g}: {p[i]:g} of {n[i]:g}.",
    )
    return Inputs({"xi": x, "mi": n - x}, (), (note,))


def _events_time(columns: Columns, context: Context) -> Inputs:
    return Inputs({"xi": columns["xi"], "ti": columns["ti"]})


def _mean_sd(columns: Columns, context: Context) -> Inputs:
    return Inputs({"mi": columns["mi"], "sdi": columns["sdi"], "ni": columns["ni"]})


def _mean_se(columns: Columns, context: Context) -> Inputs:
    sd = sd_from_se(columns["sei"], columns["ni"])
    return Inputs({"mi": columns["mi"], "sdi": sd, "ni": columns["ni"]})


def _mean_interval(columns: Columns, context: Context) -> Inputs:
    """SD from the confidence interval of the mean, by Student's t."""
    lower, upper, m, n = (columns[role] for role in ("lower", "upper", "mi", "ni"))
    reasons = (
        Remark(
            upper <= lower,
            lambda i: (
                f"The upper bound of the mean, {upper[i]:g}, must be above the lower one, "
                f"{lower[i]:g}."
            ),
        ),
        Remark(
            (upper > lower) & ((m < lower) | (m > upper)),
            lambda i: (
                f"The mean, {m[i]:g}, lies outside its interval, {lower[i]:g} to {upper[i]:g}; "
                "correct one of the three."
            ),
        ),
    )
    sd = sd_from_interval(lower, upper, n, context.level)
    return Inputs({"mi": m, "sdi": sd, "ni": n}, reasons)


@dataclass(frozen=True)
class _FromArm:
    """A way that groups of a trial have, for the one group there is; its columns are group 1's."""

    way: ArmWay

    def __call__(self, columns: Columns, context: Context) -> Inputs:
        m, sd, reasons, notes = self.way.function({**columns, "n1i": columns["ni"]}, "1", context)
        told = Remark(np.ones(len(m), dtype=bool), f"Worked out from {self.way.title}.")
        return Inputs({"mi": m, "sdi": sd, "ni": columns["ni"]}, reasons, (told, *notes))

    @property
    def needs(self) -> tuple[Need, ...]:
        """The way's needs without the number of the group."""
        own = (need for need in self.way.needs_of("1") if need.role != "n1i")
        bare = (Need(n.role, n.title.removesuffix(", group 1"), n.kind) for n in own)
        return (*bare, Need("ni", "Total", "size2"))


def _by_order() -> tuple[Route, ...]:
    """Mean and SD of one group from its median with quartiles, range or both."""
    ways = [_FromArm(way) for way in ARM_WAYS if way.key in ("five", "quartiles", "range")]
    return tuple(
        Route(f"mean_{w.way.key}", f"{w.way.title}, total", w.needs, w, w.way.citation,
              approximate=True)
        for w in ways
    )  # fmt: skip


def _sd_only(columns: Columns, context: Context) -> Inputs:
    return Inputs({"sdi": columns["sdi"], "ni": columns["ni"]})


_X, _N = Need("xi", "Events", "count"), Need("ni", "Total", "size")
_M, _SD, _N2 = Need("mi", "Mean"), Need("sdi", "SD", "sd"), Need("ni", "Total", "size2")
_OTHERS, _PART = Need("mi", "Non-events", "count"), Need("est", "Proportion", "proportion")
_TIME, _SE = Need("ti", "Person-time", "time"), Need("sei", "SE of the mean", "sd")
_BOUNDS = (Need("lower", "Lower bound of the mean"), Need("upper", "Upper bound of the mean"))
_PROPORTION = (
    Route("events_total", "events and total", (_X, _N), _events_total),
    Route("events_others", "events and non-events", (_X, _OTHERS), _events_others),
    *ESTIMATE_ROUTES,
    Route("part_total", "proportion and total", (_PART, _N), _part_of_total, approximate=True),
)  # fmt: skip
_RATE = (
    Route("events_time", "events and person-time", (_X, _TIME), _events_time),
    *ESTIMATE_ROUTES,
)  # fmt: skip
_MEAN = (
    Route("mean_sd", "mean, SD and total", (_M, _SD, _N2), _mean_sd),
    Route("mean_se", "mean, SE and total", (_M, _SE, _N2), _mean_se, HANDBOOK),
    Route("mean_ci", "mean, its interval and total", (_M, *_BOUNDS, _N2), _mean_interval, HANDBOOK),
    *_by_order(),
    *ESTIMATE_ROUTES,
)  # fmt: skip
_SPREAD = (Route("sd", "SD and total", (_SD, _N2), _sd_only), *ESTIMATE_ROUTES)
_P, _R, _C = (
    "One group, events",
    "One group, events over person-time",
    "One group, measured outcome",
)
_NONE = math.nan

ONE_GROUP = (
    Measure("PR", "Proportion", "Proportion", _P, "The part of the group with the event.",
            "p = x/n; v = p·q/n", ProportionOptions,
            plain_scale("proportion", _NONE, 0.0, 1.0), STIJNEN, proportion, _PROPORTION),
    Measure("PLN", "Proportion, log", "Proportion", _P,
            "The part of the group with the event, analysed as its logarithm.",
            "ln p; v = 1/x − 1/n", LogProportionOptions, log_scale("proportion", _NONE), STIJNEN,
            log_proportion, _PROPORTION),
    Measure("PLO", "Proportion, logit", "Proportion", _P,
            "The part of the group with the event, analysed as log odds; the usual choice.",
            "ln(p/q); v = 1/x + 1/(n − x)", LogProportionOptions, LOGIT, STIJNEN,
            logit_proportion, _PROPORTION),
    Measure("PRZ", "Proportion, probit", "Proportion", _P,
            "The part of the group with the event, analysed as a normal quantile.",
            "Φ⁻¹(p); v = 2π·p·q·exp(z²)/n", ZeroCounts, PROBIT, STIJNEN, probit_proportion,
            _PROPORTION),
    Measure("PAS", "Proportion, arcsine", "Proportion", _P,
            "The part of the group with the event, on a scale that needs no zero correction.",
            "arcsin√p; v = 1/(4n)", ZeroCountsKept, ARCSINE, FREEMAN, arcsine_proportion,
            _PROPORTION),
    Measure("PFT", "Proportion, double arcsine", "Proportion", _P,
            "The part of the group with the event, by Freeman and Tukey; its way back can mislead.",
            "½[arcsin√(x/(n+1)) + arcsin√((x+1)/(n+1))]; v = 1/(4n + 2)", ZeroCountsKept,
            DOUBLE_ARCSINE, FREEMAN, double_arcsine_proportion, _PROPORTION),
    Measure("IR", "Incidence rate", "Rate", _R, "Events per unit of person-time.",
            "x/t; v = x/t²", ZeroCounts, plain_scale("rate", _NONE, 0.0), ROTHMAN, rate, _RATE),
    Measure("IRLN", "Incidence rate, log", "Rate", _R,
            "Events per unit of person-time, analysed as their logarithm.",
            "ln(x/t); v = 1/x", ZeroCounts, log_scale("rate", _NONE), ROTHMAN, log_rate, _RATE),
    Measure("IRS", "Incidence rate, square root", "Rate", _R,
            "Events per unit of person-time, analysed as their square root.",
            "√(x/t); v = 1/(4t)", ZeroCountsKept, SQUARE_ROOT, ROTHMAN, root_rate, _RATE),
    Measure("IRFT", "Incidence rate, Freeman–Tukey", "Rate", _R,
            "Events per unit of person-time, on the Freeman–Tukey square-root scale.",
            "½(√(x/t) + √((x + 1)/t)); v = 1/(4t)", ZeroCountsKept, DOUBLE_SQUARE_ROOT, FREEMAN,
            double_root_rate, _RATE),
    Measure("MN", "Mean", "Mean", _C, "The mean in the unit of the outcome.",
            "m; v = s²/n", MeanOptions, plain_scale("mean", _NONE), HEDGES_OLKIN, mean, _MEAN),
    Measure("SMN", "Standardised mean", "Mean/SD", _C, "The mean in units of its own SD.",
            "J(n − 1)·m/s; v = 1/n + y²/(2n)", StandardisedMeanOptions,
            plain_scale("standardised mean"), HEDGES_OLKIN, standardised_mean, _MEAN),
    Measure("MNLN", "Mean, log", "Mean", _C, "The mean, analysed as its logarithm.",
            "ln m; v = s²/(n·m²)", NoOptions, log_scale("mean", _NONE), NAKAGAWA, log_mean,
            _MEAN),
    Measure("SDLN", "SD, log", "SD", _C, "How much people differ, analysed as the log SD.",
            "ln s + 1/(2(n − 1)); v = 1/(2(n − 1))", SpreadOptions, log_scale("SD", _NONE),
            NAKAGAWA, log_sd, _SPREAD),
    Measure("CVLN", "Coefficient of variation, log", "CV", _C,
            "How much people differ in relation to their mean.",
            "ln(s/m) + 1/(2(n − 1)); v = 1/(2(n − 1)) + s²/(n·m²)", SpreadOptions,
            log_scale("coefficient of variation", _NONE), NAKAGAWA, log_cv, _MEAN),
)  # fmt: skip
