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
from metadesk.models.meta.bootstrap_prediction import nnf_interval
from metadesk.models.meta.profile_mean import profile_mean


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
