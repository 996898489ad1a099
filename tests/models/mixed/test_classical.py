from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_trials import CROSSOVER, crossover, crossover_columns

from metadesk.errors import DataProblem
from metadesk.models.mixed import (
    Bioequivalence,
    LinearMixed,
    Term,
    TrialData,
    analyse_binary_two_by_two,
    analyse_two_by_two,
    assess_bioequivalence,
    fit_linear,
    paired_counts,
    paired_means,
    recognise,
)
from metadesk.models.mixed.catalogue import TRIAL_MODELS
from metadesk.models.mixed.multiplicity import studentised_range_sf
from metadesk.models.mixed.published import correlation_from_differences
from metadesk.models.mixed.rank_tests import rank_sum
from metadesk.models.mixed.two_by_two_binary import conditional_odds_ratio, fisher_p
from metadesk.options import options_of


def test_swapping_treatments_flips_the_sign():
    data = crossover()
    a, b = analyse_two_by_two(data, "A", "B"), analyse_two_by_two(data, "B", "A")
    assert a.treatment.value == pytest.approx(-b.treatment.value)
    assert a.period.value == pytest.approx(b.period.value)
    assert a.ranks["treatment"].p_exact == pytest.approx(b.ranks["treatment"].p_exact)


def test_carryover_is_shown_with_the_sentence_that_it_must_not_choose():
    notes = analyse_two_by_two(crossover(), "B", "A").notes
    assert any("must not choose the analysis" in n.text for n in notes)


@settings(max_examples=20, deadline=None)
@given(person=st.integers(1, 12), constant=st.floats(-50, 50))
def test_a_constant_of_a_person_leaves_the_fixed_person_model_alone(person, constant):
    columns = crossover_columns()
    spec = LinearMixed(
        fixed=(Term("subject"), Term("period"), Term("treatment")),
        random_terms=(),
        df="residual",
        intervals="none",
    )
    base = fit_linear(spec, TrialData.from_columns(columns, CROSSOVER))
    pairs = zip(columns["subject"], columns["y"], strict=True)
    columns["y"] = [y + constant * (s == str(person)) for s, y in pairs]
    moved = fit_linear(spec, TrialData.from_columns(columns, CROSSOVER))
    for name in ("period[2]", "treatment[B]"):
        assert moved.coefficients.at(name).value == pytest.approx(
            base.coefficients.at(name).value, abs=1e-9
        )
    assert moved.sigma == pytest.approx(base.sigma, rel=1e-8)


def test_exact_rank_distribution_by_listing_all_divisions():
    from itertools import combinations

    x, y = np.array([1.0, 2.5, 4.0]), np.array([2.5, 3.0, 7.0, 8.0])
    pooled = np.concatenate([x, y])
    ranks = np.array([(pooled < v).sum() + ((pooled == v).sum() + 1) / 2 for v in pooled])
    expected = ranks.sum() * 3 / 7
    sums = np.array([ranks[list(c)].sum() for c in combinations(range(7), 3)])
    far = np.abs(sums - expected) >= abs(ranks[:3].sum() - expected) - 1e-9
    assert rank_sum(x, y).p_exact == pytest.approx(far.mean())


def test_ties_are_kept_in_spite_of_binary_noise():
    noisy = rank_sum(np.array([0.1 + 0.2, 1.0]), np.array([0.3, 2.0]))
    assert noisy.W == 1.5


def test_fisher_against_the_tea_tasting_table():
    assert fisher_p(((3, 1), (1, 3))) == pytest.approx(0.485714285714286)


def test_conditional_odds_ratio_solves_its_equations():
    estimate, low, high = conditional_odds_ratio(((6, 11), (33, 4)))
    assert low < estimate < high
    assert estimate == pytest.approx(0.0710756121, rel=1e-8)


def test_binary_outcomes_must_be_zero_or_one():
    with pytest.raises(DataProblem, match="neither 0 nor 1"):
        analyse_binary_two_by_two(crossover(), "B", "A")


def test_bioequivalence_of_a_product_with_itself_in_other_words():
    columns = crossover_columns(("ABAB", "BABA"), 8, between=0.3, within=0.1, effect=0.0)
    columns["y"] = [math.exp(y / 10) for y in columns["y"]]
    columns["treatment"] = ["T" if t == "B" else "R" for t in columns["treatment"]]
    columns["sequence"] = [s.replace("B", "T").replace("A", "R") for s in columns["sequence"]]
    result = assess_bioequivalence(Bioequivalence(), TrialData.from_columns(columns, CROSSOVER))
    assert result.equivalent
    assert not result.widened
    assert result.method_b.ratio == pytest.approx(result.method_a.ratio, rel=1e-6)


def test_limits_are_widened_at_most_to_a_cv_of_fifty():
    columns = crossover_columns(("ABAB", "BABA"), 10, between=0.3, within=0.9, effect=0.0)
    columns["y"] = [math.exp(y - 10) for y in columns["y"]]
    spec = Bioequivalence(reference="A", test="B")
    result = assess_bioequivalence(spec, TrialData.from_columns(columns, CROSSOVER))
    assert result.widened
    assert result.lower_limit == pytest.approx(69.83678, abs=1e-4)


def test_published_correlation_is_backed_out():
    e = paired_means(20, 5.0, 4.0, 2.0, 2.5, 0.6)
    assert correlation_from_differences(2.0, 2.5, e.sd_diff) == pytest.approx(0.6)
    with pytest.raises(DataProblem, match="correlation"):
        paired_means([20], [5.0], [4.0], [2.0], [2.5], [math.nan])


def test_half_a_person_is_added_to_discordant_cells_only():
    e = paired_counts([5, 5], [4, 3], [0, 2], [6, 6])
    assert e.cond_log_or == pytest.approx([math.log(4.5 / 0.5), math.log(1.5)])
    assert e.rd[0] == pytest.approx(4 / 15)


@pytest.mark.parametrize(
    ("orders", "key"),
    [
        (("AB", "BA"), "2x2"),
        (("AB", "BA", "AA", "BB"), "balaam"),
        (("ABB", "BAA"), "replicate"),
        (("ABDC", "BCAD", "CDBA", "DACB"), "williams"),
        (("ABC", "BCA", "CAB"), "complete"),
        (("AB", "BC", "CA"), "incomplete"),
    ],
)
def test_designs_are_recognised(orders, key):
    found = recognise(crossover(orders=orders, per_sequence=3))
    assert found.key == key
    assert found.balanced
    assert found.n_missing == 0
    assert 0 < found.efficiency <= 1 + 1e-9
    assert found.table().rows[0][1] == 3


def test_carryover_in_a_two_by_two_is_known_only_between_persons():
    assert not recognise(crossover()).carryover_within
    assert recognise(crossover()).carryover_at_all
    assert recognise(crossover(orders=("ABB", "BAA"))).carryover_within


def test_one_treatment_is_not_a_comparison():
    with pytest.raises(DataProblem, match="Only one treatment"):
        recognise(crossover(orders=("AA",)))


def test_studentised_range_against_tabulated_values():
    assert studentised_range_sf(3.877676, 3, 10) == pytest.approx(0.04994801346, abs=1e-10)
    assert studentised_range_sf(3.314493, 3, math.inf) == pytest.approx(0.0500000139, abs=1e-9)
    assert studentised_range_sf(2 * math.sqrt(2), 2, math.inf) == pytest.approx(0.0455, abs=1e-4)


def test_every_catalogue_entry_describes_its_options():
    assert len(TRIAL_MODELS) == 7
    for entry in TRIAL_MODELS:
        assert options_of(entry.options)
        assert entry.sentence.endswith(".")
        assert entry.assumption.endswith(".")
        assert entry.options()
