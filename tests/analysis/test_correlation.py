from __future__ import annotations

import pytest

from metadesk.analysis.engine import run
from metadesk.analysis.spec import AnalysisSpec
from metadesk.models.mixed import paired_means
from metadesk.table import make_table

ROLES = {"s": "study", "m1": "m1i", "sd1": "sd1i", "m2": "m2i", "sd2": "sd2i", "n": "ni", "r": "ri"}
M1, SD1, M2, SD2, N = [21.7, 20.0, 23.5], [3.5, 3.0, 3.8], [19.7, 19.1, 20.9], [3.1, 3.3, 3.5], [
    37, 20, 25,
]  # fmt: skip


def sheet(r):
    columns = {"s": ["A", "B", "C"], "m1": M1, "sd1": SD1, "m2": M2, "sd2": SD2, "n": N, "r": r}
    return make_table(columns, ROLES)


def test_missing_correlations_are_filled_in_beside_the_main_analysis():
    result = run(AnalysisSpec(measure="MC", model="fixed"), sheet([0.6, None, 0.5]))
    assert [s.label for s in result.used] == ["A", "C"]
    labels = [c.label for c in result.companions if c.key.startswith("r-")]
    assert labels == [f"Missing correlations taken as {r}" for r in ("0.3", "0.5", "0.7")]
    for r in (0.3, 0.5, 0.7):
        pairs = paired_means(N, M1, M2, SD1, SD2, [0.6, r, 0.5])
        w = 1 / pairs.se_md**2
        fit = result.fit_of(f"r-{r:g}")
        assert fit.k == 3
        assert fit.pooled.value == pytest.approx(float((w * pairs.md).sum() / w.sum()), rel=1e-9)


def test_nothing_is_filled_in_where_every_correlation_is_known():
    result = run(AnalysisSpec(measure="MC", model="fixed"), sheet([0.6, 0.4, 0.5]))
    assert not [c for c in result.companions if c.key.startswith("r-")]
