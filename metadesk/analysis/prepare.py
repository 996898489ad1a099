"""From the sheet to effect sizes: roles bound to what a measure needs, every row accounted for."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from metadesk.analysis.dependence import combined
from metadesk.analysis.display import data_columns
from metadesk.analysis.result import DataColumn, StudyResult
from metadesk.analysis.spec import AnalysisSpec
from metadesk.analysis.suggest import suggest_measure
from metadesk.analysis.wording import filled
from metadesk.effects import MEASURES, EffectSizes, compute
from metadesk.errors import DataProblem, SpecProblem
from metadesk.numerics.types import FloatVector
from metadesk.table import ROLES, StudyTable, TableColumn, is_missing

EMPTY_ROW = "This row is empty."
NO_EFFECT = "No measure fits the columns of this sheet yet."


@dataclass(frozen=True, eq=False)
class Prepared:
    """Effect sizes of every row, before any model; what the sheet shows live.

    ``spec`` is the request with the measure filled in. ``effects`` runs over ``studies``; it is
    None when ``problem`` says why no effect can be formed.
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
    bound = bound_columns(spec, table)
    suggestion = suggest_measure({role: column.name for role, column in bound.items()}, table)
    measure = spec.measure or suggestion.measure
    if not spec.measure and suggestion.options:
        spec = replace(spec, measure_options={**suggestion.options, **spec.measure_options})
    if not measure:
        rows = _rows(table, bound)
        return Prepared(
            spec, "", rows, None, table=table, problem=suggestion.reason, reason=suggestion.reason
        )
    columns = {role: table.floats(column) for role, column in bound.items() if ROLES[role].numeric}
    effects = _effects(spec, measure, columns, table)
    labels = filled(
        spec.labels,
        {role: column.name for role, column in bound.items()},
        any(ROLES[role].arm == 2 for role in columns),
    )
    studies = _with_effects(_rows(table, bound), effects, measure, spec.level)
    if spec.dependence:
        studies, effects = combined(spec.dependence, table, studies, effects, spec.level)
    return Prepared(
        spec=replace(spec, measure=measure, labels=labels),
        measure=measure,
        studies=studies,
        effects=effects,
        columns=columns,
        table=table,
        data_columns=data_columns(columns, studies, labels),
        reason=suggestion.reason if not spec.measure else "",
        fingerprint=fingerprint(spec, table, bound),
    )


def _effects(
    spec: AnalysisSpec, measure: str, columns: dict[str, FloatVector], table: StudyTable
) -> EffectSizes:
    given = columns or {"yi": np.full(table.n_rows, math.nan)}
    routes = None
    if spec.routes:
        routes = [spec.routes.get(row_id) for row_id in table.row_ids]
    return compute(measure, given, spec.measure_options, routes=routes)


def _rows(table: StudyTable, bound: Mapping[str, TableColumn]) -> tuple[StudyResult, ...]:
    """One entry a row, without effects."""
    n = table.n_rows
    study = table.texts(bound["study"]) if "study" in bound else ("",) * n
    year = table.texts(bound["year"]) if "year" in bound else ("",) * n
    named = table.with_columns(
        replace(c, role=next((r for r, b in bound.items() if b.id == c.id), c.role))
        for c in table.columns
    )
    labels, belongs = named.labels(), named.study_words()
    empty = [all(is_missing(column.cells[i]) for column in table.columns) for i in range(n)]
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
            )
        )
    return tuple(rows)


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
    """The columns that the request reads by name: moderators, subgroups, groupings."""
    options = (spec.model_options, *(one.get("options", {}) for one in spec.compare))
    words = " ".join(
        [
            spec.moderators,
            *(str(one.get("moderators", "")) for one in spec.compare),
            *(str(value) for given in options for value in given.values()),
        ]
    )
    return [c for c in table.columns if c.name == spec.subgroup or (c.name and c.name in words)]


def check_usable(prepared: Prepared) -> None:
    """Raise the one sentence that says why nothing can be pooled."""
    if prepared.effects is None:
        raise DataProblem(prepared.problem)
    if not any(s.used for s in prepared.studies):
        reasons = dict.fromkeys(s.reason for s in prepared.studies if s.reason and not s.empty)
        first = next(iter(reasons), "The sheet has no rows.")
        raise DataProblem(f"No study can be pooled. {first}")
