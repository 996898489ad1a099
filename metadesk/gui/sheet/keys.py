"""What the keys do in a sheet: Excel's own, as far as people expect them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QKeySequence

from metadesk.gui.sheet.grid import TICK

if TYPE_CHECKING:
    from metadesk.gui.sheet.pane import SheetPane

Std = QKeySequence.StandardKey
Key = Qt.Key
CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier
PAGE_KEPT = 2  # rows that stay in sight on Page Down
_DIRECTIONS = {
    Key.Key_Up: (-1, 0),
    Key.Key_Down: (1, 0),
    Key.Key_Left: (0, -1),
    Key.Key_Right: (0, 1),
}


class Keys:
    """Turns a key into a command or a movement of the pane; Ctrl+Tab leaves the sheet."""

    def __init__(self, pane: SheetPane) -> None:
        self._pane = pane

    def press(self, event: QKeyEvent) -> bool:
        """Do what a key means in a sheet; return whether it means anything."""
        return self._command(event) or self._movement(event)

    def _command(self, event: QKeyEvent) -> bool:
        pane = self._pane
        for standard, run in (
            (Std.Copy, pane.hands.copy),
            (Std.Cut, pane.hands.cut),
            (Std.Paste, pane.hands.paste),
            (Std.Undo, pane.session.undo_stack.undo),
            (Std.Redo, pane.session.undo_stack.redo),
            (Std.SelectAll, pane.cursor_.select_all),
            (Std.Find, pane.find_text),
        ):
            if event.matches(standard):
                run()
                return True
        pressed = (event.modifiers() & (CTRL | SHIFT | ALT), Key(event.key()))
        none = Qt.KeyboardModifier.NoModifier
        found = {
            (none, Key.Key_Delete): pane.hands.clear,
            (none, Key.Key_Backspace): pane.hands.clear,
            (none, Key.Key_F2): pane.edit,
            (CTRL, Key.Key_Y): pane.session.undo_stack.redo,
            (CTRL, Key.Key_D): pane.hands.fill_down,
            (CTRL, Key.Key_H): pane.find_and_replace,
            (CTRL, Key.Key_E): pane.toggle_selected,
            (CTRL, Key.Key_R): pane.ask_role,
            (CTRL, Key.Key_Space): pane.cursor_.select_columns,
            (SHIFT, Key.Key_Space): pane.cursor_.select_rows,
            (CTRL, Key.Key_Plus): pane.hands.insert_rows,
            (CTRL | SHIFT, Key.Key_Plus): pane.hands.insert_columns,
            (CTRL, Key.Key_Minus): pane.hands.delete_rows,
            (CTRL | SHIFT, Key.Key_Underscore): pane.hands.delete_columns,
            (CTRL | SHIFT, Key.Key_Minus): pane.hands.delete_columns,
            (SHIFT, Key.Key_F10): pane.menu_at_cursor,
            (none, Key.Key_Menu): pane.menu_at_cursor,
        }.get(pressed)
        if found is not None:
            found()
            return True
        if pressed == (none, Key.Key_Space) and pane.cursor_.section == TICK:
            pane.toggle_tick(pane.cursor_.row)
            return True
        return False

    def _movement(self, event: QKeyEvent) -> bool:
        held = event.modifiers()
        extend, far = bool(held & SHIFT), bool(held & CTRL)
        pane, cursor = self._pane, self._pane.cursor_
        match event.key():
            case Key.Key_Return | Key.Key_Enter:
                cursor.enter(-1 if extend else 1)
            case Key.Key_Tab | Key.Key_Backtab if far:
                pane.leave(forward=event.key() == Key.Key_Tab)
            case Key.Key_Tab:
                cursor.tab(1)
            case Key.Key_Backtab:
                cursor.tab(-1)
            case Key.Key_Home:
                cursor.go(0 if far else cursor.row, 1, extend=extend)
            case Key.Key_End:
                last = max(pane.model.table.n_rows - 1, 0)
                columns = max(len(pane.model.table.columns), 1)
                cursor.go(last if far else cursor.row, columns, extend=extend)
            case Key.Key_PageUp | Key.Key_PageDown if not far:
                page = pane.body.viewport().height() // pane.body.rowHeight(0) - PAGE_KEPT
                down = event.key() == Key.Key_PageDown
                cursor.step(page if down else -page, 0, extend=extend)
            case Key.Key_Up | Key.Key_Down | Key.Key_Left | Key.Key_Right if not held & ALT:
                rows, sections = _DIRECTIONS[Key(event.key())]
                (cursor.jump if far else cursor.step)(rows, sections, extend=extend)
            case _:
                return False
        return True
