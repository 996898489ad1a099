"""Nothing typed is ever lost: save, close, open again, and what happens when the program dies."""

from __future__ import annotations

import os
import subprocess
import sys

import openpyxl
import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QPushButton

from metadesk.gui.app import Desk
from metadesk.gui.recovery import abandoned
from metadesk.gui.saving import documents, proposed_path
from metadesk.project.file import read_project
from metadesk.project.journal import Journal, write_journal
from metadesk.table.edits import SetExcluded

PATIENCE = 20_000


def save_to(person, path) -> None:
    with person.qtbot.waitSignal(person.window.saver.saved, timeout=PATIENCE):
        person.window.saver.save_to(path)


def press(person, name: str) -> None:
    button = person.window.findChild(QPushButton, name)
    assert button is not None, name
    button.click()


def test_what_was_saved_is_there_again_with_the_same_numbers(person, bcg_book, tmp_path) -> None:
    person.open(bcg_book)
    person.type_cell(0, person.session.table.roles["ai"], "11")
    person.session.apply(SetExcluded((person.session.table.row_ids[3],), "duplicate"))
    person.choose("modelForm-tau2", "DL")
    person.session.set_figure_option("forest", "title", "Kept")
    person.wait()
    table, spec = person.session.table, person.session.spec
    pooled = person.session.result.main.pooled
    assert person.window.isWindowModified()
    save_to(person, tmp_path / "review.xlsx")
    assert not person.window.isWindowModified()
    assert person.window.windowTitle().startswith("review.xlsx")
    person.window.open_blank("Ratios with intervals")
    person.open(tmp_path / "review.xlsx")
    assert person.session.table == table
    assert person.session.spec == spec
    assert person.session.result.main.pooled == pooled
    assert person.session.figure_options("forest") == {"title": "Kept"}
    assert not person.session.undo_stack.canUndo()
    assert not person.session.edited
    assert person.window.findChild(QMessageBox, "remarkBox") is None


def test_the_sheet_in_front_and_each_sheets_analysis_come_back(person, tmp_path) -> None:
    book = openpyxl.Workbook()
    for name in ("First", "Second"):
        sheet = book.create_sheet(name)
        sheet.append(["Study", "Events 1", "Total 1", "Events 2", "Total 2"])
        for at in range(4):
            sheet.append([f"S{at}", 3 + at, 40, 7 + at, 41])
    del book["Sheet"]
    book.save(tmp_path / "two.xlsx")
    person.open(tmp_path / "two.xlsx", "Second")
    person.choose("measureChooser", "OR")
    person.wait()
    save_to(person, tmp_path / "saved.xlsx")
    person.window.open_blank("Ratios with intervals")
    person.open(tmp_path / "saved.xlsx")
    assert person.session.sheet_names == ("First", "Second")
    assert person.session.sheet_index == 1
    assert person.session.spec.measure == "OR"
    assert person.window.sheet_tabs.currentIndex() == 1


def test_the_first_save_of_a_foreign_workbook_asks_for_another_name(
    person, bcg_book, tmp_path
) -> None:
    mine = tmp_path / "extraction.xlsx"
    mine.write_bytes(bcg_book.read_bytes())
    person.open(mine)
    person.type_cell(0, person.session.table.roles["ai"], "11")
    person.window.actions_["save"].trigger()
    dialog = person.window.findChild(QFileDialog, "saveDialog")
    assert proposed_path(person.session) == tmp_path / "extraction (metadesk).xlsx"
    with person.qtbot.waitSignal(person.window.saver.saved, timeout=PATIENCE):
        dialog.accept()
    assert mine.read_bytes() == bcg_book.read_bytes()
    kept = read_project(tmp_path / "extraction (metadesk).xlsx")
    assert kept.source.name == "extraction.xlsx"
    assert len(kept.source.sha256) == 64
    person.type_cell(1, person.session.table.roles["ai"], "7")
    with person.qtbot.waitSignal(person.window.saver.saved, timeout=PATIENCE):
        person.window.actions_["save"].trigger()  # now it has a place of its own
    assert read_project(tmp_path / "extraction (metadesk).xlsx").sheets[0].table == (
        person.session.table
    )
    assert person.window.recent.paths()[0].name == "extraction (metadesk).xlsx"


def test_the_workbook_the_data_came_from_is_not_replaced(person, bcg_book, tmp_path) -> None:
    mine = tmp_path / "extraction.xlsx"
    mine.write_bytes(bcg_book.read_bytes())
    person.open(mine)
    with person.qtbot.waitSignal(person.window.saver.failed, timeout=PATIENCE) as said:
        person.window.saver.save_to(mine)
    assert "the workbook your data came from" in said.args[0]
    assert mine.read_bytes() == bcg_book.read_bytes()


def test_an_example_is_saved_among_the_persons_documents(person, bcg_book) -> None:
    person.open(bcg_book)
    assert proposed_path(person.session) == documents() / "bcg_vaccine (metadesk).xlsx"


def test_a_save_that_fails_says_why_and_keeps_the_mark(person, bcg_book, tmp_path) -> None:
    person.open(bcg_book)
    person.type_cell(0, person.session.table.roles["ai"], "11")
    with person.qtbot.waitSignal(person.window.saver.failed, timeout=PATIENCE) as said:
        person.window.saver.save_to(tmp_path / "gone" / "x.xlsx")
    assert "does not exist" in said.args[0]
    assert person.window.isWindowModified()


@pytest.mark.parametrize(
    ("button", "closed", "kept"),
    [("leaveSave", True, True), ("leaveDrop", True, False), ("leaveStay", False, False)],
)
def test_closing_asks_and_does_what_was_said(
    person, bcg_book, tmp_path, button, closed, kept
) -> None:
    path = tmp_path / "review.xlsx"
    person.open(bcg_book)
    save_to(person, path)
    person.type_cell(0, person.session.table.roles["ai"], "11")
    person.wait()
    person.window.actions_["quit"].trigger()
    press(person, button)
    person.qtbot.waitUntil(lambda: person.window.isVisible() != closed, timeout=PATIENCE)
    assert (read_project(path).sheets[0].table.with_role("ai").cells[0] == 11) == kept


def test_opening_another_file_asks_before_changes_are_lost(person, bcg_book) -> None:
    person.open(bcg_book)
    person.type_cell(0, person.session.table.roles["ai"], "11")
    person.window.open_blank("Means and SDs")
    assert person.session.table.n_rows == 15
    press(person, "leaveDrop")
    assert person.session.table.n_rows == 0
    assert not person.session.edited


def test_changes_made_in_excel_win_and_are_told_in_the_window(person, bcg_book, tmp_path) -> None:
    person.open(bcg_book)
    path = tmp_path / "review.xlsx"
    save_to(person, path)
    book = openpyxl.load_workbook(path)
    at = person.column(person.session.table.roles["ai"]) + 1
    book.worksheets[0].cell(2, at).value = 11
    book.save(path)
    person.window.open_blank("Ratios with intervals")
    person.open(path)
    box = person.window.findChild(QMessageBox, "remarkBox")
    assert "1 cell changed" in box.text()
    assert person.session.table.columns[at - 1].cells[0] == 11
    box.accept()


# -- the program dies -----------------------------------------------------------------------------

DOOMED = """
import sys
from pathlib import Path
from PySide6.QtCore import QSettings
from metadesk.gui.app import Desk, make_application
from metadesk.table.gestures import insert_rows
from metadesk.table.edits import SetCells

folder = Path(sys.argv[1])
app = make_application([])
desk = Desk(QSettings(str(folder / "s.ini"), QSettings.Format.IniFormat), journals=folder / "j")
desk.ready.connect(lambda: type_something())

def type_something():
    session = desk.session
    desk.window.open_blank("Events and totals")
    session.apply(insert_rows(session.table, 0))
    session.apply(SetCells(((session.table.row_ids[0], session.table.columns[0].id, "Typed"),)))

desk.show()
app.exec()
"""


def start_again(qtbot, folder) -> Desk:
    desk = Desk(QSettings(str(folder / "s.ini"), QSettings.Format.IniFormat), journals=folder / "j")
    qtbot.addWidget(desk.window)
    with qtbot.waitSignal(desk.ready, timeout=PATIENCE):
        desk.show()
    return desk


def test_what_was_typed_before_the_program_died_is_offered_again(qtbot, tmp_path) -> None:
    doomed = subprocess.Popen(
        [sys.executable, "-c", DOOMED, str(tmp_path)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    try:
        qtbot.waitUntil(lambda: any((tmp_path / "j").glob("*.journal")), timeout=60_000)
        assert abandoned(tmp_path / "j") == [], "its window is still at work"
    finally:
        doomed.kill()
        doomed.wait()
    desk = start_again(qtbot, tmp_path)
    box = desk.window.findChild(QMessageBox, "restoreBox")
    assert "closed unexpectedly" in box.text()
    desk.window.findChild(QPushButton, "restoreGo").click()
    assert desk.session.table.cell(0, 0) == "Typed"
    assert desk.session.edited
    assert list((tmp_path / "j").glob("*.journal")), "kept until it is saved"
    with qtbot.waitSignal(desk.window.saver.saved, timeout=PATIENCE):
        desk.window.saver.save_to(tmp_path / "saved.xlsx")
    assert list((tmp_path / "j").glob("*")) == []
    desk.window.close()


def test_discarded_changes_are_offered_no_more(qtbot, tmp_path) -> None:
    (tmp_path / "j").mkdir()
    desk = start_again(qtbot, tmp_path)
    journal = Journal(desk.session.project(), "review.xlsx", True, "2026-01-02T03:04:05")
    write_journal(journal, tmp_path / "j" / "1-a.journal")
    (tmp_path / "j" / "2-b.journal").write_text("damaged", encoding="utf-8")
    desk.recovery.offer()
    box = desk.window.findChild(QMessageBox, "restoreBox")
    assert "review.xlsx" in box.informativeText()
    desk.window.findChild(QPushButton, "restoreDiscard").click()
    assert [p.name for p in (tmp_path / "j").glob("1-*")] == []
    desk.window.close()


def test_a_clean_end_leaves_no_journal(qtbot, tmp_path) -> None:
    from metadesk.table.gestures import insert_rows

    desk = start_again(qtbot, tmp_path)
    desk.window.open_blank("Events and totals")
    with qtbot.waitSignal(desk.recovery.written, timeout=PATIENCE):
        desk.session.apply(insert_rows(desk.session.table, 0))
    assert len(list((tmp_path / "j").glob("*.journal"))) == 1
    desk.session.undo_stack.undo()
    qtbot.waitUntil(lambda: not list((tmp_path / "j").glob("*")), timeout=PATIENCE)
    with qtbot.waitSignal(desk.recovery.written, timeout=PATIENCE):
        desk.session.undo_stack.redo()
    desk.window.leave()
    desk.window.findChild(QPushButton, "leaveDrop").click()
    assert not desk.window.isVisible()
    assert list((tmp_path / "j").glob("*")) == []


def test_ctrl_s_saves(person, bcg_book, tmp_path) -> None:
    person.open(bcg_book)
    save_to(person, tmp_path / "review.xlsx")
    person.type_cell(0, person.session.table.roles["ai"], "11")
    with person.qtbot.waitSignal(person.window.saver.saved, timeout=PATIENCE):
        person.qtbot.keyClick(person.window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    assert not person.session.edited
