import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_results import LABELS, ROLES, TRIALS, bcg, bcg_table, estimates, with_excluded

from metadesk.errors import SpecProblem
from metadesk.figure import Line, Poly, Rect, Text
from metadesk.figure.measure import bounds
from metadesk.options import options_of
from metadesk.plots import PLOTS
from metadesk.plots.forest import PRESETS, ForestOptions, draw_forest
from metadesk.plots.forest.rows import Section, study_rows
from metadesk.plots.forest.style import STYLES
from metadesk.table import make_table

DUPLICATE = "Duplicate of the 1961 report"


@pytest.fixture(scope="module")
def result():
    return bcg()


def draw(result, **options):
    return draw_forest(result, ForestOptions(**options))


def texts(page, id=None):
    return [m.text for m in page.marks if isinstance(m, Text) and id in (None, m.id)]


def overlapping(page):
    boxes = [(m, bounds(m)) for m in page.marks if isinstance(m, Text)]
    return [
        (a.text, b.text)
        for (a, p), (b, q) in itertools.combinations(boxes, 2)
        if p[0] < q[2] - 0.01 and q[0] < p[2] - 0.01 and p[1] < q[3] - 0.01 and q[1] < p[3] - 0.01
    ]


def outside(page):
    marks = [(m, bounds(m)) for m in page.marks]
    return [
        m
        for m, (left, top, right, bottom) in marks
        if left < 0 or top < 0 or right > page.width or bottom > page.height
    ]


LONG = (
    "The collaborative group of a multicentre randomised trial with an exceedingly long name " * 3
)
CASES = {
    "bcg": lambda: bcg(),
    "fixed": lambda: bcg(model="fixed"),
    "odds": lambda: bcg(measure="OR"),
    "differences": lambda: bcg(measure="RD"),
    "one study": lambda: estimates([0.3], [0.04]),
    "two studies": lambda: estimates([0.3, -0.5], [0.04, 0.01], ratio=True),
    "no study": lambda: estimates([0.3, None], [0.04, 0.1], excluded={0: "Retracted"}),
    "excluded": lambda: with_excluded({2: DUPLICATE, 11: DUPLICATE, 0: LONG}),
    "huge ratios": lambda: estimates([5, 20, -30, 0.1], [1, 4, 100, 0.01], ratio=True),
    "tiny effects": lambda: estimates([3e-4, 5e-4, 1e-4], [1e-9, 2e-9, 1e-9]),
    "large effects": lambda: estimates([5e6, 5.2e6, 5.1e6], [1e10, 2e10, 1e10]),
    "identical": lambda: estimates([0.5, 0.5, 0.5], [0.01, 0.01, 0.01]),
    "identical at one": lambda: estimates([0.0, 0.0], [1e-12, 1e-12], ratio=True),
    "one far out": lambda: estimates([0.1, 0.2, 0.15, 0.1, 400.0], [0.01] * 5),
    "languages": lambda: estimates(
        [0.3, 0.1, -0.2, 0.5, 0.4],
        [0.04, 0.01, 0.02, 0.1, 0.3],
        ["การศึกษาวัคซีน 2545", "中文随机对照试验 2001", "دراسة عربية 1999", "S & <J> \"q\"", LONG],
        excluded={1: "ข้อมูลซ้ำ"},
    ),
    "long words": lambda: estimates(
        [0.3, 0.1], [0.04, 0.01],
        labels=replace(LABELS, title=LONG, favours_left=LONG, favours_right="Favours " + LONG),
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=CASES)
def any_result(request):
    return CASES[request.param]()


@pytest.mark.parametrize("preset", PRESETS)
def test_nothing_overlaps_and_nothing_leaves_the_page(any_result, preset):
    page = draw_forest(any_result, PRESETS[preset])
    assert overlapping(page) == []
    assert outside(page) == []
    assert all(math.isfinite(v) for m in page.marks for v in bounds(m))


def test_nothing_overlaps_with_the_other_model_beside(any_result):
    page = draw(any_result, show_companion=True, order="weight")
    assert overlapping(page) == []
    assert outside(page) == []


def test_the_published_numbers_stand_in_the_figure(result):
    shown = texts(draw(result))
    for words in (
        "Aronson 1948", "0.41 [0.13, 1.26]", "5.1%", "13\u2009598", "191\u2009064", "100.0%",
        "0.49 [0.33, 0.73]", "[0.14, 1.76]", "95% prediction interval", "Total (13 studies)",
        "Vaccinated", "Control", "Events", "RR [95% CI]", "Risk ratio, random effects",
        "Favours vaccine", "Favours control",
        "Heterogeneity: τ² = 0.313 (REML); χ² = 152.23, df = 12 (P < 0.001); I² = 92%",
        "Test of overall effect: t = −3.95, df = 12, P = 0.002 (Hartung–Knapp)",
    ):  # fmt: skip
        assert words in shown


def test_years_are_never_grouped(result):
    assert not any("1,9" in words or "1\u20099" in words for words in texts(draw(result)))


def test_the_axis_has_round_ticks_and_intervals_beyond_it_arrows(result):
    page = draw(result)
    assert list(texts(page, "axis")) == ["0.1", "0.2", "0.5", "1", "2", "5"]
    arrows = [m for m in page.marks_of("row:1") if isinstance(m, Poly)]
    assert len(arrows) == 1
    assert not [m for m in page.marks_of("row:0") if isinstance(m, Poly)]


def test_areas_of_squares_follow_the_weights(result):
    page = draw(result)
    areas = {m.id: m.width**2 for m in page.marks if isinstance(m, Rect)}
    weights = {f"row:{s.row_id}": s.weight for s in result.studies}
    ratios = [areas[id] / weights[id] for id in areas]
    assert max(ratios) == pytest.approx(min(ratios))


def test_a_tiny_weight_still_gets_a_square_to_see():
    page = draw(estimates([0.0, 0.5], [1e-6, 1.0]))
    assert min(m.width for m in page.marks if isinstance(m, Rect)) > 2


def test_every_mark_of_a_study_carries_its_row_and_its_region_is_hit(result):
    page = draw(result)
    hit = page.hit_of("row:7")
    assert "TPT Madras 1980: RR 1.01 [0.89, 1.14], weight 10.2%" == hit.tip
    assert page.hit_at(hit.x + 5, hit.y + 5) is hit
    marks = [bounds(m) for m in page.marks_of("row:7")]
    assert len(marks) >= 8
    assert all(b[1] >= hit.y - 1 and b[3] <= hit.y + hit.height + 1 for b in marks)


def test_left_out_studies_are_grey_have_dashes_and_a_reason():
    page = draw(with_excluded({2: DUPLICATE, 11: DUPLICATE}))
    label = next(m for m in page.marks_of("row:2") if isinstance(m, Text))
    assert label.colour == STYLES["metadesk"].faint
    assert "–" in texts(page, "row:2")
    assert f"Left out: {DUPLICATE}" in texts(page, "reasons")
    assert "Total (11 studies)" in texts(page)
    assert "a" in texts(page, "row:2")
    assert "a" in texts(page, "row:11")
    assert "row:2" not in [
        m.id for m in draw(with_excluded({2: DUPLICATE}), show_excluded=False).marks
    ]


def test_without_a_pooled_effect_the_reason_stands_under_the_rows():
    page = draw(CASES["no study"]())
    assert any(words.startswith("No study can be pooled") for words in texts(page, "notes"))
    assert not page.marks_of("pooled")
    assert "No study can be pooled" in page.description


def test_the_other_model_is_a_light_diamond_only_when_asked_for(result):
    assert not draw(result).marks_of("companion")
    page = draw(result, show_companion=True)
    diamond = next(m for m in page.marks_of("companion") if isinstance(m, Poly))
    assert diamond.fill == STYLES["metadesk"].light
    assert "Fixed effect (13 studies)" in texts(page)
    assert "Fixed" in texts(page)


def test_a_diamond_wider_than_the_axis_is_cut_and_gets_arrows():
    page = draw(estimates([0.3, -0.5], [0.04, 0.01], ratio=True))
    shapes = [m for m in page.marks_of("pooled") if isinstance(m, Poly)]
    assert len(shapes) == 3
    left = min(x for shape in shapes for x, _ in shape.points)
    axis = next(m for m in page.marks_of("axis") if isinstance(m, Line))
    assert left >= axis.x1 - 1e-6


def orders(result, **options):
    page = draw(result, **options)
    return [m.id for m in page.hits if m.id.startswith("row:")]


def test_studies_are_ordered_as_asked(result):
    by_id = {f"row:{s.row_id}": s for s in result.studies}
    assert orders(result) == list(by_id)
    effects = [by_id[id].yi for id in orders(result, order="effect")]
    assert effects == sorted(effects)
    weights = [by_id[id].weight for id in orders(result, order="weight")]
    assert weights == sorted(weights, reverse=True)
    years = [by_id[id].year for id in orders(result, order="year")]
    assert years == sorted(years)
    labels = [by_id[id].label.casefold() for id in orders(result, order="label")]
    assert labels == sorted(labels)
    assert orders(result, reverse=True) == list(by_id)[::-1]


CHANGES = {
    "style": "bmj", "title": "Other", "show_title": False, "show_data": False,
    "show_effect": False, "show_weight": False, "place": "left", "order": "year", "reverse": True,
    "show_excluded": False, "show_companion": True, "show_expected": False,
    "show_prediction": False,
    "show_pooled_line": False, "show_heterogeneity": False, "show_test": False,
    "axis_lower": 0.02, "axis_upper": 20.0, "reference": 0.8, "digits": 3,
    "favours_left": "Left", "favours_right": "Right", "group1": "BCG", "group2": "Placebo",
    "font_size": 10.0, "row_height": 2.0, "plot_width": 260.0, "label_width": 60.0,
    "square_size": 0.5,
}  # fmt: skip


def explained():
    """The trials with their year as a moderator."""
    return bcg(model="mixed", moderators="~ Year")


@pytest.mark.parametrize("name", [o.name for o in options_of(ForestOptions)])
def test_every_option_changes_the_figure(name):
    result = explained() if name == "show_expected" else with_excluded({2: DUPLICATE})
    assert draw(result, **{name: CHANGES[name]}).marks != draw(result).marks


def test_given_axis_ends_are_kept(result):
    page = draw(result, axis_lower=0.25, axis_upper=4.0)
    assert texts(page, "axis") == ["0.5", "1", "2"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"axis_lower": -1.0}, "only positive numbers"),
        ({"axis_lower": 5.0, "axis_upper": 2.0}, "the first must be smaller"),
        ({"reference": 0.0}, "only positive numbers"),
    ],
)
def test_an_impossible_axis_is_refused_in_a_sentence(result, options, words):
    with pytest.raises(SpecProblem, match=words):
        draw(result, **options)


def test_one_given_end_beyond_the_data_still_makes_an_axis(result):
    assert texts(draw(result, axis_lower=50.0), "axis")
    assert texts(draw(result, axis_upper=0.01), "axis")


def test_journals_write_numbers_their_way(result):
    lancet = texts(draw_forest(result, PRESETS["lancet"]))
    assert "0·49 (0·33–0·73)" in lancet
    assert any("p<0·001" in words for words in lancet)
    jama = draw_forest(result, PRESETS["jama"])
    assert any(m.text == "P" and m.italic for m in jama.marks if isinstance(m, Text))
    assert any("= .002" in words for words in texts(jama))
    bmj = texts(draw_forest(result, PRESETS["bmj"]))
    assert "0.49 (0.33 to 0.73)" in bmj


def test_the_lancets_dash_gives_way_to_a_word_before_a_minus():
    shown = texts(draw_forest(bcg(measure="RD"), PRESETS["lancet"]))
    assert any(" to −" in words for words in shown)


def test_subgroups_get_headings_and_their_subtotals_where_fitted(result):
    grouped = replace(
        result,
        studies=tuple(replace(s, subgroup="Early" if i < 6 else "Late")
                      for i, s in enumerate(result.studies)),
    )  # fmt: skip
    page = draw(grouped)
    assert "Early" in texts(page)
    assert "Late" in texts(page)
    section = Section("Early", grouped.studies[:6], result.main)
    rows = study_rows(grouped, [section], STYLES["metadesk"], 2, {})
    assert [r.label for r in rows][-2:] == [
        "Subtotal",
        "Heterogeneity: τ² = 0.313 (REML); χ² = 152.23, df = 12 (P < 0.001); I² = 92%",
    ]


def test_subgroups_of_an_analysis_get_their_diamonds_sums_and_test():
    page = draw(bcg(subgroup="half", table=halved()))
    subtotals = [m for m in page.marks if isinstance(m, Poly) and m.id.startswith("subtotal:")]
    assert len(subtotals) == 2
    assert texts(page).count("Subtotal") == 2
    assert "1065" in texts(page)
    assert any(words.startswith("Test for subgroup differences: χ² = ") for words in texts(page))
    assert sum(words.startswith("Heterogeneity: τ²") for words in texts(page)) == 3


def test_groups_that_share_one_tau2_say_so():
    page = draw(bcg(subgroup="half", subgroup_tau2="common", table=halved()))
    assert any(words.startswith("Subgroups share one τ² = ") for words in texts(page))
    assert sum(m.id.startswith("subtotal:") for m in page.marks if isinstance(m, Poly)) == 2


def halved():
    """The trials in two groups."""
    columns = {name: [row[i] for row in TRIALS] for i, name in enumerate(ROLES)}
    columns["half"] = ["early" if i < 6 else "late" for i in range(len(TRIALS))]
    return make_table(columns, ROLES, name="BCG")


def test_a_model_with_moderators_shows_what_it_expects():
    page = draw(bcg(model="mixed", moderators="~ factor(half)", table=halved()))
    light = [m for m in page.marks if isinstance(m, Poly) and m.fill == STYLES["metadesk"].expected]
    assert len(light) == 13
    assert {"Expected by the model", "half early", "half late"} <= set(texts(page))


def test_a_model_without_weights_says_why_there_are_none():
    page = draw(bcg(model="glmm", measure="OR"))
    assert "Weight" in texts(page)
    assert "100.0%" not in texts(page)
    assert "– A model of the counts themselves has no study weights." in texts(page)


def test_digits_follow_the_width_of_intervals():
    assert "0.00030 [0.00024, 0.00036]" in texts(draw(CASES["tiny effects"]()))
    assert any(
        words.startswith("5\u2009000\u2009000 [") for words in texts(draw(CASES["large effects"]()))
    )


def test_the_description_says_what_the_figure_shows(result):
    said = draw(result).description
    assert "13 studies, random effects" in said
    assert "RR 0.49 [0.33, 0.73], P = 0.002" in said


def test_the_catalogue_says_what_a_forest_plot_needs(result):
    plot = PLOTS["forest"]
    assert plot.needs(result) is None
    assert plot.options() == ForestOptions()
    assert "no studies" in plot.needs(replace(result, studies=()))
    assert plot.needs(replace(result, measure="", problem="No roles.")) == "No roles."


def test_five_hundred_studies_are_laid_out():
    page = draw(bcg(table=bcg_table(500)))
    assert len([h for h in page.hits if h.id.startswith("row:")]) == 500
    assert outside(page) == []


number = st.floats(-1e3, 1e3).map(lambda v: round(v, 6))
variance = st.floats(1e-8, 1e4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(number, variance), min_size=1, max_size=7), st.booleans())
def test_any_estimates_give_a_figure_in_which_nothing_overlaps(pairs, ratio):
    yi, vi = zip(*pairs, strict=True)
    page = draw(estimates(list(yi), list(vi), ratio=ratio), show_companion=True)
    assert overlapping(page) == []
    assert outside(page) == []
    assert all(math.isfinite(v) for m in page.marks for v in bounds(m))
    assert texts(page, "axis")


def gaps(k, missing):
    table = make_table(
        {"s": [f"S{i}" for i in range(k)], "a": [None if i < missing else 3 for i in range(k)],
         "n1": [50] * k, "c": [7] * k, "n2": [52] * k},
        {"s": "study", "a": "ai", "n1": "n1i", "c": "ci", "n2": "n2i"},
    )  # fmt: skip
    return bcg(table=table)


@pytest.mark.parametrize(("k", "missing", "drawn"), [(10, 4, 10), (14, 9, 5), (8, 5, 8)])
def test_rows_without_an_effect_do_not_crowd_out_the_studies(k, missing, drawn):
    page = draw_forest(gaps(k, missing), ForestOptions())
    assert sum(h.id.startswith("row:") for h in page.hits) == drawn
    said = [m.text for m in page.marks if isinstance(m, Text) and "not drawn" in m.text]
    assert bool(said) == (drawn < k)
    assert all(text.startswith(f"{missing} rows") for text in said)


def one_sided(words):
    table = make_table(
        {"s": ["A", "B", "C"], "y": [1.2, 2.0, 2.4], "v": [0.1, 0.2, 0.1]},
        {"s": "study", "y": "yi", "v": "vi"},
    )
    return draw_forest(
        bcg(measure="OR", table=table), ForestOptions(favours_left=words, favours_right="More")
    )


def test_words_without_room_beside_the_line_of_no_effect_have_a_line_of_their_own():
    page = one_sided("Less with physiotherapy-at-home")
    words = [m for m in page.marks if isinstance(m, Text) and m.id == "favours"]
    assert [m.text for m in words] == ["More", "← Less with physiotherapy-at-home"]
    assert words[1].y > words[0].y


def test_nothing_is_clipped_where_the_whole_costs_little():
    table = make_table(
        {"s": ["A", "B", "C", "D"], "y": [-1.0, -0.6, -0.4, -0.1], "v": [0.02, 0.03, 0.02, 0.09]},
        {"s": "study", "y": "yi", "v": "vi"},
    )
    page = draw_forest(bcg(measure="MD", table=table), ForestOptions())
    assert not [m for m in page.marks_of("row:3") if isinstance(m, Poly)]
