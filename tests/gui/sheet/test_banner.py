"""The line above the sheet."""

from dataclasses import replace

import pytest

from metadesk.formats import guess_roles
from metadesk.gui.sheet.words import banner_sentence
from metadesk.table import StudyTable, gestures, make_table
from metadesk.table.table import SUBTOTAL_ROW


def test_it_says_what_was_recognised_and_what_is_left(bcg):
    expected = "5 studies, events and totals recognised. 1 column without a role."
    assert banner_sentence(bcg) == expected


def test_rows_that_share_a_name_are_not_called_studies():
    columns = {"Study": ["Chen", "Chen", "Diaz"], "y": [0.1, 0.3, 0.2], "v": [0.04] * 3}
    table = make_table(columns, {"Study": "study", "y": "yi", "v": "vi"})
    assert banner_sentence(table).startswith("3 rows, ")


def test_rows_that_are_no_studies_are_not_counted(bcg):
    table = replace(bcg, excluded={4: SUBTOTAL_ROW})
    assert banner_sentence(table).startswith("4 studies,")
    assert "1 row of notes or totals left out." in banner_sentence(table)


@pytest.mark.parametrize("table", [StudyTable(), make_table({"Study": []}, {"Study": "study"})])
def test_an_empty_sheet_invites_to_type_or_paste(table):
    assert "paste a table from Excel" in banner_sentence(table)


def test_a_sheet_without_roles_says_how_to_give_them():
    assert "+ role" in banner_sentence(make_table({"a": [1], "b": [2]}))


def test_one_click_confirms_all_guesses(pane, session):
    assert pane.banner.confirm.isVisible()
    pane.banner.confirm.click()
    assert not any(c.guessed for c in session.table.columns)
    assert not pane.banner.confirm.isVisible()
    session.undo_stack.undo()
    assert pane.banner.confirm.isVisible()


def test_it_leads_to_the_next_column_without_a_role(pane):
    pane.banner.show_next.click()
    assert pane.cursor_.section == 7


def test_it_can_be_put_away_until_another_sheet_is_opened(pane, session, bcg):
    pane.banner.dismiss.click()
    assert not pane.banner.isVisible()
    session.apply(gestures.type_cell(session.table, 0, 2, "5"))
    assert not pane.banner.isVisible()
    session.open_table(bcg)
    assert pane.banner.isVisible()


def test_another_outcome_is_chosen_from_a_menu(pane, session):
    names = [
        f"{q}{arm}_{when}" for when in ("eot_1", "fu_2") for arm in "ic" for q in ("m", "sd", "n")
    ]
    columns = {name: [10 + i, 12 + i, 14 + i] for i, name in enumerate(names)}
    session.open_table(guess_roles(make_table({"Study": ["A", "B", "C"]} | columns)).table)
    assert pane.banner.blocks.isVisible()
    menu = pane.banner.block_menu()
    assert [a.isChecked() for a in menu.actions()] == [True, False]
    menu.actions()[1].trigger()
    assert session.table.roles["m1i"] == "mi_fu_2"
    session.undo_stack.undo()
    assert session.table.roles["m1i"] == "mi_eot_1"


def test_a_long_line_does_not_widen_the_window(pane, session):
    name = "Age in years, as a median with its quartiles or a mean with its standard deviation " * 3
    cells = ["50 [36.2-64.5]", "57 [51-60]", "55 [50-61]", "49 [40-55]", "61 [58-66]"]
    session.open_table(make_table({"Study": list("abcde"), name: cells}, {"Study": "study"}))
    words = pane.banner.label
    assert name.strip() in words.text()
    assert words.minimumSizeHint().width() < words.sizeHint().width() / 4
    assert name.strip() in words.toolTip()


def test_cells_to_split_come_first_and_one_row_is_one_row(pane, session):
    cells = ["50 [36.2-64.5]", "57 [51-60]", "55 [50-61]", "49 [40-55]", "61 [58-66]"]
    session.open_table(make_table({"Study": list("abcde"), "Age": cells}, {"Study": "study"}))
    assert pane.banner.label.text().startswith(
        "'Age' holds several numbers in each cell. 5 studies"
    )
    columns = {"s": ["A", "B", "A"], "o": ["Pain", "Pain", "Fever"], "y": [1, 2, 3], "v": [1, 1, 1]}
    roles = {"s": "study", "o": "outcome", "y": "yi", "v": "vi"}
    session.open_table(make_table(columns, roles))
    shown = [action.text() for action in pane.banner.block_menu().actions()]
    assert shown[:3] == ["Pain (2 rows)", "Fever (1 row)", "All together"]
