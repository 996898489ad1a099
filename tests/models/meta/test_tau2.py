import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metadesk.models.meta.kernel import DesignKernel, MeanKernel, kernel_of
from metadesk.models.meta.tau2 import METHODS, estimate_tau2, solve_q, standard_error
from metadesk.models.meta.tau2_interval import tau2_interval

GOLDEN = {
    "DL": 0.308760262862,
    "HE": 0.328563857996,
    "HS": 0.228362863677,
    "HSk": 0.249169930281,
    "SJ": 0.345515701599,
    "ML": 0.280028137269,
    "REML": 0.313243258136,
    "EB": 0.318068452205,
    "PM": 0.318068452205,
    "PMM": 0.343387906896,
}
GOLDEN_ABLAT = {
    "DL": 0.063300502426,
    "HE": 0.209048026359,
    "HS": 0.029084907900,
    "HSk": 0.038249788531,
    "SJ": 0.231843716119,
    "ML": 0.034351442481,
    "REML": 0.076347963955,
    "EB": 0.142131941473,
    "PMM": 0.161555108764,
}
ALWAYS_POSITIVE = ("SJ",)


def design(cells, k=13):
    return np.column_stack([np.ones(k), np.array(cells["ablat"], float)])


@pytest.mark.parametrize(("method", "value"), GOLDEN.items())
def test_estimates_of_the_bcg_trials_agree_with_published_values(effects, method, value):
    found = estimate_tau2(MeanKernel(*effects), method)
    assert found.value == pytest.approx(value, abs=1e-12)
    assert found.converged


@pytest.mark.parametrize(("method", "value"), GOLDEN_ABLAT.items())
def test_residual_estimates_with_latitude_agree_with_published_values(
    effects, cells, method, value
):
    found = estimate_tau2(DesignKernel(*effects, design(cells)), method)
    assert found.value == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_the_design_kernel_with_an_intercept_is_the_mean_kernel(effects, method):
    mean = estimate_tau2(MeanKernel(*effects), method)
    general = estimate_tau2(DesignKernel(*effects, np.ones((13, 1))), method)
    assert general.value == pytest.approx(mean.value, rel=1e-10)
    assert general.se == pytest.approx(mean.se, rel=1e-8)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("c", [1e-6, 1e-3, 1e3, 1e6])
def test_the_unit_of_measurement_does_not_matter(effects, method, c):
    y, v = effects
    one = estimate_tau2(MeanKernel(y, v), method).value
    scaled = estimate_tau2(MeanKernel(c * y, c * c * v), method).value
    assert scaled == pytest.approx(c * c * one, rel=1e-12 if method != "GENQM" else 1e-10)


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ALWAYS_POSITIVE])
def test_homogeneous_effects_give_an_exact_zero(method):
    y = np.array([0.30, 0.31, 0.29, 0.305])
    v = np.array([0.10, 0.12, 0.15, 0.11]) ** 2
    found = estimate_tau2(MeanKernel(y, v), method)
    assert found.value == 0.0
    assert found.boundary


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("y", "v"),
    [
        ([0.5], [0.1]),
        ([0.5, 0.5], [0.1, 0.2]),
        ([0.5, -0.5], [1e-12, 1e12]),
        ([0.1, 0.2, 0.3], [1e-12, 1.0, 1e12]),
        ([1e6, 1e6 + 1e-3, 1e6 - 1e-3], [1e-12, 1e-9, 1e-6]),
        ([0.0, 0.0, 0.0], [1.0, 1.0, 1.0]),
        ([-1e150, 1e150], [1.0, 1.0]),
    ],
)
def test_no_data_set_is_an_error(method, y, v):
    found = estimate_tau2(MeanKernel(np.array(y), np.array(v)), method)
    assert np.isfinite(found.value)
    assert found.value >= 0.0


def test_a_likelihood_with_two_maxima_takes_the_higher():
    # Zero is a local maximum; a second one lies above it.
    y = np.array([0.0, 0.0, 0.02, -0.02, 2.5, -2.4])
    v = np.array([1.0, 0.9, 0.0001, 0.0001, 0.3, 0.3])
    kernel = MeanKernel(y, v)
    found = estimate_tau2(kernel, "REML")
    grid = np.concatenate([[0.0], np.geomspace(1e-6, 30, 4000)])
    best = max(kernel.log_likelihood(float(t), True) for t in grid)
    assert kernel.log_likelihood(found.value, True) >= best - 1e-9


data_sets = st.integers(2, 12).flatmap(
    lambda k: st.tuples(
        st.lists(st.floats(-3, 3), min_size=k, max_size=k),
        st.lists(st.floats(-4, 1), min_size=k, max_size=k),
    )
)


@settings(max_examples=150, deadline=None)
@given(data_sets, st.booleans())
def test_no_grid_value_beats_the_maximum_of_the_likelihood(data, restricted):
    y, v = np.array(data[0]), 10.0 ** np.array(data[1])
    kernel = MeanKernel(y, v)
    found = estimate_tau2(kernel, "REML" if restricted else "ML")
    at_found = kernel.log_likelihood(found.value, restricted)
    for t in np.concatenate([[0.0], np.geomspace(1e-5, 100, 60)]):
        assert kernel.log_likelihood(float(t), restricted) <= at_found + 1e-9 * abs(at_found) + 1e-9


@settings(max_examples=100, deadline=None)
@given(data_sets, st.floats(0.1, 10))
def test_q_at_the_root_is_the_target_or_lies_below_it_at_zero(data, target):
    kernel = MeanKernel(np.array(data[0]), 10.0 ** np.array(data[1]))
    t, _ = solve_q(kernel, target)
    if t == 0.0:
        assert kernel.quadratic(0.0)[0] <= target * (1 + 1e-12)
    else:
        assert kernel.quadratic(t)[0] == pytest.approx(target, rel=1e-9)


@pytest.mark.parametrize(
    ("method", "ends"),
    [
        ("QP", (0.1197183611, 1.1114790841)),
        ("PL", (0.1152661, 0.9646953)),
        ("BJ", (0.10105007, 1.6360882)),
        ("J", (0.12204554, 1.13995802)),
    ],
)
def test_intervals_of_the_bcg_trials_agree_with_published_values(effects, method, ends):
    kernel = MeanKernel(*effects)
    found = tau2_interval(kernel, estimate_tau2(kernel, "REML"), method, 0.95)
    assert (found.lower, found.upper) == pytest.approx(ends, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(data_sets, st.sampled_from(["QP", "PL", "BJ", "J", "Wald"]), st.floats(-6, 6))
def test_intervals_are_ordered_and_scale_with_the_data(data, method, power):
    y, v = np.array(data[0]), 10.0 ** np.array(data[1])
    c = 10.0**power
    one, other = (kernel_of(c * y, c * c * v, np.ones((y.size, 1))) for c in (1.0, c))
    a = tau2_interval(one, estimate_tau2(one, "REML"), method, 0.95)
    b = tau2_interval(other, estimate_tau2(other, "REML"), method, 0.95)
    assert 0.0 <= a.lower <= a.upper
    assert b.upper == pytest.approx(c * c * a.upper, rel=1e-6, abs=c * c * 1e-12)


def test_an_empty_q_profile_is_said(effects):
    y = np.full(6, 0.2) + np.array([0, 0.001, 0, 0, -0.001, 0])
    kernel = MeanKernel(y, np.full(6, 0.1))
    found = tau2_interval(kernel, estimate_tau2(kernel, "REML"), "QP", 0.95)
    assert (found.lower, found.upper) == (0.0, 0.0)
    assert "less than chance" in found.method


def test_a_given_tau2_has_the_standard_error_of_its_method() -> None:
    kernel = MeanKernel(np.array([0.1, 0.5, 0.9, 0.2]), np.array([0.04, 0.09, 0.05, 0.2]))
    w = 1.0 / np.array([0.04, 0.09, 0.05, 0.2])
    P = np.diag(w) - np.outer(w, w) / w.sum()
    expected = np.sqrt(2 * 3 + 4 * 0.2 * np.trace(P) + 2 * 0.04 * np.trace(P @ P)) / np.trace(P)
    assert standard_error(kernel, "DL", 0.2) == pytest.approx(expected, rel=1e-12)
    assert standard_error(kernel, "DL", 0.2) != pytest.approx(standard_error(kernel, "REML", 0.2))


@pytest.mark.parametrize("method", ["DL", "HE", "HS", "HSk", "SJ", "REML", "ML", "PM", "EB"])
def test_the_standard_error_at_the_estimate_is_that_of_the_estimate(method: str) -> None:
    y, v = np.array([0.1, 0.9, 1.9, -0.4, 0.6]), np.array([0.04, 0.09, 0.05, 0.2, 0.1])
    kernel = MeanKernel(y, v)
    found = estimate_tau2(kernel, method)
    assert standard_error(kernel, method, found.value) == pytest.approx(found.se, rel=1e-9)
