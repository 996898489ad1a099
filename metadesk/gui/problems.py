"""The list of what is wrong in the sheet or worth a second look; a click goes to the cell.

What many rows have in common stands in one line that opens with a click: the list is read from the
top, and twenty repeated labels must not hide the one impossible count below them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QIcon, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QLabel,
    QListView,
    QStackedLayout,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from metadesk.gui.sheet.colours import scroll_bar_css, sheet_colours
from metadesk.gui.theme import icon, tones

if TYPE_CHECKING:
    from metadesk.gui.session import Session
    from metadesk.table.validate import Problem

Index = QModelIndex | QPersistentModelIndex
ItemRole = Qt.ItemDataRole
SEVERITIES = ("error", "warning", "note")
ICONS = {"error": "strong", "warning": "caution", "note": "info"}
ICON_SIZE, MARGIN = 16, 12
MOST_ALIKE = 3  # problems of one kind that stand each on its own


@dataclass(frozen=True)
class Heading:
    """The line above the problems of one severity."""

    severity: str
    count: int


@dataclass(frozen=True)
class Fold:
    """The line for many problems of one kind; ``first`` is one of them as an example."""

    severity: str
    code: str
    count: int
    first: Problem
    opened: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What tells this fold from others."""
        return self.severity, self.code


Line: TypeAlias = "Heading | Fold | Problem"


def grouped(
    problems: tuple[Problem, ...], opened: frozenset[tuple[str, str]] = frozenset()
) -> list[Line]:
    """Problems under headings, the worst first; many of one kind in one line until it is opened."""
    lines: list[Line] = []
    for severity in SEVERITIES:
        found = [problem for problem in problems if problem.severity == severity]
        if not found:
            continue
        lines.append(Heading(severity, len(found)))
        for code in dict.fromkeys(problem.code for problem in found):
            alike = [problem for problem in found if problem.code == code]
            if len(alike) <= MOST_ALIKE:
                lines += alike
                continue
            fold = Fold(severity, code, len(alike), alike[0], (severity, code) in opened)
            lines += [fold, *alike] if fold.opened else [fold]
    return lines


def title_of(code: str) -> str:
    """What a kind of problem is called."""
    from metadesk.analysis.row_checks import ROW_CHECKS
    from metadesk.table.validate import CHECKS

    for catalogue in (CHECKS, ROW_CHECKS):
        if code in catalogue:
            return str(catalogue[code].title)
    return code.replace("_", " ").capitalize()


class ProblemsModel(QAbstractListModel):
    """Headings, folds and problems as rows of a list."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.lines: list[Line] = []
        self._opened: frozenset[tuple[str, str]] = frozenset()
        session.problems_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Take the session's problems."""
        lines = grouped(self._session.problems, self._opened)
        if lines != self.lines:
            self.beginResetModel()
            self.lines = lines
            self.endResetModel()

    def toggle(self, row: int) -> bool:
        """Open or close the fold in a row; whether there is one."""
        line = self.lines[row] if 0 <= row < len(self.lines) else None
        if not isinstance(line, Fold):
            return False
        self._opened ^= {line.key}
        self.refresh()
        return True

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        """Headings and problems together."""
        return 0 if parent.isValid() else len(self.lines)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Headings can be read, problems chosen."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        if isinstance(self.lines[index.row()], Heading):
            return Qt.ItemFlag.ItemIsEnabled
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: Index, role: int = ItemRole.DisplayRole) -> Any:
        """Answer for one line."""
        if not index.isValid():
            return None
        line = self.lines[index.row()]
        if isinstance(line, Heading):
            return self.heading(line) if role == ItemRole.DisplayRole else None
        if isinstance(line, Fold):
            return self.fold(line) if role == ItemRole.DisplayRole else None
        if role == ItemRole.DisplayRole:
            return line.sentence
        if role == ItemRole.ToolTipRole:
            return f"{line.sentence}\n{line.remedy}" if line.remedy else line.sentence
        return None

    def heading(self, line: Heading) -> str:
        """The words above a group."""
        words = {
            "error": self.tr("Must be mended: the row cannot be used"),
            "warning": self.tr("Worth a look"),
            "note": self.tr("Notes"),
        }
        return f"{words[line.severity]} ({line.count})"

    def fold(self, line: Fold) -> str:
        """The words of a fold."""
        return self.tr("{0} ({1})").format(title_of(line.code), line.count)

    def problem(self, row: int) -> Problem | None:
        """The problem in a row, None for a heading or a fold."""
        line = self.lines[row] if 0 <= row < len(self.lines) else None
        return None if line is None or isinstance(line, Heading | Fold) else line


class ProblemDelegate(QStyledItemDelegate):
    """Paints a problem in two lines: what is wrong, and what would mend it."""

    def __init__(self, model: ProblemsModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = model
        self.restyle(parent.font())

    def restyle(self, font: QFont) -> None:
        """Take the window's font and colours."""
        self._font, self._bold, self._small = QFont(font), QFont(font), QFont(font)
        self._bold.setBold(True)
        self._small.setPointSizeF(font.pointSizeF() * 0.92)
        self._line = QFontMetrics(font).height()
        t = tones()
        shades = {"error": t.strong, "warning": t.caution, "note": t.accent}
        self._icons = {key: icon(ICONS[key], shades[key]) for key in SEVERITIES}
        self._chevrons = {True: icon("down", t.muted), False: icon("right", t.muted)}
        self._text, self._muted = QColor(t.text), QColor(t.muted)
        self._selection, self._rule = QColor(t.selection), QColor(t.line)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """All lines have one height, so that a long list opens at once."""
        return QSize(200, 2 * self._line + 12)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one line of the list."""
        line, rect = self._model.lines[index.row()], option.rect
        if isinstance(line, Heading):
            self._paint_heading(painter, rect, self._model.heading(line))
            return
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, self._selection)
        place = rect.adjusted(MARGIN, 6, -MARGIN, -6)
        if isinstance(line, Fold):
            self._paint_fold(painter, place, line)
            return
        self._icon(line.severity).paint(painter, place.left(), place.top(), ICON_SIZE, ICON_SIZE)
        text = place.adjusted(ICON_SIZE + 10, 0, 0, 0)
        self._paint_line(painter, text, line.sentence, self._font, self._text)
        below = text.adjusted(0, self._line, 0, 0)
        self._paint_line(painter, below, line.remedy, self._small, self._muted)

    def _paint_fold(self, painter: QPainter, place: QRect, line: Fold) -> None:
        self._icon(line.severity).paint(painter, place.left(), place.top(), ICON_SIZE, ICON_SIZE)
        chevron = self._chevrons[line.opened]
        side = place.left() + ICON_SIZE + 6
        chevron.paint(painter, side, place.top(), ICON_SIZE, ICON_SIZE)
        text = place.adjusted(2 * ICON_SIZE + 10, 0, 0, 0)
        self._paint_line(painter, text, self._model.fold(line), self._bold, self._text)
        below = text.adjusted(0, self._line, 0, 0)
        self._paint_line(painter, below, line.first.sentence, self._small, self._muted)

    def _icon(self, severity: str) -> QIcon:
        return self._icons[severity]

    def _paint_heading(self, painter: QPainter, rect: QRect, words: str) -> None:
        painter.setPen(self._rule)
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        place = rect.adjusted(MARGIN, 0, -MARGIN, -6)
        painter.setFont(self._bold)
        painter.setPen(self._muted)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignBottom), words)

    def _paint_line(
        self, painter: QPainter, place: QRect, words: str, font: QFont, ink: QColor
    ) -> None:
        painter.setFont(font)
        painter.setPen(ink)
        flat = " ".join(words.split())
        shown = QFontMetrics(font).elidedText(flat, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(place, int(Qt.AlignmentFlag.AlignTop), shown)


class ProblemsPanel(QFrame):
    """Lists the session's problems; whoever holds the sheet shows the cell that was asked for."""

    cell_requested = Signal(object, object)  # row id and column id, None where a problem has none
    count_changed = Signal(int)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("problems_panel")
        self.setAccessibleName(self.tr("Problems"))
        self._session = session
        self.model = ProblemsModel(session, self)
        self.list = QListView(self)
        self.list.setObjectName("problems_list")
        self.list.setAccessibleName(self.tr("Problems in the sheet"))
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setUniformItemSizes(True)
        self.list.viewport().setAutoFillBackground(False)  # one surface with the other tabs
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setModel(self.model)
        self._delegate = ProblemDelegate(self.model, self.list)
        self.list.setItemDelegate(self._delegate)
        self.list.clicked.connect(self._go)
        self.list.activated.connect(self._go)
        self.none = QLabel(self.tr("No problems found"), self)
        self.none.setObjectName("problems_none")
        self.none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedLayout(self)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.addWidget(self.list)
        self._stack.addWidget(self.none)
        session.problems_changed.connect(self._count)
        self.restyle()
        self._count()

    @property
    def count(self) -> int:
        """How many lines of errors and warnings there are; notes are no problem."""
        lines = grouped(self._session.problems)
        return sum(not isinstance(line, Heading) and line.severity != "note" for line in lines)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the window into another palette or font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self.restyle()

    def restyle(self) -> None:
        """Take palette and font of the window."""
        self._delegate.restyle(self.font())
        self.list.verticalScrollBar().setStyleSheet(scroll_bar_css(sheet_colours(self.palette())))
        self.none.setStyleSheet(f"color: {tones().muted};")
        self.list.viewport().update()

    def _count(self) -> None:
        self._stack.setCurrentWidget(self.list if self.model.lines else self.none)
        self.count_changed.emit(self.count)

    def _go(self, index: QModelIndex) -> None:
        if self.model.toggle(index.row()):
            self.list.setCurrentIndex(self.model.index(index.row()))
            return
        problem = self.model.problem(index.row())
        if problem is not None:
            self.cell_requested.emit(problem.row_id, problem.column_id)
