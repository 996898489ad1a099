"""Steps between the two groups of a measured outcome: tests, d, r, and the difference of means."""

from __future__ import annotations

import math

from metadesk.effects.conversions import spread, standardised
from metadesk.effects.conversions.step import Answers, Settings, Step, Values, only, step
from metadesk.effects.estimates import HANDBOOK
from metadesk.effects.sources import BORENSTEIN, CHINN


def _one_sd(sd: float) -> Answers:
    return ({"sd1i": sd, "sd2i": sd},) if sd > 0 and math.isfinite(sd) else ()


def _sd_of_difference(values: Values, settings: Settings) -> Answers:
    """One SD for both groups from the SE of the mean difference."""
    sizes = values["n1i"], values["n2i"]
    return _one_sd(float(spread.sd_from_difference_se(values["sei"], *sizes)))


def _sd_of_t(values: Values, settings: Settings) -> Answers:
    """One SD for both groups, as the t statistic of the difference of their means implies it."""
    apart, sizes = values["m1i"] - values["m2i"], (values["n1i"], values["n2i"])
    return _one_sd(float(spread.sd_from_t(apart, values["ti"], *sizes)))


def _t_of_f(values: Values, settings: Settings) -> Answers:
    """F of two groups is t²; the means tell the direction, where they are known."""
    if values["Fi"] < 0:
        return ()
    known = "m1i" in values and "m2i" in values
    apart = values["m1i"] - values["m2i"] if known else 1.0
    return ({"ti": math.copysign(math.sqrt(values["Fi"]), apart)},)


def t_of(p: float, df: float, direction: float) -> float:
    """T statistic of a two-sided p-value, with the sign of ``direction``; NaN if there is none."""
    if not (0 < p < 1 and df > 0):
        return math.nan
    return math.copysign(float(spread.t_from_p(p, df)), direction)


def p_of(t: float, df: float) -> float:
    """Two-sided p-value with the sign of its t statistic; the way back from :func:`t_of`."""
    return math.copysign(float(spread.p_from_t(t, df)), t) if df > 0 else math.nan


TEST_STEPS: tuple[Step, ...] = (
    *only(
        ["MD"],
        step("se_of_t_test", "SE of the mean difference from the p-value of its t-test",
             ("yi", "pval", "n1i", "n2i"), "sei",
             lambda y, p, a, b: spread.se_from_t(y, t_of(p, a + b - 2.0, 1.0)) if y else math.nan),
    ),
    step("t_of_pval", "t from the p-value of the t-test, in the direction of the means",
         ("m1i", "m2i", "pval", "n1i", "n2i"), "ti",
         lambda m1, m2, p, a, b: t_of(p, a + b - 2.0, m1 - m2), HANDBOOK),
    *only(
        ["MD", "MC"],
        step("se_of_t", "SE of the mean difference from t", ("yi", "ti"), "sei",
             lambda y, t: spread.se_from_t(y, t) if y else math.nan, HANDBOOK, "t_of_se"),
        step("t_of_se", "t from the mean difference and its SE", ("yi", "sei"), "ti",
             lambda y, se: y / se if se > 0 else math.nan, HANDBOOK, "se_of_t"),
    ),
)  # fmt: skip
"""Steps that read a test by Student's t, before the normal distribution is asked."""

DIFFERENCE_STEPS: tuple[Step, ...] = (
    step("d_of_t", "d from t", ("ti", "n1i", "n2i"), "di", standardised.d_from_t, BORENSTEIN,
         "t_of_d"),
    step("t_of_d", "t from d", ("di", "n1i", "n2i"), "ti", standardised.t_from_d, BORENSTEIN,
         "d_of_t"),
    Step("t_of_f", "t from F of two groups", ("Fi",), ("ti",), BORENSTEIN, _t_of_f, "f_of_t",
         optional=("m1i", "m2i")),
    step("f_of_t", "F of two groups from t", ("ti",), "Fi", lambda t: t**2, BORENSTEIN, "t_of_f"),
    step("t_of_p", "t from the signed p-value", ("pi", "n1i", "n2i"), "ti",
         lambda p, a, b: t_of(abs(p), a + b - 2.0, p), BORENSTEIN, "p_of_t"),
    step("p_of_t", "signed p-value from t", ("ti", "n1i", "n2i"), "pi",
         lambda t, a, b: p_of(t, a + b - 2.0), BORENSTEIN, "t_of_p"),
    step("d_of_r", "d from a point-biserial r", ("ri", "n1i", "n2i"), "di",
         standardised.d_from_r, BORENSTEIN, "r_of_d"),
    step("r_of_d", "point-biserial r from d", ("di", "n1i", "n2i"), "ri",
         standardised.r_from_d, BORENSTEIN, "d_of_r"),
    Step("sd_of_t", "SD of both groups from their means and t",
         ("m1i", "m2i", "ti", "n1i", "n2i"), ("sd1i", "sd2i"), HANDBOOK, _sd_of_t),
    *only(
        ["MD", "MC"],
        step("difference", "difference of the means", ("m1i", "m2i"), "yi", lambda a, b: a - b),
    ),
    *only(
        ["MD"],
        step("mean1", "mean of group 1 from the difference", ("yi", "m2i"), "m1i",
             lambda y, b: y + b, inverse="difference"),
        step("mean2", "mean of group 2 from the difference", ("m1i", "yi"), "m2i",
             lambda a, y: a - y, inverse="difference"),
        Step("sd_of_difference", "SDs from the SE of the difference", ("sei", "n1i", "n2i"),
             ("sd1i", "sd2i"), HANDBOOK, _sd_of_difference),
    ),
    *only(
        ["D2ORL"],
        step("lor_of_d", "log odds ratio from d", ("di",), "yi",
             lambda d: d * math.pi / math.sqrt(3.0), CHINN, "d_of_lor"),
        step("d_of_lor", "d from the log odds ratio", ("yi",), "di",
             lambda y: y * math.sqrt(3.0) / math.pi, CHINN, "lor_of_d"),
    ),
)  # fmt: skip
