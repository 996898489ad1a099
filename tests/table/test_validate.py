from __future__ import annotations

import pytest

from metadesk.table import make_table
from metadesk.table.edits import SetExcluded
from metadesk.table.validate import CHECKS, validate

STUDIES = [
    f"{name} {year}"
    for name, year in zip(
        ("Ada", "Bea", "Che", "Dow", "Eck", "Fox"), range(2001, 2007), strict=True
    )
]
TWO_BY_TWO = {
    "Study": STUDIES,
    "events": [3, 8, 12, 5, 7, 4],
    "total": [50, 61, 80, 40, 44, 39],
    "events.c": [7, 9, 20, 9, 8, 6],
    "total.c": [52, 60, 78, 41, 47, 40],
}
ROLES_2X2 = {"Study": "study", "events": "ai", "total": "n1i", "events.c": "ci", "total.c": "n2i"}
MEANS = {
    "Study": STUDIES,
    "m": [5.1, 4.9, 6.2, 5.5, 5.8, 5.2],
    "sd": [1.2, 1.1, 1.6, 1.4, 1.3, 1.2],
    "n": [40, 32, 51, 20, 36, 44],
    "mc": [5.9, 5.2, 6.8, 6.0, 6.1, 5.6],
    "sdc": [1.3, 1.0, 1.5, 1.2, 1.4, 1.1],
    "nc": [41, 30, 50, 22, 35, 43],
}
ROLES_MEANS = dict(zip(MEANS, ("study", "m1i", "sd1i", "n1i", "m2i", "sd2i", "n2i"), strict=True))


def found(columns, roles, **changes):
    """Problems of a sheet in which single cells (name, row) were changed."""
    cells = {name: list(values) for name, values in columns.items()}
    for place, value in changes.items():
        name, row = place.rsplit("__", 1)
        cells[name.replace("_c", ".c") if name not in cells else name][int(row)] = value
    return validate(make_table(cells, roles))


def codes(problems):
    return [problem.code for problem in problems]


def test_a_clean_sheet_has_no_problems():
    assert found(TWO_BY_TWO, ROLES_2X2) == ()
    assert found(MEANS, ROLES_MEANS) == ()


def test_events_above_the_total_name_row_study_and_remedy():
    (problem,) = found(TWO_BY_TWO, ROLES_2X2, events__2=83)
    assert problem.sentence == (
        "Row 3 (Che 2003): events in the treated group, 83, exceed its total, 80."
    )
    assert problem.remedy == "Correct one of the two cells."
    assert (problem.severity, problem.row_id, problem.column_id) == ("error", 2, 1)


@pytest.mark.parametrize(
    ("value", "code", "severity"),
    [
        (-1, "negative_count", "error"),
        (3.5, "fractional_count", "warning"),
        ("four", "text", "error"),
        ("<5", "text", "error"),
        ("3/50", "text", "error"),
        ("2024-05-16", "date", "error"),
        ("#DIV/0!", "error_value", "error"),
        ("=SUM(B2:B4)", "formula", "error"),
        ("3", "number_as_text", "note"),
        ("3*", "number_assumed", "note"),
        ("3 %", "percentage_as_count", "error"),
        ("1e999", "text", "error"),
    ],
)
def test_a_bad_count_is_found(value, code, severity):
    (problem,) = found(TWO_BY_TWO, ROLES_2X2, events__0=value)
    assert (problem.code, problem.severity) == (code, severity)
    assert problem.column_id == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"events__0": "3"}, "1 number is stored as text and read as a number."),
        ({"events__0": "3", "events__1": "8"}, "2 numbers are stored as text and read as numbers."),
    ],
)
def test_numbers_as_text_are_counted_in_one_sentence(changes, words):
    (problem,) = found(TWO_BY_TWO, ROLES_2X2, **changes)
    assert problem.sentence.endswith(words)


@pytest.mark.parametrize("value", [None, "NR", "—", "n/a"])
def test_a_missing_count_is_no_problem(value):
    assert found(TWO_BY_TWO, ROLES_2X2, events__0=value) == ()


def test_an_empty_group_is_an_error():
    assert "size_below_one" in codes(found(MEANS, ROLES_MEANS, n__1=0))


def test_a_date_says_what_was_probably_typed():
    (problem,) = found(MEANS, ROLES_MEANS, m__0="2024-05-16")
    assert "probably 16.5 was meant" in problem.sentence


@pytest.mark.parametrize("value", [0, -1.2])
def test_an_sd_must_be_positive(value):
    assert codes(found(MEANS, ROLES_MEANS, sd__0=value)) == ["not_positive"]


def test_a_standard_error_entered_as_sd_is_suspected_with_the_sd_it_would_be():
    (problem,) = found(MEANS, ROLES_MEANS, sd__5=0.18)
    assert problem.code == "sd_looks_like_se"
    assert problem.remedy.endswith("the SD is 1.19.")


def test_sds_of_different_scales_are_not_suspected():
    columns = {
        **MEANS,
        "m": [5.1, 80.0, 2.2, 31.0, 250.0, 9.0],
        "mc": [5.9, 84.0, 2.9, 34.0, 260.0, 9.5],
        "sd": [1.2, 24.0, 0.5, 7.7, 60.0, 2.0],
        "sdc": [1.1, 25.0, 0.6, 7.1, 55.0, 2.2],
    }
    assert "sd_looks_like_se" not in codes(found(columns, ROLES_MEANS))


def test_a_slipped_decimal_point_is_found():
    assert codes(found(MEANS, ROLES_MEANS, m__3=55.0)) == ["off_by_ten"]


def test_a_small_sd_is_reported_once():
    assert codes(found(MEANS, ROLES_MEANS, sd__5=0.1)) == ["sd_looks_like_se"]


def test_mixed_units_are_named_by_outcome():
    columns = {
        **MEANS,
        "outcome": ["CRP"] * 3 + ["LDL"] * 3,
        "units": ["mg/L", "mg/l", "ng/mL", "mmol/l", "mmol/L", "mmol/l"],
    }
    (problem,) = found(columns, {**ROLES_MEANS, "outcome": "outcome"})
    assert problem.code == "mixed_units"
    assert "mg/l, ng/ml" in problem.sentence
    assert "CRP" in problem.sentence


RATIO = {
    "Study": STUDIES[:3],
    "OR": [0.85, 0.70, 1.20],
    "lo": [0.70, 0.49, 0.90],
    "hi": [1.03, 1.00, 1.60],
    "p": [0.1, 0.05, 0.2],
}
ROLES_RATIO = {"Study": "study", "OR": "est", "lo": "lower", "hi": "upper", "p": "pval"}


@pytest.mark.parametrize(
    ("place", "value", "code"),
    [
        ("OR__0", 1.5, "estimate_outside"),
        ("OR__0", 0.74, "interval_lopsided"),
        ("lo__0", 1.9, "interval_turned"),
        ("p__0", 1.4, "outside_range"),
        ("p__0", -0.1, "outside_range"),
    ],
)
def test_a_bad_interval_or_p_value_is_found(place, value, code):
    assert code in codes(found(RATIO, ROLES_RATIO, **{place: value}))


def test_the_scale_of_a_ratios_standard_error_is_said():
    table = make_table({"OR": [0.8, 1.2], "SE": [0.2, 0.3]}, {"OR": "est", "SE": "sei"})
    (problem,) = validate(table)
    assert (problem.code, problem.severity) == ("ratio_with_error", "note")
    assert "log ratios" in problem.sentence


def test_a_clean_ratio_with_rounded_bounds_is_left_alone():
    assert found(RATIO, ROLES_RATIO) == ()


def test_proportions_in_a_column_of_percents_are_pointed_out():
    columns = {**TWO_BY_TWO, "pct": [0.1, 0.2, 0.3, 0.1, 0.2, 0.1]}
    roles = {"Study": "study", "pct": "p1i", "total": "n1i"}
    assert codes(found(columns, roles)) == ["proportion_as_percent"]


def test_the_same_study_twice_is_asked_about_unless_outcomes_differ():
    twice = {**TWO_BY_TWO, "Study": [*STUDIES[:5], STUDIES[0]]}
    (problem,) = found(twice, ROLES_2X2)
    assert problem.code == "same_label"
    assert "rows 1, 6" in problem.sentence
    long = {**twice, "outcome": ["a"] * 5 + ["b"]}
    assert found(long, {**ROLES_2X2, "outcome": "outcome"}) == ()


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("da Silva-Ju\u0301nior 2010", "da Silva-Junior 2010", True),
        ("Moriss et al. 2007", "Moriss 2007", True),
        ("Pishgahi 2023_1", "Pishgahi 2023_2", True),
        ("Lam", "Lam et al (2003)", True),
        ("Rosenthal 1960", "Rosenthal 1961", False),
        ("Chen 2011", "Chan 2019", False),
        ("Skrabal 1981a", "Skrabal 1981b", False),
        ("Clarke2005aa", "Clarke2005ab", False),
        ("Study 1", "Study 2", False),
    ],
)
def test_labels_that_may_be_one_study_are_pointed_out(one, other, near):
    table = make_table({"Study": [one, other]}, {"Study": "study"})
    assert codes(validate(table)) == (["near_label"] if near else [])


def test_a_control_group_entered_twice_is_found():
    columns = {**MEANS, "Study": ["Ada 2001a", "Ada 2001b", *STUDIES[2:]]}
    problems = found(columns, ROLES_MEANS, mc__1=5.9, sdc__1=1.3, nc__1=41)
    assert "same_control" in codes(problems)


def test_excluded_rows_are_not_looked_at():
    table = make_table({**TWO_BY_TWO, "events": [99, 8, 12, 5, 7, 4]}, ROLES_2X2)
    assert codes(validate(table)) == ["events_above_total"]
    assert validate(SetExcluded((0,), "typing error").apply(table)[0]) == ()


def test_only_roles_in_use_are_looked_at():
    table = make_table({**TWO_BY_TWO, "events": [99, 8, 12, 5, 7, 4]}, ROLES_2X2)
    assert validate(table, needs={"study", "ci", "n2i"}) == ()


def test_errors_come_before_notes():
    problems = found(TWO_BY_TWO, ROLES_2X2, events__0="3", total__1=2)
    assert [p.severity for p in problems] == ["error", "note"]


def test_every_check_is_listed_with_a_title_and_a_sentence():
    assert len(CHECKS) >= 20
    assert all(check.title and check.sentence.endswith(".") for check in CHECKS)


def test_a_standard_error_in_both_groups_is_one_finding():
    (problem,) = found(MEANS, ROLES_MEANS, sd__5=0.18, sdc__5=0.17)
    assert "the SDs of both groups, 0.18 and 0.17" in problem.sentence
    assert problem.remedy.endswith("the SDs are 1.19 and 1.11.")


def test_numbers_without_a_study_ask_for_its_name():
    (problem,) = found(TWO_BY_TWO, ROLES_2X2, Study__3=None)
    assert (problem.code, problem.row_id) == ("no_label", 3)
    assert "Ctrl+D" in problem.remedy


def test_repeated_studies_in_a_table_of_judgements_are_no_problem():
    table = make_table(
        {"Study": ["A", "A"], "D1": ["Low", "High"]}, {"Study": "study", "D1": "rob"}
    )
    assert validate(table) == ()


def test_rows_of_different_measures_are_told():
    columns = {**RATIO, "Effect measure": ["OR", "HR", "or"]}
    (problem,) = found(columns, ROLES_RATIO)
    assert problem.code == "mixed_measures"
    assert "OR, HR" in problem.sentence
    assert found({**RATIO, "Effect measure": ["OR", "or", "OR"]}, ROLES_RATIO) == ()


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [("LEAD-2_Lira1.8", "LEAD-3_Lira1.8", False), ("White1992_cbt", "White1992_ct", True)],
)
def test_numbers_between_underscores_tell_studies_apart(one, other, near):
    table = make_table({"Study": [one, other]}, {"Study": "study"})
    assert codes(validate(table)) == (["near_label"] if near else [])
