"""The bubble plot: studies over a moderator, the fitted line, its bands."""

import math

import pytest
from made_results import bcg, estimates

from metadesk.errors import SpecProblem
from metadesk.figure import Dot, Poly, Text
from metadesk.figure.measure import bounds
from metadesk.options import options_of
from metadesk.plots import PLOTS
from metadesk.plots.bubble import BubbleOptions, bubble_scene, draw_bubble

CHANGES = {
    "moderator": "tp", "title": "Other", "show_ci": False, "show_pi": False,
    "show_reference": False, "labels": "none", "x_title": "Calendar year", "width": 500.0,
    "height": 360.0, "font_size": 10.0, "bubble_size": 0.5,
}  # fmt: skip


@pytest.fixture(scope="module")
def result():
    return bcg(model="mixed", moderators="~ Year + tp")


def draw(result, **options):
    return draw_bubble(result, BubbleOptions(**options))


@pytest.mark.parametrize("name", [o.name for o in options_of(BubbleOptions)])
def test_every_option_changes_the_figure(result, name):
    assert draw(result, **{name: CHANGES[name]}) != draw(result)


def test_every_study_has_a_mark_that_knows_its_row(result):
    page = draw(result)
    dots = {m.id for m in page.marks if isinstance(m, Dot)}
    assert dots == {f"row:{s.row_id}" for s in result.used}
    assert {h.id for h in page.hits} == dots
    assert "weight" in page.hits[0].tip


def test_the_line_runs_through_what_the_model_expects_at_the_mean():
    result = bcg(model="mixed", moderators="~ Year")
    scene = bubble_scene(result, BubbleOptions())
    c = result.main.coefficients
    at = scene.xs[40]
    assert scene.mean[40] == pytest.approx(math.exp(c.b[0] + c.b[1] * at), rel=1e-9)
    assert scene.pi[0][40] < scene.ci[0][40] < scene.mean[40] < scene.ci[1][40] < scene.pi[1][40]


def test_areas_follow_the_weights():
    result = bcg(model="mixed", moderators="~ Year")
    bubbles = sorted(bubble_scene(result, BubbleOptions()).bubbles, key=lambda b: b.radius)
    weights = [b.study.weight for b in bubbles]
    assert weights == sorted(weights)


def test_names_stand_clear_of_each_other_and_of_other_marks(result):
    page = draw(result)
    dots = [m for m in page.marks if isinstance(m, Dot)]
    names = [m for m in page.marks if isinstance(m, Text) and m.id.startswith("row:")]
    assert names
    for i, name in enumerate(names):
        others = [bounds(m) for m in names[i + 1 :]]
        others += [bounds(d) for d in dots if d.id != name.id]
        a = bounds(name)
        assert not any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for b in others)


def test_all_names_come_when_they_are_asked_for(result):
    page = draw(result, labels="all")
    names = {m.id for m in page.marks if isinstance(m, Text) and m.id.startswith("row:")}
    assert len(names) == 13


def test_other_moderators_are_held_and_it_is_said(result):
    words = " ".join(m.text for m in draw(result).marks if isinstance(m, Text))
    assert "Held: tp at its mean" in words


def test_a_moderator_that_is_not_in_the_model_is_refused(result):
    with pytest.raises(SpecProblem, match="not a number in this model"):
        draw(result, moderator="cn")


def test_a_bubble_plot_needs_a_number_as_moderator():
    needs = PLOTS["bubble"].needs
    assert "Meta-regression" in needs(bcg())
    assert "is a number" in needs(bcg(model="mixed", moderators="~ factor(Year)"))
    assert needs(bcg(model="mixed", moderators="~ Year")) is None
    assert needs(estimates([0.1], [0.1])) is not None


def test_a_band_can_be_left_out(result):
    ids = {m.id for m in draw(result, show_pi=False).marks if isinstance(m, Poly)}
    assert "ci" in ids
    assert "pi" not in ids
