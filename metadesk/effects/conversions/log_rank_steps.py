"""Steps of survival outcomes: O − E and V, events, and the log-rank test."""

from __future__ import annotations

import math

from scipy import special

from metadesk.effects.conversions import survival
from metadesk.effects.conversions.step import Answers, Settings, Step, Values, above_0, only, step
from metadesk.effects.sources import PARMAR, TIERNEY


def _z_of_two_sided_p(values: Values, settings: Settings) -> Answers:
    """Z of a p-value without a direction."""
    p = values["pval"]
    return _either(float(-special.ndtri(p / 2.0)), values) if 0 < p < 1 else ()


def _z_of_chi_square(values: Values, settings: Settings) -> Answers:
    """Z of a chi-square statistic with one degree of freedom, whose direction is lost."""
    return _either(math.sqrt(values["chi2"]), values) if values["chi2"] > 0 else ()


def _either(z: float, values: Values) -> Answers:
    """The sign of O − E, or of the estimate, where it is known, else both."""
    direction = values.get("oe") or values.get("yi")
    if direction:
        return ({"zi": math.copysign(z, direction)},)
    return ({"zi": -z}, {"zi": z})


def _signed_z(p: float) -> float:
    return math.copysign(float(-special.ndtri(abs(p) / 2.0)), p) if 0 < abs(p) < 1 else math.nan


LOG_RANK_STEPS: tuple[Step, ...] = (
    step("hr_of_oe", "log hazard ratio from O − E and V", ("oe", "v"), "yi",
         lambda oe, v: survival.log_hazard_ratio(oe, v)[0], TIERNEY, "oe_of_hr"),
    step("oe_of_hr", "O − E from the log hazard ratio", ("yi", "v"), "oe", lambda y, v: y * v,
         TIERNEY, "hr_of_oe"),
    step("se_of_v", "SE of a log hazard ratio from V", ("v",), "sei",
         lambda v: 1.0 / math.sqrt(v) if v > 0 else math.nan, PARMAR, "v_of_se"),
    step("v_of_se", "V from the SE of a log hazard ratio", ("sei",), "v",
         lambda se: 1.0 / se**2 if se > 0 else math.nan, PARMAR, "se_of_v"),
    *only(
        ["HR"],
        step("v_of_events", "V from the events of both groups", ("ai", "ci"), "v",
             lambda a, c: above_0(survival.variance_from_events(a, c)), PARMAR),
        step("v_of_all_events", "V from all events and the totals, roughly", ("xi", "n1i", "n2i"),
             "v", lambda x, a, b: above_0(survival.variance_from_allocation(x, a, b)), PARMAR,
             approximate=True),
        step("z_of_signed_p", "log-rank z from its signed p-value", ("pi",), "zi", _signed_z,
             PARMAR, "signed_p_of_z"),
        step("signed_p_of_z", "signed log-rank p-value from z", ("zi",), "pi",
             lambda z: math.copysign(2.0 * special.ndtr(-abs(z)), z), PARMAR, "z_of_signed_p"),
        step("oe_of_z", "O − E from the log-rank z and V", ("zi", "v"), "oe",
             survival.observed_less_expected_of_z, PARMAR, "z_of_oe"),
        step("z_of_oe", "log-rank z from O − E and V", ("oe", "v"), "zi", survival.log_rank_z,
             PARMAR, "oe_of_z"),
        Step("z_of_chi2", "log-rank z from its chi-square", ("chi2", "v"), ("zi",), PARMAR,
             _z_of_chi_square, "chi2_of_z", optional=("oe", "yi")),
        Step("z_of_chi2_and_hr", "log-rank z from its chi-square, in the direction of the estimate",
             ("chi2", "yi"), ("zi",), PARMAR, _z_of_chi_square, "chi2_of_z"),
        step("chi2_of_z", "log-rank chi-square from z", ("zi",), "chi2", lambda z: z**2, PARMAR,
             "z_of_chi2"),
        Step("z_of_two_sided_p", "log-rank z from its two-sided p-value", ("pval", "v"), ("zi",),
             PARMAR, _z_of_two_sided_p, optional=("oe", "yi")),
    ),
)  # fmt: skip
