"""What changed between two lists of ids, as the few steps that a Qt model has to announce."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Shift:
    """``grown`` lines put in at ``at`` (negative: taken out); from ``start`` on lines differ."""

    start: int
    at: int
    grown: int


def shift_between(old: Sequence[int], new: Sequence[int]) -> Shift | None:
    """Find the shortest story from ``old`` to ``new``, None where they are the same.

    Lines that were moved (a sort) count as changed in place, so that the cursor keeps its position.
    """
    if old == new:
        return None
    shorter = min(len(old), len(new))
    head = 0
    while head < shorter and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < shorter - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return Shift(start=head, at=shorter - tail, grown=len(new) - len(old))


def span_of_difference(old: Sequence[object], new: Sequence[object]) -> tuple[int, int] | None:
    """First and last position at which two columns of equal length differ, None if nowhere."""
    if old is new:
        return None
    first = next((i for i, (a, b) in enumerate(zip(old, new, strict=True)) if _differ(a, b)), None)
    if first is None:
        return None
    last = len(old) - 1
    while not _differ(old[last], new[last]):
        last -= 1
    return first, last


def _differ(a: object, b: object) -> bool:
    return a is not b and (type(a) is not type(b) or a != b)
