"""Routes: which one a row takes, what is wrong with a row, what is odd about it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from metadesk.effects import compute
from metadesk.effects.measure import EffectSizes
from metadesk.errors import DataProblem, SpecProblem

NA = np.nan


def columns(**given: object) -> dict[str, np.ndarray]:
    return {role: np.atleast_1d(np.array(values, dtype=float)) for role, values in given.items()}


def test_each_row_takes_the_first_route_that_it_has():
    got = compute(
        "OR",
        columns(
            ai=[15, NA, NA, NA], n1i=[100, NA, NA, NA], ci=[27, NA, NA, NA], n2i=[95, NA, NA, NA],
            est=[NA, 2, 2, NA], lower=[NA, 1, NA, NA], upper=[NA, 4, NA, NA],
            pval=[NA, NA, 0.04, NA], yi=[NA, NA, NA, 0.5], sei=[NA, NA, NA, 0.2],
        ),
    )  # fmt: skip
    assert got.route == ("events_totals", "est_ci", "est_pval", "yi_sei")
    assert got.reasons == (None,) * 4
    assert got.yi[1] == pytest.approx(np.log(2))
    assert got.sei[1] == pytest.approx(np.log(4) / (2 * 1.959963984540054))
    assert got.sei[3] == pytest.approx(0.2)


def test_a_row_that_is_wrong_leaves_the_others_alone():
    good = columns(ai=[15, 15], n1i=[100, 100], ci=[27, 27], n2i=[95, 95])
    bad = {**good, "ai": np.array([15.0, 150])}
    here, there = compute("OR", good), compute("OR", bad)
    assert there.yi[0] == here.yi[0]
    assert there.reasons == (
        None,
        "Events in group 1, 150, exceed its total, 100; correct one of the two.",
    )


@pytest.mark.parametrize(
    ("measure", "values", "words"),
    [
        ("OR", {"ai": -1, "bi": 4, "ci": 3, "di": 5}, "Events, group 1, -1, is negative"),
        ("OR", {"ai": np.inf, "bi": 4, "ci": 3, "di": 5}, "Events, group 1 is infinite"),
        ("OR", {"est": -0.3, "sei": 0.1}, "The estimate, -0.3, must be above 0"),
        ("OR", {"est": 5, "lower": 1, "upper": 3}, "lies outside its interval, 1 to 3"),
        ("OR", {"est": 2, "lower": 3, "upper": 1}, "must be above the lower one, 3"),
        (
            "OR",
            {"est": 2, "lower": 0, "upper": 4},
            "0 to 4 reaches 0 or less, where no ratio can be",
        ),
        ("OR", {"est": 2, "pval": 0}, "P value, 0, has lost its digits"),
        ("OR", {"est": 1, "pval": 0.4}, "does not give a standard error"),
        ("OR", {"p1i": 120, "n1i": 10, "p2i": 30, "n2i": 10}, "between 0 and 100 percent"),
        ("SMD", {"m1i": 1, "sd1i": 0, "n1i": 10, "m2i": 2, "sd2i": 1, "n2i": 9}, "SD, group 1, 0"),
        ("SMD", {"m1i": 1, "sd1i": 1, "n1i": 1, "m2i": 2, "sd2i": 1, "n2i": 9}, "at least 2"),
        ("SMD", {"di": 1, "n1i": 1, "n2i": 2}, "too small"),
        ("ZCOR", {"ri": 1, "ni": 40}, "strictly between −1 and 1"),
        ("ZCOR", {"ri": 0.3, "ni": 3}, "more than 3 people"),
        ("ROM", {"m1i": -1, "sd1i": 1, "n1i": 9, "m2i": 2, "sd2i": 1, "n2i": 9}, "same side of 0"),
        ("PLO", {"xi": 30, "ni": 20}, "Events, 30, exceed the total, 20"),
        ("PLO", {"est": 45, "sei": 0.1}, "must lie between 0 and 1"),
        ("ABT", {"ai": 80, "mi": 5, "ni": 40}, "is it a percentage"),
        ("R2", {"r2i": 30, "ni": 40, "mi": 2}, "is it a percentage"),
        (
            "IRR",
            {"x1i": 3, "t1i": 0, "x2i": 4, "t2i": 9},
            "Person-time, group 1, 0, must be above 0",
        ),
        ("GEN", {"yi": 0.3, "vi": 0}, "Sampling variance, 0, must be above 0"),
        ("GEN", {"yi": 0.3, "zi": 0}, "z statistic, 0, is 0"),
        (
            "MD",
            {"m1i": 4, "lb1i": 5, "ub1i": 6, "n1i": 9, "m2i": 4, "sd2i": 1, "n2i": 9},
            "interval",
        ),
        (
            "MD",
            {"q1_1i": 5, "med1i": 4, "q3_1i": 6, "n1i": 9, "m2i": 4, "sd2i": 1, "n2i": 9},
            "rise",
        ),
        ("RTET", {"ai": 0, "bi": 9, "ci": 0, "di": 8}, "nothing to correlate"),
        ("PCOR", {"ti": 2, "ni": 4, "mi": 5}, "too few"),
    ],
)
def test_bad_input_is_one_sentence_with_its_number(measure, values, words):
    got = compute(measure, columns(**values))
    assert np.isnan(got.yi[0])
    assert words in got.reasons[0]
    assert got.reasons[0].endswith((".", "percentage?"))


def test_any_one_number_that_would_do_is_named():
    alone = compute("SMD", columns(yi=[0.3])).reasons[0]
    assert alone.startswith("Missing: ")
    assert all(f"({role})" in alone for role in ("vi", "sei"))
    assert " or " in alone
    with_column = compute("SMD", columns(yi=[0.3, 0.4], vi=[0.1, NA])).reasons[1]
    assert with_column.endswith("variance (vi).")  # an empty cell of the sheet comes first


def test_missing_columns_are_named():
    got = compute("OR", columns(ai=[15, NA], n1i=[100, NA], ci=[NA, NA], n2i=[95, NA]))
    assert got.reasons[0] == "Missing: Events, group 2 (ci)."
    assert got.reasons[1].startswith("The row has no values for OR; it needs Events, group 1 (ai)")
    assert got.route == (None, None)


def test_fractional_counts_are_used_with_a_note():
    got = compute("OR", columns(ai=7.5, bi=10, ci=5, di=12))
    assert got.notes[0] == (
        "Events, group 1, 7.5, is not a whole number; it is used as it stands.",
    )
    assert got.yi[0] == pytest.approx(np.log(7.5 * 12 / 50))


def test_two_routes_that_disagree_are_told_with_both_numbers():
    got = compute("OR", columns(ai=15, n1i=100, ci=27, n2i=95, est=0.8, lower=0.5, upper=1.28))
    (note,) = got.notes[0]
    assert "gives 0.4444" in note
    assert "gives 0.8 " in note


def test_routes_that_agree_within_rounding_are_silent():
    got = compute("OR", columns(ai=15, n1i=100, ci=27, n2i=95, est=0.44, lower=0.22, upper=0.90))
    assert got.route == ("events_totals",)
    assert got.notes == ((),)


def test_a_total_that_does_not_add_up_is_told():
    got = compute("OR", columns(ai=15, bi=85, n1i=130, ci=27, di=68, n2i=95))
    assert got.route == ("cells",)
    assert "Two ways disagree" in got.notes[0][0]


def test_a_lopsided_interval_is_told():
    got = compute("OR", columns(est=2.02, lower=1.81, upper=4.01))
    assert "is not symmetric about the estimate, 2.02" in got.notes[0][0]


def test_a_p_value_that_does_not_fit_the_interval_is_told():
    got = compute("MD", columns(est=2, lower=1, upper=3, pval=0.3))
    assert got.route == ("est_ci",)
    assert "estimate and p-value gives 2 (SE 1.93)" in got.notes[0][0]


def test_a_person_may_choose_and_refuse_routes():
    given = columns(
        ai=[15] * 4, n1i=[100] * 4, ci=[27] * 4, n2i=[95] * 4, est=[2] * 4, sei=[0.3] * 4
    )
    wishes = ["est_sei", "!events_totals", None, "yi_vi"]
    got = compute("OR", given, routes=wishes)
    assert got.route == ("est_sei", "est_sei", "events_totals", None)
    assert got.reasons[3] == (
        "The chosen way, estimate (analysis scale) and variance, lacks Estimate on the analysis "
        "scale and Sampling variance."
    )


def test_refusing_every_route_says_so():
    got = compute("GEN", columns(yi=1, vi=1), routes=["!yi_vi"])
    assert got.reasons == ("The only ways to Estimate that this row has were refused.",)


def test_a_route_that_does_not_exist_is_refused():
    with pytest.raises(SpecProblem, match="has no route 'magic'"):
        compute("GEN", columns(yi=1, vi=1), routes=["magic"])


def test_columns_of_different_length_are_refused():
    with pytest.raises(DataProblem, match="different lengths"):
        compute("GEN", {"yi": np.ones(2), "vi": np.ones(3)})


def test_an_unknown_measure_and_an_unknown_option_get_a_hint():
    with pytest.raises(SpecProblem, match="Did you mean"):
        compute("SMDX", {})
    with pytest.raises(SpecProblem, match="Did you mean 'vtype'"):
        compute("SMD", columns(di=1, n1i=9, n2i=9), {"vtyp": "UB"})


def test_generic_ratios_are_analysed_as_logarithms():
    given = columns(est=2, lower=1, upper=4)
    plain, ratio = compute("GEN", given), compute("GEN", given, {"scale": "ratio"})
    assert plain.yi[0] == 2
    assert ratio.yi[0] == pytest.approx(np.log(2))
    assert ratio.scale.axis == "log"
    assert ratio.natural()[0] == pytest.approx(2)


def test_intervals_follow_their_level():
    given = columns(est=[2, 2], lower=[1, 1], upper=[3, 3])
    wide = compute("MD", given, level=0.99)
    own = compute("MD", {**given, "level": np.array([99, NA])}, level=0.95)
    assert own.sei[0] == pytest.approx(wide.sei[0])
    assert own.sei[1] == pytest.approx(1 / 1.959963984540054)


def test_arms_may_be_reported_in_different_ways():
    got = compute(
        "MD",
        columns(m1i=5, se1i=0.5, n1i=25, m2i=4, lb2i=3.2, ub2i=4.8, n2i=16),
    )
    assert got.route == ("means_se_ci",)
    half_width = 0.8 / 2.131449545559323
    assert got.sei[0] == pytest.approx(np.hypot(0.5, half_width))
    assert got.notes[0] == (
        "Group 1: worked out from mean and SE.",
        "Group 2: worked out from mean and its interval.",
    )


def test_medians_stand_in_for_means():
    got = compute("MD", columns(q1_1i=4, med1i=6, q3_1i=10, n1i=20, m2i=4, sd2i=3, n2i=20))
    assert got.route == ("means_quartiles_sd",)
    assert got.yi[0] == pytest.approx(2.7195)


def test_hazard_ratios_come_from_observed_and_expected_events():
    got = compute("HR", columns(oe=-7, v=20))
    assert (got.yi[0], got.vi[0]) == pytest.approx((-0.35, 0.05))
    assert got.route == ("oe_v",)


def test_a_paired_test_tells_the_correlation():
    paired = {"m1i": 24, "sd1i": 6, "m2i": 20, "sd2i": 7, "ni": 30}
    direct = compute("SMCRP", columns(**paired, ri=0.6))
    t = 4 / np.sqrt(1.15333333333333)
    by_t = compute("SMCRP", columns(**paired, ti=t))
    assert by_t.route == ("paired_t",)
    assert by_t.yi == pytest.approx(direct.yi)
    assert by_t.notes == (("Correlation 0.6, as the paired test implies.",),)
    impossible = compute("MC", columns(**paired, ti=0.5))
    assert "implies a correlation of" in impossible.reasons[0]


def test_a_very_large_smd_asks_whether_its_sds_are_standard_errors():
    got = compute("SMD", columns(m1i=10, sd1i=0.5, n1i=30, m2i=8, sd2i=0.5, n2i=30))
    assert got.notes == (("An SMD of 3.95 is very large; were standard errors entered as SDs?",),)


def test_no_columns_give_no_rows():
    assert compute("OR", {}).k == 0


def test_given_estimates_are_wrapped():
    got = EffectSizes.given(np.array([0.1, NA]), np.array([0.04, 0.1]))
    assert got.reasons == (None, "The estimate or its variance is missing.")
    assert got.ci(0.95)[0][0] == pytest.approx(0.1 - 0.2 * 1.959963984540054)


def test_double_arcsines_read_back_with_their_own_size():
    got = compute("PFT", columns(xi=[0, 7, 20], ni=[20, 50, 20]))
    assert got.natural() == pytest.approx([0, 0.14, 1])


def test_an_empty_group_rests_on_the_constant_and_says_so():
    # metafor 3.8-1 on the second row of dat.bourassa1996 gives 0.379489621704904.
    got = compute("OR", columns(ai=0, bi=0, ci=6, di=9))
    assert got.yi[0] == pytest.approx(0.379489621704904)
    assert "A group has nobody in it; the effect rests on what was added." in got.notes[0]
    bare = compute("OR", columns(ai=0, bi=0, ci=6, di=9), {"to": "none"})
    assert bare.reasons == ("A group has nobody in it; both groups need at least one person.",)


def test_negative_means_have_a_ratio_but_no_coefficient_of_variation():
    means = columns(m1i=-8.1, sd1i=3.9, n1i=105, m2i=-8.5, sd2i=5.2, n2i=46)
    assert compute("ROM", means).reasons == (None,)
    assert "must both be above 0" in compute("CVR", means).reasons[0]


def test_rounding_of_printed_numbers_makes_no_interval_lopsided():
    got = compute("OR", columns(est=[1.71, 1.5], lower=[1.7, 1.4], upper=[1.8, 1.7]))
    assert got.notes == ((), ())
    exact = compute("OR", columns(est=[1.711, 1.5], lower=[1.701, 1.4], upper=[1.8002, 1.7]))
    assert "not symmetric" in exact.notes[0][0]


def test_an_interval_is_no_second_witness_beside_its_own_estimate():
    got = compute("MD", columns(yi=-0.21, lower=-0.38, upper=-0.05))
    assert got.notes == ((),)


def one(measure, options=None, routes=None, **values):
    columns = {role: np.array([float(x)]) for role, x in values.items()}
    return compute(measure, columns, options, routes=routes)


def test_events_become_a_standardised_difference_only_where_a_person_asks():
    cells = {"ai": 10, "bi": 20, "ci": 5, "di": 25}
    assert one("SMD", **cells).route == (None,)
    asked = one("SMD", routes=["or_cells"], **cells)
    logistic = one("OR2DL", **cells)
    assert (asked.yi[0], asked.vi[0]) == pytest.approx((logistic.yi[0], logistic.vi[0]))
    totals = one("SMD", routes=["or_totals"], ai=10, n1i=30, ci=5, n2i=30)
    assert totals.yi[0] == pytest.approx(logistic.yi[0])
    empty = one("SMD", routes=["or_cells"], ai=0, bi=30, ci=5, di=25)
    assert empty.yi[0] == pytest.approx(one("OR2DL", ai=0, bi=30, ci=5, di=25).yi[0])
    assert "0.5 was added to all four cells." in empty.notes[0]


def test_a_measured_outcome_becomes_an_odds_ratio_only_where_a_person_asks():
    means = {"m1i": 5.5, "sd1i": 2, "n1i": 30, "m2i": 4, "sd2i": 2.5, "n2i": 28}
    assert one("OR", **means).route == (None,)
    asked, logistic = one("OR", routes=["smd_means"], **means), one("D2ORL", **means)
    assert (asked.yi[0], asked.vi[0]) == pytest.approx((logistic.yi[0], logistic.vi[0]))


def test_quartiles_or_a_range_beside_a_mean_give_its_sd():
    n, groups = 40.0, {"m1i": 10, "n1i": 40, "m2i": 8, "n2i": 40}
    sd = 4 / (2 * special.ndtri((0.75 * n - 0.125) / (n + 0.25)))  # Wan et al. 2014, eq. 16
    by_quartiles = one("MD", **groups, q1_1i=8, q3_1i=12, q1_2i=6, q3_2i=10)
    assert by_quartiles.yi[0] == 2
    assert by_quartiles.sei[0] == pytest.approx(sd * np.sqrt(2 / n))
    sd = 12 / (2 * special.ndtri((n - 0.375) / (n + 0.25)))  # eq. 9
    by_range = one("MD", **groups, min1i=4, max1i=16, min2i=2, max2i=14)
    assert by_range.sei[0] == pytest.approx(sd * np.sqrt(2 / n))
    turned = one("MD", **groups, q1_1i=12, q3_1i=8, q1_2i=6, q3_2i=10)
    assert "must rise" in turned.reasons[0]


def test_one_group_may_be_told_by_its_median_and_by_its_interval():
    two = one("MD", q1_1i=8, med1i=10, q3_1i=13, n1i=40, m2i=0, sd2i=1, n2i=40)
    alone = one("MN", q1_1i=8, med1i=10, q3_1i=13, ni=40)
    assert alone.yi[0] == pytest.approx(two.yi[0])
    assert alone.vi[0] == pytest.approx(two.vi[0] - 1 / 40)
    t = special.stdtrit(39, 0.975)
    assert one("MN", mi=10, lower=8, upper=12, ni=40).sei[0] == pytest.approx(2 / t)
    assert "lies outside its interval" in one("MN", mi=7, lower=8, upper=12, ni=40).reasons[0]


def test_a_median_far_off_the_middle_is_said_to_be_of_a_skewed_outcome():
    lopsided = one("MD", q1_1i=1, med1i=1.5, q3_1i=9, n1i=60, m2i=0, sd2i=1, n2i=40)
    assert any("median of group 1 is too far off the middle" in note for note in lopsided.notes[0])


def test_log_rank_tests_and_events_give_hazard_ratios():
    v = 30 * 40 / 70
    assert one("HR", zi=-2, ai=30, ci=40).yi[0] == pytest.approx(-2 / np.sqrt(v))
    assert one("HR", pi=-0.0455002638963584, ai=30, ci=40).yi[0] == pytest.approx(-2 / np.sqrt(v))
    v = 70 * 100 * 120 / 220**2
    by_totals = one("HR", zi=-2, xi=70, n1i=100, n2i=120)
    assert (by_totals.yi[0], by_totals.vi[0]) == pytest.approx((-2 / np.sqrt(v), 1 / v))
    by_events = one("HR", est=0.7, ai=30, ci=40)
    assert by_events.yi[0] == pytest.approx(np.log(0.7))
    assert by_events.vi[0] == pytest.approx(1 / 30 + 1 / 40)
    assert "Without events" in one("HR", zi=-2, ai=0, ci=40).reasons[0]


def test_intervals_and_p_values_of_t_tests_use_their_degrees_of_freedom():
    t = special.stdtrit(12, 0.975)
    assert one("GEN", est=1, lower=0, upper=2, dfs=12).sei[0] == pytest.approx(1 / t)
    assert one("GEN", est=1, lower=0, upper=2).sei[0] == pytest.approx(1 / 1.959963984540054)
    p = 2 * special.stdtr(12, -2.0)
    assert one("GEN", est=1, pval=p, dfs=12).sei[0] == pytest.approx(0.5)


def test_p_values_of_a_proportion_do_not_tell_its_standard_error():
    assert one("PLO", est=0.3, pval=0.01).reasons == (
        "Missing: Standard error (sei) or Total (ni).",
    )
    assert one("CLES", est=0.7, zi=2.5).sei[0] == pytest.approx(0.2 / 2.5)
    assert one("MN", est=3.0, zi=2.0).sei[0] == pytest.approx(1.5)


def test_a_p_value_told_as_a_bound_disagrees_only_where_the_bound_is_broken():
    means = {"m1i": 10, "sd1i": 3, "n1i": 60, "m2i": 7, "sd2i": 3, "n2i": 60}
    assert one("MD", **means, pval=0.001).notes == ((),)
    assert "Two ways disagree" in one("MD", **means, pval=0.002).notes[0][0]
    near = {**means, "m2i": 9.5}
    assert "Two ways disagree" in one("MD", **near, pval=0.001).notes[0][0]
    assert one("SMD", **means, pi=0.001).notes == ((),)
