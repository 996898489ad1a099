import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metadesk.numerics.roots import bracketed_root


def counted(f):
    calls = []

    def g(x):
        calls.append(x)
        return f(x)

    return g, calls


@pytest.mark.parametrize(
    ("f", "a", "b", "root"),
    [
        (lambda x: x**3 - 2.0, 0.0, 5.0, 2.0 ** (1 / 3)),
        (lambda x: math.exp(-x) - 0.01, 0.0, 50.0, math.log(100.0)),
        (lambda x: math.tanh(50 * (x - 0.3)), -1.0, 1.0, 0.3),
        (lambda x: -1.0 if x < 0.7 else 1.0, 0.0, 1.0, 0.7),
    ],
)
def test_the_root_is_found_from_either_side_in_few_steps(f, a, b, root):
    for left, right in ((a, b), (b, a)):
        g, calls = counted(f)
        found = bracketed_root(g, left, right, f(left), f(right), 1e-12)
        assert found == pytest.approx(root, abs=2e-12)
        assert len(calls) < 60


@given(st.floats(0.01, 100.0), st.floats(0.01, 20.0))
def test_a_straight_line_takes_almost_no_steps(root, slope):
    f, calls = counted(lambda x: slope * (x - root))
    found = bracketed_root(f, 0.0, 2 * root + 1, -slope * root, slope * (root + 1), 1e-10)
    assert found == pytest.approx(root, abs=1e-9)
    assert len(calls) < 12
