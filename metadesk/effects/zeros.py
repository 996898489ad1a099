"""What is done about cells without events: the constant, the rule, and tables without any event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metadesk.effects.measure import Columns, Remark
from metadesk.numerics.types import BoolVector, FloatVector
from metadesk.options import choice, flag, number
from metadesk.references import Reference

SWEETING = Reference(
    "sweeting2004",
    "Sweeting, Sutton & Lambert",
    2004,
    "What to add to nothing? Use and avoidance of continuity corrections in meta-analysis of "
    "sparse data",
    "Statistics in Medicine, 23, 1351–1375",
    "10.1002/sim.1761",
)

TO = {
    "only0": "only studies with a zero cell",
    "all": "all studies",
    "if0all": "all studies, if any has a zero cell",
    "none": "no study",
}
_ADD = "Constant added to cells"
_TO = "Added to"
_DROP = "Leave out studies without events (or with events only) in both groups"
_ADD_HELP = "The field's usual constant is 0.5; it is added to every cell of the table."


@dataclass(frozen=True)
class ZeroCells:
    """Add a constant to studies with a zero cell, because the formula has no value there."""

    add: float = number(_ADD, 0.5, minimum=0.0, help=_ADD_HELP)
    to: str = choice(_TO, TO, "only0")
    drop00: bool = flag(_DROP, False)


@dataclass(frozen=True)
class ZeroCellsKept:
    """Leave zero cells alone, because the formula has a value there."""

    add: float = number(_ADD, 0.0, minimum=0.0, help=_ADD_HELP)
    to: str = choice(_TO, TO, "only0")
    drop00: bool = flag(_DROP, False)


@dataclass(frozen=True)
class ZeroCounts:
    """Add a constant to one-group studies without events."""

    add: float = number("Constant added to counts", 0.5, minimum=0.0, help=_ADD_HELP)
    to: str = choice(_TO, TO, "only0")


@dataclass(frozen=True)
class ZeroCountsKept:
    """Leave counts of zero alone, because the formula has a value there."""

    add: float = number("Constant added to counts", 0.0, minimum=0.0, help=_ADD_HELP)
    to: str = choice(_TO, TO, "only0")


def added_to(zero: BoolVector, add: float, to: str) -> BoolVector:
    """Which studies get the constant, given which have a zero cell."""
    none = np.zeros(len(zero), dtype=bool)
    if add == 0.0:
        return none
    match to:
        case "all":
            return ~none
        case "if0all":
            return ~none if zero.any() else none
        case "only0":
            return zero
        case _:
            return none


def corrected(
    cells: Columns, roles: tuple[str, ...], add: float, to: str, what: str
) -> tuple[dict[str, FloatVector], Remark]:
    """Add the constant to the cells named by ``roles``; ``what`` names them in the note."""
    zero = np.zeros(len(cells[roles[0]]), dtype=bool)
    for role in roles:
        zero |= cells[role] == 0
    chosen = added_to(zero, add, to)
    mended = {role: cells[role] + add * chosen if chosen.any() else cells[role] for role in roles}
    return mended, Remark(chosen, f"{add:g} was added to {what}.")


def without_events(ai: FloatVector, bi: FloatVector, ci: FloatVector, di: FloatVector) -> Remark:
    """Say which tables have no events, or nothing but events, in both groups."""
    empty = ((ai == 0) & (ci == 0)) | ((bi == 0) & (di == 0))
    return Remark(empty, "Left out as asked: no events, or nothing but events, in both groups.")
