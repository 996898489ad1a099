"""The sheet as a Qt model: tick column, the table's columns with room to type, live effects.

Nothing is stored here but the last table seen; what changed is found by comparing it with the new
one, so that an edit, its undo and its redo take the same way and announce no more than they must.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from metadesk.gui.sheet.changes import Shift, shift_between, span_of_difference
from metadesk.gui.sheet.effect_text import (
    EFFECT_COLUMNS,
    NOTHING,
    PENDING,
    EffectTexts,
    effect_texts,
)
from metadesk.gui.sheet.origins import Origins
from metadesk.table import (
    ROLES,
    Compound,
    Edit,
    Role,
    StudyTable,
    TableColumn,
    Value,
    how_read,
    parse_number,
    shown,
)
from metadesk.table.gestures import paste, type_cell

if TYPE_CHECKING:
    from metadesk.analysis.prepare import Prepared
    from metadesk.analysis.result import StudyResult
    from metadesk.gui.session import Session
    from metadesk.table.validate import Problem

Index = QModelIndex | QPersistentModelIndex
ItemRole = Qt.ItemDataRole
TICK = 0
LONGEST_TITLE = 16  # characters; a longer name of a measure gives way to its short one
SPARE_ROWS = 30
ROOM_COLUMNS = 6
LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
SHOWN = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
TYPED = SHOWN | Qt.ItemFlag.ItemIsEditable
TICKED = SHOWN | Qt.ItemFlag.ItemIsUserCheckable
SEVERITIES = ("error", "warning", "note")


@lru_cache(maxsize=20_000)
def reads_as_number(text: str) -> bool:
    """Whether a text cell counts as a number."""
    return parse_number(text) is not None


class SheetModel(QAbstractTableModel):
    """Cells of the session's table, one tick column before and the effect columns behind."""

    columns_changed = Signal()
    reshaping = Signal()
    reshaped = Signal()  # rows or columns came or went, and the new table is held
    tick_requested = Signal(int, bool)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.opening = False  # another sheet comes to the front: the cursor begins anew
        self.origins = Origins(self)
        self._hold(session.table)
        self._marks: dict[tuple[int, int], list[Problem]] = {}
        self._column_marks: dict[int, list[Problem]] = {}
        self._row_marks: dict[int, list[Problem]] = {}
        self._prepared: Prepared | None = None
        self._studies: dict[int, StudyResult] = {}
        self._written: dict[int, EffectTexts] = {}
        self._touched: frozenset[int] = frozenset()
        session.table_changed.connect(self._take_table)
        session.prepared_changed.connect(self._take_effects)
        session.problems_changed.connect(self._take_problems)
        self._take_effects()
        self._take_problems()

    # ------------------------------------------------------------------ where things are
    def _hold(self, table: StudyTable) -> None:
        """Keep a table, with what every painted cell asks for at hand."""
        self.table = table
        self.n_rows = table.n_rows
        self.n_columns = len(table.columns)
        self.first_effect = _first_effect(table)
        self._columns: list[TableColumn | None] = [None, *table.columns]
        self._columns += [None] * (self.first_effect + len(EFFECT_COLUMNS) - len(self._columns))
        self._roles = [ROLES[c.role] if c and c.role else None for c in self._columns]
        self.origins.hold(table)

    def table_position(self, section: int) -> int | None:
        """Position in the table of a section; beyond the last column for an empty one."""
        return section - 1 if TICK < section < self.first_effect else None

    def column_at(self, section: int) -> TableColumn | None:
        """The table's column of a section, None for tick, spare and effect sections."""
        return self._columns[section] if 0 <= section < len(self._columns) else None

    def role_at(self, section: int) -> Role | None:
        """The role of a section's column."""
        return self._roles[section] if 0 <= section < len(self._roles) else None

    def effect_key(self, section: int) -> str:
        """Which effect column a section is, '' for none."""
        place = section - self.first_effect
        return EFFECT_COLUMNS[place] if place >= 0 else ""

    def row_id(self, row: int) -> int | None:
        """The stable id of a row, None for the empty rows at the end."""
        return self.table.row_ids[row] if row < self.n_rows else None

    def value(self, row: int, section: int) -> Value:
        """The cell's own value."""
        column = self.column_at(section)
        return column.cells[row] if column is not None and row < self.n_rows else None

    def is_excluded(self, row: int) -> bool:
        """Whether a person left this row out."""
        row_id = self.row_id(row)
        return row_id is not None and row_id in self.table.excluded

    def problems_at(self, row: int, section: int) -> list[Problem]:
        """What is wrong with a cell, the worst first."""
        column, row_id = self.column_at(section), self.row_id(row)
        if row_id is not None and self.effect_key(section) in ("route", "effect"):
            return self._row_marks.get(row_id, [])
        if column is None or row_id is None:
            return []
        return self._marks.get((row_id, column.id), [])

    def badge(self, row: int, section: int) -> str:
        """The mark that tells where a cell's number comes from or goes to, '' for none."""
        column, row_id = self.column_at(section), self.row_id(row)
        if column is None or row_id is None:
            return ""
        return self.origins.badge(row_id, column.id, changed=row_id in self.session.touched)

    def problems_of_column(self, section: int) -> list[Problem]:
        """What is said of a whole column, the worst first."""
        column = self.column_at(section)
        return [] if column is None else self._column_marks.get(column.id, [])

    def effect(self, row: int) -> EffectTexts:
        """The effect texts of a row: never of data that have changed since."""
        row_id = self.row_id(row)
        if row_id is None:
            return NOTHING
        if row_id in self.session.touched:
            return PENDING
        study = self._studies.get(row_id)
        if study is None:
            return NOTHING
        if row_id not in self._written:
            self._written[row_id] = effect_texts(study, self._mark(study))
        return self._written[row_id]

    def _mark(self, study: StudyResult) -> str:
        """The badge of an effect that was worked out over a conversion."""
        if self._prepared is None or not study.route:
            return ""
        from metadesk.analysis.ways import mark_of  # numpy is loaded once there are effects

        return mark_of(self._prepared.measure, study.route)

    def exact_effect(self, row: int, section: int) -> Value:
        """What a copy of an effect cell holds: numbers at full precision."""
        key, row_id = self.effect_key(section), self.row_id(row)
        study = self._studies.get(row_id) if row_id is not None else None
        if study is None or key not in ("yi", "sei") or self.effect(row) is PENDING:
            return self.text(row, section)
        return None if math.isnan(study.yi) else float(getattr(study, key))

    def place(self, row_id: int | None, column_id: int | None = None) -> QModelIndex:
        """The index of a cell by ids; the first cell where only a row or a column is known."""
        table, row = self.table, 0
        if row_id is not None:
            if row_id not in table.row_ids:
                return QModelIndex()
            row = table.row_ids.index(row_id)
        sections = (1 + i for i, c in enumerate(table.columns) if c.id == column_id)
        return self.index(row, next(sections, 1))

    # ------------------------------------------------------------------ Qt's questions
    def rowCount(self, parent: Index = QModelIndex()) -> int:
        """Rows of the table with the empty ones to type into."""
        return 0 if parent.isValid() else self.n_rows + SPARE_ROWS

    def columnCount(self, parent: Index = QModelIndex()) -> int:
        """Tick box, columns, room to type, effects."""
        return 0 if parent.isValid() else self.first_effect + len(EFFECT_COLUMNS)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Say what can be done with a cell."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        section = index.column()
        if section == TICK:
            return TICKED if index.row() < self.n_rows else SHOWN
        return TYPED if section < self.first_effect else SHOWN

    def data(self, index: Index, role: int = ItemRole.DisplayRole) -> Any:
        """Answer for one cell."""
        if not index.isValid():
            return None
        row, section = index.row(), index.column()
        if role in (ItemRole.DisplayRole, ItemRole.EditRole):
            return self.text(row, section)
        if role == ItemRole.TextAlignmentRole:
            return self.alignment(row, section)
        if role in (ItemRole.ToolTipRole, ItemRole.AccessibleDescriptionRole):
            return self.tooltip(row, section)
        if role == ItemRole.CheckStateRole and section == TICK and row < self.n_rows:
            return Qt.CheckState.Unchecked if self.is_excluded(row) else Qt.CheckState.Checked
        return None

    def text(self, row: int, section: int) -> str:
        """What stands in a cell."""
        column = self.column_at(section)
        if column is not None:
            return shown(column.cells[row]) if row < self.n_rows else ""
        key = self.effect_key(section)
        return str(getattr(self.effect(row), key)) if key else ""

    def alignment(self, row: int, section: int) -> int:
        """Numbers to the right, also those read from text where the column must hold numbers."""
        key = self.effect_key(section)
        if key:
            return LEFT if key == "route" or self.effect(row).missing else RIGHT
        value, role = self.value(row, section), self.role_at(section)
        if isinstance(value, str):
            reads = role is not None and role.numeric and reads_as_number(value)
            return RIGHT if reads else LEFT
        return LEFT if value is None else RIGHT

    def tooltip(self, row: int, section: int) -> str:
        """What is wrong with a cell, how its text was read, or why its row is left out."""
        row_id = self.row_id(row)
        if section == TICK:
            reason = self.table.excluded.get(row_id, "") if row_id is not None else ""
            return self.tr("Left out: {}").format(reason) if reason else ""
        if self.effect_key(section):
            said = [f"{p.sentence} {p.remedy}" for p in self.problems_at(row, section)]
            return "\n".join(filter(None, (self.effect(row).tooltip, *self._steps(row), *said)))
        problems = self.problems_at(row, section)
        said = [" ".join(filter(None, (p.sentence, p.remedy))) for p in problems]
        return "\n".join([*said, *self._reading(row, section), *self._origin(row, section)])

    def _origin(self, row: int, section: int) -> list[str]:
        """Which step wrote a cell, and which conversion read it."""
        column, row_id = self.column_at(section), self.row_id(row)
        if column is None or row_id is None:
            return []
        return self.origins.sentences(row_id, column.id, changed=row_id in self.session.touched)

    def _steps(self, row: int) -> list[str]:
        """The conversions behind an effect, for its tooltip."""
        prepared, row_id = self._prepared, self.row_id(row)
        if prepared is None or row_id is None or row_id in self.session.touched:
            return []
        if row_id not in self._studies or prepared.table.row_ids != self.table.row_ids:
            return []
        from metadesk.analysis.ways import steps_taken

        return list(steps_taken(prepared, row))

    def _reading(self, row: int, section: int) -> list[str]:
        value, role = self.value(row, section), self.role_at(section)
        if isinstance(value, float) and len(shown(value)) > 10:
            return [shown(value)]
        if not isinstance(value, str) or role is None or not role.numeric:
            return [value] if isinstance(value, str) and len(value) > 24 else []
        return [how_read(value)] if reads_as_number(value) else []

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = ItemRole.DisplayRole
    ) -> Any:
        """Answer for one header; rows are numbered as in Excel, from 1."""
        if orientation == Qt.Orientation.Vertical:
            return str(section + 1) if role == ItemRole.DisplayRole else None
        if role in (ItemRole.DisplayRole, ItemRole.EditRole):
            return self.title(section)
        if role == ItemRole.ToolTipRole:
            return self._header_tooltip(section)
        return None

    def title(self, section: int) -> str:
        """The name in the header."""
        column = self.column_at(section)
        if column is not None:
            return column.name
        return self._effect_title(self.effect_key(section))

    def _effect_title(self, key: str) -> str:
        if key == "effect":
            level = f"{100 * self.session.spec.level:g}"
            return self.tr("{} [{}% CI]").format(self._measure_name(), level)
        if key == "yi":
            return self._scale_name()
        return {"sei": self.tr("SE"), "route": self.tr("From")}.get(key, "")

    def _measure_name(self) -> str:
        if self._prepared is None or not self._prepared.measure:
            return self.tr("Effect")
        from metadesk.effects import MEASURES  # numpy is loaded once there are effects

        measure = MEASURES[self._prepared.measure]
        return measure.title if len(measure.title) <= LONGEST_TITLE else measure.short

    def _scale_name(self) -> str:
        if self._prepared is None or self._prepared.effects is None:
            return "yi"
        if self._prepared.effects.scale.key == "log":
            return self.tr("log {}").format(self._prepared.measure)
        return self._prepared.measure

    def _header_tooltip(self, section: int) -> str:
        column, role = self.column_at(section), self.role_at(section)
        if column is None:
            return ""
        if role is None:
            words = self.tr("No role. Click '+ role' to say what this column is.")
        else:
            guessed = self.tr("guessed; click to confirm or change")
            words = f"{role.title} ({guessed if column.guessed else role.group})"
        said = [p.sentence for p in self.problems_of_column(section)]
        return "\n".join([column.name, words, *said])

    # ------------------------------------------------------------------ what a person did
    def setData(self, index: Index, value: Any, role: int = ItemRole.EditRole) -> bool:
        """Take what was typed as an edit of the session; a tick asks for its reason first."""
        if not index.isValid():
            return False
        row, section = index.row(), index.column()
        if role == ItemRole.CheckStateRole and section == TICK and row < self.n_rows:
            self.tick_requested.emit(row, Qt.CheckState(value) == Qt.CheckState.Checked)
            return True
        position = self.table_position(section)
        if role != ItemRole.EditRole or position is None:
            return False
        if str(value) != self.text(row, section):
            self.session.apply(self._typing(row, position, str(value)))
        return True

    def _typing(self, row: int, position: int, text: str) -> Edit:
        """Type into a cell; beyond the end the table grows under the cursor."""
        if row < self.n_rows and position < len(self.table.columns):
            return type_cell(self.table, row, position, text)
        grown = paste(self.table, row, position, [[text]])
        return replace(grown, title=self.tr("Typing")) if isinstance(grown, Compound) else grown

    # ------------------------------------------------------------------ what the session says
    def _take_table(self, edit: Edit | None) -> None:
        old, new = self.table, self.session.table
        rows = shift_between(old.row_ids, new.row_ids)
        columns = shift_between([c.id for c in old.columns], [c.id for c in new.columns])
        if edit is None or (rows is not None and columns is not None):
            self.opening = edit is None
            self.beginResetModel()
            self._hold(new)
            self.endResetModel()
            self.opening = False
        elif rows is not None:
            self.reshaping.emit()
            self._shift_rows(rows, new)
            self.reshaped.emit()
        elif columns is not None:
            self.reshaping.emit()
            self._shift_columns(columns, new)
            self.reshaped.emit()
        else:
            self._hold(new)
            self._announce_cells(old, new)
        if columns is not None or edit is None or _headers(old) != _headers(new):
            self._announce_header(0)
            self.columns_changed.emit()

    def _shift_rows(self, shift: Shift, new: StudyTable) -> None:
        """Rows at the end come out of the empty ones below: the cursor stays where it is."""
        n_old, none = self.n_rows, QModelIndex()
        at_end = shift.at == min(n_old, new.n_rows)
        if shift.grown > 0:
            at = n_old + SPARE_ROWS if at_end else shift.at
            self.beginInsertRows(none, at, at + shift.grown - 1)
            self._hold(new)
            self.endInsertRows()
        elif shift.grown < 0:
            at = new.n_rows + SPARE_ROWS if at_end else shift.at
            self.beginRemoveRows(none, at, at - shift.grown - 1)
            self._hold(new)
            self.endRemoveRows()
        self._hold(new)
        self._announce(shift.start, self.rowCount() - 1, 0, self.columnCount() - 1)

    def _shift_columns(self, shift: Shift, new: StudyTable) -> None:
        """Columns at the end come out of the empty ones beside them."""
        before, none = self.first_effect, QModelIndex()
        after = _first_effect(new)
        at_end = shift.at == min(len(self.table.columns), len(new.columns))
        at = min(before, after) if at_end else 1 + shift.at
        if after > before:
            self.beginInsertColumns(none, at, at + after - before - 1)
            self._hold(new)
            self.endInsertColumns()
        elif after < before:
            at = min(at, after)
            self.beginRemoveColumns(none, at, at + before - after - 1)
            self._hold(new)
            self.endRemoveColumns()
        self._hold(new)
        self._announce(0, self.rowCount() - 1, 1 + shift.start, self.columnCount() - 1)

    def _announce_cells(self, old: StudyTable, new: StudyTable) -> None:
        """Announce the cells that differ between two tables of the same rows and columns."""
        for i, (before, after) in enumerate(zip(old.columns, new.columns, strict=True)):
            span = span_of_difference(before.cells, after.cells)
            if before.role != after.role:
                span = (0, new.n_rows - 1) if new.n_rows else None
            if span is not None:
                self._announce(*span, 1 + i, 1 + i)
        changed = {row_id for row_id, _ in set(old.excluded.items()) ^ set(new.excluded.items())}
        changed |= {
            r for r in old.steps.keys() | new.steps.keys() if old.steps.get(r) != new.steps.get(r)
        }
        rows = [i for i, row_id in enumerate(new.row_ids) if row_id in changed] if changed else []
        if rows:
            self._announce(rows[0], rows[-1], 0, self.columnCount() - 1)

    def _take_effects(self) -> None:
        before, prepared = self._prepared, self.session.prepared
        touched = self.session.touched
        changed = touched ^ self._touched
        first = self.first_effect
        if prepared is not before:
            studies = {} if prepared is None else {s.row_id: s for s in prepared.studies}
            if self.origins.take(prepared):
                changed, first = frozenset(self.table.row_ids), 1
            if before is None or prepared is None or _headings(before) != _headings(prepared):
                changed = frozenset(self.table.row_ids)
                self._written = {}
                self._prepared = prepared
                self._announce_header(self.first_effect)
            else:
                differ = {id for id, study in studies.items() if study != self._studies.get(id)}
                changed |= differ | (self._studies.keys() - studies.keys())
                for id in changed & self._written.keys():
                    del self._written[id]
            self._prepared, self._studies = prepared, studies
        self._touched = touched
        rows = [i for i, row_id in enumerate(self.table.row_ids) if row_id in changed]
        if rows:
            self._announce(rows[0], rows[-1], first, self.columnCount() - 1)

    def _take_problems(self) -> None:
        before, self._marks, self._column_marks = self._marks, {}, {}
        rows_before, self._row_marks = self._row_marks, {}
        for problem in sorted(self.session.problems, key=lambda p: SEVERITIES.index(p.severity)):
            if problem.column_id is None:
                if problem.row_id is not None:
                    self._row_marks.setdefault(problem.row_id, []).append(problem)
                continue
            if problem.row_id is None:
                self._column_marks.setdefault(problem.column_id, []).append(problem)
            else:
                self._marks.setdefault((problem.row_id, problem.column_id), []).append(problem)
        self._announce_header(0)
        changed = {
            cell for cell in before.keys() | self._marks.keys()
            if before.get(cell) != self._marks.get(cell)
        }  # fmt: skip
        ids = {row_id for row_id, _ in changed}
        rows = [i for i, row_id in enumerate(self.table.row_ids) if row_id in ids] if ids else []
        if rows:
            self._announce(rows[0], rows[-1], 1, self.n_columns)
        if rows_before != self._row_marks:
            self._announce(0, self.rowCount() - 1, self.first_effect, self.columnCount() - 1)

    def _announce_header(self, first: int) -> None:
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, first, self.columnCount() - 1)

    def _announce(self, top: int, bottom: int, left: int, right: int) -> None:
        self.dataChanged.emit(self.index(top, left), self.index(bottom, right))


def _first_effect(table: StudyTable) -> int:
    """Behind the tick box, the columns, and room to type: one column, more on a small sheet."""
    count = len(table.columns)
    return 1 + count + max(1, ROOM_COLUMNS - count)


def _headings(prepared: Prepared) -> tuple[object, ...]:
    """What the heads and the badges of the effect columns follow from."""
    return prepared.measure, prepared.spec.level, prepared.effects is None


def _headers(table: StudyTable) -> list[tuple[str, str | None, bool]]:
    return [(c.name, c.role, c.guessed) for c in table.columns]
