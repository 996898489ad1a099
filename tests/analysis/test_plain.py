"""The pooled effect for people: per 1,000, number needed to treat, points of a scale."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from metadesk.analysis.engine import run
from metadesk.analysis.plain import plain_kind, plain_numbers
from metadesk.analysis.presets import default_spec
from metadesk.errors import SpecProblem
from metadesk.formats import read_sheet
from metadesk.resources import example
from metadesk.table import make_table


@pytest.fixture(scope="module")
def bcg():
    return read_sheet(example("bcg_vaccine.xlsx"))


def found(table, **changes):
    result = run(replace(default_spec(), **changes), table)
    return {n.key: n for n in plain_numbers(result)}, result


def test_a_risk_ratio_is_read_per_1000_at_the_stated_baseline(bcg) -> None:
    numbers, result = found(bcg, plain={"baseline": 0.2})
    ratio = result.natural(result.main.pooled.value)
    assert numbers["baseline"].value == pytest.approx(200.0)
    assert numbers["per_1000"].value == pytest.approx(200 * (ratio - 1))
    assert numbers["nnt"].value == pytest.approx(1 / (0.2 * (1 - ratio)))
    assert numbers["relative_change"].value == pytest.approx(100 * (ratio - 1))


def test_without_a_stated_risk_the_median_of_the_control_groups_is_taken(bcg) -> None:
    numbers, result = found(bcg)
    events = {c.key: c.values for c in result.data_columns}
    both = zip(events["ci"], events["n2i"], strict=True)
    risks = sorted(c / n for c, n in both if c is not None)
    assert numbers["baseline"].value == pytest.approx(1000 * risks[6])
    assert "median" in numbers["baseline"].sentence


def test_an_odds_ratio_acts_on_the_odds(bcg) -> None:
    numbers, result = found(bcg, measure="OR", plain={"baseline": 0.5})
    ratio = result.natural(result.main.pooled.value)
    assert numbers["risk"].value == pytest.approx(1000 * ratio / (1 + ratio))


def test_the_number_needed_runs_through_infinity_where_there_may_be_no_effect() -> None:
    table = make_table(
        {"a": [5, 9], "n": [50, 60], "c": [6, 8], "m": [50, 60]},
        {"a": "ai", "n": "n1i", "c": "ci", "m": "n2i"},
    )
    numbers, _ = found(table, measure="RD", plain={"baseline": 0.2})
    assert "through ∞" in numbers["nnt"].sentence
    assert numbers["nnt"].lower > 0 > numbers["nnt"].upper


def test_a_standardised_difference_becomes_points_odds_and_a_probability() -> None:
    table = make_table({"yi": [0.5, 0.5], "vi": [0.04, 0.04]}, {"yi": "yi", "vi": "vi"})
    numbers, _ = found(table, measure="SMD", plain={"scale_sd": 8.0, "scale_name": "HAM-D points"})
    assert numbers["units"].value == pytest.approx(4.0)
    assert "HAM-D points" in numbers["units"].title
    assert numbers["odds_ratio"].value == pytest.approx(math.exp(0.5 * math.pi / math.sqrt(3)))
    assert numbers["superiority"].value == pytest.approx(63.8163195)
    assert "responders" not in numbers


def test_a_rate_ratio_is_read_per_1000_units_of_time() -> None:
    table = make_table(
        {"x": [4, 6], "t": [100.0, 150.0], "y": [8, 9], "u": [100.0, 150.0]},
        {"x": "x1i", "t": "t1i", "y": "x2i", "u": "t2i"},
    )
    numbers, result = found(table)
    ratio = result.natural(result.main.pooled.value)
    assert numbers["baseline"].value == pytest.approx(70.0)
    assert numbers["per_1000"].value == pytest.approx(70.0 * (ratio - 1))


def test_proportions_are_read_per_1000() -> None:
    table = make_table({"x": [5, 10], "n": [50, 100]}, {"x": "xi", "n": "ni"})
    numbers, _ = found(table)
    assert numbers["per_1000"].value == pytest.approx(100.0)


def test_an_impossible_risk_is_refused_in_one_sentence(bcg) -> None:
    result = run(replace(default_spec(), plain={"baseline": 20.0}), bcg)
    with pytest.raises(SpecProblem, match=r"5 % is 0\.05"):
        plain_numbers(result)


def test_what_is_asked_follows_from_the_measure() -> None:
    assert [plain_kind(m) for m in ("RR", "IRR", "SMD", "ZCOR")] == ["risk", "rate", "scale", ""]
