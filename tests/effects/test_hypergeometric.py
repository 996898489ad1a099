"""The integrals behind bias-corrected correlations, against their power series."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metadesk.effects import compute
from metadesk.effects.hypergeometric import half_half, one_one


def series(a: float, b: float, c: float, z: float) -> float:
    k = np.arange(200 + int(40 / -np.log(z)))  # what is left out is below the last digit
    steps = (a + k) * (b + k) / ((c + k) * (k + 1)) * z
    return 1.0 + float(np.cumprod(steps).sum())


@settings(max_examples=40, deadline=None)
@given(st.integers(5, 3000).map(float), st.floats(0.02, 0.99), st.booleans())
def test_the_integrals_are_the_functions(n, size, negative):
    r = -size if negative else size
    at = np.array([n]), np.array([r])
    z = 1 - r**2
    assert half_half(*at)[0] == pytest.approx(series(0.5, 0.5, (n - 2) / 2, z), rel=1e-10)
    assert one_one(*at)[0] == pytest.approx(series(1, 1, n / 2, z), rel=1e-10)


def test_a_large_study_hardly_needs_a_correction():
    got = compute("UCOR", {"ri": np.array([0.15]), "ni": np.array([1832.0])})
    assert got.yi[0] == pytest.approx(0.15004010967766, rel=1e-10)


def test_a_correlation_of_zero_stays_zero():
    got = compute("UCOR", {"ri": np.array([0.0]), "ni": np.array([20.0])}, {"vtype": "UB"})
    assert got.yi[0] == 0
    assert np.isfinite(got.vi[0])
