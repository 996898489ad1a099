"""The spreadsheet of the window: three views of one sheet with menus, banner and find bar.

The study column at the left and the effect at the right stand still when the sheet is wider than
the view. They are views of their own beside the scrolled one (an overlay would stop Qt from moving
pixels when it scrolls); model, selection and cursor are shared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QModelIndex, QPoint, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QInputDialog,
    QLineEdit,
    QScrollBar,
    QVBoxLayout,
    QWidget,
)

from metadesk.gui.sheet.banner import Banner
from metadesk.gui.sheet.colours import scroll_bar_css, sheet_colours
from metadesk.gui.sheet.cursor import Cursor, Flag
from metadesk.gui.sheet.find import FindBar
from metadesk.gui.sheet.grid import TICK, SheetModel
from metadesk.gui.sheet.hands import Hands
from metadesk.gui.sheet.keys import Keys
from metadesk.gui.sheet.layout import ColumnWidths, Division, divide
from metadesk.gui.sheet.menus import SEPARATOR, Line, menu_of
from metadesk.gui.sheet.reason_menu import ReasonMenu
from metadesk.gui.sheet.role_menu import RoleMenu
from metadesk.gui.sheet.view import SheetView

if TYPE_CHECKING:
    from metadesk.gui.session import Session


class SheetPane(QWidget):
    """Edits the table of a session. See the module for how it is put together."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sheet_pane")
        self.session = session
        self.model = SheetModel(session, self)
        self.cursor_ = Cursor(self.model, self)
        self.hands = Hands(session, self.model, self.cursor_, self)
        self.keys = Keys(self)
        self._build()
        self._connect()
        self.more_lines: list[Callable[[], list[Line]]] = []  # what others offer about a row
        self._last_row = -1
        self._arranging = False
        self._start()

    # ------------------------------------------------------------------ putting together
    def _build(self) -> None:
        self.fixed = self._view("sheet_fixed")
        self.body = self._view("sheet_body")
        self.pinned = self._view("sheet_pinned")
        self.body.verticalHeader().hide()
        self.pinned.verticalHeader().hide()
        self.views = (self.fixed, self.body, self.pinned)
        self.widths = ColumnWidths(self.model, self.body.header)
        self.banner = Banner(self.session, self)
        self.find_bar = FindBar(self.model, self.cursor_, self.hands, self)
        self._down = QScrollBar(Qt.Orientation.Vertical, self)
        self._across = QScrollBar(Qt.Orientation.Horizontal, self)
        self._edges = (self._edge(), self._edge())
        row = QHBoxLayout()
        row.setSpacing(0)
        for widget in (self.fixed, self._edges[0], self.body, self._edges[1], self.pinned):
            row.addWidget(widget, 1 if widget is self.body else 0)
        row.addWidget(self._down)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banner)
        layout.addLayout(row, 1)
        layout.addWidget(self._across)
        layout.addWidget(self.find_bar)
        self.setFocusProxy(self.body)

    def _view(self, name: str) -> SheetView:
        return SheetView(self.model, self.cursor_, self.keys.press, name=name, parent=self)

    def _edge(self) -> QFrame:
        """The line beside what stands still."""
        line = QFrame(self)
        line.setFixedWidth(1)
        line.hide()
        return line

    def _connect(self) -> None:
        for view in self.views:
            view.tick_clicked.connect(self.toggle_tick)
            view.menu_requested.connect(self._open_menu)
            view.delegate.left_by_key.connect(self._leave_editor)
            view.header.role_requested.connect(self.open_role_menu)
            view.header.rename_requested.connect(self.rename)
            view.header.customContextMenuRequested.connect(self._header_menu_of(view))
            view.header.sectionResized.connect(self._dragged)
            view.header.sectionHandleDoubleClicked.connect(self._fit)
            view.verticalScrollBar().valueChanged.connect(self._scroll_all)
        self.fixed.rows.sectionPressed.connect(self._stand_in_row)
        self.fixed.rows.customContextMenuRequested.connect(self._row_menu)
        self._tie(self.body.verticalScrollBar(), self._down)
        self._tie(self.body.horizontalScrollBar(), self._across)
        self.model.tick_requested.connect(lambda row, _ticked: self.toggle_tick(row))
        self.model.columns_changed.connect(self._columns_changed)
        self.model.modelReset.connect(self.arrange)
        self.cursor_.moved.connect(self._on_moved)
        self.banner.column_requested.connect(self._show_column)
        self.banner.split_requested.connect(self.hands.split_columns)
        self.find_bar.closed.connect(self.setFocus)
        self.session.table_changed.connect(self._on_table)
        self.session.prepared_changed.connect(self._effects_changed)
        self._kind = self.session.kind
        self.session.spec_changed.connect(self._kind_changed)
        self.session.selection_changed.connect(self.show_row)

    def _tie(self, inner: QScrollBar, outer: QScrollBar) -> None:
        """Let a scroll bar beside the views do the work of a hidden one."""

        def take_range(low: int, high: int) -> None:
            outer.setRange(low, high)
            outer.setPageStep(inner.pageStep())
            outer.setSingleStep(inner.singleStep())
            outer.setVisible(high > low)

        inner.rangeChanged.connect(take_range)
        inner.valueChanged.connect(outer.setValue)
        outer.valueChanged.connect(inner.setValue)
        outer.setVisible(False)

    def _scroll_all(self, value: int) -> None:
        for view in self.views:
            view.verticalScrollBar().setValue(value)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the window into another palette or font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self.restyle()

    def restyle(self) -> None:
        """Take palette and font of the window."""
        colours = sheet_colours(self.palette())
        for view in self.views:
            view.restyle()
        self.banner.restyle()
        for bar in (self._down, self._across):
            bar.setStyleSheet(scroll_bar_css(colours))
        for line in self._edges:
            line.setStyleSheet(f"background: {colours.chips['none'].line.name()};")
        self.widths.remeasure()
        self.arrange()

    # ------------------------------------------------------------------ columns on the screen
    def resizeEvent(self, event: QResizeEvent) -> None:
        """Decide anew what stands still."""
        super().resizeEvent(event)
        self.arrange()

    def arrange(self) -> None:
        """Give every section to one of the views and set its width."""
        if self._arranging:
            return
        self._arranging = True
        for view in self.views:
            view.header.setFixedHeight(view.header.sizeHint().height())
        count, font = self.model.columnCount(), self.font()
        hidden = self.cursor_.is_hidden
        widths = [0 if hidden(i) else self.widths.of(i, font) for i in range(count)]
        numbers = self.fontMetrics().horizontalAdvance("0" * len(str(self.model.rowCount()))) + 18
        self.fixed.verticalHeader().setFixedWidth(max(numbers, 34))
        numbers = self.fixed.verticalHeader().width()
        available = self.width() - numbers - self._down.sizeHint().width() - 2
        division = divide(self.model, widths, available)
        self._give(self.fixed, widths, 0, division.frozen)
        self._give(self.body, widths, division.frozen, division.pinned)
        self._give(self.pinned, widths, division.pinned, count)
        self.fixed.setFixedWidth(numbers + sum(widths[: division.frozen]))
        self.pinned.setFixedWidth(sum(widths[division.pinned :]))
        self._show_edges(division, count)
        self._arranging = False

    def _give(self, view: SheetView, widths: list[int], start: int, end: int) -> None:
        view.show_sections(start, end)
        for section in range(start, end):
            if widths[section] and view.columnWidth(section) != widths[section]:
                view.setColumnWidth(section, widths[section])

    def _show_edges(self, division: Division, count: int) -> None:
        pinned = division.pinned < count
        self._edges[0].setVisible(division.frozen > TICK + 1)
        self._edges[1].setVisible(pinned)
        self.pinned.setVisible(pinned)

    def _dragged(self, section: int, _old: int, new: int) -> None:
        if not self._arranging and new > 0:
            self.widths.drag(section, new)
            self.arrange()

    def _fit(self, section: int) -> None:
        self.widths.undrag(section)
        self.arrange()

    def _columns_changed(self) -> None:
        self.widths.remeasure()
        self.arrange()

    def _effects_changed(self) -> None:
        waiting = bool(self.session.touched)  # the new effects are measured when they are here
        if not waiting and self.widths.effects_differ(self.font()):
            self.arrange()

    def _kind_changed(self) -> None:
        """Show or hide the columns of effects when the sheet turns out to hold something else."""
        if self.session.kind != self._kind:
            self._kind = self.session.kind
            self.arrange()

    # ------------------------------------------------------------------ session and cursor
    def _start(self) -> None:
        """Stand in the first cell without selecting a study for the other panels."""
        self.restyle()
        self.cursor_.moved.disconnect(self._on_moved)
        self.cursor_.go(0, 1)
        self.cursor_.moved.connect(self._on_moved)
        self._last_row = 0

    def _on_table(self, edit: object) -> None:
        if edit is None:
            self.cursor_.hidden = frozenset()
            self.widths.forget()
            self.arrange()
            self._start()
            self._across.setValue(0)
            self._down.setValue(0)

    def _on_moved(self) -> None:
        row = self.cursor_.row
        for view in self.views:
            view.update_row(self._last_row)
            view.update_row(row)
            view.header.viewport().update()
        self._last_row = row
        index = self.cursor_.selection.currentIndex()
        view = self.view_of(index)
        view.scrollTo(index)
        if view is not self.body:  # the rows of the body lead the others
            self.body.verticalScrollBar().setValue(view.verticalScrollBar().value())
        if any(other.hasFocus() for other in self.views) and not view.hasFocus():
            view.setFocus()
        row_id = self.model.row_id(row)
        self.session.select(-1 if row_id is None else row_id)

    def view_of(self, index: QModelIndex) -> SheetView:
        """The view that shows a column."""
        return next((view for view in self.views if view.shows(index)), self.body)

    def show_row(self, row_id: int) -> None:
        """Go to a row that was selected elsewhere."""
        if row_id != -1 and self.model.row_id(self.cursor_.row) != row_id:
            place = self.model.place(row_id)
            if place.isValid():
                self.cursor_.go(place.row(), max(self.cursor_.section, 1))

    def show_cell(self, row_id: int | None, column_id: int | None) -> None:
        """Go to a cell and let the person type there."""
        place = self.model.place(row_id, column_id)
        if place.isValid():
            self.cursor_.go(place.row(), place.column())
            self.view_of(place).setFocus()

    def _show_column(self, position: int) -> None:
        self.cursor_.go(max(self.cursor_.row, 0), position + 1)
        self.view_of(self.cursor_.selection.currentIndex()).setFocus()

    def _leave_editor(self, rows: int, sections: int) -> None:
        if sections:
            self.cursor_.tab(sections)
        else:
            self.cursor_.enter(rows)
        self.view_of(self.cursor_.selection.currentIndex()).setFocus()

    def leave(self, *, forward: bool) -> None:
        """Give the focus to the next widget outside the sheet."""
        other: QWidget = self
        while True:
            other = (other.nextInFocusChain() if forward else other.previousInFocusChain()) or self
            takes = other.focusPolicy() & Qt.FocusPolicy.TabFocus and other.isVisible()
            if other is self or (takes and not self.isAncestorOf(other)):
                break
        if other is not self:
            reason = Qt.FocusReason.TabFocusReason
            other.setFocus(reason if forward else Qt.FocusReason.BacktabFocusReason)

    # ------------------------------------------------------------------ what menus and keys call
    def edit(self) -> None:
        """Edit the current cell with the text cursor behind what is there."""
        index = self.cursor_.selection.currentIndex()
        if not index.isValid() or not index.flags() & Qt.ItemFlag.ItemIsEditable:
            return
        view = self.view_of(index)
        view.edit(index)
        editor = view.findChild(QLineEdit, "cell_editor")
        if editor is not None:
            editor.end(False)

    def find_text(self) -> None:
        """Open the find bar."""
        self.find_bar.open_bar(replacing=False)

    def find_and_replace(self) -> None:
        """Open the find bar with the line for replacing."""
        self.find_bar.open_bar(replacing=True)

    def rename(self, section: int) -> None:
        """Ask for a column's name."""
        old = self.model.title(section)
        words = self.tr("Name of the column")
        name, ok = QInputDialog.getText(self, self.tr("Rename column"), words, text=old)
        if ok:
            self.hands.rename(section, name)

    def hide_columns(self) -> None:
        """Take the selected columns off the screen; they stay in the sheet and in the analysis."""
        ids = {self.model.table.columns[at].id for at in self.cursor_.columns()}
        self.cursor_.hidden |= ids
        self.arrange()
        self.cursor_.step(0, 1)

    def show_columns(self) -> None:
        """Bring all hidden columns back."""
        self.cursor_.hidden = frozenset()
        self.arrange()

    def ask_role(self) -> None:
        """Open the role menu of the current column."""
        view = self.view_of(self.cursor_.selection.currentIndex())
        if self.model.column_at(self.cursor_.section) is not None:
            view.header.ask_role(self.cursor_.section)

    def open_role_menu(self, section: int, point: QPoint) -> RoleMenu | None:
        """Open the menu of roles for a column."""
        column = self.model.column_at(section)
        if column is None:
            return None
        menu = RoleMenu(self.model.table, column.role, self)
        menu.chosen.connect(lambda role: self.hands.set_role(section, role or None))
        menu.open_at(point)
        return menu

    def toggle_tick(self, row: int) -> None:
        """Leave a row out or take it back in, with all selected rows if it is one of them."""
        row_id = self.model.row_id(row)
        if row_id is None:
            return
        rows = self.cursor_.rows()
        chosen = rows if row in rows and len(rows) > 1 else [row]
        ids = [self.model.table.row_ids[r] for r in chosen]
        if self.model.is_excluded(row):
            self.hands.include([i for i in ids if i in self.model.table.excluded])
        else:
            self._ask_reason([i for i in ids if i not in self.model.table.excluded], row)

    def toggle_selected(self) -> None:
        """Leave the selected rows out or take them back in."""
        self.toggle_tick(self.cursor_.row)

    def _ask_reason(self, row_ids: list[int], row: int) -> None:
        one = self.model.table.label(row_ids[0])
        what = one if len(row_ids) == 1 else self.tr("{} rows").format(len(row_ids))
        menu = ReasonMenu(what, self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.chosen.connect(lambda reason: self.hands.exclude(row_ids, reason))
        corner = self.fixed.visualRect(self.model.index(row, TICK)).bottomLeft()
        menu.popup(self.fixed.viewport().mapToGlobal(corner))

    # ------------------------------------------------------------------ menus
    def menu_at_cursor(self) -> None:
        """Open the menu of the selection at the current cell."""
        index = self.cursor_.selection.currentIndex()
        view = self.view_of(index)
        self._open_menu(view.viewport().mapToGlobal(view.visualRect(index).bottomLeft()))

    def _open_menu(self, point: QPoint) -> None:
        menu = menu_of(self.cell_lines(), "cell_menu", self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(point)

    def _stand_in_row(self, row: int) -> None:
        """A row chosen by its number is typed into from its first cell on."""
        if self.cursor_.section == TICK:
            first = self.model.index(row, 1)
            self.cursor_.selection.setCurrentIndex(first, Flag.NoUpdate)

    def _row_menu(self, point: QPoint) -> None:
        row = self.fixed.rows.logicalIndexAt(point)
        if row not in self.cursor_.rows():
            self.cursor_.go(row, 1)
            self.cursor_.select_rows()
        self._open_menu(self.fixed.rows.viewport().mapToGlobal(point))

    def cell_lines(self) -> list[Line]:
        """What can be done with the selection."""
        rows, columns = self.cursor_.rows(), self.cursor_.columns()
        row_words = self.tr("row") if len(rows) <= 1 else self.tr("{} rows").format(len(rows))
        out = bool(rows) and self.model.is_excluded(self.cursor_.row)
        tick = self.tr("Include {}") if out else self.tr("Leave out {} …")
        return [
            Line(self.tr("Cut"), self.hands.cut, "Ctrl+X", bool(columns and rows)),
            Line(self.tr("Copy"), self.hands.copy, "Ctrl+C"),
            Line(self.tr("Paste"), self.hands.paste, "Ctrl+V"),
            Line(self.tr("Clear"), self.hands.clear, "Del", bool(columns and rows)),
            Line(self.tr("Fill down"), self.hands.fill_down, "Ctrl+D", bool(columns and rows)),
            SEPARATOR,
            Line(self.tr("Insert rows above"), self.hands.insert_rows, "Ctrl++", bool(rows)),
            Line(self.tr("Insert rows below"), self._insert_below, "", bool(rows)),
            Line(self.tr("Delete rows"), self.hands.delete_rows, "Ctrl+-", bool(rows)),
            SEPARATOR,
            Line(self.tr("Insert columns left"), self.hands.insert_columns, "Ctrl+Shift++"),
            Line(
                self.tr("Delete columns"), self.hands.delete_columns, "Ctrl+Shift+-", bool(columns)
            ),
            SEPARATOR,
            Line(tick.format(row_words), self.toggle_selected, "Ctrl+E", bool(rows)),
            Line(self.tr("Use row as column names"), self.hands.take_as_header, "", len(rows) == 1),
            *(line for offer in self.more_lines for line in offer()),
        ]

    def _holds_several(self, section: int) -> bool:
        """Whether most cells of a column hold several numbers."""
        from metadesk.table.splitting import parts_in_column

        column = self.model.column_at(section)
        return column is not None and bool(parts_in_column(column))

    def _insert_below(self) -> None:
        self.hands.insert_rows(below=True)

    def _header_menu_of(self, view: SheetView) -> Callable[[QPoint], None]:
        def open_menu(point: QPoint) -> None:
            section = view.header.logicalIndexAt(point)
            lines = self.header_lines(section)
            if lines:
                menu = menu_of(lines, "header_menu", self)
                menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
                menu.popup(view.header.viewport().mapToGlobal(point))

        return open_menu

    def header_lines(self, section: int) -> list[Line]:
        """What can be done with a column."""
        if self.model.table_position(section) is None:
            return []
        real = self.model.column_at(section) is not None
        if section - 1 not in self.cursor_.columns():
            self.cursor_.go(max(self.cursor_.row, 0), section)
        hands = self.hands
        return [
            Line(self.tr("Role …"), self.ask_role, "Ctrl+R", real),
            Line(self.tr("Rename …"), lambda: self.rename(section)),
            Line(
                self.tr("Split cells"),
                lambda: hands.split(section),
                "",
                self._holds_several(section),
            ),
            SEPARATOR,
            Line(self.tr("Sort ascending"), lambda: hands.sort(section), "", real),
            Line(
                self.tr("Sort descending"), lambda: hands.sort(section, descending=True), "", real
            ),
            SEPARATOR,
            Line(self.tr("Insert columns left"), hands.insert_columns, "Ctrl+Shift++"),
            Line(self.tr("Insert columns right"), lambda: hands.insert_columns(right=True)),
            Line(self.tr("Delete columns"), hands.delete_columns, "Ctrl+Shift+-", real),
            SEPARATOR,
            Line(self.tr("Hide columns"), self.hide_columns, "", real),
            Line(self.tr("Show hidden columns"), self.show_columns, "", bool(self.cursor_.hidden)),
        ]
