"""Every choice of a variance, against its published formula written out for one row by hand."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from metadesk.effects import MEASURES, compute
from metadesk.options import options_of

M1, S1, N1, M2, S2, N2 = 10.5, 3.1, 32, 8.9, 2.6, 28
MEANS = {"m1i": M1, "sd1i": S1, "n1i": N1, "m2i": M2, "sd2i": S2, "n2i": N2}
PAIRED = {"m1i": 24, "sd1i": 6, "m2i": 20, "sd2i": 7, "ni": 30, "ri": 0.6}
AREA = {"ai": 0.65, "n1i": 32, "n2i": 28}
MARGINS = {"ai": 15, "bi": 85, "ci": 27, "di": 73}
V1, V2 = S1**2, S2**2
MID = (V1 + V2) / 2
SPD = 36 + 49 - 2 * 0.6 * 6 * 7  # variance of the differences of PAIRED
NORMAL = NormalDist()


def found(measure, values, **options):
    got = compute(measure, {r: np.array([float(x)]) for r, x in values.items()}, options)
    assert got.reasons == (None,), got.reasons
    return got.yi[0], got.vi[0]


def J(m: float) -> float:
    return math.exp(math.lgamma(m / 2) - math.lgamma((m - 1) / 2)) / math.sqrt(m / 2)


@pytest.mark.parametrize("correct", [True, False])
@pytest.mark.parametrize(("vtype", "a", "b"), [("LS", 1, 1), ("LS2", 0, 0), ("LS3", 1, 0)])
def test_smdh_divides_by_sizes_or_degrees_of_freedom(vtype, a, b, correct):
    g = (M1 - M2) / math.sqrt(MID) * (J(N1 + N2 - 2) if correct else 1)
    own = g**2 * (V1**2 / (N1 - a) + V2**2 / (N2 - a)) / (8 * MID**2)
    yi, vi = found("SMDH", MEANS, vtype=vtype, correct=correct)
    assert yi == pytest.approx(g, rel=1e-12)
    assert vi == pytest.approx(own + (V1 / (N1 - b) + V2 / (N2 - b)) / MID, rel=1e-12)


def test_smd1h_has_one_variance():
    assert [o.name for o in options_of(MEASURES["SMD1H"].options)] == ["correct"]
    for correct in (True, False):
        g = (M1 - M2) / S2 * (J(N2 - 1) if correct else 1)
        wanted = V1 / V2 / (N1 - 1) + 1 / (N2 - 1) + g**2 / (2 * (N2 - 1))
        assert found("SMD1H", MEANS, correct=correct)[1] == pytest.approx(wanted, rel=1e-12)


def test_the_unbiased_variance_of_a_raw_change_takes_the_unbiased_correlation():
    # r·₂F₁(½, ½; 14; 0.64) by its series
    term = total = 1.0
    for j in range(200):
        term *= (0.5 + j) ** 2 / ((14 + j) * (1 + j)) * 0.64
        total += term
    m, g = 29, J(29) * 4 / 6
    wanted = 2 * (1 - 0.6 * total) / 30 + (1 - (m - 2) / (m * J(m) ** 2)) * g**2
    assert found("SMCR", PAIRED, vtype="UB")[1] == pytest.approx(wanted, rel=1e-10)
    assert wanted == pytest.approx(0.0339179, rel=1e-5)


def test_the_unbiased_variance_of_a_raw_change_needs_five_people():
    values = {**PAIRED, "ni": 4}
    got = compute("SMCR", {r: np.array([float(x)]) for r, x in values.items()}, {"vtype": "UB"})
    assert np.isnan(got.yi[0])
    assert "at least 5 people" in got.reasons[0]
    assert found("SMCR", values)[1] > 0


def test_changes_with_unequal_sds_may_divide_by_the_people():
    g = J(29) * 4 / 6
    assert found("SMCRH", PAIRED, vtype="LS2")[1] == pytest.approx(
        SPD / (36 * 30) + g**2 / 60, rel=1e-12
    )
    middle = (36 + 49) / 2
    g = J(58 / 1.36) * 4 / math.sqrt(middle)
    own = g**2 * (36**2 + 49**2 + 2 * 0.36 * 36 * 49) / (8 * middle**2 * 30)
    assert found("SMCRPH", PAIRED, vtype="LS2")[1] == pytest.approx(
        SPD / (middle * 30) + own, rel=1e-12
    )


@pytest.mark.parametrize("ties", [None, 0.0, 0.1])
def test_a_reported_area_by_hanley_and_mcneil_counts_ties(ties):
    a, q1, q2 = 0.65, 0.65 / 1.35, 2 * 0.65**2 / 1.65
    wanted = a * (1 - a) - (ties or 0) / 4 + 31 * (q1 - a**2) + 27 * (q2 - a**2)
    values = AREA if ties is None else {**AREA, "mi": ties}
    assert found("CLES", values, vtype="LS2")[1] == pytest.approx(wanted / (31 * 27), rel=1e-12)


def test_the_other_variances_of_a_reported_area():
    a, middle = 0.65, 30
    newcombe = a * 0.35 / (31 * 27) * (2 * middle - 1 - (3 * middle - 3) / (1.35 * 1.65))
    assert found("CLES", AREA)[1] == pytest.approx(newcombe, rel=1e-12)
    assert found("CLES", AREA, vtype="H0")[1] == pytest.approx(61 / (12 * 32 * 28), rel=1e-12)
    assert found("CLES", AREA, vtype="MAX")[1] == pytest.approx(a * 0.35 / 27, rel=1e-12)


def test_ties_that_are_no_proportion_are_refused():
    got = compute("CLES", {r: np.array([x]) for r, x in {**AREA, "mi": 4.0}.items()})
    assert got.reasons[0] == "The part of tied pairs, 4, must lie between 0 and 1."


@pytest.mark.parametrize(("vtype", "a", "b"), [("LS", 1, 1), ("LS2", 0, 0), ("LS3", 1, 0)])
def test_superiority_from_means_by_the_binormal_model(vtype, a, b):
    d, r1, r2 = (M1 - M2) / math.sqrt(MID), V1 / (V1 + V2), V2 / (V1 + V2)
    inner = d**2 * (r1**2 / (N1 - a) + r2**2 / (N2 - a)) + 4 * (r1 / (N1 - b) + r2 / (N2 - b))
    yi, vi = found("CLESN", MEANS, vtype=vtype)
    assert yi == pytest.approx(NORMAL.cdf(d / math.sqrt(2)), rel=1e-12)
    assert vi == pytest.approx(math.exp(-(d**2) / 2) / (8 * math.pi) * inner, rel=1e-12)


def one_sd(d: float, n1: float, n2: float) -> float:
    inner = 1 / n1 + 1 / n2 + d**2 / (2 * (n1 + n2))
    return math.exp(-(d**2) / 2) / (4 * math.pi) * inner


def test_superiority_from_means_with_one_sd_for_both_groups():
    d = (M1 - M2) / math.sqrt((31 * V1 + 27 * V2) / 58)
    yi, vi = found("CLESN", MEANS, vtype="HO")
    assert yi == pytest.approx(NORMAL.cdf(d / math.sqrt(2)), rel=1e-12)
    assert vi == pytest.approx(one_sd(d, N1, N2), rel=1e-12)


@pytest.mark.parametrize("vtype", ["LS", "LS2", "LS3", "HO"])
@pytest.mark.parametrize(
    ("given", "d"),
    [
        ({"ti": 2.1}, 2.1 * math.sqrt(1 / 32 + 1 / 28)),
        ({"di": 0.5}, 0.5),
        ({"pi": -0.04}, -2.10097067021488 * math.sqrt(1 / 32 + 1 / 28)),
        ({"ai": 0.65}, math.sqrt(2) * NORMAL.inv_cdf(0.65)),
    ],
    ids=["t", "d", "p", "area"],
)
def test_superiority_without_sds_assumes_one_sd(given, d, vtype):
    yi, vi = found("CLESN", {**given, "n1i": 32, "n2i": 28}, vtype=vtype)
    rel = 1e-10
    assert yi == pytest.approx(NORMAL.cdf(d / math.sqrt(2)), rel=rel)
    assert vi == pytest.approx(one_sd(d, 32, 28), rel=rel)


def test_rows_with_and_without_sds_may_stand_in_one_sheet():
    nan = math.nan
    columns = {r: np.array([float(x), nan]) for r, x in MEANS.items()}
    columns |= {"n1i": np.array([32.0, 40]), "n2i": np.array([28.0, 44]), "ti": np.array([nan, 2])}
    got = compute("CLESN", columns)
    assert got.route == ("means", "t")
    assert got.vi[0] == pytest.approx(found("CLESN", MEANS)[1])
    assert got.vi[1] == pytest.approx(one_sd(2 * math.sqrt(1 / 40 + 1 / 44), 40, 44))


def test_joint_events_give_the_correlation_of_a_crossover():
    # 100 pairs, 10 of them with the event under both: the table 10, 5 / 17, 68
    r = (10 * 68 - 5 * 17) / math.sqrt(15 * 85 * 27 * 73)
    by_r = found("MPORM", {**MARGINS, "ri": r})
    by_part = found("MPORM", {**MARGINS, "pi": 0.1})
    assert by_part == pytest.approx(by_r, rel=1e-12)
    cells = 1 / 15 + 1 / 85 + 1 / 27 + 1 / 73
    assert by_r[1] == pytest.approx(cells - 200 * r / math.sqrt(15 * 85 * 27 * 73), rel=1e-12)


def test_the_correlation_of_a_crossover_is_that_of_the_counts_before_anything_is_added():
    # nobody under condition 2 is without the event: no correlation can be told
    cells = {"ai": 5, "bi": 15, "ci": 20, "di": 0, "pi": 0.25}
    got = compute("MPORM", {r: np.array([float(x)]) for r, x in cells.items()})
    assert "no correlation" in got.reasons[0]


@pytest.mark.parametrize("part", [0.2, 0.9])
def test_joint_events_that_the_margins_cannot_hold_are_refused(part):
    values = {**MARGINS, "pi": part}
    got = compute("MPORM", {r: np.array([float(x)]) for r, x in values.items()})
    assert "does not go with" in got.reasons[0]
    assert got.notes == ((),)


def test_a_semipartial_correlation_may_be_given_itself():
    yi, vi = found("SPCOR", {"ri": 0.3, "ni": 40, "mi": 3, "r2i": 0.3})
    rest = 0.3 - 0.09
    assert yi == 0.3
    assert vi == pytest.approx((0.3**2 - 0.6 + rest + 1 - rest**2) / 40, rel=1e-12)
    t = 0.3 * math.sqrt(36) / math.sqrt(0.7)
    by_t = found("SPCOR", {"ti": t, "ni": 40, "mi": 3, "r2i": 0.3})
    assert by_t == pytest.approx((yi, vi), rel=1e-12)


def test_r_squared_from_the_p_value_of_its_regression():
    # R: qf(0.01, 3, 36, lower.tail = FALSE) is 4.37709576
    assert found("R2", {"pval": 0.01, "ni": 40, "mi": 3})[0] == pytest.approx(0.267269345074939)
    small = found("R2", {"pval": 1e-30, "ni": 40, "mi": 3})[0]
    assert 0.9 < small < 1


def test_means_of_all_studies_may_share_one_variance():
    columns = {"mi": [10.5, 9.0], "sdi": [3.1, 2.0], "ni": [32.0, 20.0]}
    got = compute("MN", {r: np.array(x) for r, x in columns.items()}, {"vtype": "HO"})
    pooled = (31 * 3.1**2 + 19 * 4) / 50
    assert got.vi == pytest.approx([pooled / 32, pooled / 20], rel=1e-12)


# Printed by metafor 3.8-1, where its formulas are those of 5.1.
TWO = {
    "m1i": [10.5, 9], "sd1i": [3.1, 2], "n1i": [32, 20],
    "m2i": [8.9, 8], "sd2i": [2.6, 2.2], "n2i": [28, 25],
}  # fmt: skip
TWO_PAIRED = {
    "m1i": [10.5, 9], "sd1i": [3.1, 2], "ni": [32, 20], "m2i": [8.9, 8], "sd2i": [2.6, 2.2],
    "ri": [0.6, 0.4],
}  # fmt: skip
PRINTED = [
    ("SMD", TWO, "LS2", [0.067743966428590, 0.089266562139559]),
    ("SMD", TWO, "UB", [0.069640352403488, 0.092617667910307]),
    ("SMD1", TWO, "LS2", [0.069644197089821, 0.088270732700325]),
    ("SMD1", TWO, "UB", [0.074045910737814, 0.094352181546195]),
    ("SMD1", TWO, "AV", [0.071988237653925, 0.095626826172397]),
    ("SMCC", TWO_PAIRED, "LS2", [0.035425955161052, 0.050401412542197]),
    ("SMCR", TWO_PAIRED, "LS2", [0.027755233910595, 0.061044597424390]),
]


@pytest.mark.parametrize(("measure", "values", "vtype", "vi"), PRINTED)
def test_variances_of_standardised_differences_are_those_of_metafor(measure, values, vtype, vi):
    columns = {role: np.array(x, dtype=float) for role, x in values.items()}
    assert compute(measure, columns, {"vtype": vtype}).vi == pytest.approx(vi, rel=1e-10)
