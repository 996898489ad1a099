"""The window as a person meets it: open, look, choose, undo, export."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QMessageBox,
    QTabBar,
    QWidget,
)
from windows import make_desk, make_workbook, open_workbook, settle

from metadesk.gui.start_page import BLANKS
from metadesk.table.edits import SetCells, SetExcluded


def test_opening_a_workbook_brings_effects_results_and_a_figure(opened):
    result = opened.session.result
    assert result.main.k == 5
    assert opened.plot.page.hit_of(f"row:{opened.session.table.row_ids[0]}")
    assert opened.results.tables[0].column("k") == (5, 5)
    assert opened.state.state == "fresh"
    assert opened.windowTitle() == "trials.xlsx[*] – metadesk"


def test_a_file_that_is_none_gives_a_sentence_and_keeps_the_sheet(opened, qtbot, tmp_path):
    bad = tmp_path / "bad.xlsx"
    bad.write_bytes(b"no workbook")
    table = opened.session.table
    opened.open_path(bad)
    qtbot.waitUntil(lambda: "bad.xlsx" in opened.statusBar().currentMessage())
    assert opened.session.table is table


def test_a_dropped_workbook_is_opened(window, qtbot, workbook):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(workbook))])
    drop = QDropEvent(
        QPointF(10, 10),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    with qtbot.waitSignal(window.opened, timeout=20_000):
        window.dropEvent(drop)
    assert window.session.path == workbook


def test_opened_files_are_remembered(opened, workbook):
    assert opened.recent.paths() == [workbook]


def test_a_click_on_a_study_in_the_figure_selects_its_row(opened, qtbot):
    row = opened.session.table.row_ids[2]
    place = opened.plot.view.point_of(f"row:{row}")
    qtbot.mouseClick(opened.plot.view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert opened.session.selected == row
    assert opened.sheet.model.row_id(opened.sheet.cursor_.row) == row


def test_arrow_keys_walk_through_the_studies_of_the_figure(opened, qtbot):
    rows = opened.session.table.row_ids
    opened.session.select(rows[0])
    qtbot.keyClick(opened.plot.view, Qt.Key.Key_Down)
    assert opened.session.selected == rows[1]


def test_the_menu_of_a_study_leaves_it_out_with_a_reason(opened, qtbot):
    row = opened.session.table.row_ids[1]
    reasons = opened.plot.menu_for(f"row:{row}").findChild(QWidget, "reason_menu")
    reasons.chosen.emit("Other population")
    settle(opened, qtbot)
    assert opened.session.table.excluded == {row: "Other population"}
    assert opened.session.result.main.k == 4
    opened.session.undo_stack.undo()
    settle(opened, qtbot)
    assert opened.session.result.main.k == 5


def _top(window, widget):
    return widget.mapTo(window.setup.widget(), widget.rect().topLeft()).y()


def test_choosing_the_fixed_effect_is_cautioned_and_can_be_undone(opened, qtbot):
    opened.setup.findChild(QWidget, "model-fixed").click()
    settle(opened, qtbot)
    assert opened.session.result.main.family == "fixed"
    caution = opened.setup.findChild(QWidget, "modelCaution")
    assert [note.severity for note in caution.notes] == ["strong"]
    chosen, other = (opened.setup.findChild(QWidget, f"model-{key}") for key in ("fixed", "mh"))
    assert _top(opened, chosen) < _top(opened, caution) < _top(opened, other)
    opened.actions_["undo"].trigger()
    settle(opened, qtbot)
    assert opened.setup.findChild(QWidget, "model-random").isChecked()
    assert caution.notes == ()


def test_the_preset_fills_the_form_and_a_changed_option_leaves_the_preset(opened, qtbot):
    preset = opened.setup.findChild(QComboBox, "presetChooser")
    preset.setCurrentIndex(preset.findData("revman-5"))
    preset.activated.emit(preset.currentIndex())
    tau2 = opened.setup.findChild(QComboBox, "modelForm-tau2")
    assert tau2.currentData() == "DL"
    tau2.setCurrentIndex(tau2.findData("PM"))
    assert opened.session.spec.model_options["tau2"] == "PM"
    assert preset.currentData() == ""
    settle(opened, qtbot)
    assert opened.session.result.main.heterogeneity.tau2_method.startswith("Paule")


def test_measures_that_cannot_be_formed_are_greyed_with_the_reason(opened):
    chooser = opened.setup.findChild(QComboBox, "measureChooser")
    at = chooser.findData("MD")
    item = chooser.model().item(at)
    assert not item.isEnabled()
    assert "Mean" in item.toolTip()
    assert chooser.model().item(chooser.findData("OR")).isEnabled()


def test_zero_cells_are_asked_about_only_where_there_are_cells(opened, qtbot):
    assert opened.setup.findChild(QWidget, "measureForm") is not None
    opened.open_blank("Ratios with intervals")
    qtbot.waitUntil(lambda: opened.setup.findChild(QWidget, "measureForm") is None)


def test_another_measure_changes_the_figure(opened, qtbot):
    chooser = opened.setup.findChild(QComboBox, "measureChooser")
    chooser.setCurrentIndex(chooser.findData("OR"))
    chooser.activated.emit(chooser.currentIndex())
    settle(opened, qtbot)
    assert opened.session.result.measure == "OR"
    assert opened.session.undo_stack.undoText().startswith("Measure")


def test_an_edit_shows_out_of_date_and_then_the_new_result(opened, qtbot):
    table = opened.session.table
    before = opened.session.result.main.pooled.value
    events = next(c.id for c in table.columns if c.role == "ai")
    opened.session.apply(SetCells(((table.row_ids[0], events, 40),), "Typing"))
    assert opened.state.state == "running"
    settle(opened, qtbot)
    assert opened.session.result.main.pooled.value != before


def test_nothing_to_pool_is_said_where_the_figure_was(opened, qtbot):
    rows = opened.session.table.row_ids
    opened.session.apply(SetExcluded(rows, "All out", "Leave all out"))
    badge = opened.plot.findChild(QWidget, "staleBadge")
    qtbot.waitUntil(lambda: badge.isVisible() and "pooled" in badge.text())
    assert not opened.actions_["export"].isEnabled()


def test_a_figure_option_changes_the_figure_and_not_the_result(opened, qtbot):
    result, page = opened.session.result, opened.plot.page
    with qtbot.waitSignal(opened.plot.page_changed):
        opened.session.set_figure_option("forest", "show_weight", False)
    assert opened.session.result is result
    assert opened.plot.page != page


def test_each_sheet_of_a_workbook_has_its_own_analysis(window, qtbot, tmp_path):
    book = make_workbook(tmp_path / "two.xlsx", second=True)
    open_workbook(window, qtbot, book)
    assert window.session.result.measure == "RR"
    window.sheet_tabs.setCurrentIndex(1)
    settle(window, qtbot)
    assert window.session.result.measure == "MD"
    window.sheet_tabs.setCurrentIndex(0)
    assert window.session.result.measure == "RR"
    assert not window.session.stale


@pytest.mark.parametrize("kind", list(BLANKS))
def test_a_blank_sheet_has_its_roles_and_says_what_is_missing(window, qtbot, kind):
    window.open_blank(kind)
    qtbot.waitUntil(lambda: not window.session.busy)
    assert all(column.role for column in window.session.table.columns)
    assert window.plot.findChild(QWidget, "plotWhy").text()


def test_the_palette_finds_a_command_and_does_it(opened, qtbot):
    palette = opened.show_palette()
    qtbot.keyClicks(palette.line, "side by")
    qtbot.keyClick(palette.line, Qt.Key.Key_Return)
    assert opened.right.orientation() == Qt.Orientation.Horizontal
    assert opened.actions_["side"].isChecked()


def test_shortcuts_are_given_once(window):
    keys = [
        s.toString() for r in window.actions_.records for s in window.actions_[r.id].shortcuts()
    ]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("look", ["light", "dark"])
def test_every_visible_control_has_a_name_for_screen_readers(opened, qtbot, look):
    opened.set_look(look)
    opened.plot.findChild(QWidget, "plotOptionsToggle")
    opened.plot.tools.findChild(QAbstractButton, "plotOptionsToggle").click()
    nameless = []
    for tab in range(opened.tabs.count()):
        opened.tabs.setCurrentIndex(tab)
        nameless += [w for w in opened.findChildren(QWidget) if _needs_name(w)]
    assert [(type(w).__name__, w.objectName()) for w in nameless] == []


def _needs_name(widget: QWidget) -> bool:
    kinds = (
        QAbstractButton, QComboBox, QLineEdit, QAbstractSpinBox, QAbstractItemView, QTabBar,
    )  # fmt: skip
    if not isinstance(widget, kinds) or not widget.isVisible():
        return False
    own_part = widget.objectName().startswith("qt_") or widget.parent() is None
    inside = isinstance(widget.parent(), QComboBox | QAbstractSpinBox | QTabBar | QAbstractItemView)
    if own_part or inside or type(widget).__name__ == "QToolBarExtension":
        return False
    words = widget.text() if isinstance(widget, QAbstractButton) else ""
    return not (widget.accessibleName() or words)


def test_a_running_analysis_moves_no_panel(opened, qtbot):
    before = opened.plot.view.viewport().size()
    sizes = set()
    opened.session.busy_changed.connect(
        lambda *_: sizes.add(opened.plot.view.viewport().size().toTuple())
    )
    opened.session.run()
    opened.state._show_way_out(True)
    settle(opened, qtbot)
    assert sizes == {before.toTuple()}


def test_changes_of_the_sheet_are_not_lost_without_a_question(opened, qtbot):
    rows = opened.session.table.row_ids
    opened.session.apply(SetExcluded(rows[:1], "Out", "Leave one out"))
    opened.actions_["quit"].trigger()
    box = opened.findChild(QMessageBox, "leaveBox")
    assert opened.isVisible()
    next(b for b in box.buttons() if b.objectName() == "leaveStay").click()
    assert opened.isVisible()
    opened.actions_["undo"].trigger()
    opened.actions_["quit"].trigger()
    assert not opened.isVisible()


def test_every_command_of_the_menus_has_a_title_and_a_place(window):
    menus = {record.menu for record in window.actions_.records}
    assert menus == {"file", "edit", "analysis", "effects", "view", "look", "help"}
    assert all(record.title.strip() for record in window.actions_.records)


def test_the_window_keeps_its_shape(opened, qtbot, tmp_path):
    opened.across.setSizes([400, 900])
    kept = opened.across.sizes()
    opened.close()
    again = make_desk(tmp_path)
    qtbot.addWidget(again.window)
    again.window.show()
    again.window._show_workspace()
    assert again.window.across.sizes()[0] == kept[0]
    again.session.close()


def test_a_sheet_without_effects_is_never_called_up_to_date(window, qtbot, tmp_path):
    book = tmp_path / "words.csv"
    book.write_text("Study,Remark\nA 2001,good\nB 2002,bad\nC 2003,fair\n", encoding="utf-8")
    with qtbot.waitSignal(window.opened, timeout=20_000):
        window.open_path(book)
    qtbot.waitUntil(lambda: not window.session.busy and not window.session.stale, timeout=20_000)
    assert window.state.state in ("empty", "failed")
    assert window.findChild(QLabel, "stateWords").text() != "Up to date"


def test_long_names_of_measures_are_not_cut(opened, qtbot):
    session = opened.session
    session.set_spec(replace(session.spec, measure="OR2DL"), "Measure")
    settle(opened, qtbot)
    header = opened.sheet.model.headerData(
        opened.sheet.model.columnCount() - 1, Qt.Orientation.Horizontal
    )
    assert str(header).endswith("CI]")
    assert len(str(header)) < 26


def test_tab_walks_through_the_model_panel_from_top_to_bottom(opened, qtbot):
    session = opened.session
    session.set_spec(replace(session.spec, measure="OR"), "Measure")  # its form is made anew
    session.set_spec(replace(session.spec, model="fixed", model_options={}), "Model")
    settle(opened, qtbot)
    first = opened.setup.findChild(QComboBox, "measureChooser")
    names, at = [first.objectName()], first.nextInFocusChain()
    while at is not first:
        names.append(at.objectName())
        at = at.nextInFocusChain()
    for earlier, later in (
        ("measureChooser", "measureForm-add"),
        ("measureForm-add", "modelSectionHead"),
        ("confidenceLevel", "modelForm-test"),
        ("modelForm-test", "subgroupSectionHead"),
    ):
        assert names.index(earlier) < names.index(later), (earlier, later)
