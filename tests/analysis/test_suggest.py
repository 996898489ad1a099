"""Which measure a sheet suggests, and why."""

from __future__ import annotations

import pytest

from metadesk.analysis.suggest import suggest_for, suggest_measure
from metadesk.table import make_table

ROLES = {"m1": "m1i", "sd1": "sd1i", "n1": "n1i", "m2": "m2i", "sd2": "sd2i", "n2": "n2i"}


def means(sds, **more):
    k = len(sds)
    columns = {
        "m1": [10.0] * k, "sd1": sds, "n1": [20] * k, "m2": [9.0] * k, "sd2": sds, "n2": [20] * k,
    }  # fmt: skip
    return make_table({**columns, **more}, ROLES)


def test_means_on_scales_far_apart_suggest_the_standardised_difference_with_the_reason() -> None:
    found = suggest_for(means([1.0, 1.2, 8.0, 9.0, 1.1, 10.0]))
    assert found.measure == "SMD"
    assert "8-fold" in found.reason


def test_one_odd_sd_does_not_change_the_scale() -> None:
    assert suggest_for(means([1.0, 1.2, 0.9, 1.1, 1.3, 15.0])).measure == "MD"


def test_different_units_suggest_the_standardised_difference() -> None:
    found = suggest_for(means([1.0, 1.2, 1.1], units=["mg/l", "MG / L", "µg/ml"]))
    assert found.measure == "SMD"
    assert "mg/l" in found.reason
    assert suggest_for(means([1.0, 9.0, 1.1], units=["kg", "kg", " KG"])).measure == "MD"


def test_a_named_unit_speaks_for_the_mean_difference() -> None:
    table = means([1.0, 1.2, 8.0, 9.0, 1.1, 10.0])
    from dataclasses import replace

    assert suggest_for(replace(table, name="Length of stay")).measure == "MD"


def test_rows_left_out_do_not_count() -> None:
    from dataclasses import replace

    table = means([1.0, 1.1, 9.0])
    assert suggest_for(table).measure == "SMD"
    assert suggest_for(replace(table, excluded={2: "other scale"})).measure == "MD"


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("log_RR", "RR"), ("logRR", "RR"), ("ln(OR)", "OR"), ("lnHR", "HR"), ("log IRR", "IRR"),
        ("Hedges g", "SMD"), ("SMD", "SMD"), ("beta", "GEN"), ("RR", "GEN"), ("logit", "GEN"),
    ],
)  # fmt: skip
def test_the_name_of_an_estimate_tells_its_measure(name, measure) -> None:
    assert suggest_measure({"yi": name, "sei": "se"}).measure == measure


@pytest.mark.parametrize(
    ("word", "measure"),
    [("OR", "OR"), ("odds ratio", "OR"), ("Risk Ratio", "RR"), ("PETO_OR", "PETO"), ("MD", "RR")],
)
def test_a_column_of_measures_tells_the_measure_where_the_data_can_form_it(word, measure) -> None:
    table = make_table(
        {"a": [1, 2], "n1": [9, 9], "c": [3, 4], "n2": [9, 9], "Effect measure": [word, word]},
        {"a": "ai", "n1": "n1i", "c": "ci", "n2": "n2i"},
    )
    assert suggest_for(table).measure == measure


def test_two_measures_in_the_column_tell_none() -> None:
    table = make_table(
        {"a": [1, 2], "n1": [9, 9], "c": [3, 4], "n2": [9, 9], "Effect measure": ["OR", "RD"]},
        {"a": "ai", "n1": "n1i", "c": "ci", "n2": "n2i"},
    )
    assert suggest_for(table).measure == "RR"


def test_columns_that_hold_nothing_in_the_rows_analysed_do_not_speak() -> None:
    table = make_table(
        {"o": ["x", "x", "y", "y"], "a": [1, 2, None, None], "c": [3, 4, None, None],
         "m1": [None, None, 5.0, 5.1], "sd1": [None, None, 1.0, 1.1],
         "m2": [None, None, 6.0, 6.1], "sd2": [None, None, 1.0, 1.2], "n1": [9] * 4,
         "n2": [9] * 4},
        {"o": "outcome", "a": "ai", "c": "ci", **ROLES},
    )  # fmt: skip
    assert suggest_for(table, "x").measure == "RR"
    assert suggest_for(table, "y").measure == "MD"


def levels(means_, sds):
    k = len(sds)
    return make_table(
        {"m1": means_, "sd1": sds, "n1": [20] * k, "m2": means_, "sd2": sds, "n2": [20] * k}, ROLES
    )


def test_means_on_levels_far_apart_suggest_the_standardised_difference() -> None:
    found = suggest_for(levels([6.0, 7.0, 20.0, 21.0, 22.0, 24.0], [2.0, 4.1, 9.0, 8.0, 9.0, 9.5]))
    assert found.measure == "SMD"
    assert "means differ up to 3-fold" in found.reason


def test_means_of_changes_near_zero_do_not_tell_of_scales() -> None:
    found = suggest_for(levels([0.4, 1.1, 1.5, 3.0, 5.3, 7.7], [5.2, 5.6, 6.0, 7.4, 9.9, 15.2]))
    assert found.measure == "MD"
    assert "if the studies used different scales" in found.reason
