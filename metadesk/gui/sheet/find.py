"""Find and replace in the cells of the sheet."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QToolButton,
    QWidget,
)

from metadesk.gui.sheet.cursor import Cursor
from metadesk.gui.sheet.grid import SheetModel
from metadesk.gui.sheet.hands import Hands
from metadesk.table import StudyTable, TableColumn, Value, parse_typed, shown

Cell = tuple[int, int]


class TextIndex:
    """The texts of each column as one string, so that most columns are passed over at once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[tuple[Value, ...], str]] = {}

    def matches(self, table: StudyTable, sought: str, *, match_case: bool) -> list[Cell]:
        """Cells (row, column) whose text holds what is sought, row by row."""
        if not sought:
            return []
        wanted = sought if match_case else sought.casefold()
        found = []
        for at, column in enumerate(table.columns):
            if sought.casefold() not in self._joined(column):
                continue
            for row, value in enumerate(column.cells):
                text = shown(value)
                if wanted in (text if match_case else text.casefold()):
                    found.append((row, at))
        return sorted(found)

    def _joined(self, column: TableColumn) -> str:
        known = self._known.get(column.id)
        if known is None or known[0] is not column.cells:
            known = column.cells, "\0".join(map(shown, column.cells)).casefold()
            self._known[column.id] = known
        return known[1]


def replaced(value: Value, sought: str, by: str, *, match_case: bool) -> Value:
    """The cell with every occurrence replaced."""
    text = shown(value)
    if match_case:
        return parse_typed(text.replace(sought, by))
    folded, wanted = text.casefold(), sought.casefold()
    if len(folded) != len(text):  # a letter that folds to two: positions no longer agree
        return parse_typed(text.replace(sought, by))
    made, start = [], 0
    while (at := folded.find(wanted, start)) >= 0:
        made += [text[start:at], by]
        start = at + len(wanted)
    return parse_typed("".join(made) + text[start:])


class FindBar(QFrame):
    """A line under the sheet; Esc closes it and gives the focus back."""

    closed = Signal()

    def __init__(self, model: SheetModel, cursor: Cursor, hands: Hands, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("find_bar")
        self._model, self._cursor, self._hands = model, cursor, hands
        self._index = TextIndex()
        self.sought = self._line("find_text", self.tr("Find in the sheet"))
        self.by = self._line("replace_text", self.tr("Replace by"))
        self.sought.textEdited.connect(self._find_first)
        self.case = QCheckBox(self.tr("Match case"), self)
        self.case.setObjectName("find_case")
        self.said = QLabel(self)
        self.said.setObjectName("find_said")
        back = self._button("find_previous", "↑", self.tr("Previous (Shift+Enter)"))
        back.clicked.connect(lambda: self.find_step(-1))
        on = self._button("find_next", "↓", self.tr("Next (Enter)"))
        on.clicked.connect(lambda: self.find_step(1))
        self.one = self._button("replace_one", self.tr("Replace"), self.tr("Replace this one"))
        self.one.clicked.connect(self.replace_one)
        self.all = self._button("replace_all", self.tr("Replace all"), self.tr("Replace all"))
        self.all.clicked.connect(self.replace_all)
        close = self._button("find_close", "✕", self.tr("Close (Esc)"))
        close.clicked.connect(self.close_bar)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 4, 6, 4)
        layout.setSpacing(6)
        for widget in (self.sought, back, on, self.case, self.by, self.one, self.all):
            layout.addWidget(widget)
        layout.addWidget(self.said, 1)
        layout.addWidget(close)
        self.hide()

    def _line(self, name: str, words: str) -> QLineEdit:
        line = QLineEdit(self)
        line.setObjectName(name)
        line.setPlaceholderText(words)
        line.setAccessibleName(words)
        line.setMaximumWidth(220)
        line.installEventFilter(self)
        return line

    def _button(self, name: str, text: str, words: str) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(name)
        button.setText(text)
        button.setToolTip(words)
        button.setAccessibleName(words)
        button.setAutoRaise(True)
        return button

    def open_bar(self, *, replacing: bool) -> None:
        """Show the bar, with the line for replacing or without it."""
        for widget in (self.by, self.one, self.all):
            widget.setVisible(replacing)
        self.said.clear()
        self.show()
        self.sought.setFocus()
        self.sought.selectAll()

    def close_bar(self) -> None:
        """Hide the bar."""
        self.hide()
        self.closed.emit()

    # ------------------------------------------------------------------ finding
    def _matches(self) -> list[Cell]:
        ticked = self.case.isChecked()
        return self._index.matches(self._model.table, self.sought.text(), match_case=ticked)

    def _find_first(self) -> None:
        self.find_step(0)

    def find_step(self, step: int) -> bool:
        """Go to the next match (-1: the one before; 0: this one or the next)."""
        found = self._matches()
        if not found:
            self.said.setText(self.tr("Nothing found") if self.sought.text() else "")
            return False
        here = (self._cursor.row, self._cursor.section - 1)
        if step < 0:
            before = [i for i, cell in enumerate(found) if cell < here]
            at = before[-1] if before else len(found) - 1
        else:
            ahead = (i for i, c in enumerate(found) if c > here or (step == 0 and c == here))
            at = next(ahead, 0)
        self._cursor.go(found[at][0], found[at][1] + 1)
        self.said.setText(self.tr("{} of {}").format(at + 1, len(found)))
        return True

    # ------------------------------------------------------------------ replacing
    def _replaced(self, cells: list[Cell]) -> list[tuple[int, int, Value]]:
        table, ticked = self._model.table, self.case.isChecked()
        sought, by = self.sought.text(), self.by.text()
        return [(r, c, replaced(table.cell(r, c), sought, by, match_case=ticked)) for r, c in cells]

    def replace_one(self) -> None:
        """Replace in the current cell if it matches, then go to the next match."""
        here = (self._cursor.row, self._cursor.section - 1)
        if here in self._matches():
            self._hands.replace_texts(self._replaced([here]))
        self.find_step(1)

    def replace_all(self) -> None:
        """Replace in every match as one undo step."""
        cells = self._matches()
        self._hands.replace_texts(self._replaced(cells))
        count = len(cells)
        self.said.setText(
            self.tr("Replaced in 1 cell") if count == 1
            else self.tr("Replaced in {} cells").format(count)
        )  # fmt: skip

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter finds on, Shift+Enter back, Esc closes."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
                if watched is self.by:
                    self.replace_one()
                else:
                    self.find_step(-1 if shift else 1)
                return True
            if event.key() == Qt.Key.Key_Escape:
                self.close_bar()
                return True
        return super().eventFilter(watched, event)
