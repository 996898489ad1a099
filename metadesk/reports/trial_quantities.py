"""Quantities of a trial as lines of a table."""

from __future__ import annotations

import math

from metadesk.document import Cell, Column
from metadesk.models.result import Quantity

QUANTITY = (
    Column("name", "Quantity"),
    Column("value", "Estimate", "effect", 3),
    Column("se", "SE", "se"),
    Column("lower", "CI from", "effect", 3),
    Column("upper", "to", "effect", 3),
    Column("df", "df", "df"),
    Column("p", "P", "p"),
    Column("method", "Method"),
)


def number(value: float) -> float | None:
    """A number as a cell, nothing for NaN."""
    return None if math.isnan(value) else float(value)


def quantity_row(q: Quantity) -> tuple[Cell, ...]:
    """A quantity as a line of a table."""
    low, high = (q.interval.lower, q.interval.upper) if q.interval else (math.nan, math.nan)
    df = number(q.df) if math.isfinite(q.df) else None
    return (q.title, number(q.value), number(q.se), number(low), number(high), df, number(q.p),
            q.method)  # fmt: skip
