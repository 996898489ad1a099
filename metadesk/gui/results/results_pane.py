"""The results tab: fixed and random effects side by side, heterogeneity, studies, notes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelectionModel, QSignalBlocker, Qt
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from metadesk.document import Table
from metadesk.gui.results.notes import NoteList
from metadesk.gui.results.partition_bar import PartitionBar
from metadesk.gui.results.table_view import TableView, as_mime
from metadesk.gui.session import Session
from metadesk.gui.theme import icon, panel_css, set_role, tones

if TYPE_CHECKING:
    from metadesk.analysis.engine import AnyResult


class ResultsPane(QScrollArea):
    """Everything that was found, as tables that can be copied."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("resultsPane")
        self.setAccessibleName(self.tr("Results"))
        self.setWidgetResizable(True)
        self._session = session
        self._shown: AnyResult | None = None
        self._views: dict[str, TableView] = {}
        body = QWidget(self)
        body.setObjectName("resultsBody")
        self._column = QVBoxLayout(body)
        self._column.setContentsMargins(24, 16, 24, 24)
        self._column.setSpacing(8)
        self._state = QLabel(body)
        self._state.setObjectName("resultsState")
        self._state.setWordWrap(True)
        self._state.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._tables = QVBoxLayout()
        self._tables.setSpacing(4)
        self._notes = NoteList("resultNotes", body)
        self._column.addWidget(self._state)
        self._column.addLayout(self._tables)
        self._column.addWidget(self._notes)
        self._column.addStretch(1)
        self.setWidget(body)
        self.restyle()
        session.result_changed.connect(self.refresh)
        session.selection_changed.connect(self._show_selection)
        self.refresh()

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables of the last result."""
        self._build()
        return tuple(view.table for view in self._views.values())

    def restyle(self) -> None:
        """Take the colours of the palette in force."""
        self.setStyleSheet(panel_css(tones()))
        self._shown = None

    def refresh(self) -> None:
        """Show what the session found, or say why there is nothing; tables once they are seen."""
        self._say_state(self._session.any_result)
        if self.isVisible():
            self._build()

    def showEvent(self, event: QShowEvent) -> None:
        """Build what nobody has looked at until now."""
        self._build()
        super().showEvent(event)

    def _build(self) -> None:
        result = self._session.any_result
        if result is self._shown:
            return
        self._shown = result
        self._clear()
        if result is None:
            self._notes.show_notes(())
            return
        from metadesk.gui.results.tables import any_tables

        for table in any_tables(result):
            self._add(table)
        self._notes.show_notes(result.notes)
        self._show_selection(self._session.selected)

    def copy_all(self) -> None:
        """Put all tables on the clipboard, under each other."""
        self._build()
        if not self._views:
            return
        parts = [as_mime(view.table) for view in self._views.values()]
        whole = parts[0]
        whole.setText("\r\n\r\n".join(part.text() for part in parts))
        whole.setHtml("".join(part.html() for part in parts))
        QGuiApplication.clipboard().setMimeData(whole)

    def _say_state(self, result: AnyResult | None) -> None:
        words, role = "", "muted"
        if self._session.failure:
            words, role = self._session.failure, "warning"
        elif result is None:
            words = self.tr("The results appear here as soon as the sheet holds studies.")
        elif self._session.stale:
            words, role = self.tr("Out of date: the data or the model have changed."), "warning"
        elif result.problem:
            words, role = result.problem, "warning"
        self._state.setText(words)
        self._state.setVisible(bool(words))
        set_role(self._state, role)
        self._state.style().polish(self._state)

    def _clear(self) -> None:
        self._views.clear()
        while (item := self._tables.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()

    def _add(self, table: Table) -> None:
        block = QWidget()
        block.setObjectName(f"resultBlock-{table.key}")
        column = QVBoxLayout(block)
        column.setContentsMargins(0, 4, 0, 8)
        column.setSpacing(4)
        view = TableView(table, block)
        column.addLayout(self._head(table, view))
        if table.key == "partition":
            column.addWidget(PartitionBar(table, block))
        column.addWidget(view)
        for note in table.notes:
            words = QLabel(note, block)
            words.setWordWrap(True)
            words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            set_role(words, "muted")
            column.addWidget(words)
        self._views[table.key] = view
        if table.key == "studies":
            view.selectionModel().currentRowChanged.connect(self._select_row)
        self._tables.addWidget(block)

    def _head(self, table: Table, view: TableView) -> QHBoxLayout:
        head = QHBoxLayout()
        title = QLabel(table.title)
        title.setObjectName(f"resultTitle-{table.key}")
        set_role(title, "heading")
        copy = QToolButton()
        copy.setObjectName(f"copy-{table.key}")
        copy.setText(self.tr("Copy"))
        copy.setIcon(icon("copy", tones().muted))
        copy.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        copy.setAccessibleName(self.tr("Copy table {0}").format(table.title))
        copy.setToolTip(self.tr("Copy this table with all digits, for Excel and Word"))
        set_role(copy, "flat")
        copy.clicked.connect(partial(TableView.copy, view))
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(copy)
        return head

    def _row_ids(self) -> tuple[int, ...]:
        from metadesk.analysis.result import AnalysisResult

        if not isinstance(self._shown, AnalysisResult):
            return ()
        return tuple(s.row_id for s in self._shown.studies if s.listed)

    def _select_row(self) -> None:
        row = self._views["studies"].currentIndex().row()
        if row >= 0:
            self._session.select(self._row_ids()[row])

    def _show_selection(self, row_id: int) -> None:
        view = self._views.get("studies")
        if view is None or self._shown is None:
            return
        ids = self._row_ids()
        if row_id not in ids:
            return
        with QSignalBlocker(view.selectionModel()):
            view.selectionModel().setCurrentIndex(
                view.model().index(ids.index(row_id), 0),
                QItemSelectionModel.SelectionFlag.ClearAndSelect
                | QItemSelectionModel.SelectionFlag.Rows,
            )
        view.viewport().update()
