from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from metadesk.analysis.engine import run
from metadesk.analysis.trial_spec import TrialSpec
from metadesk.figure import Dot, Line, svg_text
from metadesk.formats import read_sheet
from metadesk.plots import PLOTS
from metadesk.resources import example

KEYS = [p.key for p in PLOTS if p.takes == "trial"]
EXAMPLES = {
    "crossover_enuresis.xlsx": {
        "profiles", "period-means", "differences", "periods-scatter", "residuals",
    },
    "williams_dysmenorrhoea.xlsx": {"profiles", "period-means", "differences", "residuals"},
    "binary_crossover_ecg.xlsx": {
        "profiles", "period-means", "differences", "periods-scatter",
    },
    "nof1_gabapentin.xlsx": {
        "persons-forest", "profiles", "differences", "caterpillar", "residuals",
    },
}  # fmt: skip


@cache
def result(name, **options):
    return run(TrialSpec(**options), read_sheet(example(name)))


def page(key, found, **options):
    plot = PLOTS[key]
    return plot.draw(found, plot.options(**options))


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_is_drawn_in_the_ways_that_fit_it(name):
    found = result(name)
    assert {key for key in KEYS if PLOTS[key].fits(found)} == EXAMPLES[name]
    for key in EXAMPLES[name]:
        drawn = page(key, found)
        assert drawn.height > 100
        assert svg_text(drawn).startswith("<?xml") or "<svg" in svg_text(drawn)


def test_one_person_is_drawn_over_time_and_says_why_nothing_else():
    found = result("nof1_gabapentin.xlsx", patient="768")
    assert PLOTS["run"].fits(found)
    assert "several persons" in PLOTS["profiles"].needs(found)


def test_every_row_used_can_be_clicked():
    found = result("crossover_enuresis.xlsx")
    drawn = page("profiles", found)
    ids = {m.id for m in drawn.marks if isinstance(m, Dot) and m.id}
    assert ids == {f"row:{r.row_id}" for r in found.used}


def test_higher_values_stand_higher():
    found = result("crossover_enuresis.xlsx")
    drawn = page("profiles", found)
    by_id = {m.id: m for m in drawn.marks if isinstance(m, Dot) and m.id}
    ranked = sorted(found.used, key=lambda r: r.value)
    assert by_id[f"row:{ranked[-1].row_id}"].y < by_id[f"row:{ranked[0].row_id}"].y


def test_the_population_and_every_person_stand_in_the_forest():
    found = result("nof1_gabapentin.xlsx")
    drawn = page("persons-forest", found)
    assert drawn.hit_of("subject:768") is not None
    assert drawn.marks_of("pooled")
    assert drawn.marks_of("prediction")


def test_ratios_of_persons_stand_on_a_logarithmic_axis_with_one_under_no_effect():
    file = Path(__file__).parents[1] / "reference" / "trials" / "data" / "sim_bnof1.csv"
    found = run(TrialSpec(design="series", companions=False), read_sheet(file))
    drawn = page("persons-forest", found)
    words = {m.text: m for m in drawn.marks if hasattr(m, "text")}
    assert "2.46 [1.62, 3.72]" in words
    upright = [m.x1 for m in drawn.marks if isinstance(m, Line) and m.x1 == m.x2 and not m.dash]
    assert words["1"].x == pytest.approx(upright[0])
    assert words["10"].x - words["1"].x == pytest.approx(words["100"].x - words["10"].x, rel=0.01)


def test_title_and_width_are_taken():
    drawn = page("profiles", result("crossover_enuresis.xlsx"), title="Nights", width=10.0)
    assert drawn.width == pytest.approx(10 * 72 / 2.54)
    assert any(getattr(m, "text", "") == "Nights" for m in drawn.marks)
