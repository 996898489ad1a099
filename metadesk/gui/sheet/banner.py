"""One calm line above the sheet: what was recognised, and what is left to decide."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QToolButton, QWidget

from metadesk.errors import SpecProblem
from metadesk.gui.sheet.colours import sheet_colours
from metadesk.gui.sheet.words import (
    banner_sentence,
    blocks_of,
    columns_without_role,
    compound_columns_of,
    has_guesses,
    role_titles,
)
from metadesk.table import SetRoles, StudyTable
from metadesk.table.outcomes import ALL, chosen_outcome, outcomes_of

if TYPE_CHECKING:
    from metadesk.formats.blocks import Block
    from metadesk.gui.session import Session


class OneLine(QLabel):
    """Words on one line; '…' where the room ends, so that a long line never widens the window."""

    def minimumSizeHint(self) -> QSize:
        """Room for a few letters."""
        return QSize(8 * self.fontMetrics().averageCharWidth(), super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint what fits."""
        room = self.contentsRect()
        shown = self.fontMetrics().elidedText(
            self.text(), Qt.TextElideMode.ElideRight, room.width()
        )
        side = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        self.style().drawItemText(
            QPainter(self), room, side, self.palette(), self.isEnabled(), shown,
            self.foregroundRole(),
        )  # fmt: skip


class Banner(QFrame):
    """Says what was recognised; lets the person confirm the guesses or go to what is missing."""

    column_requested = Signal(int)  # position in the table
    split_requested = Signal(tuple)  # ids of the columns

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sheet_banner")
        self._session = session
        self._dismissed = False
        self.label = OneLine(self)
        self.label.setObjectName("banner_text")
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.blocks = self._button("banner_blocks", self.tr("Another outcome"))
        self.blocks.setToolTip(self.tr("Choose which columns are analysed"))
        self.blocks.clicked.connect(self._open_blocks)
        self.split = self._button("banner_split", self.tr("Split cells"))
        self.split.setToolTip(self.tr("Put the numbers of a cell into columns of their own"))
        self.split.clicked.connect(lambda: self.split_requested.emit(self._compound))
        self.confirm = self._button("banner_confirm", self.tr("Roles are right"))
        self.confirm.clicked.connect(self._confirm)
        self.show_next = self._button("banner_next", self.tr("Show the next"))
        self.show_next.setToolTip(self.tr("Go to the next column without a role"))
        self.show_next.clicked.connect(self._go_on)
        self.dismiss = self._button("banner_dismiss", "✕")
        self.dismiss.setAccessibleName(self.tr("Hide this line"))
        self.dismiss.setToolTip(self.tr("Hide this line"))
        self.dismiss.clicked.connect(self._dismiss)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 4, 6, 4)
        layout.setSpacing(8)
        layout.addWidget(self.label, 1)
        for button in (self.blocks, self.split, self.confirm, self.show_next, self.dismiss):
            layout.addWidget(button)
        self._last_shown = -1
        self._n_blocks = 0
        self._columns: object = None
        self._compound: tuple[int, ...] = ()
        session.table_changed.connect(self._take_table)
        session.spec_changed.connect(self._say)
        self.restyle()
        self._take_table(None)

    def _button(self, name: str, text: str) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(name)
        button.setText(text)
        button.setAccessibleName(text)
        button.setAutoRaise(True)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        return button

    def restyle(self) -> None:
        """Take the window's palette."""
        colours = sheet_colours(self.palette())
        accent, hover = colours.current.name(), colours.effect_header.name()
        self.setStyleSheet(
            f"#sheet_banner {{ background: {colours.effect.name()};"
            f" border-bottom: 1px solid {colours.grid.name()}; }}"
            f"QLabel {{ color: {colours.header_ink.name()}; }}"
            f"QToolButton {{ color: {accent}; border: none; padding: 3px 8px;"
            f" border-radius: 4px; }}"
            f"QToolButton:hover, QToolButton:focus {{ background: {hover}; }}"
        )

    def _take_table(self, edit: object) -> None:
        table = self._session.table
        if edit is None:
            self._dismissed, self._last_shown = False, -1
            self._n_blocks = len(blocks_of(table))
        columns = tuple((c.id, c.name) for c in table.columns)
        if edit is None or columns != self._columns:
            self._columns, self._compound = columns, compound_columns_of(table)
        self._say()
        self.split.setVisible(bool(self._compound))
        self.confirm.setVisible(has_guesses(table))
        self.show_next.setVisible(bool(columns_without_role(table)))
        several = self._n_blocks > 1 or outcomes_of(table).divide
        self.blocks.setVisible(several)
        decisions = several or bool(self._compound) or _has_decisions(table)
        self.setVisible(bool(self.label.text()) and not self._dismissed and decisions)

    def _say(self) -> None:
        table = self._session.table
        sentence = banner_sentence(table, self._session.spec.outcome_meant)
        # cells that must be split come first: until then nothing else can be recognised
        self.label.setText(" ".join(filter(None, (self._of_cells(), sentence))))
        self.label.setToolTip("\n".join((self.label.text(), *role_titles(table))))

    def _of_cells(self) -> str:
        """That cells hold several numbers."""
        count = len(self._compound)
        if not count:
            return ""
        table = self._session.table
        names = [c.name for c in table.columns if c.id in self._compound]
        if count == 1:
            return self.tr("'{}' holds several numbers in each cell.").format(names[0])
        return self.tr("{} columns hold several numbers in each cell.").format(count)

    def block_menu(self) -> QMenu:
        """The outcomes and sets of columns that could be analysed, those in use ticked."""
        from metadesk.formats.blocks import is_chosen

        table, menu = self._session.table, QMenu(self)
        menu.setObjectName("blocks_menu")
        self._add_outcomes(menu)
        found = blocks_of(table)
        found = found if len(found) > 1 else ()
        for i, block in enumerate(found):
            name = block.name or self.tr("Set {}").format(i + 1)
            action = menu.addAction(self._with_rows(name, block.filled))
            action.setCheckable(True)
            action.setChecked(is_chosen(table, block))
            action.triggered.connect(lambda _=False, b=block: self._choose(b, found))
        return menu

    def _add_outcomes(self, menu: QMenu) -> None:
        """The outcomes of a long sheet."""
        outcomes, spec = outcomes_of(self._session.table), self._session.spec
        if not outcomes.divide:
            return
        try:
            chosen = chosen_outcome(outcomes, spec.outcome_meant) or ALL
        except SpecProblem:
            chosen = ""
        lines = {name: self._with_rows(name, count) for name, count in outcomes.rows.items()}
        for name, words in {**lines, ALL: self.tr("All together")}.items():
            action = menu.addAction(words)
            action.setCheckable(True)
            action.setChecked(name == chosen)
            action.triggered.connect(lambda _=False, n=name: self._choose_outcome(n))
        menu.addSeparator()

    def _with_rows(self, name: str, count: int) -> str:
        words = self.tr("{0} (1 row)") if count == 1 else self.tr("{0} ({1} rows)")
        return words.format(name, count)

    def _choose_outcome(self, name: str) -> None:
        spec = replace(self._session.spec, outcome=name)
        self._session.set_spec(spec, self.tr("Outcome: {}").format(name))

    def _open_blocks(self) -> None:
        menu = self.block_menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.blocks.mapToGlobal(self.blocks.rect().bottomLeft()))

    def _choose(self, block: Block, found: tuple[Block, ...]) -> None:
        from metadesk.formats.blocks import choose_block

        self._session.apply(choose_block(self._session.table, block, found))

    def _confirm(self) -> None:
        table = self._session.table
        said = tuple((c.id, c.role, False) for c in table.columns if c.guessed and c.role)
        self._session.apply(SetRoles(said, self.tr("Confirm roles")))

    def _go_on(self) -> None:
        columns = columns_without_role(self._session.table)
        if columns:
            later = [i for i in columns if i > self._last_shown]
            self._last_shown = (later or columns)[0]
            self.column_requested.emit(self._last_shown)

    def _dismiss(self) -> None:
        self._dismissed = True
        self.hide()


def _has_decisions(table: StudyTable) -> bool:
    return not table.n_rows or has_guesses(table) or bool(columns_without_role(table))
