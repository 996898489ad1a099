"""What the panel for trial rows offers, from the sheet itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metadesk.analysis.trial_idle import idle_choices
from metadesk.analysis.trial_spec import TrialSpec
from metadesk.table import StudyTable, TableColumn, is_missing, shown

if TYPE_CHECKING:
    from metadesk.analysis.trial_prepare import PreparedTrial

MOST = 200  # names in one list
NO_OUTCOMES = frozenset({"subject", "sequence", "period", "cycle", "time", "treatment"})


def outcome_columns(table: StudyTable) -> tuple[str, ...]:
    """Columns that may hold an outcome: those without another part in the trial."""
    return tuple(
        c.name
        for c in table.columns
        if c.role not in NO_OUTCOMES and any(not is_missing(v) for v in c.cells)
    )


def treatments(spec: TrialSpec, table: StudyTable) -> tuple[str, ...]:
    """The treatments that occur."""
    return _levels(_column(spec, table, "treatment"))


def persons(spec: TrialSpec, table: StudyTable) -> tuple[str, ...]:
    """The persons that occur."""
    return _levels(_column(spec, table, "subject"))


def idle_here(spec: TrialSpec, table: StudyTable, prepared: PreparedTrial | None) -> dict[str, str]:
    """Choices that cannot change the numbers of this sheet as it stands, with the reason."""
    if prepared is None:
        return idle_choices(spec, {**table.roles, **spec.roles}, "", "", 0)
    from metadesk.analysis.trial import idle_in

    return idle_in(prepared)


def _column(spec: TrialSpec, table: StudyTable, role: str) -> TableColumn | None:
    name = spec.roles.get(role, "")
    if name:
        return next((c for c in table.columns if c.name == name), None)
    return table.with_role(role)


def _levels(column: TableColumn | None) -> tuple[str, ...]:
    if column is None:
        return ()
    names = dict.fromkeys(shown(v).strip() for v in column.cells if not is_missing(v))
    return tuple(list(names)[:MOST])
