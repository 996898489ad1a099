"""Wide sheets of trials, one row a person, turned into one row a measurement.

Columns that differ only in a number at their end ('y1 y2', 'Pain period 1', 'treat_2') belong
together; the number is the period. Treatments come from columns of their own, from the sequence
('AB', 'Drug-Placebo'), or, where columns are named for treatments, from their names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from metadesk.formats.trial_rows import SEQUENCES, SUBJECTS, TREATMENTS
from metadesk.table import StudyTable, TableColumn, is_missing, number_in, shown
from metadesk.table.cells import Value
from metadesk.table.edits import Edit, ReplaceTable

MARKS = ("-", "/", " ", ",", ";", "_", ">")
_NUMBERED = re.compile(
    r"(.*?)(?:[ _.\-]+(?:period|per|p|visit|v|t))?[ _.\-]*([1-9])$", re.IGNORECASE
)
BARE = frozenset({"", "period", "per", "p", "visit", "v", "t"})
MOST_PERIODS = 9


@dataclass(frozen=True)
class WidePlan:
    """How a wide sheet becomes long.

    ``outcomes`` maps the name of an outcome to its columns by period (or by treatment);
    ``given`` are the columns of treatments by period; ``labels`` name the periods or treatments.
    """

    subject: str
    sequence: str
    outcomes: Mapping[str, tuple[str, ...]]
    given: tuple[str, ...]
    labels: tuple[str, ...]
    by_treatment: bool

    @property
    def sentence(self) -> str:
        """What the sheet looks like, for the offer."""
        what = "treatment" if self.by_treatment else "period"
        names = ", ".join(self.outcomes)
        return (
            f"This sheet has one row a person and a column for each {what} "
            f"({len(self.labels)}) of {names}. The analysis needs one row a measurement."
        )


def wide_plan(table: StudyTable) -> WidePlan | None:
    """Recognise a wide sheet of a trial; None if it is none."""
    if table.n_rows < 2 or {"treatment", "response"} <= set(table.roles):
        return None
    subject = _named(table, SUBJECTS)
    sequence = _named(table, SEQUENCES)
    rest = [c for c in table.columns if c.name not in (subject, sequence)]
    stems: dict[str, dict[int, TableColumn]] = {}
    for column in rest:
        found = _NUMBERED.match(column.name.strip())
        if found:
            stem = found.group(1).strip(" _.-")
            stem = "Outcome" if stem.lower() in BARE else stem
            stems.setdefault(stem, {})[int(found.group(2))] = column
    series = {
        stem: tuple(columns[i] for i in sorted(columns))
        for stem, columns in stems.items()
        if sorted(columns) == list(range(1, len(columns) + 1)) and 2 <= len(columns) <= MOST_PERIODS
    }
    numbers = {s: c for s, c in series.items() if all(_is_numeric(one) for one in c)}
    words = [c for s, c in series.items() if s not in numbers or _is_treatment(s)]
    outcomes = {s: c for s, c in numbers.items() if not _is_treatment(s)}
    if outcomes:
        k = max(len(c) for c in outcomes.values())
        kept = {s: tuple(x.name for x in c) for s, c in outcomes.items() if len(c) == k}
        given = next((tuple(x.name for x in c) for c in words if len(c) == k), ())
        planned = bool(sequence) and _tells(table, sequence, k)
        if given or planned:
            labels = tuple(str(i) for i in range(1, k + 1))
            return WidePlan(subject, sequence, kept, given, labels, False)
    return _by_treatment(table, subject, sequence, rest)


def _by_treatment(
    table: StudyTable, subject: str, sequence: str, rest: Sequence[TableColumn]
) -> WidePlan | None:
    """Columns that are named for the treatments of the sequences, or two columns of numbers."""
    numeric = [c.name for c in rest if _is_numeric(c)]
    if not subject or not 2 <= len(numeric) <= 4 or len(numeric) < len(rest):
        return None
    if sequence and not _tells(table, sequence, len(numeric)):
        return None
    return WidePlan(subject, sequence, {"Outcome": tuple(numeric)}, (), tuple(numeric), True)


def lengthen(table: StudyTable, plan: WidePlan) -> Edit:
    """The edit that turns a wide sheet into a long one."""
    return ReplaceTable(long_table(table, plan), "One row for each measurement")


def long_table(table: StudyTable, plan: WidePlan) -> StudyTable:
    """The long sheet: subject, sequence, period, treatment and the outcomes, then what else."""
    columns = {c.name: c.cells for c in reversed(table.columns)}
    used = {
        plan.subject,
        plan.sequence,
        *plan.given,
        *(n for c in plan.outcomes.values() for n in c),
    }
    others = [c.name for c in table.columns if c.name not in used]
    names = ["Subject", *(["Sequence"] if plan.sequence else []),
             *([] if plan.by_treatment and not plan.sequence else ["Period"]), "Treatment",
             *plan.outcomes, *others]  # fmt: skip
    names = _distinct(names)
    lines: list[list[Value]] = []
    excluded: dict[int, str] = {}
    for i, row_id in enumerate(table.row_ids):
        if all(is_missing(cells[i]) for cells in columns.values()):
            continue
        for k, label in enumerate(plan.labels):
            if row_id in table.excluded:
                excluded[len(lines)] = table.excluded[row_id]
            lines.append(_line(columns, plan, others, i, k, label))
    roles = {"Subject": "subject", "Sequence": "sequence", "Period": "period",
             "Treatment": "treatment", next(iter(plan.outcomes)): "response"}  # fmt: skip
    made = tuple(
        TableColumn(j, name, tuple(line[j] for line in lines), roles.get(name))
        for j, name in enumerate(names)
    )
    return replace(table, columns=made, row_ids=tuple(range(len(lines))), excluded=excluded)


def _line(
    columns: Mapping[str, tuple[Value, ...]], plan: WidePlan, others: Sequence[str], i: int, k: int,
    label: str,
) -> list[Value]:  # fmt: skip
    line: list[Value] = [columns[plan.subject][i] if plan.subject else i + 1]
    sequence = shown(columns[plan.sequence][i]).strip() if plan.sequence else ""
    steps = _steps(sequence)
    if plan.sequence:
        line.append(columns[plan.sequence][i])
    if plan.by_treatment:
        if plan.sequence:
            line.append(steps.index(label) + 1 if label in steps else None)
        line.append(label)
    else:
        line.append(k + 1)
        if plan.given:
            line.append(columns[plan.given[k]][i])
        else:
            line.append(steps[k] if k < len(steps) else None)
    line += [columns[names[k]][i] for names in plan.outcomes.values()]
    return [*line, *(columns[name][i] for name in others)]


def _tells(table: StudyTable, sequence: str, k: int) -> bool:
    """Whether the cells of a sequence column name one treatment for each of ``k`` periods."""
    cells = [shown(v).strip() for v in table.column(sequence).cells if not is_missing(v)]
    return bool(cells) and all(len(_steps(cell)) == k for cell in cells) and len(set(cells)) > 1


def _steps(sequence: str) -> tuple[str, ...]:
    for mark in MARKS:
        parts = tuple(part.strip() for part in sequence.split(mark))
        if len(parts) > 1:
            return parts
    return tuple(sequence)


def _named(table: StudyTable, names: Sequence[str]) -> str:
    for name in names:
        for column in table.columns:
            words = re.sub(r"[^a-z]+", " ", column.name.lower()).strip()
            if words in (name, f"{name} id", f"{name} no"):
                return column.name
    return ""


def _is_treatment(stem: str) -> bool:
    return any(word in TREATMENTS for word in re.split(r"[^a-z]+", stem.lower()))


def _is_numeric(column: TableColumn) -> bool:
    given = [v for v in column.cells if not is_missing(v)]
    numbers = [v for v in given if number_in(v) == number_in(v)]
    return bool(given) and len(numbers) > 0.8 * len(given)


def _distinct(names: Sequence[str]) -> list[str]:
    """Names that are all different."""
    found: list[str] = []
    for name in names:
        free, number = name, 2
        while free in found:
            free, number = f"{name} {number}", number + 1
        found.append(free)
    return found
