"""The row calculator, and what would save a study."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from metadesk.effects import MEASURES, compute
from metadesk.effects.calculator import calculate
from metadesk.effects.rescue import missing_values


def test_what_follows_is_shown_step_by_step():
    got = calculate("HR", {"est": 0.7, "pval": 0.01})
    (solution,) = got.solutions
    assert solution.yi == pytest.approx(math.log(0.7))
    assert math.sqrt(solution.vi) == pytest.approx(abs(math.log(0.7)) / 2.5758293035489004)
    assert [t.step.key for t in solution.taken][:3] == ["to_analysis", "z_of_p", "se_of_z"]
    assert solution.taken[0].sentence == (
        "Estimate on the analysis scale: −0.356675 (from effect 0.7)."
    )
    assert "lower" in solution.derived


def test_two_tables_that_fit_are_both_offered():
    got = calculate("OR", {"est": 2.0, "lower": 1.1, "upper": 3.636, "n1i": 120, "n2i": 110})
    assert got.is_ambiguous
    tables = [(s.values["ai"], s.values["ci"]) for s in got.solutions]
    assert tables == [(41, 23), (96, 73)]
    assert all(s.route == "cells" for s in got.solutions)


def test_more_knowledge_settles_which_table_it_is():
    got = calculate(
        "OR", {"est": 2.0, "lower": 1.1, "upper": 3.636, "n1i": 120, "ci": 23, "n2i": 110}
    )
    (solution,) = got.solutions
    assert solution.values["ai"] == 42


def test_what_is_known_is_never_replaced():
    got = calculate("SMD", {"m1i": 5, "sd1i": 2, "se1i": 9, "n1i": 30})
    assert all(s.values["sd1i"] == 2 and s.values["se1i"] == 9 for s in got.solutions)
    assert got.solutions[0].reason.startswith("Missing")


def test_nothing_known_gives_nothing():
    (solution,) = calculate("OR", {"est": math.nan}).solutions
    assert solution.taken == ()
    assert math.isnan(solution.yi)


def test_a_mean_difference_with_its_p_value_gives_the_sds():
    (solution,) = calculate(
        "MD", {"m1i": 5, "m2i": 4, "pval": 0.03, "n1i": 30, "n2i": 30}
    ).solutions
    t = -special.stdtrit(58, 0.015)  # a t-test, as the direct way reads it
    assert solution.values["sei"] == pytest.approx(1 / t)
    assert solution.values["sd1i"] == pytest.approx(1 / t / math.sqrt(2 / 30))


@pytest.mark.parametrize(
    ("measure", "known", "options", "yi"),
    [
        ("ZCOR", {"est": 0.5, "lower": 0.3, "upper": 0.7}, {}, math.atanh(0.5)),
        ("PLO", {"est": 0.3, "lower": 0.2, "upper": 0.45}, {}, math.log(3 / 7)),
        ("GEN", {"est": 2, "lower": 1.5, "upper": 2.8}, {"scale": "ratio"}, math.log(2)),
    ],
)
def test_estimates_are_brought_to_the_scale_of_the_measure(measure, known, options, yi):
    (solution,) = calculate(measure, known, options).solutions
    direct = compute(measure, {r: np.array([float(x)]) for r, x in known.items()}, options)
    assert solution.values["yi"] == pytest.approx(yi)
    assert (solution.yi, solution.vi) == pytest.approx((yi, direct.vi[0]))


def test_the_options_of_the_measure_count():
    known = {"m1i": 5, "sd1i": 2, "n1i": 10, "m2i": 4, "sd2i": 2, "n2i": 10}
    (plain,) = calculate("SMD", known, {"correct": False}).solutions
    assert plain.yi == pytest.approx(0.5)
    assert calculate("SMD", known).solutions[0].yi < 0.5


def test_a_column_that_the_measure_does_not_know_leads_to_nothing():
    (solution,) = calculate("OR", {"ri": 0.3, "n1i": 40, "n2i": 40, "ai": 9, "ci": 5}).solutions
    assert solution.values["di"] == 35


def test_a_p_value_is_about_no_effect_and_of_a_superiority_that_is_one_half():
    (solution,) = calculate("CLES", {"est": 0.7, "pval": 0.01}).solutions
    assert math.sqrt(solution.vi) == pytest.approx(0.2 / 2.5758293035489004)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 40), st.integers(2, 40), st.integers(41, 90), st.integers(41, 90))
def test_the_table_behind_a_printed_odds_ratio_is_among_the_solutions(a, c, n1, n2):
    y = math.log(a * (n2 - c) / (c * (n1 - a)))
    se = math.sqrt(1 / a + 1 / (n1 - a) + 1 / c + 1 / (n2 - c))
    got = calculate("OR", {"est": math.exp(y), "sei": se, "n1i": n1, "n2i": n2})
    assert (a, c) in [(s.values.get("ai"), s.values.get("ci")) for s in got.solutions]


def test_the_smallest_sets_that_would_save_a_study_come_first():
    found = missing_values("SMD", {"m1i", "m2i", "n1i", "n2i", "sd1i"})
    assert found[0].roles == ("sd2i",)
    assert ("ti",) in [r.roles for r in found]
    assert found[0].sentence == (
        "SD, group 2 (sd2i) would give an effect from mean and SD of both groups."
    )


def test_no_listed_set_contains_another():
    for key in MEASURES.keys():  # noqa: SIM118
        sets = [set(r.roles) for r in missing_values(key, {"n1i", "ai", "est"})]
        assert all(not (a < b) for a in sets for b in sets)


def test_a_study_that_needs_nothing_needs_nothing():
    assert missing_values("GEN", {"yi", "vi"}) == ()


@pytest.mark.parametrize(
    ("measure", "known"),
    [
        ("COR", {"yi": 0.2, "sei": 0.0}),
        ("PLN", {"yi": 1e4, "sei": 1.0}),
        ("RR", {"est": 1e8, "sei": 0.5, "n1i": 2, "n2i": 3}),
        ("RR", {"est": 2.0, "n1i": 0, "ci": 0, "n2i": 0}),
        ("OR", {"ai": 0, "n1i": 0}),
    ],
)
def test_numbers_at_the_edge_are_answered_too(measure, known):
    got = calculate(measure, known)
    assert len(got.solutions) == 1
    assert all(math.isfinite(x) for x in got.solutions[0].derived.values())
