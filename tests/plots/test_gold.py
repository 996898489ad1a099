"""Figures compared as text; a new look is saved beside the old one, for the eye to decide."""

from dataclasses import replace
from pathlib import Path

import pytest
from made_results import bcg, estimates, with_excluded

from metadesk.figure import svg_text
from metadesk.plots.forest import PRESETS, ForestOptions, draw_forest

GOLD = Path(__file__).resolve().parent.parent / "gold"


def none_pooled():
    """Two studies left out, with sentences that do not change when the engine finds better ones."""
    result = estimates([0.3, 0.1], [0.04, 0.1], excluded={0: "Retracted", 1: "Not randomised"})
    return replace(result, problem="No study can be pooled: both are left out.")


FIGURES = {
    "forest_bcg": lambda: draw_forest(bcg(), ForestOptions()),
    "forest_bcg_both_models": lambda: draw_forest(
        with_excluded({2: "Duplicate of the 1961 report", 11: "Duplicate of the 1961 report"}),
        ForestOptions(show_companion=True, order="year"),
    ),
    "forest_bcg_lancet": lambda: draw_forest(bcg(), PRESETS["lancet"]),
    "forest_bcg_revman": lambda: draw_forest(bcg(), PRESETS["revman"]),
    "forest_two_studies": lambda: draw_forest(
        estimates([0.3, -0.5], [0.04, 0.01], ratio=True), ForestOptions()
    ),
    "forest_none_pooled": lambda: draw_forest(none_pooled(), ForestOptions()),
}


@pytest.mark.parametrize("name", FIGURES)
def test_the_figure_looks_as_it_did(name):
    drawn = svg_text(FIGURES[name]())
    gold = GOLD / f"{name}.svg"
    fresh = GOLD / f"{name}.new.svg"
    if gold.is_file() and gold.read_text(encoding="utf-8") == drawn:
        fresh.unlink(missing_ok=True)
        return
    fresh.write_text(drawn, encoding="utf-8")
    pytest.fail(f"the figure differs; look at {fresh.name}, and rename it if it is right")
