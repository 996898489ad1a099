"""The equation follows the model's own options, structure and moderators."""

from __future__ import annotations

import pytest

from metadesk.advice.equation import model_in_words
from metadesk.analysis.spec import AnalysisSpec
from metadesk.errors import SpecProblem
from metadesk.models.meta.glmm.fit import MODELS as COUNT_MODELS
from metadesk.models.meta.multilevel.structures import STRUCTURES


def said(bcg, **more):
    words = model_in_words(AnalysisSpec(**more), bcg)
    return words.equation, " | ".join(words.legend)


@pytest.mark.parametrize("structure", list(STRUCTURES))
def test_every_structure_says_how_effects_go_together(bcg, structure) -> None:
    options = {"random": "alloc | author", "structure": structure}
    equation, legend = said(bcg, model="multilevel", model_options=options)
    assert "<b>u</b><sub>alloc in author</sub>" in equation
    alone = structure in ("DIAG", "ID")
    assert ("ρ" in legend) == (not alone)
    assert ("every alloc" in legend) == (structure in ("HCS", "UN", "DIAG", "HAR"))


def test_nested_levels_have_a_letter_each(bcg) -> None:
    equation, legend = said(
        bcg, model="multilevel", model_options={"random": "1 | alloc/author"}, moderators="~ ablat"
    )
    assert "<b>u</b><sub>alloc</sub>" in equation
    assert "<b>u</b><sub>author</sub>" in equation
    assert "ablat" in equation
    assert "one author lies from its alloc" in legend


def test_described_dependence_stands_with_the_errors(bcg) -> None:
    legend = said(bcg, model="multilevel", dependence={"use": "keep"})[1]
    assert "correlated within a study" in legend
    assert "correlated within a study" not in said(bcg, model="multilevel")[1]


def test_a_random_part_that_cannot_be_read_is_said(bcg) -> None:
    with pytest.raises(SpecProblem, match="is not a random effect"):
        said(bcg, model="multilevel", model_options={"random": "study"})


@pytest.mark.parametrize("model", list(COUNT_MODELS))
def test_every_model_of_counts_has_its_own_likelihood(bcg, model) -> None:
    equation, legend = said(bcg, measure="OR", model="glmm", model_options={"model": model})
    assert ("given" in legend) == model.startswith("CM")
    assert ("noncentral hypergeometric" in legend) == (model == "CM.EL")
    assert ("such levels" in legend) == (model == "UM.RS")
    assert "<b>u</b>" in equation


def test_equal_effects_of_counts_have_no_random_term(bcg) -> None:
    equation, _ = said(bcg, measure="OR", model="glmm", model_options={"method": "EE"})
    assert "<b>u</b>" not in equation


def test_moderators_stand_in_models_of_counts_too(bcg) -> None:
    equation, _ = said(bcg, measure="OR", model="glmm", moderators="~ ablat")
    assert "ablat" in equation


def test_without_heterogeneity_there_is_no_random_term(bcg) -> None:
    equation, _ = said(bcg, model="mixed", moderators="~ ablat", model_options={"tau2": "none"})
    assert "<b>u</b>" not in equation


def test_without_an_intercept_every_level_has_its_mean(bcg) -> None:
    equation, legend = said(bcg, model="mixed", moderators="~ 0 + factor(alloc)")
    assert "<b>β</b><sub>0</sub>" not in equation
    assert "at each level of alloc" in legend


def test_the_spread_has_a_line_of_its_own(bcg) -> None:
    equation, legend = said(bcg, model="scale", moderators="~ ablat", scale="~ alloc")
    assert "<br>ln τ²" in equation
    assert "<b>α</b><sub>1</sub>·[alloc]" in equation
    assert "how τ² differs between the levels of alloc" in legend


def test_where_moderators_add_to_the_spread_the_equation_has_no_logarithm(bcg) -> None:
    equation, legend = said(bcg, model="scale", scale="~ ablat", model_options={"link": "identity"})
    assert "<br>τ²<sub>" in equation
    assert "ln" not in equation.split("<br>")[1]
    assert "so much is added to τ²" in legend
    assert "may be below 0" in legend
    _, other = said(bcg, model="scale", scale="~ ablat")
    assert "multiplied by its exponential" in other
    assert "below 0" not in other


def test_names_of_columns_cannot_smuggle_markup(bcg) -> None:
    for more in (
        {"model": "multilevel", "model_options": {"random": "1 | <b>x/y"}},
        {"model": "multilevel", "model_options": {"random": "<i>z | <b>x"}},
    ):
        equation, legend = said(bcg, **more)
        assert "&lt;b&gt;x" in equation + legend
        assert "<b>x" not in equation + legend
