"""From the sheet to effect sizes: roles bound to what a measure needs, every row accounted for."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from metadesk.analysis.adjusting import adjusted
from metadesk.analysis.dependence import combined, with_typed_variances
from metadesk.analysis.display import data_columns
from metadesk.analysis.lacking import NO_ROUTE, in_sheets_words, unread_cell
from metadesk.analysis.result import DataColumn, StepCell, StudyResult, StudyStep
from metadesk.analysis.spec import AnalysisSpec
from metadesk.analysis.suggest import suggest_measure
from metadesk.analysis.wording import filled
from metadesk.effects import MEASURES, EffectSizes, compute
from metadesk.errors import DataProblem, SpecProblem
from metadesk.numerics.types import FloatVector
from metadesk.table import (
    NOT_A_STUDY,
    ROLES,
    UNIQUE_EXCEPT,
    KeptStep,
    StudyTable,
    TableColumn,
    is_missing,
)
from metadesk.table.outcomes import Outcomes, chosen_outcome, outcomes_of
from metadesk.table.steps import in_force

EMPTY_ROW = "This row is empty."
NO_EFFECT = "No measure fits the columns of this sheet yet."
OTHER_OUTCOME = "Another outcome: {}."
NO_OUTCOME = "This row names no outcome."


@dataclass(frozen=True, eq=False)
class Prepared:
    """Effect sizes of every row, before any model; what the sheet shows live.

    ``spec`` is the request with the measure filled in. ``effects`` runs over ``studies``; it is
    None when ``problem`` says why no effect can be formed. ``outcome`` names the outcome of a long
    sheet that the request is about, '' for the whole sheet; ``other_outcomes`` counts the rows of
    the others.
    """

    spec: AnalysisSpec
    measure: str
    studies: tuple[StudyResult, ...]
    effects: EffectSizes | None
    columns: Mapping[str, FloatVector] = field(default_factory=dict)
    table: StudyTable = field(default_factory=StudyTable)
    data_columns: tuple[DataColumn, ...] = ()
    problem: str = ""
    reason: str = ""
    outcome: str = ""
    other_outcomes: Mapping[str, int] = field(default_factory=dict)
    fingerprint: str = ""


def bound_columns(spec: AnalysisSpec, table: StudyTable) -> dict[str, TableColumn]:
    """Bind roles to columns: what the spec says, then what the sheet's header says.

    Raises
    ------
    SpecProblem
        If the spec names a role or a column that does not exist.
    """
    bound: dict[str, TableColumn] = {}
    for role, name in spec.roles.items():
        ROLES[role]
        try:
            bound[role] = table.column(name)
        except KeyError:
            names = ", ".join(f"'{c.name}'" for c in table.columns)
            raise SpecProblem(
                f"The sheet '{table.name}' has no column '{name}' for the role {role}; "
                f"its columns are {names}."
            ) from None
    taken = {column.id for column in bound.values()}
    for column in table.columns:
        if column.role and column.role not in bound and column.id not in taken:
            bound[column.role] = column
    return bound


def prepare(spec: AnalysisSpec, table: StudyTable) -> Prepared:
    """Work out the effect size of every row, or why it has none.

    Parameters
    ----------
    spec : AnalysisSpec
        The request; an empty ``measure`` is filled in from the roles.
    table : StudyTable
        The sheet; excluded rows get an effect too, so that a figure can show them greyed.
    """
    table = adjusted(table, spec.adjustments, spec.roles)
    bound = bound_columns(spec, table)
    named = as_bound(table, bound)
    outcomes = outcomes_of(named)
    outcome = chosen_outcome(outcomes, spec.outcome_meant)
    others = {n: k for n, k in outcomes.rows.items() if n != outcome} if outcomes.divide else {}
    roles = {role: column.name for role, column in bound.items()}
    suggestion = suggest_measure(roles, named, spec.outcome_meant)
    measure = spec.measure or suggestion.measure
    if not spec.measure and suggestion.options:
        spec = replace(spec, measure_options={**suggestion.options, **spec.measure_options})
    if not measure:
        rows = _set_aside(_rows(named, bound), outcomes, outcome)
        return Prepared(
            spec, "", rows, None, table=named, problem=suggestion.reason, reason=suggestion.reason,
            outcome=outcome, other_outcomes=others,
        )  # fmt: skip
    columns = {
        role: table.floats(column, role) for role, column in bound.items() if ROLES[role].numeric
    }
    if spec.dependence:
        columns = with_typed_variances(spec.dependence, named, columns)
    if outcome:
        columns = _only(columns, [name in ("", outcome) for name in outcomes.of_row])
    effects = _effects(spec, measure, columns, table)
    labels = filled(spec.labels, roles, any(ROLES[role].arm == 2 for role in columns))
    labels = replace(labels, outcome=labels.outcome or outcome)
    studies = _with_effects(_rows(named, bound), effects, measure, spec.level)
    studies = tuple(_lacking(study, measure, named, i) for i, study in enumerate(studies))
    studies = _set_aside(studies, outcomes, outcome)
    if spec.dependence:
        studies, effects = combined(spec.dependence, named, studies, effects, spec.level)
    return Prepared(
        spec=replace(spec, measure=measure, labels=labels),
        measure=measure,
        studies=studies,
        effects=effects,
        columns=columns,
        table=named,
        data_columns=data_columns(columns, studies, labels),
        reason=suggestion.reason if not spec.measure else "",
        outcome=outcome,
        other_outcomes=others,
        fingerprint=fingerprint(spec, table, bound),
    )


def _effects(
    spec: AnalysisSpec, measure: str, columns: dict[str, FloatVector], table: StudyTable
) -> EffectSizes:
    known = MEASURES[measure].roles
    given = columns
    if not any(role in columns for role in known):  # one reason a row, also where nothing fits
        given = {next(iter(known)): np.full(table.n_rows, math.nan)}
    routes = None
    if spec.routes:
        routes = [spec.routes.get(row_id) for row_id in table.row_ids]
    return compute(measure, given, spec.measure_options, routes=routes)


def _rows(table: StudyTable, bound: Mapping[str, TableColumn]) -> tuple[StudyResult, ...]:
    """One entry a row, without effects; the table's roles are those bound."""
    n = table.n_rows
    study = table.texts(bound["study"]) if "study" in bound else ("",) * n
    year = table.texts(bound["year"]) if "year" in bound else ("",) * n
    labels, belongs = table.labels(), table.study_words()
    empty = [all(is_missing(column.cells[i]) for column in table.columns) for i in range(n)]
    steps = _steps(table)
    rows = []
    for i, row_id in enumerate(table.row_ids):
        reason = table.excluded.get(row_id)
        rows.append(
            StudyResult(
                row_id=row_id,
                label=labels[i],
                used=False,
                reason=reason or (EMPTY_ROW if empty[i] else NO_EFFECT),
                by_person=reason is not None and not empty[i],
                empty=empty[i],
                year=year[i].strip(),
                study=study[i].strip(),
                belongs=belongs[i],
                steps=steps.get(row_id, ()),
            )
        )
    return tuple(rows)


def as_bound(table: StudyTable, bound: Mapping[str, TableColumn]) -> StudyTable:
    """The table with the roles that the request gives; a role stands on one column only."""
    taken = {column.id: role for role, column in bound.items()}

    def role_of(column: TableColumn) -> str | None:
        if column.id in taken:
            return taken[column.id]
        return None if column.role in bound and column.role not in UNIQUE_EXCEPT else column.role

    return table.with_columns(replace(c, role=role_of(c)) for c in table.columns)


def _lacking(study: StudyResult, measure: str, named: StudyTable, row: int) -> StudyResult:
    """A row without an effect, its reason in the words of the sheet."""
    if study.used or not study.reason.startswith(NO_ROUTE):
        return study
    reason = in_sheets_words(study.reason, measure, named.roles)
    return replace(study, reason=unread_cell(reason, named, row) or reason)


def _only(columns: dict[str, FloatVector], rows: Sequence[bool]) -> dict[str, FloatVector]:
    """The numbers of these rows; what other rows hold must not reach them (a zero cell may)."""
    return {role: np.where(rows, values, math.nan) for role, values in columns.items()}


def _set_aside(
    rows: tuple[StudyResult, ...], outcomes: Outcomes, outcome: str
) -> tuple[StudyResult, ...]:
    """Set rows of other outcomes aside; a row that names none is left out with that reason."""
    if not outcome:
        return rows
    done = []
    for row, name in zip(rows, outcomes.of_row, strict=True):
        if row.reason in NOT_A_STUDY:
            pass
        elif name and name != outcome:
            reason = OTHER_OUTCOME.format(name)
            row = replace(row, used=False, by_person=False, elsewhere=True, reason=reason)
        elif not name and not row.empty and not row.by_person:
            row = replace(row, used=False, reason=NO_OUTCOME)
        done.append(row)
    return tuple(done)


def _steps(table: StudyTable) -> dict[int, tuple[StudyStep, ...]]:
    """What was done to the cells of each row, in the words of the sheet."""
    if not table.steps:
        return {}
    columns = {column.id: column for column in table.columns}
    holding = in_force(table)
    found = {}
    for row_id, steps in table.steps.items():
        told = []
        for step in steps:
            cells = tuple(
                StepCell(
                    columns[c.column_id].name,
                    columns[c.column_id].role or "",
                    c.before,
                    c.after,
                    _holds(holding.get((row_id, c.column_id)), step),
                    c.how,
                )
                for c in step.cells
                if c.column_id in columns
            )
            told.append(
                StudyStep(step.key, step.title, step.parameters, step.citation, cells, step.told)
            )
        found[row_id] = tuple(told)
    return found


def _holds(last: KeptStep | None, step: KeptStep) -> bool:
    """Whether a step's cell is still its own, or that of a later step that built on it."""
    return last is not None and last.id >= step.id


def _with_effects(
    rows: tuple[StudyResult, ...], effects: EffectSizes, measure: str, level: float
) -> tuple[StudyResult, ...]:
    entry = MEASURES[measure]
    natural = effects.natural()
    lower, upper = effects.natural_ci(level)
    done = []
    for i, row in enumerate(rows):
        reason, route = effects.reasons[i], effects.route[i]
        used = reason is None and not row.by_person and not row.empty
        done.append(
            replace(
                row,
                used=used,
                reason=row.reason if row.by_person or row.empty else reason or "",
                yi=float(effects.yi[i]),
                vi=float(effects.vi[i]),
                effect=float(natural[i]),
                lower=float(lower[i]),
                upper=float(upper[i]),
                route=route or "",
                route_title=entry.route(route).title if route else "",
                notes=effects.notes[i],
            )
        )
    return tuple(done)


def fingerprint(
    spec: AnalysisSpec, table: StudyTable, bound: Mapping[str, TableColumn] | None = None
) -> str:
    """Identify request and data: equal for equal analyses, whoever asked.

    The columns without a role do not count unless the request names them.
    """
    columns = bound if bound is not None else bound_columns(spec, table)
    hasher = hashlib.sha256(json.dumps(spec.to_plain(), sort_keys=True).encode())
    hasher.update(repr((table.row_ids, sorted(table.excluded.items()))).encode())
    for role in sorted(columns):
        hasher.update(repr((role, columns[role].name, columns[role].cells)).encode())
    for column in _named_columns(spec, table):
        hasher.update(repr((column.name, column.cells)).encode())
    return hasher.hexdigest()[:16]


def _named_columns(spec: AnalysisSpec, table: StudyTable) -> list[TableColumn]:
    """The columns that the request reads by name: moderators, subgroups, groupings, covariances."""
    options = (spec.model_options, *(one.get("options", {}) for one in spec.compare))
    words = " ".join(
        [
            spec.moderators,
            spec.scale,
            *(f"{one.get('moderators', '')} {one.get('scale', '')}" for one in spec.compare),
            *(str(value) for given in options for value in given.values()),
            *(str(value) for value in spec.dependence.values()),
        ]
    )
    return [
        c
        for c in table.columns
        if c.name == spec.subgroup
        or (c.name and c.name in words)
        or (spec.dependence and c.role == "covariance")
    ]


def check_usable(prepared: Prepared) -> None:
    """Raise the one sentence that says why nothing can be pooled."""
    if prepared.effects is None:
        raise DataProblem(prepared.problem)
    if not any(s.used for s in prepared.studies):
        reasons = dict.fromkeys(s.reason for s in prepared.studies if s.reason and s.listed)
        first = next(iter(reasons), "The sheet has no rows.")
        raise DataProblem(f"No study can be pooled. {first}")
