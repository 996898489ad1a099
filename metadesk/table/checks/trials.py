"""Rows of trials with repeated measures: a period twice, two sequences, a wrong treatment."""

from __future__ import annotations

from collections.abc import Iterator

from metadesk.table.cells import is_missing
from metadesk.table.checks.look import Look, Problem
from metadesk.table.table import shown

MARKS = ("-", "/", " ", ",", ";", "_", ">")


def period_twice(look: Look) -> Iterator[Problem]:
    """Two rows for one person and period where nothing else tells them apart."""
    if any(look.column(role) is not None for role in ("cycle", "time")):
        return
    seen: dict[tuple[str, str], int] = {}
    for row, (person, period) in _words(look, "subject", "period"):
        first = seen.setdefault((person, period), row)
        if first != row:
            said = f"subject {person} has period {period} in row {first + 1} already."
            remedy = (
                "Keep one of the two, or mark the column of cycles or times if the measurement was "
                "repeated."
            )
            yield look.problem(row, "period", "error", "period_twice", said, remedy)


def two_sequences(look: Look) -> Iterator[Problem]:
    """One person in two sequences."""
    seen: dict[str, tuple[str, int]] = {}
    for row, (person, sequence) in _words(look, "subject", "sequence"):
        told, first = seen.setdefault(person, (sequence, row))
        if told != sequence:
            said = f"subject {person} is in sequence {sequence}, in row {first + 1} in {told}."
            remedy = "A person is randomised to one sequence: correct the sequence or the subject."
            yield look.problem(row, "sequence", "error", "two_sequences", said, remedy)


def treatment_not_planned(look: Look) -> Iterator[Problem]:
    """A treatment that the person's sequence does not give in this period."""
    rows = list(_words(look, "sequence", "period", "treatment"))
    treatments = {treatment for _, (_, _, treatment) in rows}
    periods = sorted({period for _, (_, period, _) in rows}, key=_by_number)
    for row, (sequence, period, treatment) in rows:
        plan = planned(sequence, treatments)
        at = periods.index(period)
        if len(plan) == len(periods) and plan[at] != treatment:
            said = f"sequence {sequence} gives {plan[at]} in period {period}, not {treatment}."
            remedy = "Correct the treatment or the sequence; the analysis uses the treatment."
            yield look.problem(
                row, "treatment", "warning", "treatment_not_planned", said, remedy
            )  # fmt: skip


def one_treatment(look: Look) -> Iterator[Problem]:
    """A trial sheet in which only one treatment occurs."""
    if look.column("response") is None:
        return
    rows = list(_words(look, "treatment"))
    levels = {treatment for _, (treatment,) in rows}
    if len(levels) == 1 and len(rows) > 1:
        said = f"only one treatment, {next(iter(levels))}, occurs in the sheet."
        remedy = "Mark the column that says what was given, or add the other rows."
        yield look.problem(rows[0][0], "treatment", "error", "one_treatment", said, remedy)


def planned(sequence: str, treatments: set[str]) -> tuple[str, ...]:
    """The treatments that a sequence such as 'ABBA' or 'Drug-Placebo' names; () if it does not."""
    for mark in MARKS:
        parts = tuple(part.strip() for part in sequence.split(mark))
        if len(parts) > 1 and all(part in treatments for part in parts):
            return parts
    if sequence and all(letter in treatments for letter in sequence):
        return tuple(sequence)
    return ()


def _words(look: Look, *roles: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Rows in which all of these roles hold something."""
    columns = [look.column(role) for role in roles]
    if any(column is None for column in columns):
        return
    for row in look.rows:
        cells = [column.cells[row] for column in columns if column is not None]
        if not any(is_missing(cell) for cell in cells):
            yield row, tuple(shown(cell).strip() for cell in cells)


def _by_number(word: str) -> tuple[float, str]:
    try:
        return float(word), word
    except ValueError:
        return float("inf"), word
