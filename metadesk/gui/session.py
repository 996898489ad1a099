"""The state behind the window: sheets, specs, what was found, and whether it still holds.

Calls go down, signals come up: panels call :meth:`Session.apply`, :meth:`Session.set_spec`,
:meth:`Session.select`; every panel hears of it through the signals. Every change is one command on
the undo stack of its sheet. A change starts the analysis behind the window after a short rest; the
newest request wins, and until its answer is here the old result stays, marked out of date.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QThreadPool, QTimer, Signal
from PySide6.QtGui import QUndoGroup, QUndoStack

from metadesk.analysis.spec import AnalysisSpec
from metadesk.analysis.trial_spec import AnySpec, TrialSpec, holds_trial
from metadesk.errors import MetadeskError
from metadesk.gui.analysing import (
    Check,
    Engine,
    LazyEngine,
    PreparedPart,
    Request,
    ResultPart,
    analyse,
    check_table,
    look_for_problems,
)
from metadesk.gui.jobs import Lane, Tell
from metadesk.gui.open_sheet import OpenSheet, effects_differ, touched_rows
from metadesk.gui.undo import EditCommand, KindCommand, SpecCommand
from metadesk.numerics.progress import Progress
from metadesk.project import Project, Source
from metadesk.table import StudyTable

if TYPE_CHECKING:
    from metadesk.analysis.engine import AnyResult
    from metadesk.analysis.prepare import Prepared
    from metadesk.analysis.result import AnalysisResult
    from metadesk.analysis.trial_prepare import PreparedTrial
    from metadesk.analysis.trial_result import TrialResult
    from metadesk.table.edits import Edit
    from metadesk.table.validate import Problem

UNDO_LIMIT = 200
REST_MS = 8  # edits that follow each other faster than this are one request
CHECK_AFTER_MS = 60  # nobody waits for the problems; the result and its figure go first


class Session(QObject):
    """One open workbook with its analyses. See the module for how it is used."""

    table_changed = Signal(object)  # the Edit that was applied, or None for a new table
    spec_changed = Signal()
    prepared_changed = Signal()
    result_changed = Signal()
    problems_changed = Signal()
    selection_changed = Signal(int)  # row id, -1 for none
    sheets_changed = Signal()
    figure_changed = Signal(str)  # the plot whose options changed
    saved_changed = Signal()  # the file, or whether everything is saved in it
    message = Signal(str)
    busy_changed = Signal(bool, float, str)

    def __init__(
        self,
        engine: Engine | None = None,
        check: Check = check_table,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._engine: Engine = engine or LazyEngine()
        self._check = check
        self.pool = QThreadPool(self)
        self.pool.setMaxThreadCount(3)
        self._lanes: list[Lane] = []
        self._lane = self.new_lane(newest_wins=True)
        self._lane.part.connect(self._on_part)
        self._lane.failed.connect(self._on_failed)
        self._lane.progress.connect(self._on_progress)
        self._lane.busy_changed.connect(self._on_busy)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._start)
        self._asked_fit = False
        self._check_lane = self.new_lane(newest_wins=True)
        self._check_lane.done.connect(self._on_checked)
        self._check_lane.failed.connect(lambda _, sentence: self.message.emit(sentence))
        self._check_rest = QTimer(self)
        self._check_rest.setSingleShot(True)
        self._check_rest.setInterval(CHECK_AFTER_MS)
        self._check_rest.timeout.connect(self._start_check)
        self.undo_group = QUndoGroup(self)
        self.auto_run = True
        self.path: Path | None = None
        self.own = False  # whether the file at ``path`` is a project, which saving may replace
        self.source: Source | None = None
        self._loose = False  # changes that no undo stack knows
        self._sheets: list[OpenSheet] = []
        self._active = 0
        self._set_sheets([self._new_sheet(StudyTable())])

    # -- what stands ------------------------------------------------------------------------------

    @property
    def sheet(self) -> OpenSheet:
        """The sheet in front."""
        return self._sheets[self._active]

    @property
    def sheet_names(self) -> tuple[str, ...]:
        """The sheets of the workbook, in order."""
        return tuple(s.table.name for s in self._sheets)

    @property
    def sheet_index(self) -> int:
        """The position of the sheet in front."""
        return self._active

    @property
    def table(self) -> StudyTable:
        """The table of the sheet in front."""
        return self.sheet.table

    @property
    def spec(self) -> AnalysisSpec:
        """The request of the sheet in front."""
        return self.sheet.spec

    @property
    def prepared(self) -> Prepared | None:
        """The live effect sizes; None while there are none."""
        return self.sheet.prepared if self.sheet.trial is None else None

    @property
    def result(self) -> AnalysisResult | None:
        """The last result that arrived, whether or not it still holds (see ``stale``)."""
        return self.sheet.result if self.sheet.trial is None else None

    @property
    def kind(self) -> str:
        """What the sheet in front holds: 'studies' or 'trial' (rows)."""
        return "studies" if self.sheet.trial is None else "trial"

    @property
    def trial(self) -> TrialSpec | None:
        """The request of a sheet of trial rows, None for a sheet of studies."""
        return self.sheet.trial

    @property
    def trial_prepared(self) -> PreparedTrial | None:
        """The checked rows of a trial sheet."""
        return self.sheet.trial_prepared if self.sheet.trial is not None else None

    @property
    def trial_result(self) -> TrialResult | None:
        """The last result of a trial sheet."""
        return self.sheet.trial_result if self.sheet.trial is not None else None

    @property
    def any_result(self) -> AnyResult | None:
        """The last result of either kind."""
        return self.result if self.sheet.trial is None else self.sheet.trial_result

    @property
    def request(self) -> AnySpec:
        """The request of the sheet in front, of either kind."""
        return self.spec if self.sheet.trial is None else self.sheet.trial

    @property
    def stale(self) -> bool:
        """Whether the result does not match table and spec."""
        return self.sheet.stale

    @property
    def touched(self) -> frozenset[int]:
        """Rows edited since the effect sizes were worked out; they must not show an old value."""
        return self.sheet.touched

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong in the sheet, cell by cell."""
        return self.sheet.problems

    @property
    def failure(self) -> str:
        """Why the newest request gave no result; '' when it did or is still running."""
        return self.sheet.failure

    @property
    def selected(self) -> int:
        """The selected row's id; -1 for none."""
        return self.sheet.selected

    @property
    def undo_stack(self) -> QUndoStack:
        """The undo stack of the sheet in front; ``undo_group`` follows it."""
        return self.sheet.undo_stack

    @property
    def edited(self) -> bool:
        """Whether anything was changed since it was opened or saved."""
        return self._loose or any(not sheet.undo_stack.isClean() for sheet in self._sheets)

    @property
    def busy(self) -> bool:
        """Whether an analysis is running or about to start."""
        return self._lane.busy or self._rest.isActive()

    @property
    def checking(self) -> bool:
        """Whether the sheet is being looked through for problems, or is about to be."""
        return self._check_lane.busy or self._check_rest.isActive()

    # -- opening ----------------------------------------------------------------------------------

    def open_table(self, table: StudyTable, path: Path | None = None) -> None:
        """Show one table in place of what was open."""
        self.open_workbook((table,), path)

    def open_workbook(
        self, tables: Sequence[StudyTable], path: Path | None = None, active: int = 0
    ) -> None:
        """Show the sheets of a workbook in place of what was open."""
        self._show([self._new_sheet(table) for table in tables], path, active)

    def open_project(
        self, project: Project, path: Path | None, *, own: bool = True, unsaved: bool = False
    ) -> None:
        """Show everything that a project keeps; ``unsaved`` if no file holds it yet."""
        sheets = [OpenSheet.kept(sheet, self._new_stack()) for sheet in project.sheets]
        self._show(sheets, path, project.active)
        self.source, self.own, self._loose = project.source, own, unsaved
        self.saved_changed.emit()

    def project(self) -> Project:
        """Everything that a person would miss, as a value."""
        return Project(tuple(s.to_keep() for s in self._sheets), self._active, self.source)

    def saved(self, project: Project, path: Path) -> None:
        """Take note that ``project`` lies at ``path``; what was changed since stays unsaved."""
        self.path, self.own = path, True
        if project.sheets == self.project().sheets:
            self._loose = False
            for sheet in self._sheets:
                sheet.undo_stack.setClean()
        self.saved_changed.emit()

    def _show(self, sheets: list[OpenSheet], path: Path | None, active: int) -> None:
        self._forget()
        self.path, self.source, self.own, self._loose = path, None, False, False
        self._set_sheets(sheets, active)
        self._announce_sheet()

    def switch_sheet(self, index: int) -> None:
        """Bring another sheet to the front; each keeps its edits, its request and its undo."""
        if index == self._active or not 0 <= index < len(self._sheets):
            return
        self._forget()
        self._active = index
        self.undo_group.setActiveStack(self.undo_stack)
        self._announce_sheet()

    def _new_sheet(self, table: StudyTable) -> OpenSheet:
        return OpenSheet.new(table, self._new_stack())

    def _new_stack(self) -> QUndoStack:
        stack = QUndoStack(self.undo_group)
        stack.setUndoLimit(UNDO_LIMIT)
        return stack

    def _set_sheets(self, sheets: list[OpenSheet], active: int = 0) -> None:
        old, self._sheets, self._active = self._sheets, sheets, active
        self.undo_group.setActiveStack(self.undo_stack)
        for sheet in old:
            self.undo_group.removeStack(sheet.undo_stack)
            sheet.undo_stack.deleteLater()

    def _announce_sheet(self) -> None:
        self.sheets_changed.emit()
        self.table_changed.emit(None)
        self.spec_changed.emit()
        self.prepared_changed.emit()
        self.problems_changed.emit()
        self.result_changed.emit()
        self.selection_changed.emit(self.selected)
        if self.table.columns and (self.any_result is None or self.stale):
            self._request()
        elif self.sheet.unchecked:
            self._check_rest.start()

    # -- changing ---------------------------------------------------------------------------------

    def apply(self, edit: Edit) -> None:
        """Apply an edit of the table as one undoable step.

        An edit that cannot be applied changes nothing; its sentence goes out as a message.
        """
        try:
            edit.apply(self.table)
        except MetadeskError as problem:
            self.message.emit(str(problem))
            return
        self.undo_stack.push(EditCommand(self, edit))

    def set_spec(self, spec: AnalysisSpec, title: str) -> None:
        """Change the request as one undoable step; nothing happens if nothing changed."""
        if spec != self.spec:
            self.undo_stack.push(SpecCommand(self, self.spec, spec, title))

    def set_trial(self, spec: TrialSpec, title: str) -> None:
        """Change the request of a trial sheet as one undoable step."""
        before = self.sheet.trial
        if before is not None and spec != before:
            self.undo_stack.push(SpecCommand(self, before, spec, title))

    def set_kind(self, kind: str, title: str) -> None:
        """Say that the sheet holds 'studies' or 'trial' rows, as one undoable step."""
        if kind != self.kind:
            trial = TrialSpec(sheet=self.table.name) if kind == "trial" else None
            self.undo_stack.push(KindCommand(self, trial, title))

    def add_sheet(self, table: StudyTable) -> int:
        """Put another sheet behind the last one and return its position; it stays in the back."""
        self._sheets.append(self._new_sheet(table))
        self._loose = True
        self.sheets_changed.emit()
        return len(self._sheets) - 1

    def table_of(self, index: int) -> StudyTable:
        """The table of a sheet by its position."""
        return self._sheets[index].table

    def select(self, row_id: int) -> None:
        """Select a row in every view."""
        if row_id != self.sheet.selected:
            self.sheet.selected = row_id
            self.selection_changed.emit(row_id)

    def figure_options(self, plot: str) -> Mapping[str, Any]:
        """The options of a plot that were chosen, by name; the others are at their defaults."""
        return self.sheet.figure_options.get(plot, {})

    def set_figure_option(self, plot: str, name: str, value: object) -> None:
        """Choose one option of a plot."""
        chosen = {**self.figure_options(plot), name: value}
        if chosen != self.figure_options(plot):
            self.sheet.figure_options[plot] = chosen
            self._loose = True
            self.figure_changed.emit(plot)

    def take_edit(self, edit: Edit) -> Edit:
        """Change the table and return the way back; only the commands of the undo stack call it."""
        before = self.table
        after, inverse = edit.apply(before)
        self.sheet.table = after
        self.sheet.touched |= touched_rows(before, after, all_columns=bool(self.spec.roles))
        if self.spec.dependence and self.sheet.touched:
            self.sheet.touched = frozenset(after.row_ids)  # rows of one study share an effect
        turned = self._take_kind(after)
        self._out_of_date()
        self.table_changed.emit(edit)
        if turned:
            self._announce_kind()
        self.prepared_changed.emit()
        self._request()
        return inverse

    def _take_kind(self, table: StudyTable) -> bool:
        """Let the roles say what the sheet holds unless a person did; whether that is new."""
        holds = holds_trial(table)
        if self.sheet.kind_said or holds == (self.sheet.trial is not None):
            return False
        self.sheet.trial = TrialSpec(sheet=table.name) if holds else None
        return True

    def take_kind(self, trial: TrialSpec | None, said: bool) -> None:
        """Hold the sheet for studies or trial rows; only the commands of the undo stack call it."""
        self.sheet.trial, self.sheet.kind_said = trial, said
        self.sheet.touched = frozenset(self.table.row_ids)
        self.sheet.stale = True
        self.sheet.failure = ""
        self._announce_kind()
        self._request()

    def _announce_kind(self) -> None:
        self.spec_changed.emit()
        self.prepared_changed.emit()
        self.result_changed.emit()

    def take_spec(self, spec: AnySpec) -> None:
        """Change the request; only the commands of the undo stack call it."""
        if isinstance(spec, TrialSpec):
            self.sheet.trial = spec
            self._out_of_date()
            self.spec_changed.emit()
            self._request()
            return
        before, self.sheet.spec = self.spec, spec
        if effects_differ(before, spec):
            self.sheet.touched = frozenset(self.table.row_ids)
            self.prepared_changed.emit()
        self._out_of_date()
        self.spec_changed.emit()
        self._request()

    def _out_of_date(self) -> None:
        self.sheet.failure = ""
        if not self.sheet.stale:
            self.sheet.stale = True
            self.result_changed.emit()

    # -- running ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Run the analysis now, also when ``auto_run`` is off."""
        self._asked_fit = True
        self._rest.stop()
        self._start()

    def cancel(self) -> None:
        """Stop what is running; the last result stays, marked out of date."""
        if not self.busy:
            return
        self._rest.stop()
        self._lane.forget()
        self._on_busy(False)
        if self.sheet.unchecked:
            self._check_rest.start()
        self.message.emit(
            self.tr("Stopped. What is shown belongs to the data before your last change.")
        )
        self.result_changed.emit()

    def close(self, seconds: float = 2.0) -> bool:
        """Stop everything and wait for the worker; return whether it ended in time."""
        self._rest.stop()
        self._check_rest.stop()
        for lane in self._lanes:
            lane.cancel()
        until = time.monotonic() + seconds
        ended = [lane.close(max(0.0, until - time.monotonic())) for lane in self._lanes]
        return all(ended)

    def new_lane(self, *, newest_wins: bool) -> Lane:
        """Make a lane of work of its own, which ends with the session."""
        lane = Lane(self.pool, newest_wins=newest_wins, parent=self)
        self._lanes.append(lane)
        return lane

    def _request(self) -> None:
        """Ask for a run after a short rest, so that a burst of edits is one request."""
        self._rest.start()
        self._forget()
        self.sheet.unchecked = True

    def _forget(self) -> None:
        """Let go of what is under way: it answers a question that nobody asks any more."""
        self._lane.forget()
        self._check_rest.stop()
        self._check_lane.forget()

    def _start(self) -> None:
        request = Request(self.request, self.table, self.auto_run or self._asked_fit)
        self._asked_fit = False
        engine = self._engine

        def work(progress: Progress, tell: Tell) -> object:
            analyse(engine, request, progress, tell)
            return None

        self._lane.start(work)

    def _start_check(self) -> None:
        check, table, prepared = self._check, self.table, self.prepared

        def work(_progress: Progress, _tell: Tell) -> object:
            return look_for_problems(check, table, prepared)

        self._check_lane.start(work)

    def _on_checked(self, _number: int, found: tuple[Problem, ...]) -> None:
        self.sheet.problems = found
        self.sheet.unchecked = False
        self.problems_changed.emit()

    def _on_part(self, _number: int, part: object) -> None:
        if isinstance(part, PreparedPart):
            self.sheet.take_prepared(part.prepared)
            self.prepared_changed.emit()
            self._check_rest.start()
        elif isinstance(part, ResultPart):
            self.sheet.take_result(part.result)
            self.result_changed.emit()

    def _on_failed(self, _number: int, sentence: str) -> None:
        self.sheet.failure = sentence
        if self.sheet.touched or self.sheet.prepared is None:
            self.sheet.prepared = None  # rather no effect sizes than old ones
            self.sheet.touched = frozenset()
            self.prepared_changed.emit()
        self.message.emit(sentence)
        self.result_changed.emit()
        if self.sheet.unchecked:
            self._check_rest.start()

    def _on_progress(self, _number: int, fraction: float, what: str) -> None:
        self.busy_changed.emit(True, fraction, what)

    def _on_busy(self, busy: bool) -> None:
        now = busy or self._rest.isActive()
        self.busy_changed.emit(now, 0.0, self.tr("Analysing") if now else "")
