"""Several groups of a trial as one."""

from __future__ import annotations

import numpy as np
import pytest

from metadesk.effects.combining import COMBINATIONS
from metadesk.errors import SpecProblem

LOW = {
    "ai": 6.0, "n1i": 40.0, "ci": 10.0, "n2i": 50.0, "m1i": 4.0, "sd1i": 2.0, "m2i": 5.0,
    "sd2i": 2.1, "est": 0.7, "lower": 0.3, "upper": 1.6, "med1i": 3.9,
}  # fmt: skip
HIGH = {**LOW, "ai": 3.0, "n1i": 30.0, "m1i": 3.0, "sd1i": 1.5, "med1i": 2.8}


def test_treated_arms_with_one_control_group_become_one():
    got = COMBINATIONS["combine1"].apply([LOW, HIGH])
    people = np.concatenate([made(4.0, 2.0, 40), made(3.0, 1.5, 30)])
    assert (got["ai"], got["n1i"]) == (9.0, 70.0)
    assert got["m1i"] == pytest.approx(people.mean())
    assert got["sd1i"] == pytest.approx(people.std(ddof=1))
    assert "n2i" not in got


def made(mean: float, sd: float, n: int) -> np.ndarray:
    """People with exactly this mean and SD."""
    x = np.linspace(-1, 1, n)
    return mean + sd * (x - x.mean()) / x.std(ddof=1)


def test_what_was_said_of_single_arms_goes():
    got = COMBINATIONS["combine1"].apply([LOW, HIGH])
    assert {r for r, x in got.items() if x is None} == {"est", "lower", "upper", "med1i"}


def test_standard_errors_serve_where_sds_are_missing():
    bare = {r: x for r, x in HIGH.items() if r != "sd1i"} | {"se1i": 1.5 / 30**0.5}
    assert COMBINATIONS["combine1"].apply([LOW, bare])["sd1i"] == pytest.approx(
        COMBINATIONS["combine1"].apply([LOW, HIGH])["sd1i"]
    )


def test_three_arms_are_the_same_in_any_order():
    third = {**LOW, "ai": 1.0, "n1i": 12.0, "m1i": 6.0, "sd1i": 1.0}
    combine = COMBINATIONS["combine1"]
    one, other = combine.apply([LOW, HIGH, third]), combine.apply([third, LOW, HIGH])
    assert one["sd1i"] == pytest.approx(other["sd1i"])
    assert one["n1i"] == 82


def test_both_groups_of_two_parts_become_the_whole():
    women = {"ai": 4.0, "bi": 16.0, "ci": 6.0, "di": 14.0}
    men = {"ai": 5.0, "bi": 25.0, "ci": 9.0, "di": 21.0}
    got = COMBINATIONS["combine12"].apply([women, men])
    assert got == {"ai": 9.0, "bi": 41.0, "ci": 15.0, "di": 35.0}


def test_rows_with_different_control_groups_are_refused():
    with pytest.raises(SpecProblem, match="total in the control group: 48 and 50"):
        COMBINATIONS["combine1"].apply([LOW, {**HIGH, "n2i": 48.0}])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([LOW], "at least two rows"),
        ([LOW, {r: x for r, x in HIGH.items() if r != "ai"}], "Not every row tells ai"),
        ([LOW, {r: x for r, x in HIGH.items() if r != "sd1i"}], "mean, SD and total"),
        ([{"med1i": 3.0}, {"med1i": 4.0}], "only be combined from counts"),
    ],
)
def test_what_cannot_be_combined_is_said(rows, said):
    with pytest.raises(SpecProblem, match=said):
        COMBINATIONS["combine1"].apply(rows)
