"""Conversions recover what they were made from, and their steps are named and cited."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metadesk.effects import compute
from metadesk.effects.conversions import crossover, groups, spread, standardised, survival
from metadesk.effects.conversions.delta import by_delta_method, slope
from metadesk.effects.conversions.fivenum import FiveNumbers, mean_sd, skewed
from metadesk.effects.conversions.steps import STEPS, Settings
from metadesk.effects.conversions.tables import (
    table_from_accuracy,
    table_from_chi_square,
    table_from_odds_ratio,
    table_from_phi,
)
from metadesk.effects.conversions.wald import from_wald
from metadesk.effects.measure import RATIO

POSITIVE = st.floats(0.05, 50)
SIZE = st.integers(3, 400).map(float)
R = st.floats(-0.95, 0.95)
CELL = st.integers(1, 120)


@given(POSITIVE, SIZE, st.sampled_from((0.9, 0.95)), st.booleans())
def test_an_sd_comes_back_from_its_se_and_its_interval(sd, n, level, normal):
    assert spread.sd_from_se(spread.se_from_sd(sd, n), n) == pytest.approx(sd)
    ends = spread.interval_from_sd(7.0, sd, n, level, normal=normal)
    assert spread.sd_from_interval(*ends, n, level, normal=normal) == pytest.approx(sd)


@given(POSITIVE, POSITIVE, SIZE, SIZE)
def test_an_sd_comes_back_from_t_f_and_p(difference, sd, n1, n2):
    t = difference / (sd * math.sqrt(1 / n1 + 1 / n2))
    assert spread.sd_from_t(difference, t, n1, n2) == pytest.approx(sd)
    assert spread.sd_from_f(difference, t**2, n1, n2) == pytest.approx(sd)
    p = float(spread.p_from_t(t, n1 + n2 - 2))
    if 1e-200 < p < 0.999:
        assert spread.sd_from_p(difference, p, n1, n2) == pytest.approx(sd, rel=1e-5)


def test_quartiles_of_a_normal_distribution_give_its_sd():
    assert spread.sd_from_iqr(-0.6744897501960817, 0.6744897501960817) == pytest.approx(1)


@given(CELL, CELL, CELL, CELL)
def test_tables_come_back_from_their_association_and_margins(a, b, c, d):
    cells = [np.array([float(x)]) for x in (a, b, c, d)]
    n, row, column = np.array([float(a + b + c + d)]), cells[0] + cells[1], cells[0] + cells[2]
    ratio = cells[0] * cells[3] / (cells[1] * cells[2])
    spread_ = np.sqrt(row * (n - row) * column * (n - column))
    phi = (cells[0] * cells[3] - cells[1] * cells[2]) / spread_
    chi2 = np.sign(phi) * n * phi**2
    for got in (
        table_from_odds_ratio(ratio, n, row, column),
        table_from_phi(phi, n, row, column),
        table_from_chi_square(chi2, n, row, column, yates=False),
    ):
        assert [float(x[0]) for x in (got.ai, got.bi, got.ci, got.di)] == [a, b, c, d]


def test_a_table_that_does_not_exist_is_nothing():
    one = np.array([1.0])
    got = table_from_phi(one * -0.99, one * 100, one * 10, one * 90)
    assert not np.isnan(got.ai[0])
    assert np.isnan(table_from_phi(one * 0.99, one * 100, one * 10, one * 90).ai[0])


def test_a_diagnostic_table_follows_from_sensitivity_and_specificity():
    got = table_from_accuracy(*(np.array([x]) for x in (0.9, 0.8, 50.0, 100.0)))
    assert [float(x[0]) for x in (got.ai, got.bi, got.ci, got.di)] == [45, 20, 5, 80]


@given(POSITIVE, POSITIVE, R)
def test_change_scores_lead_there_and_back(sd1, sd2, r):
    change = crossover.sd_of_change(sd1, sd2, r)
    assert crossover.correlation_of_change(sd1, sd2, change) == pytest.approx(r, abs=1e-6)
    if sd2 > abs(r) * sd1:
        assert crossover.final_sd(sd1, change, r) == pytest.approx(sd2, rel=1e-6)


def test_the_crossover_example_of_the_handbook():
    # Handbook 5.1, 16.4.6.4: MD 0.5 with SE 0.583, SMD 0.218 with SE 0.256.
    assert crossover.paired_se(2.38, 2.21, 0.68, 10) == pytest.approx(0.583, abs=5e-4)
    d, se = crossover.crossover_smd(7.0, 2.38, 6.5, 2.21, 0.68, 10)
    assert (float(d), float(se)) == pytest.approx((0.2177, 0.25596), abs=5e-5)


def test_the_sweep_shows_what_the_assumed_correlation_does():
    found = crossover.correlation_sweep(6.0, 7.0, 30.0)
    assert [a.r for a in found] == [0.3, 0.5, 0.7]
    assert found[0].se > found[1].se > found[2].se


@given(SIZE, POSITIVE, POSITIVE, SIZE, POSITIVE, POSITIVE)
def test_combined_arms_are_the_arms_of_all_people(n1, m1, s1, n2, m2, s2):
    first = groups.Arm(*(np.array([x]) for x in (m1, s1, n1)))
    second = groups.Arm(*(np.array([x]) for x in (m2, s2, n2)))
    whole = groups.combined_arms(first, second)
    again = groups.separated_arm(whole, first)
    assert again.mean[0] == pytest.approx(m2, rel=1e-6)
    assert again.sd[0] == pytest.approx(s2, rel=1e-4, abs=1e-4)


def test_combining_arms_equals_pooling_their_observations():
    x, y = np.array([1.0, 2, 4, 7]), np.array([3.0, 9, 5])
    arms = [groups.Arm(v.mean()[None], v.std(ddof=1)[None], np.array([len(v)])) for v in (x, y)]
    whole, both = groups.combined_arms(*arms), np.concatenate([x, y])
    assert (whole.mean[0], whole.sd[0]) == pytest.approx((both.mean(), both.std(ddof=1)))


def test_clusters_shrink_a_trial():
    assert groups.design_effect(21, 0.05) == pytest.approx(2)
    assert groups.effective_count(100, 21, 0.05) == pytest.approx(50)
    assert groups.clustered_se(0.3, 21, 0.05) == pytest.approx(0.3 * math.sqrt(2))


def test_shared_controls_covary():
    assert groups.shared_count(30, 2) == 15
    assert groups.mean_difference_covariance(2.0, 40) == pytest.approx(0.1)
    assert groups.log_odds_covariance(10, 20) == pytest.approx(0.15)
    assert groups.log_risk_covariance(10, 20) == pytest.approx(0.05)
    assert groups.smd_covariance(0.5, 0.4, 20, 60) == pytest.approx(0.05 + 0.2 / 120)


@given(st.floats(-4, 4), SIZE, SIZE)
def test_d_leads_to_t_and_r_and_back(d, n1, n2):
    t = standardised.t_from_d(d, n1, n2)
    assert standardised.d_from_t(t, n1, n2) == pytest.approx(d)
    assert standardised.d_from_r(standardised.r_from_d(d, n1, n2), n1, n2) == pytest.approx(d)
    assert standardised.d_from_f(t**2, n1, n2, np.sign(d)) == pytest.approx(d)
    y, v = standardised.log_odds_ratio_from_d(d, 0.1)
    assert standardised.d_from_log_odds_ratio(y, v)[0] == pytest.approx(d)


def test_log_rank_tests_give_hazard_ratios():
    y, v = survival.from_log_rank(0.05, 40, 60, True)
    assert float(v) == pytest.approx(1 / 24)
    assert float(y) == pytest.approx(-1.959963984540054 / math.sqrt(24))
    assert survival.variance_from_events(50, 50) == survival.variance_from_events(
        50, 50, equal_allocation=True
    )
    assert survival.variance_from_allocation(100, 30, 30) == pytest.approx(25)


def test_units_and_directions_can_be_changed_and_changed_back():
    y, v = crossover.in_other_unit(2.0, 0.5, 10)
    assert (float(y), float(v)) == (20, 50)
    assert float(crossover.flipped(crossover.flipped(2.0))) == 2


@given(st.floats(-3, 3))
def test_the_slope_of_a_transformation_is_its_derivative(x):
    assert slope(np.array([x]), np.exp)[0] == pytest.approx(math.exp(x), rel=1e-9)
    yt, vt = by_delta_method(np.array([x]), np.array([0.2]), np.tanh)
    assert vt[0] == pytest.approx(0.2 * (1 - yt[0] ** 2) ** 2, rel=1e-8, abs=1e-14)


def test_order_statistics_that_no_method_covers_give_nothing():
    three = {"q1": 2.0, "median": 3.0, "q3": 4.0}
    x = FiveNumbers.of(
        **{name: np.array([v, v]) for name, v in three.items()}, n=np.array([4.0, 40])
    )
    mean, sd = mean_sd(x)
    assert np.isnan(mean[0])
    assert np.isfinite(sd[1])
    assert np.isnan(mean_sd(x, "bland2015")[0]).all()


def test_lopsided_order_statistics_are_called_skewed():
    x = FiveNumbers.of(
        min=np.array([0.0, 0]),
        median=np.array([5.0, 1]),
        max=np.array([10.0, 10]),
        n=np.array([50.0, 50]),
    )
    assert skewed(x).tolist() == [False, True]


def test_wald_quantities_may_use_student_t():
    got = from_wald(np.array([1.0]), np.array([0.0]), np.array([2.0]), df=np.array([4.0]))
    assert math.sqrt(got.vi[0]) == pytest.approx(1 / 2.7764451051977987)
    by_p = from_wald(np.array([1.0]), pval=np.array([0.05]), df=np.array([4.0]))
    assert by_p.vi[0] == pytest.approx(got.vi[0])
    assert not got.off_centre[0]


def test_every_step_is_named_cited_and_its_way_back_exists():
    for step in STEPS:
        assert step.title
        assert step.citation.full
        assert not step.inverse or step.inverse in STEPS


REVERSIBLE = [s.key for s in STEPS if s.inverse and STEPS[s.inverse].inverse == s.key]
EXAMPLE = {
    "ai": 12, "bi": 38, "n1i": 50, "p1i": 24, "ci": 9, "di": 31, "n2i": 40, "p2i": 22.5, "m1i":
    4, "sd1i": 2, "se1i": 0.3, "m2i": 3, "sd2i": 1.5, "se2i": 0.2, "lb1i": 3, "ub1i": 5, "lb2i":
    2, "ub2i": 4, "est": 0.7, "yi": 0.4054651081081644, "sei": 0.2, "vi": 0.05, "zi": 2,
    "pval": 0.03, "lower": 0.9, "upper": 2.5, "oe": -6, "v": 15, "di_": 1, "ti": 2, "ri": 0.3,
    "Fi": 4, "chi2": 4, "pi": 0.04, "ni": 20, "sdi": 1.6,
}  # fmt: skip


@pytest.mark.parametrize("key", REVERSIBLE)
def test_a_step_and_its_way_back_lead_home(key):
    step, settings = STEPS[key], Settings(scale=RATIO)
    back = STEPS[step.inverse]
    values = {role: float(EXAMPLE[role]) for role in {*step.inputs, *back.inputs}}
    there = step.solve(values, settings)[0]
    exactly = 0.5 if key.startswith("percent") else 1e-9
    homes = back.solve({**values, **there}, settings)  # two where a direction was lost
    assert any(
        all(x == pytest.approx(values[role], abs=exactly) for role, x in home.items())
        for home in homes
    )


def test_conversions_feed_the_measures():
    means = {"m1i": 5.0, "sd1i": 2.0, "n1i": 30.0, "m2i": 4.0, "sd2i": 2.0, "n2i": 30.0}
    direct = compute("SMD", {role: np.array([x]) for role, x in means.items()})
    t = 1 / (2 * math.sqrt(2 / 30))
    by_t = compute("SMD", {"ti": np.array([t]), "n1i": np.array([30.0]), "n2i": np.array([30.0])})
    assert by_t.yi[0] == pytest.approx(direct.yi[0])
