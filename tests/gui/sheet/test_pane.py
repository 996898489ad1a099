"""The spreadsheet under the hands of a person."""

import random

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QInputDialog, QLineEdit, QVBoxLayout, QWidget

from metadesk.gui.sheet.cursor import Area
from metadesk.gui.sheet.grid import SPARE_ROWS, TICK
from metadesk.gui.sheet.pane import SheetPane
from metadesk.gui.sheet.reason_menu import ReasonMenu
from metadesk.gui.sheet.role_menu import RoleMenu, matching_roles
from metadesk.table import StudyTable, gestures, make_table

Key = Qt.Key
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier
# what the offscreen plugin says when a popup opens
pytestmark = pytest.mark.qt_log_ignore("does not support (raise|grabbing)", extend=True)


def here(pane):
    return pane.cursor_.position


def view_here(pane):
    return pane.view_of(pane.cursor_.selection.currentIndex())


def press(qtbot, pane, key, modifier=NONE):
    qtbot.keyClick(view_here(pane), key, modifier)


def type_text(qtbot, pane, text, end=Key.Key_Return, modifier=NONE):
    """Type into the current cell and leave it by a key."""
    view = view_here(pane)
    view.setFocus()
    qtbot.keyClick(view, text[0])
    editor = view.findChild(QLineEdit, "cell_editor")
    assert editor is not None
    qtbot.keyClicks(editor, text[1:])
    qtbot.keyClick(editor, end, modifier)


# ---------------------------------------------------------------------- typing and moving
def test_typing_replaces_the_cell_and_enter_goes_down(qtbot, pane, session):
    pane.cursor_.go(0, 3)
    type_text(qtbot, pane, "17")
    assert session.table.cell(0, 2) == 17
    assert here(pane) == (1, 3)
    assert session.undo_stack.undoText() == "Typing in tpos"


def test_tab_goes_right_and_enter_returns_to_the_start_of_the_line(qtbot, pane, session):
    pane.cursor_.go(1, 3)
    type_text(qtbot, pane, "1", Key.Key_Tab)
    type_text(qtbot, pane, "2", Key.Key_Tab)
    type_text(qtbot, pane, "3", Key.Key_Return)
    assert [session.table.cell(1, c) for c in (2, 3, 4)] == [1, 2, 3]
    assert here(pane) == (2, 3)


def test_shift_turns_enter_and_tab_round(qtbot, pane):
    pane.cursor_.go(2, 4)
    press(qtbot, pane, Key.Key_Return, SHIFT)
    assert here(pane) == (1, 4)
    press(qtbot, pane, Key.Key_Backtab, SHIFT)
    assert here(pane) == (1, 3)


def test_f2_edits_what_is_there_and_escape_leaves_it(qtbot, pane, session):
    pane.cursor_.go(0, 2)
    press(qtbot, pane, Key.Key_F2)
    editor = view_here(pane).findChild(QLineEdit, "cell_editor")
    assert editor.text() == "1948"
    qtbot.keyClicks(editor, "9")
    assert editor.text() == "19489"
    qtbot.keyClick(editor, Key.Key_Escape)
    assert session.table.cell(0, 1) == 1948
    assert session.undo_stack.count() == 0


def test_typing_below_the_table_makes_rows(qtbot, pane, session):
    pane.cursor_.go(6, 1)
    type_text(qtbot, pane, "Stein")
    assert session.table.n_rows == 7
    assert session.table.cell(6, 0) == "Stein"
    assert here(pane) == (7, 1)
    session.undo_stack.undo()
    assert session.table.n_rows == 5


def test_typing_beside_the_table_makes_a_column(qtbot, pane, session):
    pane.cursor_.go(0, 8)
    type_text(qtbot, pane, "low")
    assert [c.name for c in session.table.columns][7:] == ["Column H"]
    assert session.table.cell(0, 7) == "low"


def test_delete_clears_the_selection_as_one_step(qtbot, pane, session):
    before = session.table
    pane.cursor_.select_area(Area(0, 2, 2, 3))
    press(qtbot, pane, Key.Key_Delete)
    assert all(session.table.cell(r, c) is None for r in range(3) for c in (2, 3))
    assert session.undo_stack.count() == 1
    press(qtbot, pane, Key.Key_Z, CTRL)
    assert session.table == before


@pytest.mark.parametrize(
    ("key", "modifier", "expected"),
    [
        (Key.Key_Home, CTRL, (0, 1)),
        (Key.Key_End, CTRL, (4, 7)),
        (Key.Key_Home, NONE, (2, 1)),
        (Key.Key_End, NONE, (2, 7)),
        (Key.Key_Down, CTRL, (4, 3)),
        (Key.Key_Up, CTRL, (0, 3)),
        (Key.Key_Right, CTRL, (2, 7)),
        (Key.Key_Left, NONE, (2, 2)),
    ],
)
def test_keys_move_as_in_excel(qtbot, pane, key, modifier, expected):
    pane.cursor_.go(2, 3)
    press(qtbot, pane, key, modifier)
    assert here(pane) == expected


def test_shift_selects_rectangles_rows_and_columns(qtbot, pane):
    pane.cursor_.go(1, 2)
    press(qtbot, pane, Key.Key_Down, SHIFT)
    press(qtbot, pane, Key.Key_Right, SHIFT)
    assert pane.cursor_.areas() == [Area(1, 1, 2, 2)]
    press(qtbot, pane, Key.Key_Space, SHIFT)
    assert pane.cursor_.rows() == [1, 2]
    assert pane.cursor_.columns() == list(range(7))
    pane.cursor_.go(1, 2)
    press(qtbot, pane, Key.Key_Space, CTRL)
    assert pane.cursor_.columns() == [1]
    assert pane.cursor_.areas_in_table() == [Area(0, 1, 4, 1)]


def test_ctrl_tab_leaves_the_sheet_both_ways(qtbot, session, bcg):
    window = QWidget()
    qtbot.addWidget(window)
    before, sheet, after = QLineEdit(window), SheetPane(session, window), QLineEdit(window)
    layout = QVBoxLayout(window)
    for widget in (before, sheet, after):
        layout.addWidget(widget)
    session.open_table(bcg)
    window.show()
    window.activateWindow()
    sheet.setFocus()
    qtbot.waitUntil(sheet.body.hasFocus)
    qtbot.keyClick(sheet.body, Key.Key_Tab, CTRL)
    qtbot.waitUntil(after.hasFocus)
    sheet.setFocus()
    qtbot.keyClick(sheet.body, Key.Key_Backtab, CTRL | SHIFT)
    qtbot.waitUntil(before.hasFocus)


# ---------------------------------------------------------------------- clipboard
def test_what_is_copied_is_pasted_as_it_was(qtbot, pane, session):
    before = session.table
    pane.cursor_.select_all()
    press(qtbot, pane, Key.Key_C, CTRL)
    pane.cursor_.go(5, 1)
    press(qtbot, pane, Key.Key_V, CTRL)
    assert session.table.n_rows == 10
    for column in session.table.columns:
        assert column.cells[5:] == column.cells[:5]
    session.undo_stack.undo()
    assert session.table == before


def test_a_paste_beyond_both_ends_grows_the_table(pane, session, own_clipboard):
    own_clipboard.setText("1\t2\r\n3\t4\r\n")
    pane.cursor_.go(4, 7)
    pane.hands.paste()
    assert (session.table.n_rows, len(session.table.columns)) == (6, 8)
    assert [session.table.cell(r, 7) for r in (4, 5)] == [2, 4]
    assert pane.cursor_.areas() == [Area(4, 6, 5, 7)]


def test_one_cell_fills_a_selection(pane, session, own_clipboard):
    own_clipboard.setText("9\r\n")
    pane.cursor_.select_area(Area(0, 2, 3, 3))
    pane.hands.paste()
    assert {session.table.cell(r, c) for r in range(4) for c in (2, 3)} == {9}
    assert session.undo_stack.count() == 1


def test_a_block_repeats_in_a_selection_that_is_a_multiple_of_it(pane, session, own_clipboard):
    own_clipboard.setText("1\t2\r\n")
    pane.cursor_.select_area(Area(0, 2, 2, 5))
    pane.hands.paste()
    assert [session.table.cell(2, c) for c in (2, 3, 4, 5)] == [1, 2, 1, 2]


def test_one_cell_pasted_into_a_whole_column_ends_with_the_table(pane, session, own_clipboard):
    own_clipboard.setText("5")
    pane.cursor_.go(1, 3)
    pane.cursor_.select_columns()
    pane.hands.paste()
    assert session.table.n_rows == 5
    assert set(session.table.columns[2].cells) == {5}


def test_cut_takes_the_cells_away(pane, session, own_clipboard):
    pane.cursor_.select_area(Area(0, 0, 0, 1))
    pane.hands.cut()
    assert own_clipboard.mime.text() == "Aronson\t1948\r\n"
    assert session.table.cell(0, 0) is None


def test_effects_are_copied_at_full_precision(pane, own_clipboard):
    pane.cursor_.go(0, pane.model.first_effect)
    pane.cursor_.go(0, pane.model.first_effect + 1, extend=True)
    pane.hands.copy()
    assert own_clipboard.mime.text() == "0.5\t0.2\r\n"


def test_a_table_with_headers_pasted_into_an_empty_sheet_gets_its_roles(
    pane, session, own_clipboard
):
    session.open_table(StudyTable())
    own_clipboard.setText(
        "Study\tYear\te1\tn1\te2\tn2\r\nA\t2001\t3\t10\t4\t11\r\nB\t2002\t5\t20\t6\t21"
    )
    pane.hands.paste()
    assert session.table.n_rows == 2
    assert session.table.roles == {
        "study": "Study", "year": "Year", "ai": "e1", "n1i": "n1", "ci": "e2", "n2i": "n2"
    }  # fmt: skip
    session.undo_stack.undo()
    assert session.table.columns == ()


def test_fill_down_copies_the_first_row(qtbot, pane, session):
    pane.cursor_.select_area(Area(1, 2, 3, 3))
    press(qtbot, pane, Key.Key_D, CTRL)
    assert session.table.columns[2].cells == (4, 6, 6, 6, "33*")
    assert session.table.columns[3].cells == (119, 300, 300, 300, 5036)


# ---------------------------------------------------------------------- rows and columns
def test_rows_and_columns_are_inserted_and_deleted_at_the_selection(qtbot, pane, session):
    before = session.table
    pane.cursor_.select_area(Area(1, 0, 2, 0))
    press(qtbot, pane, Key.Key_Plus, CTRL)
    assert session.table.row_ids == (0, 5, 6, 1, 2, 3, 4)
    press(qtbot, pane, Key.Key_Minus, CTRL)
    pane.cursor_.go(0, 2)
    pane.hands.insert_columns()
    assert session.table.columns[1].name == "Column B"
    pane.hands.delete_columns()
    while session.undo_stack.canUndo():
        session.undo_stack.undo()
    assert session.table == before


@pytest.mark.parametrize("insert", ["insert_rows", "insert_columns"])
def test_taking_an_insertion_back_leaves_a_cell_to_paste_into_and_to_clear(
    qtbot, pane, session, own_clipboard, insert
):
    pane.cursor_.go(2, 3)
    getattr(pane.hands, insert)()
    session.undo_stack.undo()
    assert here(pane) == (2, 3)
    own_clipboard.setText("77")
    press(qtbot, pane, Key.Key_V, CTRL)
    assert session.table.cell(2, 2) == 77
    press(qtbot, pane, Key.Key_Delete)
    assert session.table.cell(2, 2) is None


def test_the_current_cell_is_selected_after_every_insertion_deletion_undo_and_redo(pane, session):
    hands, stack = pane.hands, session.undo_stack
    for change in (
        hands.insert_rows, hands.insert_columns, hands.delete_rows, hands.delete_columns
    ):  # fmt: skip
        pane.cursor_.go(2, 3)
        for step in (change, stack.undo, stack.redo, stack.undo):
            step()
            current = pane.cursor_.selection.currentIndex()
            assert here(pane) == (current.row(), current.column())
            assert pane.cursor_.selection.isSelected(current)


def test_sorting_moves_whole_rows_and_can_be_taken_back(pane, session):
    before = session.table
    pane.hands.sort(2, descending=True)
    assert session.table.row_ids == (3, 4, 2, 1, 0)
    assert session.table.columns[0].cells[0] == "Hart"
    assert session.undo_stack.undoText() == "Sort by Year"
    session.undo_stack.undo()
    assert session.table == before


def test_a_double_click_on_the_name_renames(qtbot, pane, session, monkeypatch):
    monkeypatch.setattr(QInputDialog, "getText", lambda *a, **k: ("events", True))
    header = pane.body.header
    place = QPoint(header.sectionViewportPosition(3) + 20, 12)
    qtbot.mouseDClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert session.table.columns[2].name == "events"
    assert session.undo_stack.undoText() == "Rename tpos to events"


def test_naming_an_empty_column_makes_it_one_of_the_table(pane, session):
    pane.hands.rename(8, "Country")
    assert session.table.columns[7].name == "Country"


# ---------------------------------------------------------------------- roles
def test_a_click_on_the_chip_opens_the_role_menu(qtbot, pane, session):
    header = pane.body.header
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=header.chip_rect(7).center())
    menu = pane.findChild(RoleMenu)
    assert menu is not None
    qtbot.keyClicks(menu.search, "subgr")
    qtbot.keyClick(menu.search, Key.Key_Return)
    assert session.table.columns[6].role == "subgroup"
    assert session.undo_stack.undoText() == "Note is Subgroup"
    session.undo_stack.undo()
    assert session.table.columns[6].role is None


def test_choosing_the_guessed_role_confirms_it(pane, session):
    assert session.table.columns[2].guessed
    menu = pane.open_role_menu(3, QPoint(10, 10))
    menu._take(menu.list.currentItem())
    assert session.table.columns[2].role == "ai"
    assert not session.table.columns[2].guessed


def test_no_role_takes_the_role_away(pane, session):
    menu = pane.open_role_menu(3, QPoint(10, 10))
    menu._take(menu.list.item(0))
    assert session.table.columns[2].role is None


def test_the_role_menu_finds_by_words_and_says_who_has_a_role(bcg):
    lines = matching_roles(bcg, "events, treated")
    assert [line.key for line in lines if line.key] == ["ai", "bi", "x1i"]
    assert next(line.hint for line in lines if line.key == "ai") == "tpos"
    assert matching_roles(bcg, "qqq") == []


def test_a_heading_over_several_columns_makes_them_no_wider(pane, session):
    plain = {"Study": ["A"], "Events": [1], "Total": [9]}
    session.open_table(make_table(plain, {"Study": "study", "Events": "ai", "Total": "n1i"}))
    height, width = pane.body.header.height(), pane.body.columnWidth(2)
    over = {"Study": ["A"], "Treated / Events": [1], "Treated / Total": [9]}
    roles = {"Study": "study", "Treated / Events": "ai", "Treated / Total": "n1i"}
    session.open_table(make_table(over, roles))
    assert pane.body.header.height() > height
    assert pane.body.columnWidth(2) == width


# ---------------------------------------------------------------------- leaving rows out
def test_unticking_asks_for_a_reason_and_ticking_does_not(qtbot, pane, session):
    tick = pane.fixed.visualRect(pane.model.index(1, TICK)).center()
    qtbot.mouseClick(pane.fixed.viewport(), Qt.MouseButton.LeftButton, pos=tick)
    menu = pane.findChild(ReasonMenu)
    menu.actions()[1].trigger()
    assert session.table.excluded == {1: "Duplicate population"}
    menu.close()
    qtbot.mouseClick(pane.fixed.viewport(), Qt.MouseButton.LeftButton, pos=tick)
    assert session.table.excluded == {}
    assert session.undo_stack.undoText() == "Include Ferguson 1949"


def test_another_reason_is_typed(qtbot, pane, session):
    pane.cursor_.go(2, 1)
    press(qtbot, pane, Key.Key_E, CTRL)
    menu = pane.findChild(ReasonMenu)
    qtbot.keyClicks(menu.other, "Retracted")
    qtbot.keyClick(menu.other, Key.Key_Return)
    assert session.table.excluded == {2: "Retracted"}


def test_all_selected_rows_are_left_out_together(pane, session):
    pane.cursor_.select_area(Area(1, 0, 3, 0))
    pane.toggle_selected()
    pane.findChild(ReasonMenu).actions()[1].trigger()
    assert set(session.table.excluded) == {1, 2, 3}
    assert session.undo_stack.count() == 1


# ---------------------------------------------------------------------- selection
def test_the_current_row_is_selected_everywhere(qtbot, pane, session):
    heard = []
    session.selection_changed.connect(heard.append)
    pane.cursor_.go(2, 3)
    session.select(4)
    assert here(pane) == (4, 3)
    assert heard == [2, 4], "one signal a change: no loop"
    pane.cursor_.go(9, 3)
    assert session.selected == -1


def test_opening_a_sheet_selects_no_study(pane, session, bcg):
    heard = []
    pane.cursor_.go(3, 2)
    session.selection_changed.connect(heard.append)
    session.open_table(bcg)
    assert session.selected == -1
    assert here(pane) == (0, 1)


def test_a_cell_is_shown_by_its_ids(pane, session):
    pane.show_cell(3, session.table.columns[4].id)
    assert here(pane) == (3, 5)
    pane.show_cell(99, 0)
    assert here(pane) == (3, 5)


# ---------------------------------------------------------------------- what stands still
def wide_table(n_rows=20, n_columns=40):
    columns = {"Study": [f"Study {i}" for i in range(n_rows)]}
    columns |= {f"c{c}": [r * c for r in range(n_rows)] for c in range(n_columns - 1)}
    return make_table(columns, {"Study": "study", "c1": "ai", "c2": "bi", "c3": "ci", "c4": "di"})


def test_the_study_column_and_the_effect_stand_still_in_a_wide_sheet(pane, session):
    last = pane.model.columnCount() - 1
    assert pane.body.shows(pane.model.index(0, 1)), "a sheet that fits has nothing to fix"
    assert pane.body.shows(pane.model.index(0, last))
    session.open_table(wide_table())
    last = pane.model.columnCount() - 1
    assert pane.fixed.shows(pane.model.index(0, 1))
    assert pane.pinned.shows(pane.model.index(0, last))
    for section in range(pane.model.columnCount()):
        shown = [v for v in pane.views if not v.isColumnHidden(section)]
        assert len(shown) == 1, "every column is in one view"


def test_keys_cross_from_one_part_of_the_sheet_to_the_next(qtbot, pane, session):
    session.open_table(wide_table())
    pane.cursor_.go(0, 1)
    pane.fixed.setFocus()
    press(qtbot, pane, Key.Key_Right)
    assert pane.body.hasFocus()
    press(qtbot, pane, Key.Key_Left)
    assert pane.fixed.hasFocus()


def test_the_parts_scroll_down_together(pane, session):
    session.open_table(wide_table(200))
    pane.cursor_.go(180, 1)
    bars = {view.verticalScrollBar().value() for view in pane.views}
    assert len(bars) == 1
    assert bars.pop() > 0


def test_a_dragged_width_stays(pane, session):
    pane.body.header.resizeSection(3, 211)
    session.apply(gestures.type_cell(session.table, 0, 2, "5"))
    session.apply(gestures.set_role(session.table, 6, "subgroup"))
    assert pane.body.columnWidth(3) == 211


def test_a_sheet_of_four_hundred_thousand_cells_opens_and_is_edited(qtbot, session):
    made = SheetPane(session)
    qtbot.addWidget(made)
    made.resize(1200, 700)
    made.show()
    session.auto_run = False
    session.open_table(wide_table(10_000, 40))
    session._rest.stop()
    made.cursor_.go(9_999, 20)
    made.model.setData(made.model.index(9_999, 20), "5")
    assert session.table.cell(9_999, 19) == 5
    assert made.model.rowCount() == 10_000 + SPARE_ROWS
    assert not made.grab().isNull()


def test_hidden_columns_are_passed_over_until_they_are_shown(qtbot, pane):
    pane.cursor_.go(0, 3)
    pane.hide_columns()
    assert pane.body.isColumnHidden(3)
    assert here(pane) == (0, 4)
    press(qtbot, pane, Key.Key_Left)
    assert here(pane) == (0, 2)
    pane.show_columns()
    assert not pane.body.isColumnHidden(3)


def test_a_row_chosen_by_its_number_is_selected_whole(qtbot, pane, session):
    rows = pane.fixed.rows
    place = QPoint(10, rows.sectionViewportPosition(2) + 5)
    qtbot.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert here(pane) == (2, 1)
    assert pane.cursor_.rows() == [2]
    assert pane.cursor_.columns() == list(range(7))
    assert session.selected == 2


def test_menus_offer_what_the_keys_do(pane):
    pane.cursor_.go(0, 3)
    cells = {line.title for line in pane.cell_lines()}
    assert {"Cut", "Copy", "Paste", "Fill down", "Leave out row …", "Delete rows"} <= cells
    header = {line.title: line for line in pane.header_lines(3)}
    assert header["Sort ascending"].enabled
    header["Sort ascending"].run()
    assert pane.session.undo_stack.undoText() == "Sort by tpos"
    assert pane.header_lines(TICK) == []
    assert not next(x for x in pane.header_lines(8) if x.title == "Role …").enabled


# ---------------------------------------------------------------------- laws
def test_any_walk_of_edits_can_be_taken_back_and_done_again(pane, session, own_clipboard):
    steps = random.Random(7)
    hands, cursor = pane.hands, pane.cursor_
    own_clipboard.setText("1\t2\r\n3\t4\r\n")
    states = [session.table]

    def keep():
        if session.undo_stack.index() == len(states):
            states.append(session.table)

    for _ in range(40):
        cursor.go(steps.randrange(8), steps.randrange(1, 9))
        cursor.go(steps.randrange(8), steps.randrange(1, 9), extend=True)
        steps.choice(
            [
                hands.clear, hands.fill_down, hands.paste, hands.insert_rows, hands.delete_rows,
                hands.insert_columns, hands.delete_columns, lambda: hands.sort(2), hands.cut,
                lambda: hands.set_role(2, steps.choice(["ai", "study", None])),
            ]
        )()  # fmt: skip
        own_clipboard.setText("1\t2\r\n3\t4\r\n")
        keep()
        assert pane.model.table is session.table
    for state in reversed(states[:-1]):
        session.undo_stack.undo()
        assert session.table == state
    for state in states[1:]:
        session.undo_stack.redo()
        assert session.table == state
