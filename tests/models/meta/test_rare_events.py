"""Penalised and beta-binomial regression, and the ladder."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metadesk.models.meta.glmm import (
    BetaBinomial,
    CountData,
    Firth,
    SparseLadder,
    fit_beta_binomial,
    fit_firth,
    fit_sparse,
)

HARMLESS = CountData.of("OR", [[0, 0, 0], [2, 1, 3]], [[50, 40, 30], [50, 40, 30]])


@given(st.integers(0, 20), st.integers(0, 20))
@settings(max_examples=30, deadline=None)
def test_penalised_odds_ratio_of_one_table_adds_a_half_to_every_cell(a, c):
    if a + c in (0, 40):
        return
    data = CountData.of("OR", [[a], [c]], [[20], [20]])
    fit = fit_firth(Firth(), data)
    expected = math.log((a + 0.5) * (20.5 - c) / ((c + 0.5) * (20.5 - a)))
    assert fit.pooled.value == pytest.approx(expected, abs=1e-8)


def test_penalised_estimate_is_finite_without_events_in_one_arm():
    fit = fit_firth(Firth(), HARMLESS)
    assert fit.status.converged
    assert -10 < fit.pooled.value < 0
    profile = fit.extra["penalised"].interval
    assert profile.lower < fit.pooled.value < profile.upper < 0
    assert fit.pooled.value - profile.lower > profile.upper - fit.pooled.value


def test_penalised_rate_ratio_of_one_study_adds_a_half_to_both_counts():
    data = CountData.of("IRR", [[0], [4]], [[100.0], [80.0]])
    fit = fit_firth(Firth(), data)
    assert fit.pooled.value == pytest.approx(math.log((0.5 / 100) / (4.5 / 80)), abs=1e-8)


def test_beta_binomial_without_spread_is_the_binomial():
    data = CountData.of("OR", [[10, 20, 30], [20, 40, 60]], [[100, 200, 300], [100, 200, 300]])
    fit = fit_beta_binomial(BetaBinomial(), data)
    assert fit.status.boundary == ("rho",)
    assert fit.pooled.value == pytest.approx(math.log((60 / 540) / (120 / 480)), abs=1e-4)


def test_beta_binomial_keeps_studies_without_events():
    with_empty = CountData.of("OR", [[3, 0, 1], [6, 0, 5]], [[50, 60, 40], [50, 60, 40]])
    without = CountData.of("OR", [[3, 1], [6, 5]], [[50, 40], [50, 40]])
    both = [fit_beta_binomial(BetaBinomial(), d) for d in (with_empty, without)]
    assert both[0].k == 3
    assert any(note.code == "double-zero" for note in both[0].notes)
    assert both[0].pooled.value != pytest.approx(both[1].pooled.value, abs=1e-6)


def test_ladder_names_the_rung_that_answered_and_why():
    fit = fit_sparse(SparseLadder(), HARMLESS)
    assert fit.status.rung == "firth"
    note = next(note for note in fit.notes if note.code == "ladder")
    assert "CM.EL" in note.text
    assert "no event in group 1" in note.text


def test_ladder_stays_on_the_first_rung_when_it_holds():
    rng = np.random.default_rng(5)
    n = np.full(12, 80)
    data = CountData.of("OR", [rng.binomial(n, 0.1), rng.binomial(n, 0.2)], [n, n])
    fit = fit_sparse(SparseLadder(model="CM.EL"), data)
    assert fit.status.rung == "CM.EL"
    assert not any(note.code == "ladder" for note in fit.notes)


def test_a_study_without_any_event_is_named_when_the_penalised_model_leaves_it_out():
    data = CountData.of("OR", [[1, 0, 3], [4, 0, 6]], [[50, 30, 60], [50, 30, 60]], slab="ABC")
    notes = {note.code: note.text for note in fit_firth(Firth(), data).notes}
    assert notes["double-zero"].endswith("was left out: B.")
