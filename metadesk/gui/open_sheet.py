"""One sheet of the open workbook: what it holds, what is asked of it, what was found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QUndoStack

from metadesk.analysis.presets import default_spec
from metadesk.analysis.spec import AnalysisSpec
from metadesk.analysis.trial_spec import TrialSpec, holds_trial
from metadesk.project import ProjectSheet
from metadesk.table import StudyTable

if TYPE_CHECKING:
    from metadesk.analysis.prepare import Prepared
    from metadesk.analysis.result import AnalysisResult
    from metadesk.analysis.trial_prepare import PreparedTrial
    from metadesk.analysis.trial_result import TrialResult
    from metadesk.table.validate import Problem


@dataclass
class OpenSheet:
    """Everything that belongs to one sheet of the workbook and survives switching away from it.

    ``trial`` is the request of a sheet of trial rows, None for a sheet of studies; ``kind_said``
    whether a person decided which of the two it is. ``stale``: the result does not match table and
    request; ``unchecked``: the problems do not. ``touched`` are rows edited since the effect sizes
    were worked out.
    """

    table: StudyTable
    spec: AnalysisSpec
    undo_stack: QUndoStack
    prepared: Prepared | None = None
    result: AnalysisResult | None = None
    stale: bool = False
    touched: frozenset[int] = frozenset()
    problems: tuple[Problem, ...] = ()
    unchecked: bool = True
    failure: str = ""
    selected: int = -1
    figure_options: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    trial: TrialSpec | None = None
    kind_said: bool = False
    trial_prepared: PreparedTrial | None = None
    trial_result: TrialResult | None = None

    @classmethod
    def new(cls, table: StudyTable, undo_stack: QUndoStack) -> OpenSheet:
        """A sheet that nothing was decided about yet."""
        trial = TrialSpec(sheet=table.name) if holds_trial(table) else None
        return cls(table, replace(default_spec(), sheet=table.name), undo_stack, trial=trial)

    @classmethod
    def kept(cls, kept: ProjectSheet, undo_stack: QUndoStack) -> OpenSheet:
        """A sheet as a project keeps it."""
        sheet = cls.new(kept.table, undo_stack)
        if isinstance(kept.spec, TrialSpec):
            sheet.trial = kept.spec
        else:
            sheet.spec, sheet.trial = kept.spec, None
        sheet.kind_said = holds_trial(kept.table) != (sheet.trial is not None)
        sheet.figure_options = dict(kept.figure_options)
        return sheet

    def to_keep(self) -> ProjectSheet:
        """What a project keeps of it."""
        request = self.spec if self.trial is None else self.trial
        return ProjectSheet(self.table, request, dict(self.figure_options))

    def take_prepared(self, prepared: Any) -> None:
        """Keep the effect sizes, or the checked rows of a trial."""
        if self.trial is None:
            self.prepared = prepared
        else:
            self.trial_prepared = prepared
        self.touched = frozenset()

    def take_result(self, result: Any) -> None:
        """Keep what was found; it holds until something changes."""
        if self.trial is None:
            self.result = result
        else:
            self.trial_result = result
        self.stale = False
        self.failure = ""


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


def effects_differ(before: AnalysisSpec, after: AnalysisSpec) -> bool:
    """Whether the effect sizes of single studies may differ between two requests."""
    asked = ("measure", "measure_options", "roles", "routes", "level", "dependence")
    return any(getattr(before, name) != getattr(after, name) for name in asked)


def _same(a: object, b: object) -> bool:
    return a is b or (type(a) is type(b) and a == b)
