"""What the panel for trial rows offers, from the sheet itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metadesk.analysis.trial_spec import TrialSpec
from metadesk.table import StudyTable, TableColumn, is_missing, shown

if TYPE_CHECKING:
    from metadesk.analysis.trial_prepare import PreparedTrial

MODEL = frozenset(
    {"sequence", "carryover", "baseline", "cycle", "random", "residual", "df", "method", "adjust",
     "integration", "companions", "bioequivalence"}
)  # fmt: skip
LINEAR = frozenset({"transform", "residual", "method", "adjust", "bioequivalence"})
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


def idle_choices(
    spec: TrialSpec, table: StudyTable, prepared: PreparedTrial | None
) -> frozenset[str]:
    """Choices that cannot change the numbers of this sheet as it stands."""
    roles = {**table.roles, **spec.roles}
    idle = {role for role in ("sequence", "baseline", "cycle") if role not in roles}
    if "time" not in roles:
        idle.add("trend")
    if "period" not in roles:
        idle.add("carryover")
    if prepared is not None:
        from metadesk.analysis.trial import analysis_of

        analysis = analysis_of(prepared) if prepared.data is not None else "crossover"
        single = analysis == "one-patient"
        idle |= MODEL if single else {"washout"}
        if analysis == "crossover":
            idle |= {"relevant", "lower_is_better"}
        if analysis != "crossover":
            idle.add("bioequivalence")
        if prepared.outcome_type == "continuous":
            idle.add("integration")
        else:
            idle |= LINEAR
    if not spec.bioequivalence or "bioequivalence" in idle:
        idle |= {"widen", "rounded"}
    return frozenset(idle)


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
