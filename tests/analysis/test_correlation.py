"""What correlations that no paper told may be, beside the main analysis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from metadesk.analysis.adjusting import adjusting
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


def pooled_with(r):
    """The fixed effect of the three studies with these correlations."""
    pairs = paired_means(N, M1, M2, SD1, SD2, r)
    w = 1 / pairs.se_md**2
    return float((w * pairs.md).sum() / w.sum())


def test_an_assumed_correlation_is_varied_and_the_told_ones_are_not():
    table = sheet([0.6, None, 0.4])
    edit = adjusting(table, "correlation", table.row_ids, {"r": 0.5})
    result = run(AnalysisSpec(measure="MC", model="fixed"), edit.apply(table)[0])
    assert result.main.pooled.value == pytest.approx(pooled_with([0.6, 0.5, 0.4]), rel=1e-9)
    for r in (0.3, 0.5, 0.7):
        wanted = pooled_with([0.6, r, 0.4])
        assert result.fit_of(f"r-{r:g}").pooled.value == pytest.approx(wanted, rel=1e-9)


def test_an_assumption_of_the_request_is_varied_too():
    asked = {"do": "correlation", "rows": ["B"], "r": 0.5}
    spec = AnalysisSpec(measure="MC", model="fixed", adjustments=(asked,))
    result = run(spec, sheet([0.6, None, 0.4]))
    wanted = pooled_with([0.6, 0.7, 0.4])
    assert result.fit_of("r-0.7").pooled.value == pytest.approx(wanted, rel=1e-9)


def test_a_typed_over_assumption_is_the_papers_own():
    table = sheet([0.6, None, 0.4])
    adjusted = adjusting(table, "correlation", table.row_ids, {"r": 0.5}).apply(table)[0]
    typed = adjusted.with_columns(
        replace(c, cells=(0.6, 0.45, 0.4)) if c.name == "r" else c for c in adjusted.columns
    )
    result = run(AnalysisSpec(measure="MC", model="fixed"), typed)
    assert not [c for c in result.companions if c.key.startswith("r-")]


def test_a_paired_test_keeps_the_correlation_that_it_implies():
    se = [0.9, 0.6]
    t = [(M1[i] - M2[i]) / se[i] for i in range(2)]
    columns = {"s": ["A", "B", "C"], "m1": M1, "sd1": SD1, "m2": M2, "sd2": SD2, "n": N,
               "r": [None, None, None], "t": [*t, None]}  # fmt: skip
    table = make_table(columns, {**ROLES, "t": "ti"})
    result = run(AnalysisSpec(measure="MC", model="fixed"), table)
    assert [s.label for s in result.used] == ["A", "B"]
    pairs = paired_means(N[2:], M1[2:], M2[2:], SD1[2:], SD2[2:], [0.3])
    w = 1 / np.array([*se, float(pairs.se_md[0])]) ** 2
    y = np.array(M1) - np.array(M2)
    fit = result.fit_of("r-0.3")
    assert fit.pooled.value == pytest.approx(float((w * y).sum() / w.sum()), rel=1e-9)
    edit = adjusting(table, "correlation", table.row_ids, {"r": 0.5})
    assert edit.apply(table)[0].column("r").cells == (None, None, 0.5)
