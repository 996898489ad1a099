"""What must hold for any data, also at the edges; the laws of single measures stand apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metadesk.effects import MEASURES, compute

COUNT = st.integers(0, 60).map(float)
ANY = st.one_of(
    st.just(np.nan),
    st.floats(-1e6, 1e6),
    st.integers(-2, 60).map(float),
    st.floats(-1.2, 1.2),
)
SYMMETRIC = ("OR", "RR", "RD", "AS", "PETO", "PHI", "YUQ", "YUY", "PBIT", "OR2DL", "OR2DN")


def arrays(values: dict[str, float]) -> dict[str, np.ndarray]:
    return {role: np.array([x]) for role, x in values.items()}


@settings(max_examples=40)
@given(st.tuples(COUNT, COUNT, COUNT, COUNT))
def test_swapping_arms_flips_symmetric_measures_of_tables(cells):
    a, b, c, d = cells
    here = arrays({"ai": a, "bi": b, "ci": c, "di": d})
    there = arrays({"ai": c, "bi": d, "ci": a, "di": b})
    for key in SYMMETRIC:
        one, other = compute(key, here), compute(key, there)
        assert (one.reasons == (None,)) == (other.reasons == (None,))
        np.testing.assert_allclose(one.yi, -other.yi, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(one.vi, other.vi, rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.data(), st.sampled_from(MEASURES.keys()))
def test_no_finite_input_gives_nothing_without_a_reason(data, key):
    entry = MEASURES[key]
    route = data.draw(st.sampled_from(entry.all_routes))
    values = {role: data.draw(ANY, label=role) for role in route.roles}
    got = compute(key, arrays(values), routes=[route.key])
    known = bool(np.isfinite(got.yi[0]) and np.isfinite(got.vi[0]))
    assert known == (got.reasons[0] is None)
    if known:
        assert got.vi[0] >= 0
    else:
        assert np.isnan(got.yi[0])


@pytest.mark.parametrize("key", MEASURES.keys())
@settings(max_examples=15)
@given(share=st.floats(0.02, 0.98))
def test_a_scale_leads_there_and_back(key, share):
    scale = MEASURES[key].scale
    low = scale.lower if np.isfinite(scale.lower) else -3.0
    high = scale.upper if np.isfinite(scale.upper) else 4.0
    if scale.key.startswith("fisher_z_r2"):
        low = 0.01
    x = low + share * (high - low)
    np.testing.assert_allclose(scale.to_natural(scale.from_natural(x)), x, rtol=1e-9, atol=1e-12)


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 200), st.integers(1, 200))
def test_the_order_of_rows_does_not_matter(a, b, c, d):
    cells = {"ai": [a, 3.0, 0], "bi": [b, 4.0, 7], "ci": [c, 5.0, 2], "di": [d, 6.0, 9]}
    forward = compute("OR", {r: np.array(x, dtype=float) for r, x in cells.items()})
    backward = compute("OR", {r: np.array(x[::-1], dtype=float) for r, x in cells.items()})
    np.testing.assert_array_equal(forward.yi, backward.yi[::-1])
    assert forward.notes == backward.notes[::-1]
