import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from metadesk.numerics.quadratic_forms import chi2_sum_cdf


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
