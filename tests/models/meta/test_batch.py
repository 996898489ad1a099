import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metadesk.errors import SpecProblem
from metadesk.models.meta import FixedEffect, MetaData, RandomEffects, fit_fixed, fit_random
from metadesk.models.meta.batch import METHODS, fit_batch
from metadesk.models.meta.kernel import DesignKernel
from metadesk.models.meta.leave_one_out import leave_one_out
from metadesk.models.meta.tau2 import estimate_tau2


def one_by_one(y, v, mask, method):
    data = MetaData.of(y[mask], v[mask])
    if method == "EE":
        return fit_fixed(FixedEffect(), data)
    return fit_random(RandomEffects(tau2=method, test="z"), data)


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_gives_what_single_fits_give(method):
    rng = np.random.default_rng(7)
    y, v = rng.normal(0, 0.6, (40, 9)), 10.0 ** rng.uniform(-3, 0, (40, 9))
    mask = rng.random((40, 9)) < 0.7
    mask[:, 0] = True
    found = fit_batch(y, v, mask=mask, method=method)
    for i in range(40):
        single = one_by_one(y[i], v[i], mask[i], method)
        assert found.tau2[i] == pytest.approx(single.heterogeneity.tau2, rel=1e-9, abs=1e-12)
        assert found.b[i, 0] == pytest.approx(single.pooled.value, rel=1e-9, abs=1e-12)
        assert found.se[i, 0] == pytest.approx(single.pooled.se, rel=1e-9)
        assert found.QE[i] == pytest.approx(single.heterogeneity.QE, rel=1e-8, abs=1e-8)
        assert found.I2[i] == pytest.approx(single.heterogeneity.I2, rel=1e-8, abs=1e-8)
        assert found.k[i] == mask[i].sum()


@pytest.mark.parametrize("method", [m for m in METHODS if m != "EE"])
def test_a_batch_with_moderators_gives_what_the_kernel_gives(method):
    rng = np.random.default_rng(8)
    y, v = rng.normal(0, 0.6, (20, 9)), 10.0 ** rng.uniform(-3, 0, (20, 9))
    X = np.stack([np.ones((20, 9)), rng.normal(size=(20, 9))], axis=2)
    found = fit_batch(y, v, X=X, method=method)
    for i in range(20):
        single = estimate_tau2(DesignKernel(y[i], v[i], X[i]), method).value
        assert found.tau2[i] == pytest.approx(single, rel=1e-8, abs=1e-11)


def test_an_empty_subset_has_no_estimate_and_a_single_study_is_itself():
    mask = np.array([[0, 0, 0], [0, 1, 0]])
    found = fit_batch(np.array([0.1, 0.5, 0.2]), np.array([0.1, 0.04, 0.1]), mask=mask)
    assert np.isnan(found.b[0, 0])
    assert found.b[1, 0] == pytest.approx(0.5)
    assert found.se[1, 0] == pytest.approx(0.2)
    assert found.tau2[1] == 0.0


def test_methods_that_need_more_than_moments_are_refused():
    with pytest.raises(SpecProblem, match="GENQM"):
        fit_batch(np.ones((1, 3)), np.ones((1, 3)), method="GENQM")


@settings(max_examples=50, deadline=None)
@given(
    st.integers(2, 8).flatmap(
        lambda k: st.tuples(
            st.lists(st.floats(-3, 3), min_size=k, max_size=k),
            st.lists(st.floats(-4, 1), min_size=k, max_size=k),
        )
    ),
    st.sampled_from(["REML", "ML", "PM"]),
)
def test_the_batch_and_the_single_kernel_agree_on_any_data(data, method):
    y, v = np.array(data[0]), 10.0 ** np.array(data[1])
    single = fit_random(RandomEffects(tau2=method, test="z"), MetaData.of(y, v))
    found = fit_batch(y[None], v[None], method=method)
    t = single.heterogeneity.tau2
    assert found.tau2[0] == pytest.approx(t, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("spread", [0.0, 0.3])
@pytest.mark.parametrize("mean", [0.0, 1e3])
def test_leaving_out_by_subtraction_is_leaving_out_by_a_mask(spread, mean):
    rng = np.random.default_rng(11)
    v = rng.uniform(0.01, 0.3, 260)
    y = mean + rng.normal(0, spread, 260) + rng.normal(0, np.sqrt(v))
    data = MetaData.of(y, v)
    found, plain = leave_one_out(data), fit_batch(y, v, mask=1 - np.eye(260))
    assert found.tau2 == pytest.approx(plain.tau2, rel=1e-9)
    for name in ("b", "se", "QE", "I2", "H2", "s2w", "QM"):
        assert getattr(found, name) == pytest.approx(getattr(plain, name), rel=1e-8), name


def test_leaving_out_each_of_a_few_studies_is_fitting_the_rest(bcg):
    found = leave_one_out(bcg, "DL")
    for i in range(bcg.k):
        rest = fit_random(RandomEffects(tau2="DL", test="z"), bcg.take(np.arange(bcg.k) != i))
        assert found.b[i, 0] == pytest.approx(rest.pooled.value)
        assert found.tau2[i] == pytest.approx(rest.heterogeneity.tau2)
