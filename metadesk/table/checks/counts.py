"""Counts and sizes: whole, not negative, events within their totals."""

from __future__ import annotations

from collections.abc import Iterator

from metadesk.table.checks.look import Look, Problem, called, number
from metadesk.table.roles import ROLES

_PAIRS = (("ai", "n1i"), ("ci", "n2i"), ("bi", "n1i"), ("di", "n2i"), ("xi", "ni"))


def events_above_total(look: Look) -> Iterator[Problem]:
    """More events than people."""
    for events, total in _PAIRS:
        for row, (count, size) in look.together(events, total):
            if count > size:
                said = (
                    f"{called(events)}, {number(count)}, exceed "
                    f"{'its total' if ROLES[total].arm else 'the sample size'}, {number(size)}."
                )
                remedy = "Correct one of the two cells."
                yield look.problem(row, events, "error", "events_above_total", said, remedy)


def negative_count(look: Look) -> Iterator[Problem]:
    """Counts below zero."""
    for role in _counts("count"):
        for row, value in look.filled(role):
            if value < 0:
                said = f"{called(role)} cannot be negative; the cell says {number(value)}."
                remedy = "Look it up and correct the cell."
                yield look.problem(row, role, "error", "negative_count", said, remedy)


def fractional_count(look: Look) -> Iterator[Problem]:
    """Counts that are not whole: a continuity correction already added, or a percentage.

    What a step of ours made of a count (a part of a shared control group) is as it shall be.
    """
    for role in _counts("count", "size"):
        for row, value in look.filled(role):
            if value >= 0 and value != round(value) and not look.step(row, role):
                said = f"{called(role)}, {number(value)}, is not a whole number."
                remedy = (
                    "Enter the count itself: without an added 0.5, not a percentage, and thousands "
                    "without a separator."
                )
                yield look.problem(row, role, "warning", "fractional_count", said, remedy)


def percentage_as_count(look: Look) -> Iterator[Problem]:
    """Percentages where a count must stand."""
    for role in _counts("count", "size"):
        column = look.column(role)
        for row, _ in look.filled(role):
            cell = None if column is None else column.cells[row]
            if isinstance(cell, str) and cell.rstrip().endswith("%"):
                said = f"{called(role)}, '{cell.strip()}', is a percentage and is not used."
                remedy = "Type the count, or give the column a role for percentages."
                yield look.problem(row, role, "error", "percentage_as_count", said, remedy)


def size_below_one(look: Look) -> Iterator[Problem]:
    """Groups without anybody."""
    for role in _counts("size"):
        for row, value in look.filled(role):
            if value < 1:
                said = f"{called(role)} must be at least 1; the cell says {number(value)}."
                remedy = "Correct the cell, or exclude the row."
                yield look.problem(row, role, "error", "size_below_one", said, remedy)


def _counts(*kinds: str) -> list[str]:
    """The roles of these kinds."""
    return [role.key for role in ROLES if role.kind in kinds]
