"""Reported estimates: intervals around them, ratios above zero, p-values and percents in range."""

from __future__ import annotations

import math
from collections.abc import Iterator

from metadesk.table.checks.look import Look, Problem, called, number
from metadesk.table.roles import ROLES

# How far, in half-widths, an estimate may lie from the middle of its interval; rounding to two
# digits stays below it.
LOPSIDED = 0.15


def interval_turned(look: Look) -> Iterator[Problem]:
    """Lower bounds above upper ones."""
    for lower, upper in (("lower", "upper"), ("lb1i", "ub1i"), ("lb2i", "ub2i")):
        for row, (low, high) in look.together(lower, upper):
            if low >= high:
                said = f"the lower bound, {number(low)}, is not below the upper, {number(high)}."
                remedy = "Correct the interval; perhaps the two were exchanged."
                yield look.problem(row, lower, "error", "interval_turned", said, remedy)


def estimate_outside(look: Look) -> Iterator[Problem]:
    """Estimates outside their own interval."""
    for row, role, value, low, high in _with_interval(look):
        if low < high and not low <= value <= high:
            said = (
                f"the estimate, {number(value)}, lies outside its interval, "
                f"{number(low)} to {number(high)}."
            )
            remedy = "Look for a typing error or a lost minus sign in one of the three cells."
            yield look.problem(row, role, "error", "estimate_outside", said, remedy)


def interval_lopsided(look: Look) -> Iterator[Problem]:
    """Estimates off the middle of their interval on the scale of analysis."""
    rounding = {role: _half_unit(look, role) for role in ("est", "yi", "lower", "upper")}
    for row, role, value, low, high in _with_interval(look):
        if not low < value < high:
            continue
        log = role == "est"
        if log and low <= 0:
            continue
        y, lo, hi = (math.log(value), math.log(low), math.log(high)) if log else (value, low, high)
        slack = sum(
            times * rounding[of] / (x if log else 1.0)
            for times, of, x in ((2, role, value), (1, "lower", low), (1, "upper", high))
        )
        if abs(2 * y - lo - hi) > LOPSIDED * (hi - lo) + slack:
            scale = "on the log scale " if log else ""
            said = (
                f"the estimate, {number(value)}, is {scale}not in the middle of its interval, "
                f"{number(low)} to {number(high)}."
            )
            remedy = "Look for a typing error, or for an interval on another scale."
            yield look.problem(row, role, "warning", "interval_lopsided", said, remedy)


def ratio_with_error(look: Look) -> Iterator[Problem]:
    """Ratios with a standard error and no interval: the scale of the error has to be assumed."""
    column = look.column("sei")
    if column is None or look.column("est") is None or look.column("lower") is not None:
        return
    sentence = f"Column {column.name}: the standard errors are taken to be of the log ratios."
    remedy = "If they are of the ratios themselves, enter the confidence intervals instead."
    yield Problem(None, column.id, "note", sentence, "ratio_with_error", remedy)


def outside_range(look: Look) -> Iterator[Problem]:
    """P-values outside 0 to 1, correlations outside −1 to 1, percents outside 0 to 100."""
    for entry in ROLES:
        low, high = _range(entry.key, entry.kind)
        for row, value in look.filled(entry.key) if high < math.inf else ():
            if not low <= value <= high:
                said = (
                    f"{called(entry.key)}, {number(value)}, must lie between {number(low)} "
                    f"and {number(high)}."
                )
                percent = entry.kind == "probability" and 1 < value <= 100
                remedy = f"If it is a percentage, type {number(value / 100)}." if percent else (
                    "Correct the cell."
                )  # fmt: skip
                yield look.problem(row, entry.key, "error", "outside_range", said, remedy)


def proportion_as_percent(look: Look) -> Iterator[Problem]:
    """A column of percentages that holds only values up to 1."""
    for role in ("p1i", "p2i"):
        column, values = look.column(role), [value for _, value in look.filled(role)]
        if column is not None and len(values) >= 3 and max(values) <= 1 and max(values) > 0:
            sentence = (
                f"Column {column.name}: all values are 1 or less, which looks like proportions "
                "rather than percentages."
            )
            remedy = "Multiply them by 100 if they are proportions."
            yield Problem(None, column.id, "warning", sentence, "proportion_as_percent", remedy)


def _with_interval(look: Look) -> Iterator[tuple[int, str, float, float, float]]:
    """Rows with an estimate and both bounds, with the role of the estimate."""
    for role in ("est", "yi"):
        for row, (value, low, high) in look.together(role, "lower", "upper"):
            yield row, role, value, low, high


def _half_unit(look: Look, role: str) -> float:
    """Half a unit of the last decimal that a column is written with."""
    digits = [number(value).partition(".")[2] for _, value in look.filled(role)]
    return 0.5 * 10.0 ** -max((len(d) for d in digits if "e" not in d), default=0)


def _range(key: str, kind: str) -> tuple[float, float]:
    """The closed range of a role's values; infinite where there is none."""
    if kind == "probability":
        return 0.0, 1.0
    if kind == "correlation":
        return -1.0, 1.0
    return (0.0, 100.0) if key in ("p1i", "p2i") else (-math.inf, math.inf)
