"""The plan of a trial in its rows: who got what when, and where the sheet contradicts itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metadesk.document import Note
from metadesk.errors import DataProblem
from metadesk.models.mixed.columns import Factor, RawCell, combined
from metadesk.numerics.types import IntVector

CARRYOVER_START = ""


@dataclass(frozen=True)
class ExcludedRow:
    """A row of the sheet (counted from 0) that is not analysed, and why."""

    row: int
    reason: str


def check_duplicates(
    plan: Mapping[str, Factor], columns: Mapping[str, Sequence[RawCell]], beside: tuple[str, ...]
) -> None:
    """Refuse two rows for one person and period, unless the columns ``beside`` tell them apart.

    Raises
    ------
    DataProblem
        With the first two such rows.
    """
    subject, period = plan["subject"], plan["period"]
    factors = [subject, period, *(Factor.of(columns[name]) for name in beside)]
    known = np.flatnonzero(~np.any([f.missing for f in factors], axis=0))
    if not len(known):
        return
    code, count = combined(
        [f.codes[known] for f in factors], [len(f.levels) for f in factors], len(known)
    )
    if count == len(known):
        return
    order = np.argsort(code, kind="stable")
    again = order[1:][np.diff(code[order]) == 0]
    second = int(known[again.min()])
    first = int(known[np.flatnonzero(code == code[again.min()])[0]])
    raise DataProblem(
        f"Rows {first + 1} and {second + 1}: subject {subject.levels[subject.codes[first]]} has "
        f"two rows for period {period.levels[period.codes[first]]}; keep one of them, or mark a "
        f"cycle or time column if the measurement was repeated."
    )


def planned_treatments(sequence: str, treatments: Sequence[str]) -> tuple[str, ...] | None:
    """Read a sequence label as treatments in order: 'ABBA', 'I12-M6-P', 'A B', 'A/B'; else None."""
    known = set(treatments)
    for mark in ("-", "/", " ", ",", ";", "_", ">"):
        parts = [p.strip() for p in sequence.split(mark)]
        if len(parts) > 1 and all(p in known for p in parts):
            return tuple(parts)
    if sequence and all(letter in known for letter in sequence):
        return tuple(sequence)
    return None


def previous_treatment(plan: Mapping[str, Factor]) -> Factor | None:
    """Treatment of the period before, for every row of the sheet; '' in the first period.

    Where the sheet has no row for it, the person's sequence says it, if its name tells all periods.
    """
    if not {"subject", "period", "treatment"} <= plan.keys():
        return None
    subject, period, treatment = plan["subject"], plan["period"], plan["treatment"]
    width = len(period.levels) + 1
    here = subject.codes * width + period.codes
    whole = ~(subject.missing | period.missing)
    found = np.full(len(period), -1, dtype=np.int64)
    told = whole & ~treatment.missing
    keys, last = np.unique(here[told][::-1], return_index=True)
    given = treatment.codes[told][::-1][last]
    later = whole & (period.codes > 0)
    if len(keys):
        at = np.minimum(np.searchsorted(keys, here[later] - 1), len(keys) - 1)
        found[later] = np.where(keys[at] == here[later] - 1, given[at], -1)
    if "sequence" in plan:
        planned = _planned_codes(plan)
        gap = later & (found < 0) & ~plan["sequence"].missing
        found[gap] = planned[plan["sequence"].codes[gap], period.codes[gap] - 1]
    found[whole & (period.codes == 0)] = -2
    codes = np.where(found == -2, 0, np.where(found < 0, -1, found + 1))
    return Factor(codes, (CARRYOVER_START, *treatment.levels))


def _planned_codes(plan: Mapping[str, Factor]) -> IntVector:
    """Sequences × periods: the treatment planned, -1 where the name of the sequence tells none."""
    sequence, period, treatment = plan["sequence"], plan["period"], plan["treatment"]
    at = {w: i for i, w in enumerate(treatment.levels)}
    found = np.full((len(sequence.levels), len(period.levels)), -1, dtype=np.int64)
    for i, name in enumerate(sequence.levels):
        told = planned_treatments(name, treatment.levels)
        if told is not None and len(told) == len(period.levels):
            found[i] = [at[w] for w in told]
    return found


def plan_notes(plan: Mapping[str, Factor], excluded: tuple[ExcludedRow, ...]) -> tuple[Note, ...]:
    """What the reader must know of the rows: those left out, and where the sheet contradicts."""
    notes = []
    if excluded:
        reasons = Counter(e.reason for e in excluded)
        words = "; ".join(f"{count} because {why}" for why, count in reasons.items())
        notes.append(Note(f"{len(excluded)} rows are not used: {words}.", "note", "rows-excluded"))
    doubled = _two_sequences(plan)
    if doubled:
        notes.append(Note(doubled, "strong", "two-sequences"))
    contradiction = _contradiction(plan)
    if contradiction:
        notes.append(Note(contradiction, "strong", "treatment-contradicts-sequence"))
    return tuple(notes)


def _two_sequences(plan: Mapping[str, Factor]) -> str:
    """Sentence about the first person who stands in two sequences."""
    if "subject" not in plan or "sequence" not in plan:
        return ""
    subject, sequence = plan["subject"], plan["sequence"]
    both = ~(subject.missing | sequence.missing)
    pairs = np.unique(np.stack([subject.codes[both], sequence.codes[both]]), axis=1)
    persons, counts = np.unique(pairs[0], return_counts=True)
    if not (counts > 1).any():
        return ""
    person = persons[np.argmax(counts > 1)]
    where = [sequence.levels[s] for s in pairs[1][pairs[0] == person]]
    return (
        f"Subject {subject.levels[person]} stands in two sequences, {where[0]} and {where[1]}; a "
        f"person is randomised to one sequence, so correct the sequence or the subject. Until then "
        f"all rows of this name count as one person, and sequence terms are not to be trusted."
    )


def _contradiction(plan: Mapping[str, Factor]) -> str:
    """Sentence about the first row whose treatment is not the one its sequence names."""
    if not {"subject", "sequence", "period", "treatment"} <= plan.keys():
        return ""
    sequence, period, treatment = plan["sequence"], plan["period"], plan["treatment"]
    known = ~(sequence.missing | period.missing | treatment.missing)
    planned = np.where(known, _planned_codes(plan)[sequence.codes, period.codes], -1)
    wrong = np.flatnonzero((planned >= 0) & (planned != treatment.codes))
    if not len(wrong):
        return ""
    i = int(wrong[0])
    more = f" (and {len(wrong) - 1} more rows)" if len(wrong) > 1 else ""
    return (
        f"Row {i + 1}: subject {plan['subject'].levels[plan['subject'].codes[i]]} has treatment "
        f"{treatment.levels[treatment.codes[i]]} in period {period.levels[period.codes[i]]}, but "
        f"sequence {sequence.levels[sequence.codes[i]]} gives {treatment.levels[planned[i]]} "
        f"there{more}; the analysis takes the treatment column as it stands."
    )
