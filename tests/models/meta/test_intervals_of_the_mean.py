import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metadesk.models.meta import (
    FixedEffect,
    HenmiCopas,
    MetaData,
    RandomEffects,
    fit_fixed,
    fit_henmi_copas,
    fit_random,
)
from metadesk.models.meta.bootstrap_prediction import _confidence_distribution, nnf_interval
from metadesk.models.meta.kernel import MeanKernel
from metadesk.models.meta.profile_mean import profile_mean
from metadesk.models.meta.tau2 import solve_generalised_q
from metadesk.numerics.progress import SILENT


def test_henmi_copas_of_the_bcg_trials_agrees_with_published_values(bcg):
    found = fit_henmi_copas(HenmiCopas(), bcg).pooled
    assert found.value == pytest.approx(-0.43028516, abs=1e-8)
    assert (found.interval.lower, found.interval.upper) == pytest.approx(
        (-1.15554876, 0.29497843), abs=1e-7
    )


def test_henmi_copas_has_the_fixed_estimate_and_its_p_belongs_to_its_interval(bcg):
    fit = fit_henmi_copas(HenmiCopas(), bcg)
    assert fit.pooled.value == pytest.approx(fit_fixed(FixedEffect(), bcg).pooled.value)
    at_p = fit_henmi_copas(HenmiCopas(1.0 - fit.pooled.p), bcg).pooled
    assert at_p.interval.upper == pytest.approx(0.0, abs=1e-9)


def test_henmi_copas_of_one_study_is_that_study():
    found = fit_henmi_copas(HenmiCopas(), MetaData.of([0.4], [0.09])).pooled
    assert (found.value, found.se) == (pytest.approx(0.4), pytest.approx(0.3))


def test_the_profile_interval_stands_beside_a_maximum_likelihood_fit_only(bcg):
    assert "profile_mean" in fit_random(RandomEffects(tau2="ML"), bcg).extra
    assert "profile_mean" not in fit_random(RandomEffects(), bcg).extra


sets = st.integers(2, 9).flatmap(
    lambda k: st.tuples(
        st.lists(st.floats(-2, 2), min_size=k, max_size=k),
        st.lists(st.floats(-3, 0.5), min_size=k, max_size=k),
    )
)


@settings(max_examples=40, deadline=None)
@given(sets, st.floats(-4, 4))
def test_the_profile_interval_holds_the_mean_and_moves_with_the_data(data, shift):
    y, v = np.array(data[0]), 10.0 ** np.array(data[1])
    one = profile_mean(MetaData.of(y, v), 0.95)
    other = profile_mean(MetaData.of(y + shift, v), 0.95)
    assert one.interval.lower < one.value < one.interval.upper
    assert other.interval.lower == pytest.approx(one.interval.lower + shift, abs=1e-6)
    wider = profile_mean(MetaData.of(y, v), 0.99)
    assert wider.interval.upper >= one.interval.upper


def test_the_bootstrap_prediction_is_repeatable_and_wider_than_the_mean(bcg):
    one, again = (nnf_interval(bcg, 0.95, seed=5) for _ in range(2))
    assert one == again
    mean = fit_random(RandomEffects(), bcg).pooled.interval
    assert one.lower < mean.lower < mean.upper < one.upper
    assert nnf_interval(MetaData.of([0.4], [0.09]), 0.95) is None


@pytest.mark.parametrize("k", [3, 13, 90])
def test_the_tabulated_confidence_distribution_is_that_of_the_generalised_q(k):
    """At any probability tau² solves ``P(Q >= q; tau²) = u``, found one by one another way."""
    rng = np.random.default_rng(k)
    v = rng.uniform(0.01, 0.3, k)
    data = MetaData.of(rng.normal(0, 0.5, k), v)
    law = _confidence_distribution(data, SILENT)
    for u in (0.05, 0.3, 0.6, 0.9, 0.99):
        t = solve_generalised_q(MeanKernel(data.yi, v), 1.0 / v, 1.0 - u)[0]
        assert float(law.quantiles(np.array([u]))[0]) == pytest.approx(t, rel=5e-3, abs=1e-6)


def test_the_bootstrap_prediction_knows_no_unit(bcg):
    c = 1e4
    one = nnf_interval(bcg, 0.95, seed=3)
    other = nnf_interval(MetaData.of(c * bcg.yi, c * c * bcg.vi), 0.95, seed=3)
    assert other.lower == pytest.approx(c * one.lower, rel=1e-6)
    assert other.upper == pytest.approx(c * one.upper, rel=1e-6)


def test_the_bootstrap_prediction_follows_level_and_seed(bcg):
    one = nnf_interval(bcg, 0.95, seed=3)
    assert nnf_interval(bcg, 0.8, seed=3).upper < one.upper
    assert nnf_interval(bcg, 0.95, seed=4).upper != one.upper
