from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_trials import CROSSOVER, SERIES, crossover, crossover_columns, rows_of, series_columns

from metadesk.errors import Cancelled, DataProblem, NotEstimable, SpecProblem
from metadesk.models.mixed import LinearMixed, TrialData, analyse_two_by_two, fit_linear
from metadesk.models.mixed.linear.components import likelihood_ratio
from metadesk.numerics.progress import Progress

PLAIN = LinearMixed(intervals="none")


@pytest.mark.parametrize("seed", range(5))
def test_reml_treatment_t_equals_hills_armitage_in_complete_two_by_two(seed):
    data = crossover(seed=seed, between=4.0)
    fit = fit_linear(PLAIN, data).coefficients.at("treatment[B]")
    classical = analyse_two_by_two(data, "B", "A").treatment
    assert fit.value == pytest.approx(classical.value, rel=1e-9)
    assert fit.se == pytest.approx(classical.se, rel=1e-8)
    assert fit.df == pytest.approx(classical.df, rel=1e-8)
    assert fit.p == pytest.approx(classical.p, rel=1e-7)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), shuffle=st.integers(0, 10_000))
def test_relabelling_subjects_and_shuffling_rows_changes_nothing(seed, shuffle):
    columns = crossover_columns(("ABB", "BAA"), seed=seed)
    order = np.random.default_rng(shuffle).permutation(len(columns["y"]))
    other = rows_of(columns, order)
    names = {s: f"p{(int(s) * 7919) % 1009}" for s in set(other["subject"])}
    other["subject"] = [names[s] for s in other["subject"]]
    a = fit_linear(PLAIN, TrialData.from_columns(columns, CROSSOVER))
    b = fit_linear(PLAIN, TrialData.from_columns(other, CROSSOVER))
    np.testing.assert_allclose(a.coefficients.b, b.coefficients.b, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(a.coefficients.se, b.coefficients.se, rtol=1e-6)
    np.testing.assert_allclose(a.coefficients.df, b.coefficients.df, rtol=1e-5)
    assert a.statistics.logLik == pytest.approx(b.statistics.logLik, abs=1e-8)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_balanced_kenward_roger_equals_satterthwaite(seed):
    data = crossover(orders=("ABC", "BCA", "CAB"), per_sequence=4, seed=seed, between=5.0)
    kr = fit_linear(PLAIN, data)
    s = fit_linear(LinearMixed(intervals="none", df="satterthwaite"), data)
    if kr.singular:
        return
    at = [kr.coefficients.names.index(f"treatment[{w}]") for w in "BC"]
    np.testing.assert_allclose(kr.coefficients.df[at], s.coefficients.df[at], rtol=1e-6)
    np.testing.assert_allclose(kr.coefficients.se[at], s.coefficients.se[at], rtol=1e-8)


def test_normal_df_give_a_joint_test_of_many_periods():
    fit = fit_linear(LinearMixed(df="z", intervals="none"), crossover(orders=("ABBA", "BAAB")))
    assert np.isinf(fit.coefficients.df).all()
    period = next(test for test in fit.type3 if test.title == "period")
    assert np.isinf(period.den_df)
    assert 0 < period.p < 1


@settings(max_examples=20, deadline=None)
@given(scale=st.sampled_from([1e-6, 1e-3, 1e3, 1e6]), shift=st.sampled_from([0.0, 1e3]))
def test_results_follow_the_units_of_the_outcome(scale, shift):
    columns = crossover_columns(("ABBA", "BAAB"), seed=4)
    base = fit_linear(PLAIN, TrialData.from_columns(columns, CROSSOVER))
    changed = {**columns, "y": [scale * (y + shift) for y in columns["y"]]}
    fit = fit_linear(PLAIN, TrialData.from_columns(changed, CROSSOVER))
    at = fit.coefficients.names.index("treatment[B]")
    assert fit.coefficients.b[at] == pytest.approx(scale * base.coefficients.b[at], rel=1e-7)
    assert fit.coefficients.df[at] == pytest.approx(base.coefficients.df[at], rel=1e-6)
    assert fit.components[0].estimate == pytest.approx(
        scale**2 * base.components[0].estimate, rel=1e-6
    )


def test_dense_and_woodbury_engines_agree():
    data = TrialData.from_columns(series_columns(), SERIES)
    woodbury = fit_linear(LinearMixed(random="slope", intervals="none"), data)
    dense = fit_linear(
        LinearMixed(random="slope", residual="treatment", stratum="cycle", intervals="none"), data
    )
    assert dense.statistics.logLik >= woodbury.statistics.logLik - 1e-8
    cs = fit_linear(LinearMixed(random="none", residual="cs", intervals="none"), data)
    intercept = fit_linear(PLAIN, data)
    assert cs.statistics.logLik == pytest.approx(intercept.statistics.logLik, abs=1e-8)
    np.testing.assert_allclose(cs.coefficients.se, intercept.coefficients.se, rtol=1e-6)
    np.testing.assert_allclose(cs.coefficients.df, intercept.coefficients.df, rtol=1e-5)


def test_profile_interval_holds_the_estimate_and_drops_the_likelihood():
    fit = fit_linear(LinearMixed(), crossover(orders=("ABAB", "BABA"), between=3.0))
    for component in fit.components:
        assert component.interval.lower < component.estimate < component.interval.upper


def test_a_variance_at_the_boundary_is_reported():
    columns = crossover_columns(seed=2, between=0.0)
    for i in range(0, len(columns["y"]), 2):
        columns["y"][i + 1] = -columns["y"][i] + 20 + 0.1 * i
    fit = fit_linear(PLAIN, TrialData.from_columns(columns, CROSSOVER))
    assert fit.singular
    assert fit.components[0].estimate == 0.0
    assert any(n.code == "singular-fit" for n in fit.notes)


def test_missing_periods_stay_in_the_analysis_with_reasons_for_rows_left_out():
    columns = crossover_columns()
    columns["y"][0] = None
    data = TrialData.from_columns(columns, CROSSOVER)
    fit = fit_linear(PLAIN, data)
    assert fit.n + len(fit.excluded) == len(columns["y"])
    assert fit.excluded[0].row == 0
    assert "outcome" in fit.excluded[0].reason
    assert fit.k == 12


def test_carryover_comes_from_the_plan_even_where_the_outcome_is_missing():
    columns = crossover_columns(("ABB", "BAA"))
    columns["y"][0] = None
    data = TrialData.from_columns(columns, CROSSOVER)
    assert data.previous.words()[0] == "A"


def test_aliased_terms_are_named():
    fit = fit_linear(LinearMixed(sequence=True, carryover=True, intervals="none"), crossover())
    assert fit.status.aliased == ("carry[B]",)
    assert any(n.code == "aliased-terms" for n in fit.notes)


def test_adjusted_intervals_are_wider_and_p_larger():
    data = crossover(orders=("ABC", "BCA", "CAB"), per_sequence=4)
    plain = fit_linear(PLAIN, data)
    for method in ("holm", "bonferroni", "sidak", "tukey"):
        fit = fit_linear(LinearMixed(adjust=method, intervals="none"), data)
        assert (fit.adjusted >= plain.contrasts.pval - 1e-12).all()
        assert (fit.contrasts.ci_lb < plain.contrasts.ci_lb).all()


def test_random_effects_lrt_uses_the_mixture():
    data = TrialData.from_columns(series_columns(), SERIES)
    small = fit_linear(PLAIN, data)
    large = fit_linear(LinearMixed(random="slope", intervals="none"), data)
    test = likelihood_ratio(small, large)
    assert test.mixture == ((0.5, 1.0), (0.5, 2.0))
    assert 0 <= test.p <= 1


def test_restricted_likelihoods_of_other_fixed_terms_are_not_compared():
    data = crossover()
    small, large = fit_linear(PLAIN, data), fit_linear(LinearMixed(sequence=True), data)
    with pytest.raises(SpecProblem, match="maximum likelihood"):
        likelihood_ratio(small, large)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.update(y=[1.0] * len(c["y"])), "equal"),
        (lambda c: c["y"].__setitem__(3, "much"), "not a number"),
        (lambda c: c["period"].__setitem__(1, "1"), "two rows for period"),
    ],
)
def test_bad_sheets_get_one_sentence(change, words):
    columns = crossover_columns()
    change(columns)
    with pytest.raises(DataProblem, match=words):
        fit_linear(PLAIN, TrialData.from_columns(columns, CROSSOVER))


def test_one_person_is_sent_to_the_single_patient_analysis():
    columns = rows_of(crossover_columns(("ABAB",), 1), range(4))
    columns["y"] = [1.0, 2.0, 4.0, 3.0]
    spec = LinearMixed(intervals="none", fixed=(), random="intercept")
    with pytest.raises(DataProblem, match="N-of-1"):
        fit_linear(spec, TrialData.from_columns(columns, CROSSOVER))


def test_person_in_two_sequences_and_contradicting_treatment_are_noted():
    columns = crossover_columns()
    columns["sequence"][1] = "BA"
    codes = {n.code for n in TrialData.from_columns(columns, CROSSOVER).notes}
    assert codes == {"two-sequences", "treatment-contradicts-sequence"}


def test_a_slope_that_cannot_be_told_from_the_residual_is_refused():
    with pytest.raises(NotEstimable, match="residual"):
        fit_linear(LinearMixed(random="slope"), crossover())


def test_cancel_stops_the_fit():
    def yes():
        return True

    data = TrialData.from_columns(series_columns(), SERIES)
    with pytest.raises(Cancelled):
        fit_linear(LinearMixed(random="slope"), data, Progress(cancelled=yes))


def test_unstructured_residuals_need_more_persons_than_periods():
    data = crossover(orders=("ABAB", "BABA"), per_sequence=2)
    with pytest.raises(NotEstimable, match="simpler"):
        fit_linear(LinearMixed(random="none", residual="un"), data)


def test_an_unstructured_covariance_of_very_many_periods_is_refused_with_another_way():
    data = crossover(orders=("AB" * 8, "BA" * 8), per_sequence=20)
    with pytest.raises(SpecProblem, match=r"16 periods has 136 variances.*AR\(1\)"):
        fit_linear(LinearMixed(random="none", residual="un"), data)
