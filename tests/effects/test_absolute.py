"""Absolute effects, numbers needed to treat, and transformations by name."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metadesk.effects.absolute import (
    Range,
    in_units,
    median_baseline,
    number_needed,
    odds_ratio_of_smd,
    per_thousand,
    responders_of_smd,
    risk_difference_at,
    risk_with,
    superiority_of_smd,
    vaccine_efficacy,
)
from metadesk.effects.transforms import TRANSFORMS, harmonic_mean, transformation
from metadesk.errors import SpecProblem


def test_a_risk_ratio_is_told_per_thousand():
    got = per_thousand(Range(0.8, 0.6, 1.1), "RR", 0.1)
    assert (got.value, got.lower, got.upper) == pytest.approx((-20, -40, 10))


def test_each_ratio_has_its_own_way_to_a_risk():
    assert risk_with(2, "OR", 0.2) == pytest.approx(1 / 3)
    assert risk_with(2, "RR", 0.2) == pytest.approx(0.4)
    assert risk_with(2, "HR", 0.2) == pytest.approx(1 - 0.64)
    assert risk_with(-0.05, "RD", 0.2) == pytest.approx(0.15)
    assert risk_with(9, "RR", 0.2) == 1
    with pytest.raises(SpecProblem, match=r"5 % is 0\.05"):
        risk_with(2, "OR", 20)


def test_a_clear_benefit_has_a_plain_interval():
    got = number_needed(Range(-0.1, -0.2, -0.05))
    assert (got.value, got.lower, got.upper) == pytest.approx((10, 5, 20))
    assert not got.through_infinity
    assert got.sentence == "NNT 10; interval NNT 5 to NNT 20"


def test_an_interval_around_no_difference_runs_through_infinity():
    got = number_needed(Range(-0.05, -0.1, 0.02))
    assert got.through_infinity
    assert (got.lower, got.upper) == pytest.approx((10, -50))
    assert got.sentence == "NNT 20; interval NNT 10 through ∞ to NNH 50"


def test_more_events_may_be_the_benefit():
    assert number_needed(Range(0.1, 0.05, 0.2), events_are_good=True).value == pytest.approx(10)
    assert math.isinf(number_needed(Range(0.0, -0.1, 0.1)).value)


def test_standardised_differences_are_told_in_other_ways():
    smd = Range(0.5, 0.2, 0.8)
    assert in_units(smd, 12).value == pytest.approx(6)
    assert odds_ratio_of_smd(smd).value == pytest.approx(math.exp(0.5 * math.pi / math.sqrt(3)))
    assert superiority_of_smd(smd).value == pytest.approx(0.63816, abs=1e-5)
    assert responders_of_smd(smd, 0.5).value == pytest.approx(0.19146, abs=1e-5)
    with pytest.raises(SpecProblem, match="above 0"):
        in_units(smd, 0)


def test_efficacy_is_one_minus_the_ratio():
    got = vaccine_efficacy(Range(0.2, 0.1, 0.4))
    assert (got.value, got.lower, got.upper) == pytest.approx((0.8, 0.6, 0.9))


def test_the_usual_baseline_is_the_median_of_the_comparison_groups():
    assert median_baseline(np.array([1, 2, np.nan, 9.0]), np.array([10, 10, 10, 10.0])) == 0.2


@given(st.floats(0.1, 8), st.floats(0.02, 0.98))
def test_the_absolute_effect_lies_within_its_interval(ratio, baseline):
    for kind in ("OR", "RR", "HR"):
        got = risk_difference_at(Range(ratio, ratio * 0.8, ratio * 1.3), kind, baseline)
        assert got.lower <= got.value <= got.upper


WAYS = [
    ("rtoz", "ztor", 0.4), ("logit", "ilogit", 0.3), ("probit", "iprobit", 0.3),
    ("arcsin", "iarcsin", 0.3), ("ahw", "iahw", 0.8), ("abt", "iabt", 0.8), ("exp", "log", 0.7),
    ("dtocles", "clestod", 0.6), ("dtorpb", "rpbtod", 0.6), ("dtolnor", "lnortod", 0.6),
    ("dtolnor.norm", "lnortod.norm", 0.6), ("r2toz", "ztor2", 0.4),
]  # fmt: skip


@pytest.mark.parametrize(("there", "back", "x"), WAYS)
def test_transformations_lead_there_and_back(there, back, x):
    assert TRANSFORMS[back](TRANSFORMS[there](x)) == pytest.approx(x)


@given(st.integers(0, 60), st.integers(1, 60))
def test_double_arcsines_lead_back_to_the_proportion(x, others):
    n = x + others
    y = TRANSFORMS["pft"](x / n, n)
    assert float(TRANSFORMS["ipft"](y, n)) == pytest.approx(x / n, abs=1e-9)


def test_rates_lead_back_from_the_freeman_tukey_scale():
    y = TRANSFORMS["irft"](0.03, 340.0)
    assert float(TRANSFORMS["iirft"](y, 340.0)) == pytest.approx(0.03)


def test_means_of_transformed_effects_are_integrals():
    rng = np.random.default_rng(3)
    z = 0.3 + math.sqrt(0.2) * rng.standard_normal(400_000)
    assert float(TRANSFORMS["ztor.int"](0.3, 0.2)) == pytest.approx(np.tanh(z).mean(), abs=2e-3)
    assert float(TRANSFORMS["ilogit.int"](0.3, 0.2)) == pytest.approx(
        (1 / (1 + np.exp(-z))).mean(), abs=2e-3
    )
    assert float(TRANSFORMS["iahw.int"](0.3, 0.2)) == pytest.approx(
        (1 - (1 - z) ** 3).mean(), abs=2e-2
    )
    assert float(TRANSFORMS["ztor.int"](0.3, 0.0)) == pytest.approx(math.tanh(0.3))


def test_the_harmonic_mean_leaves_missing_sizes_out():
    assert harmonic_mean([10, np.nan, 40]) == pytest.approx(16)


def test_transformations_are_found_by_the_fields_names():
    assert transformation("transf.ilogit") is TRANSFORMS["ilogit"]
    with pytest.raises(SpecProblem, match=r"no transformation 'transf\.magic'"):
        transformation("transf.magic")


def test_the_effect_size_display_and_a_known_scale_agree_with_hand_computed_values():
    # d = 1.5: r = 1.5/2.5 = 0.6, success rate (1 + r)/2.
    assert float(TRANSFORMS["dtobesd"](1.5)) == pytest.approx(0.8, abs=1e-15)
    assert float(transformation("transf.dtomd")(-0.4, 12.5)) == pytest.approx(-5.0, abs=1e-14)
