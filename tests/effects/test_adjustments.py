"""Adjustments of rows, and that each can be taken back."""

from __future__ import annotations

import numpy as np
import pytest

from metadesk.effects import compute
from metadesk.effects.adjustments import ADJUSTMENTS
from metadesk.errors import SpecProblem

ROW = {
    "ai": 12.0, "n1i": 60.0, "ci": 18.0, "n2i": 58.0, "m1i": 4.0, "sd1i": 2.0, "q1_1i": 3.0,
    "q3_1i": 5.0, "m2i": 3.0, "sd2i": 1.5, "yi": 0.4, "sei": 0.2, "vi": 0.04, "est": 1.5,
    "lower": 1.0, "upper": 2.25, "mb1i": 6.0, "sdb1i": 2.2, "mb2i": 6.1, "sdb2i": 1.6,
}  # fmt: skip
MEANS_ALONE = {role: ROW[role] for role in ("m1i", "sd1i", "m2i", "sd2i")}
PARAMETERS = {
    "cluster": {"cluster_size": 21, "icc": 0.05},
    "shared_control": {"comparisons": 2},
    "unit": {"factor": 10},
    "swap": {"ratio": 1},
    "turn": {},
    "change": {"r": 0.5},
    "correlation": {"r": 0.5},
}


@pytest.mark.parametrize("key", ADJUSTMENTS.keys())
def test_an_adjustment_can_be_taken_back(key):
    adjustment, given = ADJUSTMENTS[key], PARAMETERS[key]
    row = MEANS_ALONE if key == "correlation" else ROW
    after = {**row, **adjustment.apply(row, **given)}
    assert after != row
    before = {**after, **adjustment.undone(after, **given)}
    assert {r: before[r] for r in row} == pytest.approx(row)
    assert {r for r in before if not np.isnan(before[r])} == set(row)


def test_clusters_make_a_trial_smaller():
    got = ADJUSTMENTS["cluster"].apply(ROW, cluster_size=21, icc=0.05)
    assert (got["ai"], got["n1i"], got["vi"]) == pytest.approx((6, 30, 0.08))


def test_a_shared_control_group_keeps_its_mean():
    got = ADJUSTMENTS["shared_control"].apply(ROW, comparisons=2)
    assert got["n2i"] == 29
    assert "m2i" not in got


def test_swapped_groups_turn_the_effect():
    got = {**ROW, **ADJUSTMENTS["swap"].apply(ROW, ratio=1)}
    here, there = (
        compute("OR", {r: np.array([v[r]]) for r in ("ai", "n1i", "ci", "n2i")}) for v in (ROW, got)
    )
    assert there.yi[0] == pytest.approx(-here.yi[0])
    assert (got["est"], got["lower"], got["upper"]) == pytest.approx((1 / 1.5, 1 / 2.25, 1))


def test_a_turned_scale_keeps_its_quartiles_in_order():
    got = ADJUSTMENTS["turn"].apply(ROW)
    assert got["q1_1i"] < got["q3_1i"]


def test_change_scores_come_from_baseline_final_and_correlation():
    got = ADJUSTMENTS["change"].apply(ROW, r=0.5)
    assert (got["m1i"], got["m2i"]) == pytest.approx((-2.0, -3.1))
    assert got["sd1i"] == pytest.approx((4 + 4.84 - 2 * 0.5 * 2 * 2.2) ** 0.5)
    with pytest.raises(SpecProblem, match="no values at baseline"):
        ADJUSTMENTS["change"].apply({"m1i": 4.0, "sd1i": 2.0}, r=0.5)
    with pytest.raises(SpecProblem, match="strictly between"):
        ADJUSTMENTS["change"].apply(ROW, r=1)


def test_a_correlation_is_assumed_only_where_none_was_told():
    assert ADJUSTMENTS["correlation"].apply({"m1i": 4.0}, r=0.5) == {"ri": 0.5}
    assert ADJUSTMENTS["correlation"].apply({"ri": 0.7}, r=0.5) == {}
    for told in ({"ti": 2.0}, {"pi": 0.04}, {"sdi": 1.5}, {"est": 1.0, "sei": 0.4}):
        assert ADJUSTMENTS["correlation"].apply({"m1i": 4.0, **told}, r=0.5) == {}
    assert ADJUSTMENTS["correlation"].apply({"m1i": 4.0, "pval": 0.04}, r=0.5) == {"ri": 0.5}


def test_impossible_parameters_are_refused():
    with pytest.raises(SpecProblem, match="needs icc"):
        ADJUSTMENTS["cluster"].apply(ROW, cluster_size=3)
    with pytest.raises(SpecProblem, match="at least 2"):
        ADJUSTMENTS["shared_control"].apply(ROW, comparisons=1)
    with pytest.raises(SpecProblem, match="above 0"):
        ADJUSTMENTS["unit"].apply(ROW, factor=-1)
