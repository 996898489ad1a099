"""The conversions as named steps from roles to roles, each with its citation.

A step is kept with the row it was used on, so that a derived cell can say where it comes from and
the way back is known. Steps that have a way back name it in ``inverse``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from metadesk.catalogue import Catalogue
from metadesk.effects.conversions import spread, standardised, survival
from metadesk.effects.conversions.fivenum import LUO, SHI, FiveNumbers, mean_sd
from metadesk.effects.conversions.tables import BONETT2007
from metadesk.effects.estimates import ALTMAN_BLAND, HANDBOOK
from metadesk.effects.measure import IDENTITY, Scale
from metadesk.effects.sources import BORENSTEIN, CHINN, PARMAR, TIERNEY
from metadesk.numerics.tails import quantile
from metadesk.references import Reference

Values = Mapping[str, float]
Answers = tuple[Mapping[str, float], ...]


@dataclass(frozen=True)
class Settings:
    """What steps may know besides the values: the level of intervals, the scale of the measure."""

    level: float = 0.95
    scale: Scale = IDENTITY


@dataclass(frozen=True, eq=False)
class Step:
    """One named way from known roles to others.

    ``solve`` returns one mapping for each solution: none where the values do not fit, two where two
    tables do.
    """

    key: str
    title: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    citation: Reference
    solve: Callable[[Values, Settings], Answers]
    inverse: str = ""
    approximate: bool = False


def _one(*names: str) -> Callable[[Callable[..., object]], Callable[[Values, Settings], Answers]]:
    """Make a step from a function of the named values that returns one value."""
    *inputs, output = names

    def wrap(function: Callable[..., object]) -> Callable[[Values, Settings], Answers]:
        def solve(values: Values, settings: Settings) -> Answers:
            with np.errstate(all="ignore"):
                answer = float(np.asarray(function(*(values[name] for name in inputs))))
            return ({output: answer},) if math.isfinite(answer) else ()

        return solve

    return wrap


def _step(
    key: str,
    title: str,
    inputs: tuple[str, ...],
    output: str,
    function: Callable[..., object],
    citation: Reference = HANDBOOK,
    inverse: str = "",
) -> Step:
    return Step(key, title, inputs, (output,), citation, _one(*inputs, output)(function), inverse)


def _arm_steps(g: str) -> tuple[Step, ...]:
    """Steps within one group."""
    m, sd, se, n = f"m{g}i", f"sd{g}i", f"se{g}i", f"n{g}i"
    lb, ub = f"lb{g}i", f"ub{g}i"
    yes, no = ("ai", "bi") if g == "1" else ("ci", "di")
    p = f"p{g}i"
    med, q1, q3, low, high = f"med{g}i", f"q1_{g}i", f"q3_{g}i", f"min{g}i", f"max{g}i"
    return (
        _step(f"total{g}", f"total of group {g}", (yes, no), n, lambda a, b: a + b,
              inverse=f"others{g}"),
        _step(f"others{g}", f"non-events of group {g}", (n, yes), no, lambda n, a: n - a,
              inverse=f"total{g}"),
        _step(f"events{g}", f"events of group {g}", (n, no), yes, lambda n, b: n - b,
              inverse=f"total{g}"),
        _step(f"events_of_percent{g}", f"events of group {g} from the percentage", (p, n), yes,
              lambda p, n: float(np.rint(p / 100.0 * n)), inverse=f"percent{g}"),
        _step(f"percent{g}", f"percentage of group {g}", (yes, n), p,
              lambda a, n: np.divide(100.0 * a, n),
              inverse=f"events_of_percent{g}"),
        _step(f"sd_of_se{g}", f"SD of group {g} from the SE", (se, n), sd, spread.sd_from_se,
              inverse=f"se_of_sd{g}"),
        _step(f"se_of_sd{g}", f"SE of group {g} from the SD", (sd, n), se, spread.se_from_sd,
              inverse=f"sd_of_se{g}"),
        Step(f"sd_of_ci{g}", f"SD of group {g} from the interval of its mean", (lb, ub, n), (sd,),
             HANDBOOK, _sd_of_interval(lb, ub, n, sd), f"ci_of_sd{g}"),
        Step(f"ci_of_sd{g}", f"interval of the mean of group {g}", (m, sd, n), (lb, ub), HANDBOOK,
             _interval_of_sd(m, sd, n, lb, ub), f"sd_of_ci{g}"),
        _step(f"mean_of_ci{g}", f"mean of group {g} from its interval", (lb, ub), m,
              lambda a, b: (a + b) / 2.0),
        Step(f"five{g}", f"mean and SD of group {g} from five numbers", (low, q1, med, q3, high, n),
             (m, sd), SHI,
             _by_order({"min": low, "q1": q1, "median": med, "q3": q3, "max": high}, n, m, sd),
             approximate=True),
        Step(f"quartiles{g}", f"mean and SD of group {g} from the quartiles", (q1, med, q3, n),
             (m, sd), LUO, _by_order({"q1": q1, "median": med, "q3": q3}, n, m, sd),
             approximate=True),
        Step(f"range{g}", f"mean and SD of group {g} from the range", (low, med, high, n),
             (m, sd), LUO, _by_order({"min": low, "median": med, "max": high}, n, m, sd),
             approximate=True),
    )  # fmt: skip


def _sd_of_interval(lb: str, ub: str, n: str, sd: str) -> Callable[[Values, Settings], Answers]:
    def solve(values: Values, settings: Settings) -> Answers:
        if values[n] < 2 or values[ub] <= values[lb]:
            return ()
        got = spread.sd_from_interval(values[lb], values[ub], values[n], settings.level)
        return ({sd: float(got)},)

    return solve


def _interval_of_sd(
    m: str, sd: str, n: str, lb: str, ub: str
) -> Callable[[Values, Settings], Answers]:
    def solve(values: Values, settings: Settings) -> Answers:
        if values[n] < 2:
            return ()
        low, high = spread.interval_from_sd(values[m], values[sd], values[n], settings.level)
        return ({lb: float(low), ub: float(high)},)

    return solve


def _by_order(
    parts: Mapping[str, str], n: str, m: str, sd: str
) -> Callable[[Values, Settings], Answers]:
    def solve(values: Values, settings: Settings) -> Answers:
        given = {part: np.array([values[role]]) for part, role in parts.items()}
        x = FiveNumbers.of(**given, n=np.array([values[n]]))
        mean, spread_ = mean_sd(x)
        if x.disordered[0] or not (np.isfinite(mean[0]) and spread_[0] > 0):
            return ()
        return ({m: float(mean[0]), sd: float(spread_[0])},)

    return solve


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
    """The direction of z is that of the estimate."""
    p, distance = values["pval"], values["yi"] - settings.scale.tested
    if not (0 < p < 1 and math.isfinite(distance)):
        return ()
    return ({"zi": math.copysign(float(-special.ndtri(p / 2.0)), distance)},)


def _to_analysis(values: Values, settings: Settings) -> Answers:
    y = _analysis(values["est"], settings)
    return ({"yi": y},) if math.isfinite(y) else ()


def _to_natural(values: Values, settings: Settings) -> Answers:
    est = _printed(values["yi"], settings)
    return ({"est": est},) if math.isfinite(est) else ()


def _se_of_interval(values: Values, settings: Settings) -> Answers:
    low, high = (_analysis(values[name], settings) for name in ("lower", "upper"))
    if not high > low:
        return ()
    return ({"sei": (high - low) / (2.0 * float(quantile(settings.level)))},)


def _middle_of_interval(values: Values, settings: Settings) -> Answers:
    low, high = (_analysis(values[name], settings) for name in ("lower", "upper"))
    return ({"yi": (low + high) / 2.0},) if high > low else ()


def _interval_of_se(values: Values, settings: Settings) -> Answers:
    half = float(quantile(settings.level)) * values["sei"]
    ends = (values["yi"] - half, values["yi"] + half)
    low, high = (_printed(x, settings) for x in ends)
    return ({"lower": low, "upper": high},) if math.isfinite(low + high) else ()


_ESTIMATE_STEPS: tuple[Step, ...] = (
    Step("to_analysis", "estimate on the analysis scale", ("est",), ("yi",), HANDBOOK,
         _to_analysis, "to_natural"),
    Step("to_natural", "estimate as a paper prints it", ("yi",), ("est",), HANDBOOK, _to_natural,
         "to_analysis"),
    Step("se_of_ci", "SE from the confidence interval", ("lower", "upper"), ("sei",), HANDBOOK,
         _se_of_interval, "ci_of_se"),
    Step("ci_of_se", "confidence interval from the SE", ("yi", "sei"), ("lower", "upper"), HANDBOOK,
         _interval_of_se, "se_of_ci"),
    Step("middle_of_ci", "estimate from the confidence interval", ("lower", "upper"), ("yi",),
         HANDBOOK, _middle_of_interval),
    _step("variance", "variance from the SE", ("sei",), "vi", lambda s: s**2, inverse="root"),
    _step("root", "SE from the variance", ("vi",), "sei", lambda v: math.sqrt(v) if v > 0 else
          math.nan, inverse="variance"),
    Step("se_of_z", "SE from the z statistic", ("yi", "zi"), ("sei",), HANDBOOK, _se_of_z,
         "z_of_se"),
    Step("z_of_se", "z statistic from the SE", ("yi", "sei"), ("zi",), HANDBOOK, _z_of_se,
         "se_of_z"),
    Step("z_of_p", "z statistic from the p-value", ("yi", "pval"), ("zi",), ALTMAN_BLAND, _z_of_p,
         "p_of_z"),
    _step("p_of_z", "p-value from the z statistic", ("zi",), "pval",
          lambda z: 2.0 * special.ndtr(-abs(z)), ALTMAN_BLAND, "z_of_p"),
    _step("hr_of_oe", "log hazard ratio from O − E and V", ("oe", "v"), "yi",
          lambda o, v: survival.log_hazard_ratio(o, v)[0], TIERNEY, "oe_of_hr"),
    _step("se_of_v", "SE of a log hazard ratio from V", ("v",), "sei",
          lambda v: 1.0 / math.sqrt(v) if v > 0 else math.nan, PARMAR),
    _step("oe_of_hr", "O − E from the log hazard ratio", ("yi", "v"), "oe", lambda y, v: y * v,
          TIERNEY, "hr_of_oe"),
)  # fmt: skip


def _sd_from_difference(values: Values, settings: Settings) -> Answers:
    """One SD for both groups from the SE of the mean difference."""
    sd = float(spread.sd_from_difference_se(values["sei"], values["n1i"], values["n2i"]))
    return ({"sd1i": sd, "sd2i": sd},) if sd > 0 else ()


def _difference_steps() -> tuple[Step, ...]:
    """Steps between the groups of a measured outcome."""
    return (
        _step("d_of_t", "d from t", ("ti", "n1i", "n2i"), "di", standardised.d_from_t, BORENSTEIN,
              "t_of_d"),
        _step("t_of_d", "t from d", ("di", "n1i", "n2i"), "ti", standardised.t_from_d, BORENSTEIN,
              "d_of_t"),
        _step("t_of_f", "t from F (positive)", ("Fi",), "ti", lambda f: math.sqrt(f) if f >= 0 else
              math.nan, BORENSTEIN),
        _step("t_of_p", "t from the signed p-value", ("pi", "n1i", "n2i"), "ti",
              lambda p, a, b: math.copysign(float(spread.t_from_p(abs(p), a + b - 2.0)), p),
              BORENSTEIN),
        _step("d_of_r", "d from a point-biserial r", ("ri", "n1i", "n2i"), "di",
              standardised.d_from_r, BORENSTEIN, "r_of_d"),
        _step("r_of_d", "point-biserial r from d", ("di", "n1i", "n2i"), "ri",
              standardised.r_from_d, BORENSTEIN, "d_of_r"),
    )  # fmt: skip


_T_TEST = _step(
    "se_of_t_test", "SE of the mean difference from the p-value of its t-test",
    ("yi", "pval", "n1i", "n2i"), "sei",
    lambda y, p, a, b: spread.se_from_t(y, spread.t_from_p(p, a + b - 2.0))
    if 0 < p < 1 and a + b > 2 and y else math.nan,
)  # fmt: skip
_MEAN_DIFFERENCE_STEPS: tuple[Step, ...] = (
    _step("difference", "difference of the means", ("m1i", "m2i"), "yi", lambda a, b: a - b),
    _step("mean1", "mean of group 1 from the difference", ("yi", "m2i"), "m1i", lambda y, b: y + b,
          inverse="difference"),
    _step("mean2", "mean of group 2 from the difference", ("m1i", "yi"), "m2i", lambda a, y: a - y,
          inverse="difference"),
    Step("sd_of_difference", "SDs from the SE of the difference", ("sei", "n1i", "n2i"),
         ("sd1i", "sd2i"), HANDBOOK, _sd_from_difference),
)  # fmt: skip


def _events_of_odds_ratio(values: Values, settings: Settings) -> Answers:
    """Events of group 1 from the odds ratio and group 2."""
    n1, c, n2, ratio = values["n1i"], values["ci"], values["n2i"], values["est"]
    if not (ratio > 0 and 0 < c < n2):
        return ()
    odds = ratio * c / (n2 - c)
    return ({"ai": float(np.rint(n1 * odds / (1.0 + odds)))},)


def _events_of_risk_ratio(values: Values, settings: Settings) -> Answers:
    """Events of group 1 from the risk ratio and group 2."""
    if values["n2i"] <= 0:
        return ()
    a = float(np.rint(values["n1i"] * values["est"] * values["ci"] / values["n2i"]))
    return ({"ai": a},) if 0 <= a <= values["n1i"] else ()


def _tables_of(odds: bool) -> Callable[[Values, Settings], Answers]:
    """Both tables that have this ratio and standard error with these group sizes.

    The variance first falls and then rises with the events of group 2, so that up to two tables
    fit; they are rounded to whole people.
    """

    def solve(values: Values, settings: Settings) -> Answers:
        n1, n2, ratio, se = values["n1i"], values["n2i"], values["est"], values["sei"]
        if not (ratio > 0 and se > 0 and n1 >= 2 and n2 >= 2):
            return ()
        c = np.linspace(0.0, n2, 20001)[1:-1]
        with np.errstate(all="ignore"):
            if odds:
                o = ratio * c / (n2 - c)
                a = n1 * o / (1.0 + o)
                v = 1.0 / a + 1.0 / (n1 - a) + 1.0 / c + 1.0 / (n2 - c)
            else:
                a = n1 * ratio * c / n2
                v = np.where(a < n1, 1.0 / a - 1.0 / n1 + 1.0 / c - 1.0 / n2, np.nan)
        miss = v - se**2
        if np.isnan(miss).all():
            return ()
        lowest = int(np.nanargmin(miss))
        crossing = np.flatnonzero((miss[:-1] >= 0) != (miss[1:] >= 0)).tolist()
        if not crossing and 0 <= miss[lowest] < 1e-3 * se**2:
            # The standard error is the smallest there can be: both tables are one.
            crossing = [min(lowest, len(c) - 2)]
        found: list[Mapping[str, float]] = []
        for i in crossing:
            share = min(max(miss[i] / (miss[i] - miss[i + 1]), 0.0), 1.0)
            at = {
                "ai": float(np.rint(a[i] + share * (a[i + 1] - a[i]))),
                "ci": float(np.rint(c[i] + share * (c[i + 1] - c[i]))),
            }
            if at not in found:
                found.append(at)
        return tuple(found)

    return solve


_OR_STEPS: tuple[Step, ...] = (
    Step("events_of_or", "events of group 1 from the odds ratio and group 2",
         ("est", "n1i", "ci", "n2i"), ("ai",), BONETT2007, _events_of_odds_ratio),
    Step("table_of_or", "both groups' events from the odds ratio, its SE and the totals",
         ("est", "sei", "n1i", "n2i"), ("ai", "ci"), BONETT2007, _tables_of(odds=True)),
)  # fmt: skip
_RR_STEPS: tuple[Step, ...] = (
    Step("events_of_rr", "events of group 1 from the risk ratio and group 2",
         ("est", "n1i", "ci", "n2i"), ("ai",), HANDBOOK, _events_of_risk_ratio),
    Step("table_of_rr", "both groups' events from the risk ratio, its SE and the totals",
         ("est", "sei", "n1i", "n2i"), ("ai", "ci"), HANDBOOK, _tables_of(odds=False)),
)  # fmt: skip
_D_OR_STEPS: tuple[Step, ...] = (
    _step("lor_of_d", "log odds ratio from d", ("di",), "yi",
          lambda d: d * math.pi / math.sqrt(3.0), CHINN, "d_of_lor"),
    _step("d_of_lor", "d from the log odds ratio", ("yi",), "di",
          lambda y: y * math.sqrt(3.0) / math.pi, CHINN, "lor_of_d"),
)  # fmt: skip

ARM_STEPS = (*_arm_steps("1"), *_arm_steps("2"))
STEPS: Catalogue[Step] = Catalogue("conversion")
STEPS.add(*ARM_STEPS, _T_TEST, *_ESTIMATE_STEPS, *_difference_steps(), *_MEAN_DIFFERENCE_STEPS)
STEPS.add(*_OR_STEPS, *_RR_STEPS, *_D_OR_STEPS)

_SPECIAL: dict[str, tuple[str, ...]] = {
    "OR": tuple(s.key for s in _OR_STEPS),
    "RR": tuple(s.key for s in _RR_STEPS),
    "MD": tuple(s.key for s in (_T_TEST, *_MEAN_DIFFERENCE_STEPS)),
    "D2ORL": tuple(s.key for s in _D_OR_STEPS),
}
_RESERVED = {key for keys in _SPECIAL.values() for key in keys}


def steps_for(measure: str, roles: frozenset[str]) -> tuple[Step, ...]:
    """Steps that make sense for a measure with these roles, its own ones included."""
    own = _SPECIAL.get(measure, ())
    return tuple(
        step
        for step in STEPS
        if (step.key in own or step.key not in _RESERVED)
        and set(step.inputs) | set(step.outputs) <= roles
    )
