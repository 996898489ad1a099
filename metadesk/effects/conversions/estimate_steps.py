"""Steps between the forms of a reported estimate: scale, SE, interval, statistic and p-value."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from metadesk.effects.conversions.step import Answers, Settings, Step, Values, step
from metadesk.effects.estimates import ALTMAN_BLAND, HANDBOOK
from metadesk.numerics.tails import quantile, two_sided_p

_READING = ("level", "dfs")
"""What a row may tell of its interval and test: confidence level and degrees of freedom of t."""


def _degrees(values: Values) -> float:
    df = values.get("dfs", math.inf)
    return df if df > 0 else math.inf


def _critical(values: Values, settings: Settings) -> float:
    """Critical value of the row's interval; NaN for a level that is none."""
    told = values.get("level", settings.level)
    level = told / 100.0 if told > 1 else told
    return float(quantile(level, _degrees(values))) if 0 < level < 1 else math.nan


def _analysis(x: float, settings: Settings) -> float:
    with np.errstate(all="ignore"):
        return float(settings.scale.from_natural(x))


def _printed(y: float, settings: Settings) -> float:
    """A number on the analysis scale as a paper prints it; infinite where it is beyond numbers."""
    with np.errstate(all="ignore"):
        return float(settings.scale.to_natural(y))


def _se_of_z(values: Values, settings: Settings) -> Answers:
    z, distance = values["zi"], values["yi"] - settings.scale.tested
    return ({"sei": abs(distance / z)},) if z and abs(distance) > 0 else ()


def _z_of_se(values: Values, settings: Settings) -> Answers:
    z = (values["yi"] - settings.scale.tested) / values["sei"] if values["sei"] else math.nan
    return ({"zi": z},) if math.isfinite(z) else ()


def _z_of_p(values: Values, settings: Settings) -> Answers:
    """The direction of the statistic is that of the estimate."""
    p, distance = values["pval"], values["yi"] - settings.scale.tested
    if not (0 < p < 1 and math.isfinite(distance)):
        return ()
    df = _degrees(values)
    z = special.ndtri(p / 2.0) if math.isinf(df) else special.stdtrit(df, p / 2.0)
    return ({"zi": math.copysign(float(-z), distance)},)


def _p_of_z(values: Values, settings: Settings) -> Answers:
    return ({"pval": float(two_sided_p(values["zi"], _degrees(values)))},)


def _to_analysis(values: Values, settings: Settings) -> Answers:
    y = _analysis(values["est"], settings)
    return ({"yi": y},) if math.isfinite(y) else ()


def _to_natural(values: Values, settings: Settings) -> Answers:
    est = _printed(values["yi"], settings)
    return ({"est": est},) if math.isfinite(est) else ()


def _se_of_interval(values: Values, settings: Settings) -> Answers:
    low, high = _bounds(values, settings)
    critical = _critical(values, settings)
    if not (high > low and critical > 0):
        return ()
    return ({"sei": (high - low) / (2.0 * critical)},)


def _bounds(values: Values, settings: Settings) -> tuple[float, float]:
    """Bounds on the analysis scale, on which they stand beside an estimate that was given there."""
    low, high = values["lower"], values["upper"]
    if settings.bounds_as_they_stand:
        return low, high
    return _analysis(low, settings), _analysis(high, settings)


def _middle_of_interval(values: Values, settings: Settings) -> Answers:
    low, high = _bounds(values, settings)
    return ({"yi": (low + high) / 2.0},) if high > low else ()


def _interval_of_se(values: Values, settings: Settings) -> Answers:
    half = _critical(values, settings) * values["sei"]
    ends = (values["yi"] - half, values["yi"] + half)
    low, high = (_printed(x, settings) for x in ends)
    return ({"lower": low, "upper": high},) if math.isfinite(low + high) else ()


ESTIMATE_STEPS: tuple[Step, ...] = (
    Step("to_analysis", "estimate on the analysis scale", ("est",), ("yi",), HANDBOOK,
         _to_analysis, "to_natural"),
    Step("to_natural", "estimate as a paper prints it", ("yi",), ("est",), HANDBOOK, _to_natural,
         "to_analysis"),
    Step("se_of_ci", "SE from the confidence interval", ("lower", "upper"), ("sei",), HANDBOOK,
         _se_of_interval, "ci_of_se", optional=_READING),
    Step("ci_of_se", "confidence interval from the SE", ("yi", "sei"), ("lower", "upper"), HANDBOOK,
         _interval_of_se, "se_of_ci", optional=_READING),
    Step("middle_of_ci", "estimate from the confidence interval", ("lower", "upper"), ("yi",),
         HANDBOOK, _middle_of_interval),
    step("variance", "variance from the SE", ("sei",), "vi", lambda s: s**2, inverse="root"),
    step("root", "SE from the variance", ("vi",), "sei", lambda v: math.sqrt(v) if v > 0 else
         math.nan, inverse="variance"),
    Step("se_of_z", "SE from the z statistic", ("yi", "zi"), ("sei",), HANDBOOK, _se_of_z,
         "z_of_se"),
    Step("z_of_se", "z statistic from the SE", ("yi", "sei"), ("zi",), HANDBOOK, _z_of_se,
         "se_of_z"),
    Step("z_of_p", "z statistic from the p-value", ("yi", "pval"), ("zi",), ALTMAN_BLAND, _z_of_p,
         "p_of_z", optional=("dfs",)),
    Step("p_of_z", "p-value from the z statistic", ("zi",), ("pval",), ALTMAN_BLAND, _p_of_z,
         "z_of_p", optional=("dfs",)),
)  # fmt: skip
