import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from metadesk.numerics.quadratic_forms import ResidualForm, chi2_sum_cdf


@pytest.mark.parametrize("n", [1, 2, 5, 12, 40, 59, 61, 200, 1000])
@pytest.mark.parametrize("p", [1e-6, 0.025, 0.5, 0.975, 0.9999])
def test_equal_weights_give_the_chi_square_distribution(n, p):
    q = 2.0 * special.gammaincinv(n / 2.0, p) * 0.7
    assert chi2_sum_cdf(q, np.full(n, 0.7)) == pytest.approx(p, abs=1e-10)


def test_two_pairs_of_weights_agree_with_their_closed_form():
    # Each pair is exponential: P(X > q) = (a e^(-q/2a) - b e^(-q/2b))/(a - b).
    a, b = 3.0, 0.4
    for q in (0.1, 1.0, 7.0, 40.0):
        tail = (a * np.exp(-q / (2 * a)) - b * np.exp(-q / (2 * b))) / (a - b)
        assert chi2_sum_cdf(q, np.array([a, a, b, b])) == pytest.approx(1 - tail, abs=1e-11)


def test_zero_and_beyond_are_certain():
    assert chi2_sum_cdf(0.0, np.ones(3)) == 0.0
    assert chi2_sum_cdf(1e9, np.ones(3)) == 1.0
    assert chi2_sum_cdf(1.0, np.zeros(3)) == 1.0


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.floats(-3, 2), min_size=1, max_size=80),
    st.floats(0.05, 4),
    st.floats(1.0, 2.0),
    st.floats(-6, 6),
)
def test_it_grows_with_the_value_and_knows_no_unit(powers, at, more, unit):
    weights = 10.0 ** np.array(powers)
    q, c = at * weights.sum(), 10.0**unit
    p = chi2_sum_cdf(q, weights)
    assert 0.0 <= p <= chi2_sum_cdf(more * q, weights) + 1e-9
    assert chi2_sum_cdf(c * q, c * weights) == pytest.approx(p, abs=1e-9)


def eigenvalues(a, B, s):
    """Those of ``P diag(s)`` that are not zero, the long way."""
    AB = a[:, None] * B
    P = np.diag(a) - AB @ np.linalg.solve(B.T @ AB, AB.T)
    root = np.sqrt(s)
    return np.maximum(np.linalg.eigvalsh(root[:, None] * P * root)[B.shape[1] :], 1e-300)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(5, 130),
    st.integers(0, 10_000),
    st.sampled_from([0.3, 0.8, 1.0, 1.5, 3.0]),
    st.sampled_from([0.3, 2.0]),
)
def test_a_residual_form_needs_no_eigenvalues(p, k, seed, at, decades):
    rng = np.random.default_rng(seed)
    s, a = 10.0 ** rng.uniform(-decades, decades, k), 10.0 ** rng.uniform(-decades, decades, k)
    B = np.column_stack([np.ones(k), rng.normal(size=(k, p - 1))])
    lambdas = eigenvalues(a, B, s)
    q = at * float(lambdas.sum())
    expected = chi2_sum_cdf(q, lambdas)
    assert ResidualForm(a, B).cdf(q, s) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("small", [1e-6, 1e-9, 1e-12])
def test_a_study_that_rules_the_mean_leaves_no_rounding_errors(small):
    """The others vary about its effect, which has a variance of its own and so ties them."""
    v = np.append(np.random.default_rng(2).uniform(0.05, 0.3, 70), small)
    tau2, root = 0.1, np.sqrt(1.0 / v[:-1])
    about_it = root[:, None] * (np.diag(v[:-1] + tau2) + tau2) * root
    lambdas = np.linalg.eigvalsh(about_it)
    for at in (0.7, 1.0, 1.3):
        q = at * float(lambdas.sum())
        found = ResidualForm(1.0 / v, np.ones((71, 1))).cdf(q, v + tau2)
        assert found == pytest.approx(chi2_sum_cdf(q, lambdas), abs=3e3 * small + 1e-10)


@pytest.mark.parametrize("n", [1, 3, 80])
def test_next_to_nothing_is_hardly_ever_undercut(n):
    for q in (1e-320, 1e-244, 1e-139, 1e-40):
        expected = special.gammainc(n / 2, q / 2)
        assert chi2_sum_cdf(q, np.ones(n)) == pytest.approx(expected, abs=1e-19)
        about_mean = ResidualForm(np.ones(n + 1), np.ones((n + 1, 1)))
        assert about_mean.cdf(q, np.ones(n + 1)) == pytest.approx(expected, abs=1e-19)
