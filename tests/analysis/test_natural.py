"""The way back from the analysis scale where it depends on the studies' sizes."""

from __future__ import annotations

import pytest

from metadesk.analysis.engine import run
from metadesk.analysis.spec import AnalysisSpec
from metadesk.figure import svg_text
from metadesk.plots.forest import ForestOptions, draw_forest
from metadesk.reports.prose import result_sentence
from metadesk.table import make_table

# metafor 3.8.1: transf.ipft.hm, and transf.iirft at the harmonic mean of the person-times.
PFT = (0.092754481892116, 0.028807904342514, 0.18219565700805)
IRFT = (0.091196041663762, 0.029577792932359, 0.180725661181286)


@pytest.mark.parametrize(("measure", "size", "answer"), [("PFT", "ni", PFT), ("IRFT", "ti", IRFT)])
def test_a_pooled_freeman_tukey_value_is_read_at_the_harmonic_mean_size(
    measure, size, answer
) -> None:
    table = make_table(
        {"study": list("ABCDE"), "x": [0, 3, 5, 9, 40], "n": [12, 45, 30, 160, 203]},
        {"study": "study", "x": "xi", "n": size},
    )
    spec = AnalysisSpec(measure=measure).with_options(tau2="DL", test="z", prediction="test")
    found = run(spec, table)
    ends = found.main.pooled.interval
    read = [found.natural(v) for v in (found.main.pooled.value, ends.lower, ends.upper)]
    assert read == pytest.approx(answer, rel=1e-9)
    assert [s.effect for s in found.studies] == pytest.approx(
        [0, 3 / 45, 5 / 30, 9 / 160, 40 / 203], abs=1e-12
    )


def test_a_blank_row_does_not_change_how_double_arcsines_are_read() -> None:
    table = make_table(
        {"study": ["A", "B", "C", "D"], "x": [0, 3, 5, None], "n": [12, 45, 30, None]},
        {"study": "study", "x": "xi", "n": "ni"},
    )
    found = run(AnalysisSpec(measure="PFT"), table)
    assert [s.effect for s in found.used] == pytest.approx([0, 3 / 45, 5 / 30], abs=1e-12)
    assert found.size == pytest.approx(3 / (1 / 12 + 1 / 45 + 1 / 30))


@pytest.mark.parametrize(("measure", "tested"), [("PLO", False), ("RR", True)])
def test_only_a_measure_with_a_value_of_no_effect_is_told_with_a_test(measure, tested) -> None:
    table = make_table(
        {
            "study": ["A", "B", "C"],
            "x": [4, 3, 5],
            "n": [12, 45, 30],
            "c": [6, 8, 9],
            "m": [50] * 3,
        },
        {"study": "study", "x": "ai", "n": "n1i", "c": "ci", "m": "n2i"}
        if tested
        else {"study": "study", "x": "xi", "n": "ni"},
    )
    found = run(AnalysisSpec(measure=measure), table)
    assert ("P " in result_sentence(found)) is tested
    drawn = svg_text(draw_forest(found, ForestOptions()))
    assert ("Test of overall effect" in drawn) is tested
