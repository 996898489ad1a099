"""Standard deviations: positive, and not a standard error in disguise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from metadesk.table.checks.look import Look, Problem, called, median, number
from metadesk.table.roles import ROLES

FAR_BELOW = 1 / 3  # an SD this far below the median SD is suspicious (a convention)
BELOW = 0.5
NEAR = 0.25  # how near to the median the SD must come when multiplied by the root of n
ONE_SCALE = 2.0  # only rows whose mean is within this factor of the usual mean are compared
ENOUGH = 5


def not_positive(look: Look) -> Iterator[Problem]:
    """SDs, standard errors and variances of zero or less."""
    for role in (entry.key for entry in ROLES if entry.kind == "positive"):
        for row, value in look.filled(role):
            if value <= 0:
                said = f"{called(role)} must be above 0; the cell says {number(value)}."
                remedy = "Look it up; leave the cell empty if it was not reported."
                yield look.problem(row, role, "error", "not_positive", said, remedy)


def sd_looks_like_se(look: Look) -> Iterator[Problem]:
    """An SD far below the others that would fit them if it were a standard error."""
    groups: dict[str, list[_Cell]] = {}
    for roles in (("m1i", "sd1i", "n1i"), ("m2i", "sd2i", "n2i")):
        for row, (mean, sd, n) in look.together(*roles):
            if sd > 0 and n >= 4 and mean != 0:
                cell = _Cell(row, roles[1], abs(mean), sd, n)
                groups.setdefault(look.outcome(row), []).append(cell)
    for cells in groups.values():
        usual = median([cell.mean for cell in cells])
        alike = [c for c in cells if 1 / ONE_SCALE <= c.mean / usual <= ONE_SCALE]
        if len({cell.row for cell in alike}) >= ENOUGH:
            yield from _small_ones(look, alike)


class _Cell(NamedTuple):
    """An SD with the row it stands in and the mean and size that belong to it."""

    row: int
    role: str
    mean: float
    sd: float
    n: float

    @property
    def as_sd(self) -> float:
        """The SD, if what was entered is a standard error."""
        return self.sd * math.sqrt(self.n)


def _small_ones(look: Look, cells: list[_Cell]) -> Iterator[Problem]:
    """The SDs whose value times the root of n fits the others better than the value does.

    Both groups of a study are one finding; beside a suspected SD a small one is suspected too.
    """
    middle = median([cell.sd for cell in cells])
    rows: dict[int, list[_Cell]] = {}
    for cell in cells:
        rows.setdefault(cell.row, []).append(cell)
    for row, groups in rows.items():
        if any(_suspected(cell, middle) for cell in groups):
            small = [cell for cell in groups if cell.sd < BELOW * middle]
            yield look.problem(
                row, small[0].role, "warning", "sd_looks_like_se", *_said(small, middle)
            )


def _suspected(cell: _Cell, middle: float) -> bool:
    """Whether an SD is far below the usual one and near it as a standard error."""
    ratio, as_sd = cell.sd / middle, cell.as_sd / middle
    far = ratio < FAR_BELOW and abs(math.log(as_sd)) < abs(math.log(ratio))
    return far or (ratio < BELOW and cell.n >= 9 and abs(as_sd - 1) < NEAR)


def _said(small: list[_Cell], middle: float) -> tuple[str, str]:
    """The sentence about one group or both, and what would mend it."""
    others = f"the other SDs are about {middle:.3g}."
    if len(small) == 1:
        said = f"{called(small[0].role)}, {number(small[0].sd)}, looks like a standard error: "
        would = f"Look it up; if it is a standard error, the SD is {small[0].as_sd:.3g}."
        return said + others, would
    one, other = small
    said = f"the SDs of both groups, {number(one.sd)} and {number(other.sd)}, look like standard "
    would = (
        f"Look them up; if they are standard errors, the SDs are {one.as_sd:.3g} and "
        f"{other.as_sd:.3g}."
    )
    return f"{said}errors: {others}", would
