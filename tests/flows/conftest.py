"""Whole runs through the real window: open, edit, choose, export, and read the workbook back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QPushButton, QWidget

from metadesk.gui.app import Desk, load_engine
from metadesk.gui.theme import apply_theme
from metadesk.numerics.progress import SILENT
from metadesk.resources import example

PATIENCE = 20_000


class Person:
    """What a person does at the window, and what the person sees there."""

    def __init__(self, qtbot: Any, folder: Path) -> None:
        self.qtbot = qtbot
        self.folder = folder
        settings = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
        self.desk = Desk(settings)
        self.window = self.desk.window
        self.session = self.desk.session
        qtbot.addWidget(self.window)
        self.window.resize(1360, 880)
        load_engine(SILENT, lambda _: None)
        self.window.show()
        qtbot.waitExposed(self.window)
        self.window.start()

    def open(self, path: Path, sheet: str = "") -> None:
        with self.qtbot.waitSignal(self.window.opened, timeout=PATIENCE):
            self.window.open_path(path)
        if sheet:
            self.session.switch_sheet(self.session.sheet_names.index(sheet))
        self.wait()

    def wait(self) -> None:
        """Wait until what is on the screen holds."""
        self.qtbot.waitUntil(
            lambda: (
                not self.session.stale
                and not self.session.busy
                and not self.session.checking
                and (self.session.any_result is not None or bool(self.session.failure))
            ),
            timeout=PATIENCE,
        )

    def widget(self, kind: type[QWidget], name: str) -> Any:
        found = self.window.findChild(kind, name)
        assert found is not None, name
        return found

    def column(self, name: str) -> int:
        return [c.name for c in self.session.table.columns].index(name)

    def type_cell(self, row: int, name: str, text: str) -> None:
        """Go to a cell and type, as with the keyboard."""
        table = self.session.table
        column = table.columns[self.column(name)]
        self.window.sheet.show_cell(table.row_ids[row], column.id)
        view = QApplication.focusWidget() or self.window.sheet.body
        self.qtbot.keyClicks(view, text[0])
        # the one before it may still be about to go
        editors = self.window.findChildren(QLineEdit, "cell_editor")
        assert editors, "typing opens the cell"
        editor = editors[-1]
        editor.setText(text)
        self.qtbot.keyClick(editor, Qt.Key.Key_Return)

    def choose(self, name: str, key: str) -> None:
        """Choose an entry of a combo box by its key."""
        combo = self.widget(QComboBox, name)
        at = combo.findData(key)
        assert at >= 0, [combo.itemData(i) for i in range(combo.count())]
        combo.setCurrentIndex(at)
        combo.activated.emit(at)

    def study(self, row: int) -> Any:
        """What the result says of a row."""
        row_id = self.session.table.row_ids[row]
        return next(s for s in self.session.result.studies if s.row_id == row_id)

    def export(self, name: str = "exported") -> dict[str, list[tuple[Any, ...]]]:
        """Export the results workbook through the dialog and read it back."""
        self.wait()
        dialog = self.window.export()
        dialog.folder.setText(str(self.folder))
        dialog.name.setText(name)
        with self.qtbot.waitSignal(dialog.exported, timeout=PATIENCE):
            dialog.findChild(QPushButton, "exportGo").click()
        return read_book(self.folder / f"{name}.xlsx")

    @staticmethod
    def holds(rows: list[tuple[Any, ...]], value: float, rel: float = 1e-9) -> bool:
        """Whether a number stands somewhere in a sheet of an exported workbook."""
        numbers = [v for row in rows for v in row if isinstance(v, int | float)]
        return any(v == pytest.approx(value, rel=rel) for v in numbers)


def read_book(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every sheet of a workbook as rows of values."""
    book = openpyxl.load_workbook(path)
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}


@pytest.fixture
def person(qtbot, tmp_path) -> Iterator[Person]:
    apply_theme(QApplication.instance(), "light")
    someone = Person(qtbot, tmp_path)
    yield someone
    someone.session.close()


@pytest.fixture
def bcg_book() -> Path:
    return example("bcg_vaccine.xlsx")
