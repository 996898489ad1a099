"""Find and replace in the sheet."""

import pytest
from PySide6.QtCore import Qt

from metadesk.gui.sheet.find import TextIndex, replaced

Key = Qt.Key


@pytest.fixture
def bar(pane):
    pane.find_and_replace()
    return pane.find_bar


def test_typing_goes_to_the_first_match_and_enter_to_the_next(qtbot, pane, bar):
    pane.cursor_.go(0, 1)
    qtbot.keyClicks(bar.sought, "aro")
    assert pane.cursor_.position == (0, 1)
    assert bar.said.text() == "1 of 1"
    bar.sought.clear()
    qtbot.keyClicks(bar.sought, "19")
    qtbot.keyClick(bar.sought, Key.Key_Return)
    assert pane.cursor_.position == (0, 4), "119, then 1949"
    qtbot.keyClick(bar.sought, Key.Key_Return)
    assert pane.cursor_.position == (1, 2)
    qtbot.keyClick(bar.sought, Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert pane.cursor_.position == (0, 4)


def test_replacing_all_is_one_step(qtbot, bar, session):
    qtbot.keyClicks(bar.sought, "19")
    qtbot.keyClicks(bar.by, "20")
    bar.replace_all()
    assert session.table.columns[1].cells == (2048, 2049, 2060, 2077, 2073)
    assert session.table.cell(0, 3) == 120
    assert bar.said.text().startswith("Replaced in")
    session.undo_stack.undo()
    assert session.table.columns[1].cells[0] == 1948
    assert session.undo_stack.index() == 0


def test_escape_closes_the_bar_and_gives_the_focus_back(qtbot, pane, bar):
    qtbot.keyClick(bar.sought, Key.Key_Escape)
    assert not bar.isVisible()
    assert pane.body.hasFocus()


def test_nothing_found_is_said(qtbot, bar):
    qtbot.keyClicks(bar.sought, "zzz")
    assert bar.said.text() == "Nothing found"


def test_case_matters_only_if_asked(bcg):
    index = TextIndex()
    assert index.matches(bcg, "ARONSON", match_case=False) == [(0, 0)]
    assert index.matches(bcg, "ARONSON", match_case=True) == []
    assert replaced("Aron ARON", "aron", "x", match_case=False) == "x x"
    assert replaced("Aron ARON", "ARON", "x", match_case=True) == "Aron x"


def test_a_replacement_that_reads_as_a_number_is_one():
    assert replaced("12 mg", " mg", "", match_case=False) == 12
