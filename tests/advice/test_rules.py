"""Rules about rare events, rows that belong together, and explaining differences."""

from __future__ import annotations

import pytest

from metadesk.advice.advise import advise
from metadesk.analysis.engine import run
from metadesk.analysis.presets import default_spec
from metadesk.analysis.spec import AnalysisSpec
from metadesk.table import make_table

ROLES = {"study": "study", "ai": "ai", "n1": "n1i", "ci": "ci", "n2": "n2i"}


def notes(table, **spec):
    given = default_spec() if not spec else AnalysisSpec(**spec)
    return {n.code: n for n in advise(run(given, table))}


def counts(*rows):
    """Rows of events and sizes of two groups."""
    columns = dict(zip(("ai", "n1", "ci", "n2"), zip(*rows, strict=True), strict=True))
    return make_table({"study": [f"S{i}" for i in range(len(rows))], **columns}, ROLES)


RARE = counts((0, 100, 3, 100), (1, 120, 4, 118), (0, 90, 2, 92), (2, 200, 5, 210), (0, 50, 0, 50))


def test_zero_cells_under_inverse_variance_are_cautioned_strongly() -> None:
    found = notes(RARE, measure="OR", model="random")
    assert found["C4"].severity == "strong"
    assert (
        found["C4"].text.startswith("3 studies have a zero cell") or "zero cell" in found["C4"].text
    )
    assert "C1" not in found


def test_mantel_haenszel_is_told_to_need_nothing_added() -> None:
    found = notes(RARE, measure="OR", model="mh")
    assert found["C1"].text.startswith("2 studies have no events in one group")
    assert "C4" not in found


def test_studies_without_any_event_are_said_to_have_none() -> None:
    found = notes(RARE, measure="OR", model="mh")
    assert found["C2"].text.startswith("1 study has no events in either group")


def test_peto_with_common_events_and_uneven_groups_is_cautioned() -> None:
    table = counts((30, 100, 60, 300), (25, 90, 50, 260), (20, 80, 44, 240))
    words = notes(table, measure="OR", model="peto")["C3"].text
    assert "2 to 1" in words
    assert "not rare" in words
    even = counts((1, 1000, 2, 1000), (2, 900, 3, 900), (1, 800, 1, 800))
    assert "C3" not in notes(even, measure="OR", model="peto")


def test_a_mixed_model_of_few_events_is_called_rough() -> None:
    table = counts(
        (1, 100, 3, 100), (2, 120, 4, 118), (1, 90, 2, 92), (0, 200, 1, 210), (1, 50, 2, 50)
    )
    assert "events in all" in notes(table, measure="OR", model="glmm")["C5"].text


def test_ordinary_tables_raise_no_rule_about_rare_events(bcg) -> None:
    assert not {c for c in notes(bcg, measure="OR", model="random") if c.startswith("C")}


def clustered(**more):
    return make_table(
        {"study": ["A", "A", "B", "B", "C", "D"], "y": [0.1, 0.2, 0.5, 0.4, 0.3, 0.1],
         "v": [0.04, 0.05, 0.03, 0.06, 0.05, 0.04], **more},
        {"study": "study", "y": "yi", "v": "vi"},
    )  # fmt: skip


def test_several_rows_of_a_study_stop_an_ordinary_model() -> None:
    found = notes(clustered())
    assert found["E1"].severity == "stop"
    assert "2 of 4 studies give more than one effect" in found["E1"].text
    options = {"robust": "CR2", "profile": False}
    multilevel = notes(clustered(), model="multilevel", model_options=options)
    assert "E1" not in multilevel
    assert "4 clusters" in multilevel["E3"].text


def test_two_papers_of_one_author_are_two_studies(bcg) -> None:
    assert "E1" not in notes(bcg)


def explained(n=12, **columns):
    y = [0.1 * i + 0.05 * (-1) ** i for i in range(n)]
    return make_table(
        {"study": [f"S{i}" for i in range(n)], "y": y, "v": [0.02 + 0.001 * i for i in range(n)],
         **columns},
        {"study": "study", "y": "yi", "v": "vi"},
    )  # fmt: skip


def test_few_studies_a_moderator_make_an_idea_not_a_finding() -> None:
    table = explained(dose=[float(i) for i in range(12)], lab=[float(i * i % 7) for i in range(12)])
    assert "idea to test" in notes(table, model="mixed", moderators="~ dose + lab")["F1"].text
    three = notes(table, model="mixed", moderators="~ dose + lab + dose:lab")
    assert three["F1-few"].severity == "strong"
    assert "F1" not in three


def test_an_average_of_patients_is_called_one() -> None:
    table = explained(mean_age=[40.0 + i for i in range(12)])
    assert (
        "compares studies, not patients"
        in notes(table, model="mixed", moderators="~ mean_age")["F2"].text
    )
    assert "F2" not in notes(
        explained(dosage=[float(i) for i in range(12)]), model="mixed", moderators="~ dosage"
    )


def test_moderators_that_travel_together_are_named() -> None:
    table = explained(a=[float(i) for i in range(12)], b=[i + 0.3 * (i % 3) for i in range(12)])
    assert notes(table, model="mixed", moderators="~ a + b")["F8"].text.startswith("a and b travel")


def test_studies_without_the_moderator_are_counted() -> None:
    dose = [None if i < 4 else float(i) for i in range(12)]
    found = notes(explained(dose=dose), model="mixed", moderators="~ dose")
    assert found["F9"].text.startswith("4 of 12 studies drop out")


def test_r2_of_few_studies_is_called_unsteady() -> None:
    table = explained(dose=[float(i % 5) for i in range(12)])
    assert "12 studies" in notes(table, model="mixed", moderators="~ dose")["F10"].text


@pytest.fixture
def grouped():
    return make_table(
        {"study": [f"S{i}" for i in range(8)], "y": [0.6, 0.7, 0.65, 0.62, 0.1, -0.1, 0.3, -0.2],
         "v": [0.02] * 4 + [0.2] * 4, "kind": ["a"] * 4 + ["b"] * 2 + ["c"] * 2},
        {"study": "study", "y": "yi", "v": "vi"},
    )  # fmt: skip


def test_clear_here_and_not_there_is_no_difference_yet(grouped) -> None:
    found = notes(grouped, model="random", subgroup="kind", model_options={"test": "z"})
    assert "P = " in found["F4"].text or "P < " in found["F4"].text
    assert "b and c" in found["F6"].text
    common = notes(grouped, model="random", subgroup="kind", subgroup_tau2="common")
    assert "F6" not in common


def test_every_family_has_an_equation_in_the_sheets_words(bcg) -> None:
    from metadesk.advice.equation import model_in_words
    from metadesk.models.meta import MODELS

    for entry in MODELS:
        measure = "OR" if "OR" in entry.measures or not entry.measures else entry.measures[0]
        spec = AnalysisSpec(model=entry.key, measure=measure, moderators="~ ablat + factor(alloc)")
        words = model_in_words(spec, bcg)
        assert words.legend
        said = words.equation + " ".join(words.legend)
        assert "author" in said or "tpos" in said
        assert ("ablat" in words.equation) == entry.explains
