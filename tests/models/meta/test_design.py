import numpy as np
import pytest

from metadesk.errors import DataProblem, SpecProblem
from metadesk.models.meta.design import Continuous, Factor, Interaction, build_design
from metadesk.models.meta.formula import Formula, parse_formula, write_formula


def test_a_factor_is_coded_against_its_reference_level(cells):
    design = build_design(cells, [Factor("alloc", reference="systematic")])
    assert design.names == ("intrcpt", "allocalternate", "allocrandom")
    assert design.X[:, 1].sum() == 2
    assert design.X[:, 2].sum() == 7


def test_without_an_intercept_the_first_factor_has_every_level(cells):
    design = build_design(cells, [Factor("alloc")], intercept=False)
    assert (design.X.sum(axis=1) == 1).all()


def test_sum_and_helmert_contrasts_span_what_treatment_contrasts_span(cells):
    spans = [
        build_design(cells, [Factor("alloc", contrast=c)]).X
        for c in ("treatment", "sum", "helmert")
    ]
    for X in spans[1:]:
        assert np.linalg.matrix_rank(np.hstack([spans[0], X])) == 3


def test_centring_and_powers_use_the_mean_of_the_studies(cells):
    design = build_design(cells, [Continuous("ablat", 2, "mean")])
    lat = np.array(cells["ablat"], float)
    assert design.X[:, 1] == pytest.approx((lat - lat.mean()) ** 2)
    assert design.rows_for({"ablat": [lat.mean()]})[0, 1] == pytest.approx(0.0)


def test_an_interaction_multiplies_codings_with_the_first_running_fastest(cells):
    alloc, ablat = Factor("alloc"), Continuous("ablat")
    design = build_design(cells, [alloc, ablat, Interaction((alloc, ablat))])
    assert design.names[4:] == ("allocrandom:ablat", "allocsystematic:ablat")
    assert design.X[0, 4] == 44


def test_an_interaction_without_the_slope_beside_it_is_a_slope_for_every_level(cells):
    alloc, ablat = Factor("alloc"), Continuous("ablat")
    slopes = ("allocalternate:ablat", "allocrandom:ablat", "allocsystematic:ablat")
    for intercept in (True, False):
        design = build_design(cells, [alloc, Interaction((alloc, ablat))], intercept=intercept)
        assert design.names[3:] == slopes
    whole = build_design(cells, [alloc, ablat, Interaction((alloc, ablat))], intercept=False)
    assert whole.names[4:] == slopes[1:]
    both = np.hstack([design.X, whole.X])
    assert np.linalg.matrix_rank(both) == np.linalg.matrix_rank(design.X) == 6


def test_two_factors_that_meet_only_in_an_interaction_have_a_column_for_every_cell():
    cells = {"sex": ["m", "f", "m", "f"], "age": ["old", "old", "young", "young"]}
    cross = Interaction((Factor("sex"), Factor("age")))
    design = build_design(cells, [cross], intercept=False)
    assert design.names == ("sexf:ageold", "sexm:ageold", "sexf:ageyoung", "sexm:ageyoung")
    assert (design.X.sum(axis=0) == 1).all()


def test_numbers_as_levels_are_sorted_by_size():
    design = build_design({"dose": [10, 9, 100, 9]}, [Factor("dose")])
    assert design.names == ("intrcpt", "dose10", "dose100")


def test_a_missing_moderator_is_refused_with_its_row():
    with pytest.raises(DataProblem, match=r"Row 2: the moderator dose is missing"):
        build_design({"dose": [1.0, float("nan")]}, [Continuous("dose")])
    with pytest.raises(DataProblem, match=r"Row 1: the moderator dose is 'high', not a number"):
        build_design({"dose": ["high", 2]}, [Continuous("dose")])


def test_an_unknown_column_and_an_unknown_level_are_refused(cells):
    with pytest.raises(SpecProblem, match="no column 'latitude'"):
        build_design(cells, [Continuous("latitude")])
    design = build_design(cells, [Factor("alloc")])
    with pytest.raises(SpecProblem, match="'coin' is not a level of alloc"):
        design.rows_for({"alloc": ["coin"]})
    with pytest.raises(SpecProblem, match="value of alloc"):
        design.rows_for({})


@pytest.mark.parametrize(
    "text",
    [
        "~ dose + factor(region) + dose:factor(region)",
        "~ centre(dose)^2 + `two words`",
        '~ 0 + factor(x, ref="b c", contrast="sum")',
        "~ centre(dose, 20)",
        "~ 1",
    ],
)
def test_a_formula_is_written_as_it_was_read(text):
    assert write_formula(parse_formula(text)) == text


def test_a_star_is_both_and_their_interaction():
    assert parse_formula("dose*age") == parse_formula("~ dose + age + dose:age")


def test_a_name_in_an_interaction_is_the_factor_declared_elsewhere():
    read = parse_formula("~ dose + factor(region, ref='Asia') + dose:region")
    region = Factor("region", reference="Asia")
    assert read.terms[-1] == Interaction((Continuous("dose"), region))


def test_columns_of_words_become_factors_by_themselves():
    assert parse_formula("region", words={"region"}) == Formula((Factor("region"),))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a ++ b", "expected"),
        ("a & b", "from '& b' on"),
        ("log(x)", "no function 'log'"),
        ("a - b", "only the intercept"),
        ("factor(x)^2", "whole number of a numeric"),
        ("x^", "missing at the end"),
    ],
)
def test_what_cannot_be_read_is_said(text, words):
    with pytest.raises(SpecProblem, match=words):
        parse_formula(text)
