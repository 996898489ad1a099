"""From a sheet of trial rows to checked data: roles bound, every row accounted for."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from metadesk.analysis.trial_outcome import outcome_type, with_events
from metadesk.analysis.trial_result import EffectScale, TrialRow
from metadesk.analysis.trial_spec import TrialSpec
from metadesk.document import Note
from metadesk.errors import MetadeskError, SpecProblem
from metadesk.models.mixed import DesignSummary, Roles, TrialData, recognise
from metadesk.models.mixed.columns import RawCell, as_words, in_order
from metadesk.table import StudyTable, is_missing, number_in
from metadesk.table.yes_no import BLANK

EMPTY_ROW = "This row is empty."
PLAYED = ("subject", "sequence", "period", "cycle", "time", "treatment", "baseline", "trials")
NUMBERS = ("outcome", "baseline", "trials", "time")
SCALES = {
    "continuous": EffectScale("difference", "Difference of means", False),
    "log": EffectScale("ratio", "Ratio of geometric means", True),
    "binary": EffectScale("odds", "Odds ratio given the person", True),
    "binomial": EffectScale("odds", "Odds ratio given the person", True),
    "count": EffectScale("rate", "Rate ratio given the person", True),
    "count-nb": EffectScale("rate", "Rate ratio given the person", True),
    "ordinal": EffectScale("cumulative", "Cumulative odds ratio given the person", True),
}


@dataclass(frozen=True, eq=False)
class PreparedTrial:
    """Checked trial rows with their design, before any model.

    ``data`` is None when ``problem`` says why the sheet cannot be analysed as it stands.
    """

    spec: TrialSpec
    table: StudyTable
    roles: Roles
    rows: tuple[TrialRow, ...]
    outcome_type: str
    scale: EffectScale
    data: TrialData | None = None
    design: DesignSummary | None = None
    problem: str = ""
    fingerprint: str = ""
    notes: tuple[Note, ...] = ()


def trial_roles(spec: TrialSpec, table: StudyTable) -> Roles:
    """Bind the roles: what the spec says, then what the header of the sheet says.

    Raises
    ------
    SpecProblem
        If the spec names a role or a column that does not exist.
    """
    names = {c.name for c in table.columns}
    said = {("outcome" if role == "response" else role): n for role, n in spec.roles.items()}
    if spec.outcome:
        said["outcome"] = spec.outcome
    for role, name in said.items():
        if role not in (*PLAYED, "offset", "outcome"):
            raise SpecProblem(
                f"'{role}' is no role of trial rows; they are {', '.join(PLAYED)}, offset and "
                f"response."
            )
        if name and name not in names:
            known = ", ".join(f"'{n}'" for n in names)
            raise SpecProblem(
                f"The sheet '{table.name}' has no column '{name}' for the {role}; its columns are "
                f"{known}."
            )
    found = {r: c for r, c in table.roles.items() if r in (*PLAYED, "offset")}
    if "response" in table.roles:
        found["outcome"] = table.roles["response"]
    for role, name in said.items():
        found = {r: n for r, n in found.items() if n != name or r == role}
        found[role] = name
    return Roles(**found)


def prepare_trial(spec: TrialSpec, table: StudyTable) -> PreparedTrial:
    """Check the rows of a trial and recognise its design.

    What is wrong with the sheet is a sentence in ``problem``; a spec that names what does not
    exist raises.
    """
    roles = trial_roles(spec, table)
    columns, dropped = _columns(spec, table, roles)
    roles, columns = _exposure(roles, columns)
    kind = outcome_type(spec, roles, columns)
    scale = SCALES["log" if kind == "continuous" and spec.transform == "log" else kind]
    plain = PreparedTrial(
        spec=spec,
        table=table,
        roles=roles,
        rows=_rows(table, roles, columns, dropped),
        outcome_type=kind,
        scale=scale,
        fingerprint=_fingerprint(spec, table, roles),
    )
    try:
        if not roles.treatment:
            raise SpecProblem(
                "No column is marked as the treatment; mark the column that says what was given."
            )
        columns, notes = with_events(kind, roles.outcome, columns)
        data = TrialData.from_columns(columns, roles, words_allowed=kind == "ordinal")
    except MetadeskError as sentence:
        return replace(plain, problem=str(sentence))
    plain = replace(plain, data=data, rows=_marked(plain.rows, data, scale), notes=notes)
    try:
        return replace(plain, design=_design(data))
    except MetadeskError as sentence:
        return replace(plain, problem=str(sentence))


def _design(data: TrialData) -> DesignSummary:
    """The design; where sequences have names of their own, by the treatments that followed."""
    found = recognise(data)
    if found.key != "repeated" or not (data.roles.sequence and data.roles.period):
        return found
    followed = recognise(replace(data, roles=replace(data.roles, sequence="")))
    return followed if followed.key not in ("repeated", "unequal") else found


def _columns(
    spec: TrialSpec, table: StudyTable, roles: Roles
) -> tuple[dict[str, list[RawCell]], dict[int, str]]:
    """Cells by column name, blank in the rows that are left out, and why these are."""
    numbers = {getattr(roles, role) for role in NUMBERS if getattr(roles, role)}
    columns: dict[str, list[RawCell]] = {}
    for column in table.columns:
        if column.name not in columns:
            read = _number if column.name in numbers else _word
            columns[column.name] = [read(v) for v in column.cells]
    if roles.outcome:
        columns[roles.outcome] = [_unless_blank(c) for c in columns[roles.outcome]]
    dropped: dict[int, str] = {}
    played = [columns[n] for n in roles.filled().values()]
    for i, row_id in enumerate(table.row_ids):
        if row_id in table.excluded:
            dropped[i] = table.excluded[row_id]
        elif all(is_missing(c.cells[i]) for c in table.columns):
            dropped[i] = EMPTY_ROW
        elif spec.patient and roles.subject:
            who = as_words(columns[roles.subject][i])
            if who != spec.patient:
                dropped[i] = f"another person; this analysis is of {spec.patient}"
    if spec.patient and len(dropped) == table.n_rows:
        people = in_order(w for w in map(as_words, columns[roles.subject]) if w is not None)
        raise SpecProblem(
            f"There is no person '{spec.patient}'; the sheet has {', '.join(people[:12])}."
        )
    for cells in played:
        for i in dropped:
            cells[i] = None
    return columns, dropped


def _number(value: object) -> RawCell:
    """A cell of numbers: text that spells one is one."""
    if isinstance(value, str):
        read = number_in(value)
        return value if math.isnan(read) else read
    return _word(value)


def _unless_blank(cell: RawCell) -> RawCell:
    """None where a cell of the outcome says that nothing is known ('NA', 'missing')."""
    return None if isinstance(cell, str) and cell.strip().lower() in BLANK else cell


def _word(value: object) -> RawCell:
    return value if isinstance(value, str | float | int | bool) else None


def _exposure(
    roles: Roles, columns: dict[str, list[RawCell]]
) -> tuple[Roles, dict[str, list[RawCell]]]:
    """Exposure times enter a model of counts as their logarithms."""
    if not roles.offset:
        return roles, columns
    name = f"log({roles.offset})"
    logs: list[RawCell] = []
    for cell in columns[roles.offset]:
        read = _number(cell)
        logs.append(math.log(read) if isinstance(read, int | float) and read > 0 else None)
    return replace(roles, offset=name), {**columns, name: logs}


def _rows(
    table: StudyTable,
    roles: Roles,
    columns: Mapping[str, Sequence[RawCell]],
    dropped: Mapping[int, str],
) -> tuple[TrialRow, ...]:
    """One entry a row as it stands in the sheet, the rows left out included."""
    raw = {c.name: c.cells for c in reversed(table.columns)}

    def words(role: str, i: int) -> str:
        name = getattr(roles, role)
        return (as_words(_word(raw[name][i])) or "") if name in raw else ""

    return tuple(
        TrialRow(
            row_id=row_id,
            number=i + 1,
            subject=words("subject", i),
            sequence=words("sequence", i),
            period=words("period", i),
            cycle=words("cycle", i),
            treatment=words("treatment", i),
            outcome=words("outcome", i),
            value=math.nan,
            place=math.nan,
            used=False,
            reason=dropped.get(i, "not analysed"),
            by_person=row_id in table.excluded,
            empty=dropped.get(i) == EMPTY_ROW,
        )
        for i, row_id in enumerate(table.row_ids)
    )


def _marked(
    rows: tuple[TrialRow, ...], data: TrialData, scale: EffectScale
) -> tuple[TrialRow, ...]:
    """Rows with their value and place where they are used, and the reason where they are not."""
    values = data.outcome
    if not len(values) or np.isnan(values).any():
        values = data.outcome_levels.codes.astype(float)
    if scale.key == "ratio":
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.where(values > 0, np.log(np.maximum(values, 1e-300)), math.nan)
    places, baselines = _places(data), _baselines(data)
    reasons = {e.row: e.reason for e in data.excluded}
    at = {int(i): k for k, i in enumerate(data.rows)}
    marked = []
    for i, row in enumerate(rows):
        if i in at:
            k = at[i]
            marked.append(
                replace(
                    row,
                    used=True,
                    reason="",
                    value=float(values[k]),
                    place=float(places[k]),
                    baseline=float(baselines[k]),
                    subject=data.subject.levels[data.subject.codes[k]],
                )
            )
        elif row.reason == "not analysed":
            marked.append(replace(row, reason=reasons.get(i, row.reason)))
        else:
            marked.append(row)
    return tuple(marked)


def _baselines(data: TrialData) -> np.ndarray:
    """The baseline of each row, NaN where there is none or it is not a number."""
    if data.roles.baseline:
        with suppress(MetadeskError):
            return data.numeric(data.roles.baseline)
    return np.full(len(data), math.nan)


def _places(data: TrialData) -> np.ndarray:
    """Where each row stands in time: the time, else the period, else the order in the sheet."""
    r = data.roles
    if r.time:
        try:
            return data.numeric(r.time)
        except MetadeskError:
            pass
    if r.period and not r.cycle:
        return data.factor(r.period).codes + 1.0
    counts: dict[int, int] = {}
    places = []
    for code in data.subject.codes:
        counts[int(code)] = counts.get(int(code), 0) + 1
        places.append(float(counts[int(code)]))
    return np.array(places)


def _fingerprint(spec: TrialSpec, table: StudyTable, roles: Roles) -> str:
    """Identify request and data: equal for equal analyses, whoever asked."""
    hasher = hashlib.sha256(json.dumps(spec.to_plain(), sort_keys=True).encode())
    hasher.update(repr((table.row_ids, sorted(table.excluded.items()))).encode())
    cells = {c.name: c.cells for c in reversed(table.columns)}
    for role, name in sorted(roles.filled().items()):
        hasher.update(repr((role, name, cells.get(name, ()))).encode())
    return hasher.hexdigest()[:16]
