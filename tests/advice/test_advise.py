"""Advice: what a careful colleague would say, and only when it applies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metadesk.advice.advise import RULES, advise
from metadesk.advice.equation import equation, model_in_words
from metadesk.analysis.engine import run
from metadesk.analysis.presets import default_spec
from metadesk.analysis.spec import AnalysisSpec
from metadesk.table import make_table


def codes(table, spec=None) -> set[str]:
    return {note.code for note in advise(run(spec or default_spec(), table))}


def effects(*pairs: tuple[float, float]):
    return make_table(
        {"study": [f"S{i}" for i in range(len(pairs))], "y": [p[0] for p in pairs],
         "se": [p[1] for p in pairs]},
        {"study": "study", "y": "yi", "se": "sei"},
    )  # fmt: skip


def test_a_fixed_effect_as_main_model_is_cautioned_strongly(bcg) -> None:
    notes = {n.code: n for n in advise(run(AnalysisSpec(model="fixed"), bcg))}
    assert notes["A2"].severity == "strong"
    assert "exactly the same true effect" in notes["A2"].text
    assert "A2" not in codes(bcg)


def test_bcg_is_told_that_a_new_setting_may_differ_and_that_studies_disagree(bcg) -> None:
    assert {"A1", "A4", "A6", "A12"} <= codes(bcg)


@pytest.mark.parametrize(
    ("k", "expected"), [(1, {"A14"}), (2, {"A8"}), (3, {"A9", "A7"}), (4, {"A9", "A7"})]
)
def test_few_studies_are_called_few(k, expected) -> None:
    table = effects(*[(0.1 * i, 0.2) for i in range(k)])
    assert expected <= codes(table)


def test_no_variation_with_few_studies_is_not_taken_as_proof() -> None:
    table = effects(*[(0.3 + 0.01 * i, 0.2) for i in range(6)])
    assert "A5" in codes(table)


def test_a_study_that_decides_alone_is_named() -> None:
    table = effects((0.5, 0.01), (0.5, 0.4), (0.49, 0.5), (0.52, 0.4))
    notes = {n.code: n.text for n in advise(run(default_spec(), table))}
    assert notes["A11"].startswith("S0 carries")


def test_agreeing_studies_are_left_in_peace() -> None:
    table = effects(*[(0.3 + 0.05 * (-1) ** i, 0.1) for i in range(12)])
    assert codes(table) <= {"A1", "A5"}


def test_what_matters_most_comes_first(bcg) -> None:
    order = ["stop", "strong", "caution", "note"]
    found = [order.index(n.severity) for n in advise(run(default_spec(), bcg))]
    assert found == sorted(found)


def test_every_rule_names_its_source() -> None:
    assert all(rule.source and rule.title for rule in RULES)


def test_the_equation_speaks_in_the_sheets_own_columns(bcg) -> None:
    words = equation(default_spec(), bcg)
    assert "author" in words
    assert "tpos, tneg, cpos, cneg" in words
    assert "log RR" in words


def test_fixed_effect_has_no_random_term_in_its_equation(bcg) -> None:
    fixed = model_in_words(AnalysisSpec(model="fixed"), bcg)
    assert "<b>u</b>" not in fixed.equation
    assert "same true effect" in fixed.assumption


def test_names_of_columns_cannot_smuggle_markup_into_the_equation(bcg) -> None:
    columns = tuple(replace(c, name="<script>") if c.role == "study" else c for c in bcg.columns)
    assert "<script>" not in equation(default_spec(), bcg.with_columns(columns))
