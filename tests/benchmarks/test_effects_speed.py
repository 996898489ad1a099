"""How fast effect sizes of 100,000 rows are; measured, not asserted."""

import numpy as np
import pytest

from metadesk.effects import compute

pytest.importorskip("pytest_benchmark")
ROWS = 100_000


def test_odds_ratios_of_a_hundred_thousand_tables(benchmark):
    rng = np.random.default_rng(1)
    columns = {
        "ai": rng.integers(0, 50, ROWS) * 1.0, "n1i": np.full(ROWS, 100.0),
        "ci": rng.integers(0, 50, ROWS) * 1.0, "n2i": np.full(ROWS, 120.0),
    }  # fmt: skip
    got = benchmark(compute, "OR", columns)
    assert np.isfinite(got.yi).all()


def test_standardised_differences_of_a_hundred_thousand_studies(benchmark):
    rng = np.random.default_rng(1)
    columns = {}
    for arm in "12":
        columns[f"m{arm}i"] = rng.normal(size=ROWS)
        columns[f"sd{arm}i"] = rng.uniform(1, 2, ROWS)
        columns[f"n{arm}i"] = rng.integers(10, 500, ROWS) * 1.0
    got = benchmark(compute, "SMD", columns)
    assert np.isfinite(got.yi).all()
