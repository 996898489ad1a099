"""The steps of the row calculator give the numbers of a row's ways, and ask where they must."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from metadesk.effects import MEASURES, compute
from metadesk.effects.calculator import calculate
from metadesk.effects.conversions.paired_steps import CHANGES
from metadesk.effects.conversions.steps import STEPS, Settings, steps_for

CROSSOVER = {"m1i": 7.0, "sd1i": 2.38, "m2i": 6.5, "sd2i": 2.21, "ni": 10.0}
GROUPS = {"m1i": 3.0, "m2i": 4.2, "n1i": 24.0, "n2i": 30.0}


def one(measure, **known):
    (solution,) = calculate(measure, known).solutions
    return solution


def way(measure, route, **known):
    """Estimate and variance of a row by one of its ways."""
    got = compute(measure, {r: np.array([float(x)]) for r, x in known.items()}, routes=[route])
    assert got.reasons == (None,)
    return pytest.approx((float(got.yi[0]), float(got.vi[0])), rel=1e-9)


def test_events_and_a_signed_log_rank_p_value_give_o_minus_e_and_v():
    known = {"pi": -0.02, "ai": 30, "ci": 45}
    got = one("HR", **known)
    v = 30 * 45 / 75  # Parmar et al. (1998), eq. 7
    assert got.values["v"] == pytest.approx(v)
    assert got.values["oe"] == pytest.approx(special.ndtri(0.01) * math.sqrt(v))
    assert (got.yi, got.vi) == way("HR", "logrank_p", **known)


def test_all_events_and_the_totals_give_v_by_allocation():
    known = {"zi": 1.7, "xi": 75, "n1i": 100, "n2i": 50}
    got = one("HR", **known)
    assert got.values["v"] == pytest.approx(75 * 100 * 50 / 150**2)
    assert (got.yi, got.vi) == way("HR", "logrank_z_all", **known)


def test_a_log_rank_p_value_without_direction_asks_for_it():
    got = calculate("HR", {"pval": 0.02, "ai": 30, "ci": 45})
    assert got.is_ambiguous
    better, worse = got.solutions
    assert (better.yi, better.vi) == way("HR", "logrank_p", pi=-0.02, ai=30, ci=45)
    assert (worse.yi, worse.vi) == way("HR", "logrank_p", pi=0.02, ai=30, ci=45)


def test_a_log_rank_chi_square_asks_for_its_direction_too():
    got = calculate("HR", {"chi2": 5.76, "ai": 30, "ci": 45})
    assert got.is_ambiguous
    better, worse = got.solutions
    assert (better.yi, better.vi) == way("HR", "logrank_z", zi=-2.4, ai=30, ci=45)
    assert (worse.yi, worse.vi) == way("HR", "logrank_z", zi=2.4, ai=30, ci=45)


def test_a_hazard_ratio_with_its_chi_square_gives_the_standard_error():
    got = one("HR", est=0.6, chi2=5.76)
    assert got.values["sei"] == pytest.approx(-math.log(0.6) / 2.4)


@pytest.mark.parametrize("told", [{"oe": -10.0}, {"est": 0.6}])
@pytest.mark.parametrize("test", [{"pval": 0.02}, {"chi2": 5.4}])
def test_a_direction_that_is_told_is_not_asked_for(told, test):
    got = one("HR", **test, ai=30, ci=45, **told)
    assert got.values["zi"] < 0
    assert got.yi < 0


def test_without_events_nothing_is_asked():
    assert not calculate("HR", {"pval": 0.02}).is_ambiguous
    assert "v" not in one("HR", pval=0.02, ai=0, ci=0).values


def test_the_steps_of_survival_are_kept_from_other_measures():
    assert "v" not in one("PETO", ai=12, ci=20, n1i=60, n2i=60).values


@pytest.mark.parametrize(
    ("route", "told"),
    [("means_t", {"ti": -2.4}), ("means_F", {"Fi": 5.76}), ("means_p", {"pi": -0.02}),
     ("means_pval", {"pval": 0.02})],
)  # fmt: skip
@pytest.mark.parametrize("measure", ["SMD", "SMDH", "MD", "ROM"])
def test_the_sds_of_two_groups_follow_from_t_f_and_p(measure, route, told):
    got = one(measure, **GROUPS, **told)
    assert (got.yi, got.vi) == way(measure, route, **GROUPS, **told)
    t = abs(special.stdtrit(52, 0.01)) if route in ("means_p", "means_pval") else 2.4
    sd = 1.2 / (t * math.sqrt(1 / 24 + 1 / 30))
    assert (got.values["sd1i"], got.values["sd2i"]) == pytest.approx((sd, sd))
    assert got.values["ti"] < 0


@pytest.mark.parametrize("told", [{"ti": -2.4}, {"Fi": 5.76}])
def test_the_se_of_a_mean_difference_follows_from_t_and_f(told):
    got = one("MD", est=-1.2, **told)
    assert got.values["sei"] == pytest.approx(0.5)
    assert STEPS["t_of_se"].solve({"yi": -1.2, "sei": 0.5}, Settings()) == ({"ti": -2.4},)


@pytest.mark.parametrize(
    ("route", "told"),
    [("means_mean_quartiles", {"q1_1i": 2.0, "q3_1i": 4.4, "q1_2i": 3.1, "q3_2i": 5.5}),
     ("means_mean_range", {"min1i": 0.5, "max1i": 8.0, "min2i": 1.0, "max2i": 9.0})],
)  # fmt: skip
def test_a_mean_with_quartiles_or_range_gives_a_rough_sd(route, told):
    got = one("MD", **GROUPS, **told)
    assert (got.yi, got.vi) == way("MD", route, **GROUPS, **told)
    assert all("roughly" in taken.step.title for taken in got.leading_to({"sd1i"}))


def test_quartiles_of_a_large_group_are_its_sd_times_1_35():
    got = one("MD", m1i=50, q1_1i=40, q3_1i=53.49, n1i=1e6)
    assert got.values["sd1i"] == pytest.approx(10, rel=1e-4)


@pytest.mark.parametrize("told", [{"q1_1i": 5, "q3_1i": 4, "n1i": 30}, {"q1_1i": 2, "q3_1i": 4,
                                                                      "n1i": 4}])  # fmt: skip
def test_falling_quartiles_and_tiny_groups_give_no_sd(told):
    assert "sd1i" not in one("MD", m1i=3, **told).values


def test_the_crossover_example_of_the_handbook_step_by_step():
    # Handbook 5.1, 16.4.6: SD of the differences 1.84 from r = 0.68, SE 0.583.
    got = one("MC", **CROSSOVER, ri=0.68)
    assert got.values["sdi"] == pytest.approx(1.843, abs=1e-3)
    assert got.values["sei"] == pytest.approx(0.583, abs=5e-4)
    back = one("MC", est=0.5, sd1i=2.38, sd2i=2.21, ni=10, sei=got.values["sei"])
    assert back.values["ri"] == pytest.approx(0.68)


@pytest.mark.parametrize("r", [0.3, 0.5, 0.7])
def test_an_assumed_correlation_gives_the_se_of_a_crossover(r):
    got = one("MC", est=0.5, sd1i=2.38, sd2i=2.21, ni=10, ri=r)
    variance = (2.38**2 + 2.21**2 - 2 * r * 2.38 * 2.21) / 10
    assert (got.yi, got.vi) == pytest.approx((0.5, variance))


@pytest.mark.parametrize(
    ("route", "told"),
    [("paired_t", {"ti": 1.1}), ("paired_p", {"pi": 0.3}), ("paired_sd", {"sdi": 1.9})],
)
@pytest.mark.parametrize("measure", ["MC", "SMCR", "SMCRH", "SMCRP", "SMCRPH", "ROMC", "CVRC"])
def test_the_correlation_of_a_crossover_follows_from_its_paired_test(measure, route, told):
    got = one(measure, **CROSSOVER, **told)
    assert (got.yi, got.vi) == way(measure, route, **CROSSOVER, **told)
    direct = way("SMCR", route, **CROSSOVER, **told)
    assert way("SMCR", "means_sd1", **CROSSOVER, ri=got.values["ri"]) == direct.expected


def test_a_p_value_of_a_paired_test_takes_the_direction_of_the_means():
    falling = {**CROSSOVER, "m1i": 6.5, "m2i": 7.0}
    got = one("MC", **falling, pval=0.3)
    assert got.values["ti"] == pytest.approx(special.stdtrit(9, 0.15))
    assert (got.yi, got.vi) == way("MC", "paired_p", **falling, pi=-0.3)


def test_the_se_of_a_paired_difference_follows_from_its_t_p_and_interval():
    assert one("MC", est=0.5, ti=2.0).values["sei"] == pytest.approx(0.25)
    t = special.stdtrit(9, 0.985)
    assert one("MC", est=0.5, pi=0.03, ni=10).values["sei"] == pytest.approx(0.5 / t)
    half = special.stdtrit(9, 0.975) * 0.25
    got = one("MC", est=0.5, lower=0.5 - half, upper=0.5 + half, dfs=9)
    assert got.values["sei"] == pytest.approx(0.25)


def test_sds_that_do_not_go_together_give_no_correlation():
    assert "ri" not in one("SMCR", **CROSSOVER, sdi=9.0).values


def test_the_steps_of_paired_tests_are_kept_from_correlations():
    assert all(
        "paired" not in step.key for step in steps_for("ZCOR", frozenset({"pi", "ti", "ni"}))
    )
    assert set(CHANGES) == {m.key for m in MEASURES if m.family == MEASURES["MC"].family}


@pytest.mark.parametrize(
    "told", [{"level": 90}, {"level": 0.9}, {"dfs": 8}, {"level": 99, "dfs": 5}]
)
def test_the_level_and_the_degrees_of_freedom_of_a_row_are_read(told):
    known = {"est": 2.0, "lower": 1.1, "upper": 3.6363636, **told}
    got = one("RR", **known)
    assert (got.yi, got.vi) == way("RR", "est_ci", **known)
    assert got.values["sei"] ** 2 == pytest.approx(got.vi)
    (step,) = (taken for taken in got.taken if taken.step.key == "se_of_ci")
    assert set(told) <= set(step.inputs)
    again = one("RR", est=2.0, sei=got.values["sei"], **told)
    assert again.values["lower"] == pytest.approx(1.1)


def test_a_p_value_of_a_t_test_is_read_by_its_degrees_of_freedom():
    known = {"est": 1.5, "pval": 0.04, "dfs": 12}
    got = one("GEN", **known)
    assert (got.yi, got.vi) == way("GEN", "est_pval", **known)
    assert one("GEN", est=1.5, sei=got.values["sei"], dfs=12).values["pval"] == pytest.approx(0.04)


def test_bounds_beside_an_estimate_on_the_analysis_scale_stand_there_too():
    known = {"yi": 0.5, "lower": 0.1, "upper": 0.9}
    got = one("OR", **known)
    assert (got.yi, got.vi) == way("OR", "yi_ci", **known)
    assert got.values["sei"] == pytest.approx(0.4 / 1.959963984540054)
