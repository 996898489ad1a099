"""The state behind the window: sheets, specs, what was found, and whether it still holds.

Calls go down, signals come up: panels call :meth:`Session.apply`, :meth:`Session.set_spec`,
:meth:`Session.select`; every panel hears of it through the signals. Every change is one command on
the undo stack of its sheet. A change starts the analysis behind the window after a short rest; the
newest request wins, and until its answer is here the old result stays, marked out of date.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QObject, QThreadPool, QTimer, Signal
from PySide6.QtGui import QUndoCommand, QUndoGroup, QUndoStack

from metadesk.analysis.presets import default_spec
from metadesk.analysis.spec import AnalysisSpec
from metadesk.analysis.trial_spec import AnySpec, TrialSpec, holds_trial
from metadesk.errors import MetadeskError
from metadesk.gui.jobs import Lane, Tell
from metadesk.numerics.progress import Progress
from metadesk.project import Project, ProjectSheet, Source
from metadesk.table import StudyTable

if TYPE_CHECKING:
    from metadesk.analysis.engine import AnyPrepared, AnyResult
    from metadesk.analysis.prepare import Prepared
    from metadesk.analysis.result import AnalysisResult
    from metadesk.analysis.trial_prepare import PreparedTrial
    from metadesk.analysis.trial_result import TrialResult
    from metadesk.table.edits import Edit
    from metadesk.table.validate import Problem

UNDO_LIMIT = 200
REST_MS = 20  # edits that follow each other faster than this are one request


class Engine(Protocol):
    """What the session asks of the analysis; :mod:`metadesk.analysis.engine` is one."""

    def prepare(self, spec: Any, table: StudyTable) -> Any:
        """Work out the effect sizes, or check the rows of a trial."""
        ...

    def fit(self, prepared: Any, progress: Progress) -> Any:
        """Pool them, or fit the trial's model."""
        ...


class LazyEngine:
    """The engine of the house, imported when it is first asked (in the worker's thread)."""

    def prepare(self, spec: AnySpec, table: StudyTable) -> AnyPrepared:
        """Work out the effect sizes, or check the rows of a trial."""
        from metadesk.analysis import engine

        return engine.prepare(spec, table)

    def fit(self, prepared: AnyPrepared, progress: Progress) -> AnyResult:
        """Pool them, or fit the trial's model."""
        from metadesk.analysis import engine

        return engine.fit(prepared, progress)


Check = Callable[[StudyTable], "Iterable[Problem]"]


def check_table(table: StudyTable) -> Iterable[Problem]:
    """List what is wrong in the sheet."""
    from metadesk.table.validate import validate

    return validate(table)


@dataclass(frozen=True)
class Request:
    """What one run of the worker is about; frozen, so it may cross threads."""

    spec: AnySpec
    table: StudyTable
    with_fit: bool


@dataclass
class Sheet:
    """Everything that belongs to one sheet of the workbook and survives switching away from it.

    ``trial`` is the request of a sheet of trial rows, None for a sheet of studies; ``kind_said``
    whether a person decided which of the two it is.
    """

    table: StudyTable
    spec: AnalysisSpec
    undo_stack: QUndoStack
    prepared: Prepared | None = None
    result: AnalysisResult | None = None
    stale: bool = False
    touched: frozenset[int] = frozenset()
    problems: tuple[Problem, ...] = ()
    failure: str = ""
    selected: int = -1
    figure_options: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    trial: TrialSpec | None = None
    kind_said: bool = False
    trial_prepared: PreparedTrial | None = None
    trial_result: TrialResult | None = None


class _EditCommand(QUndoCommand):
    """One edit of the table and its way back."""

    def __init__(self, session: Session, edit: Edit) -> None:
        super().__init__(edit.title)
        self._session = session
        self._edit = edit
        self._inverse: Edit | None = None

    def redo(self) -> None:
        self._inverse = self._session._change_table(self._edit)

    def undo(self) -> None:
        if self._inverse is not None:
            self._session._change_table(self._inverse)


class _SpecCommand(QUndoCommand):
    """One change of the request."""

    def __init__(self, session: Session, before: AnySpec, after: AnySpec, title: str) -> None:
        super().__init__(title)
        self._session = session
        self._before = before
        self._after = after

    def redo(self) -> None:
        self._session._change_spec(self._after)

    def undo(self) -> None:
        self._session._change_spec(self._before)


class _KindCommand(QUndoCommand):
    """Saying what a sheet holds."""

    def __init__(self, session: Session, trial: TrialSpec | None, title: str) -> None:
        super().__init__(title)
        self._session = session
        self._before = (session.sheet.trial, session.sheet.kind_said)
        self._after = (trial, True)

    def redo(self) -> None:
        self._session._change_kind(*self._after)

    def undo(self) -> None:
        self._session._change_kind(*self._before)


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
        self.undo_group = QUndoGroup(self)
        self.auto_run = True
        self.path: Path | None = None
        self.own = False  # whether the file at ``path`` is a project, which saving may replace
        self.source: Source | None = None
        self._loose = False  # changes that no undo stack knows
        self._sheets: list[Sheet] = []
        self._active = 0
        self._set_sheets([self._new_sheet(StudyTable())])

    # -- what stands ------------------------------------------------------------------------------

    @property
    def sheet(self) -> Sheet:
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
        self._show([self._kept_sheet(s) for s in project.sheets], path, project.active)
        self.source, self.own, self._loose = project.source, own, unsaved
        self.saved_changed.emit()

    def project(self) -> Project:
        """Everything that a person would miss, as a value."""
        sheets = tuple(
            ProjectSheet(s.table, s.spec if s.trial is None else s.trial, dict(s.figure_options))
            for s in self._sheets
        )
        return Project(sheets, self._active, self.source)

    def saved(self, project: Project, path: Path) -> None:
        """Take note that ``project`` lies at ``path``; what was changed since stays unsaved."""
        self.path, self.own = path, True
        if project.sheets == self.project().sheets:
            self._loose = False
            for sheet in self._sheets:
                sheet.undo_stack.setClean()
        self.saved_changed.emit()

    def _show(self, sheets: list[Sheet], path: Path | None, active: int) -> None:
        self._lane.forget()
        self.path, self.source, self.own, self._loose = path, None, False, False
        self._set_sheets(sheets, active)
        self._announce_sheet()

    def switch_sheet(self, index: int) -> None:
        """Bring another sheet to the front; each keeps its edits, its request and its undo."""
        if index == self._active or not 0 <= index < len(self._sheets):
            return
        self._lane.forget()
        self._active = index
        self.undo_group.setActiveStack(self.undo_stack)
        self._announce_sheet()

    def _new_sheet(self, table: StudyTable) -> Sheet:
        stack = QUndoStack(self.undo_group)
        stack.setUndoLimit(UNDO_LIMIT)
        trial = TrialSpec(sheet=table.name) if holds_trial(table) else None
        return Sheet(table, replace(default_spec(), sheet=table.name), stack, trial=trial)

    def _kept_sheet(self, kept: ProjectSheet) -> Sheet:
        sheet = self._new_sheet(kept.table)
        if isinstance(kept.spec, TrialSpec):
            sheet.trial = kept.spec
        else:
            sheet.spec, sheet.trial = kept.spec, None
        sheet.kind_said = holds_trial(kept.table) != (sheet.trial is not None)
        sheet.figure_options = dict(kept.figure_options)
        return sheet

    def _set_sheets(self, sheets: list[Sheet], active: int = 0) -> None:
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
        self.undo_stack.push(_EditCommand(self, edit))

    def set_spec(self, spec: AnalysisSpec, title: str) -> None:
        """Change the request as one undoable step; nothing happens if nothing changed."""
        if spec != self.spec:
            self.undo_stack.push(_SpecCommand(self, self.spec, spec, title))

    def set_trial(self, spec: TrialSpec, title: str) -> None:
        """Change the request of a trial sheet as one undoable step."""
        before = self.sheet.trial
        if before is not None and spec != before:
            self.undo_stack.push(_SpecCommand(self, before, spec, title))

    def set_kind(self, kind: str, title: str) -> None:
        """Say that the sheet holds 'studies' or 'trial' rows, as one undoable step."""
        if kind != self.kind:
            trial = TrialSpec(sheet=self.table.name) if kind == "trial" else None
            self.undo_stack.push(_KindCommand(self, trial, title))

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

    def _change_table(self, edit: Edit) -> Edit:
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

    def _change_kind(self, trial: TrialSpec | None, said: bool) -> None:
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

    def _change_spec(self, spec: AnySpec) -> None:
        if isinstance(spec, TrialSpec):
            self.sheet.trial = spec
            self._out_of_date()
            self.spec_changed.emit()
            self._request()
            return
        before, self.sheet.spec = self.spec, spec
        if _effects_differ(before, spec):
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
        self.message.emit(
            self.tr("Stopped. What is shown belongs to the data before your last change.")
        )
        self.result_changed.emit()

    def close(self, seconds: float = 2.0) -> bool:
        """Stop everything and wait for the worker; return whether it ended in time."""
        self._rest.stop()
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
        self._lane.forget()  # what is under way answers a question nobody asks any more

    def _start(self) -> None:
        request = Request(self.request, self.table, self.auto_run or self._asked_fit)
        self._asked_fit = False
        engine, check = self._engine, self._check

        def work(progress: Progress, tell: Tell) -> object:
            return _work(engine, check, request, progress, tell)

        self._lane.start(work)

    def _on_part(self, _number: int, part: object) -> None:
        if isinstance(part, _Problems):
            self.sheet.problems = part.found
            self.problems_changed.emit()
        elif isinstance(part, _PreparedPart):
            if self.sheet.trial is None:
                self.sheet.prepared = part.prepared
            else:
                self.sheet.trial_prepared = part.prepared
            self.sheet.touched = frozenset()
            self.prepared_changed.emit()
        elif isinstance(part, _ResultPart):
            if self.sheet.trial is None:
                self.sheet.result = part.result
            else:
                self.sheet.trial_result = part.result
            self.sheet.stale = False
            self.sheet.failure = ""
            self.result_changed.emit()

    def _on_failed(self, _number: int, sentence: str) -> None:
        self.sheet.failure = sentence
        if self.sheet.touched or self.sheet.prepared is None:
            self.sheet.prepared = None  # rather no effect sizes than old ones
            self.sheet.touched = frozenset()
            self.prepared_changed.emit()
        self.message.emit(sentence)
        self.result_changed.emit()

    def _on_progress(self, _number: int, fraction: float, what: str) -> None:
        self.busy_changed.emit(True, fraction, what)

    def _on_busy(self, busy: bool) -> None:
        now = busy or self._rest.isActive()
        self.busy_changed.emit(now, 0.0, self.tr("Analysing") if now else "")


@dataclass(frozen=True)
class _Problems:
    found: tuple[Problem, ...]


@dataclass(frozen=True)
class _PreparedPart:
    prepared: Any


@dataclass(frozen=True)
class _ResultPart:
    result: Any


def _work(engine: Engine, check: Check, request: Request, progress: Progress, tell: Tell) -> object:
    """Effect sizes, then the fit, then what is wrong in the sheet; runs in the worker's thread.

    The problems come last because nobody waits for them; they come also when there is no result.
    """
    prepared = None
    try:
        progress.step(0.0, "Working out effect sizes")
        prepared = engine.prepare(request.spec, request.table)
        tell(_PreparedPart(prepared))
        progress.step(0.0, "Fitting")
        if request.with_fit:
            tell(_ResultPart(engine.fit(prepared, progress)))
    finally:
        tell(_Problems((*_of_rows(prepared), *check(request.table))))
    return None


def _of_rows(prepared: object) -> tuple[Problem, ...]:
    """What the effect sizes say about rows: ways that disagree, values that are missing."""
    from metadesk.analysis.prepare import Prepared
    from metadesk.analysis.ways import row_problems

    return tuple(row_problems(prepared)) if isinstance(prepared, Prepared) else ()


def _effects_differ(before: AnalysisSpec, after: AnalysisSpec) -> bool:
    """Whether the effect sizes of single studies may differ between two requests."""
    asked = ("measure", "measure_options", "roles", "routes", "level", "dependence")
    return any(getattr(before, name) != getattr(after, name) for name in asked)


def touched_rows(
    before: StudyTable, after: StudyTable, *, all_columns: bool = False
) -> frozenset[int]:
    """Return the ids of rows of ``after`` whose effect may differ from that in ``before``.

    Only cells of columns that have a role can matter, unless ``all_columns`` (a request that names
    columns itself). A changed role touches every row.
    """
    if before is after:
        return frozenset()
    relevant = {c.id: c for c in after.columns if all_columns or c.role is not None}
    earlier = {c.id: c for c in before.columns if all_columns or c.role is not None}
    if {i: (c.role, c.name) for i, c in relevant.items()} != {
        i: (c.role, c.name) for i, c in earlier.items()
    }:
        return frozenset(after.row_ids)
    same_rows = before.row_ids == after.row_ids
    old_place = {} if same_rows else {row: i for i, row in enumerate(before.row_ids)}
    touched: set[int] = set() if same_rows else set(after.row_ids) - old_place.keys()
    for i, column in relevant.items():
        old = earlier[i].cells
        if same_rows:
            if old is not column.cells:
                pairs: Iterable[tuple[object, object, int]] = zip(
                    old, column.cells, after.row_ids, strict=True
                )
                touched.update(row for a, b, row in pairs if not _same(a, b))
        else:
            touched.update(
                row
                for row, b in zip(after.row_ids, column.cells, strict=True)
                if row in old_place and not _same(old[old_place[row]], b)
            )
    return frozenset(touched)


def _same(a: object, b: object) -> bool:
    return a is b or (type(a) is type(b) and a == b)
