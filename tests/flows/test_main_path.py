"""The main path: an extraction sheet becomes a pooled estimate and a results workbook."""

from __future__ import annotations

import json

import pytest
from PySide6.QtWidgets import QComboBox, QRadioButton

from metadesk.__main__ import main


def test_open_guess_fit_export_gives_the_references_numbers(person, bcg_book) -> None:
    person.open(bcg_book)
    assert person.session.result.measure == "RR"
    book = person.export()
    assert list(book) == ["Results", "Studies", "Heterogeneity", "Settings", "Figures"]
    assert person.holds(book["Results"], -0.714532342158)
    assert person.holds(book["Results"], -0.4302851637, rel=1e-9)
    assert person.holds(book["Heterogeneity"], 0.313243258136)
    assert person.holds(book["Heterogeneity"], 152.233008082)
    assert person.holds(book["Studies"], -0.88931133392)


def test_typing_an_impossible_count_leaves_the_row_out_and_undo_brings_it_back(
    person, bcg_book
) -> None:
    person.open(bcg_book)
    events = person.session.result.data_columns[0]
    name = person.session.table.roles["ai"]
    before = person.session.result.main.pooled.value
    assert events.values[0] == 4
    person.type_cell(0, name, "500")
    assert person.session.touched or person.session.stale
    person.wait()
    assert not person.study(0).used
    assert "500" in person.study(0).reason
    assert person.session.result.main.k == 12
    assert any(p.row_id == person.session.table.row_ids[0] for p in person.session.problems)
    person.session.undo_stack.undo()
    person.wait()
    assert person.session.result.main.pooled.value == before


def test_a_typed_number_reaches_the_exported_workbook(person, bcg_book) -> None:
    person.open(bcg_book)
    person.type_cell(0, person.session.table.roles["ai"], "11")
    book = person.export()
    assert person.holds(book["Studies"], person.study(0).yi)
    assert person.holds(book["Results"], person.session.result.main.pooled.value)
    assert person.session.result.main.pooled.value != pytest.approx(-0.714532342158)


@pytest.mark.parametrize(
    ("option", "key", "expected"),
    [
        ("tau2", "DL", {"Results": -0.714117222073, "Heterogeneity": 0.308760262862}),
        ("tau2", "PM", {"Heterogeneity": 0.318068452205}),
    ],
)
def test_every_choice_in_the_panel_changes_the_exported_number(
    person, bcg_book, option, key, expected
) -> None:
    person.open(bcg_book)
    person.choose(f"modelForm-{option}", key)
    book = person.export()
    for sheet, value in expected.items():
        assert person.holds(book[sheet], value)


def test_the_test_chosen_in_the_panel_changes_the_exported_interval(person, bcg_book) -> None:
    ends = {}
    person.open(bcg_book)
    for key in ("z", "hksj", "t"):
        person.choose("modelForm-test", key)
        person.wait()
        interval = person.session.result.main.pooled.interval
        ends[key] = interval.upper
        assert person.holds(person.export(key)["Results"], interval.upper)
    assert ends["hksj"] == pytest.approx(-0.32062097063, rel=1e-9)
    assert ends["z"] == pytest.approx(-0.714532342158 + 1.959963984540 * 0.179781516105, rel=1e-8)
    assert len(set(ends.values())) == 3


def test_the_preset_revman_5_reaches_the_workbook(person, bcg_book) -> None:
    person.open(bcg_book)
    person.choose("presetChooser", "revman-5")
    book = person.export()
    assert person.holds(book["Results"], -0.714117222073)
    assert any("RevMan 5" in str(v) for row in book["Settings"] for v in row)


def test_fixed_effect_as_main_model_is_cautioned_in_the_panel(person, bcg_book) -> None:
    person.open(bcg_book)
    person.widget(QRadioButton, "model-fixed").click()
    person.wait()
    assert person.session.result.main.model == "fixed"
    book = person.export()
    assert person.holds(book["Results"], -0.4302851637)
    assert person.holds(book["Results"], -0.714532342158)


def test_another_measure_gives_its_own_reference(person, bcg_book) -> None:
    person.open(bcg_book)
    person.choose("measureChooser", "OR")
    book = person.export()
    assert person.holds(book["Studies"], -0.9386941408703922)
    assert person.widget(QComboBox, "measureChooser").currentData() == "OR"


def test_leaving_a_study_out_refits_and_keeps_it_with_its_reason(person, bcg_book) -> None:
    from metadesk.table.edits import SetExcluded

    person.open(bcg_book)
    row_id = person.session.table.row_ids[3]
    person.session.apply(SetExcluded((row_id,), "duplicate population"))
    person.wait()
    assert person.session.result.main.k == 12
    book = person.export()
    assert any("duplicate population" in str(v) for row in book["Studies"] for v in row)


def test_window_and_command_line_give_identical_numbers(person, bcg_book, tmp_path) -> None:
    from metadesk.reports.results_json import json_text

    person.open(bcg_book)
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(person.session.spec.to_plain()), encoding="utf-8")
    main(["analyse", str(bcg_book), "--spec", str(spec), "--out", str(tmp_path / "cli")])
    found = json.loads((tmp_path / "cli" / "results.json").read_text(encoding="utf-8"))
    shown = json.loads(json_text(person.session.result))
    assert found["models"] == shown["models"]
    assert found["studies"] == shown["studies"]
    assert found["fingerprint"] == shown["fingerprint"]
