"""Which raw numbers stand beside each study in tables and in the forest plot."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from metadesk.analysis.result import DataColumn, StudyResult
from metadesk.analysis.spec import Labels
from metadesk.document.numbers import NumberKind
from metadesk.numerics.types import FloatVector

Columns = Mapping[str, FloatVector]


def data_columns(
    columns: Columns, studies: tuple[StudyResult, ...], labels: Labels
) -> tuple[DataColumn, ...]:
    """Choose the raw data to show: events and totals, means and SDs, events and time, or sizes."""
    first, second = labels.group1, labels.group2
    used = np.array([s.used for s in studies], dtype=bool)
    shown: list[tuple[str, str, str, NumberKind, FloatVector]] = []
    if {"ai", "ci"} <= set(columns):
        for group, events, others, total in (
            (first, "ai", "bi", "n1i"),
            (second, "ci", "di", "n2i"),
        ):
            size = _size(columns, events, others, total)
            if size is not None:
                shown.append((events, "Events", group, "count", columns[events]))
                shown.append((total, "Total", group, "count", size))
    elif {"m1i", "m2i"} <= set(columns):
        for group, mean, sd, n in ((first, "m1i", "sd1i", "n1i"), (second, "m2i", "sd2i", "n2i")):
            shown.append((mean, "Mean", group, "number", columns[mean]))
            if sd in columns:
                shown.append((sd, "SD", group, "number", columns[sd]))
            if n in columns:
                shown.append((n, "Total", group, "count", columns[n]))
    elif {"x1i", "t1i", "x2i", "t2i"} <= set(columns):
        for group, events, time in ((first, "x1i", "t1i"), (second, "x2i", "t2i")):
            shown.append((events, "Events", group, "count", columns[events]))
            shown.append((time, "Time", group, "number", columns[time]))
    elif {"xi", "ni"} <= set(columns):
        shown.append(("xi", "Events", "", "count", columns["xi"]))
        shown.append(("ni", "Total", "", "count", columns["ni"]))
    elif "ni" in columns:
        shown.append(("ni", "N", "", "count", columns["ni"]))
    elif {"n1i", "n2i"} <= set(columns):
        shown.append(("n1i", "Total", first, "count", columns["n1i"]))
        shown.append(("n2i", "Total", second, "count", columns["n2i"]))
    return tuple(_column(*one, used) for one in shown)


def _size(columns: Columns, events: str, others: str, total: str) -> FloatVector | None:
    """The group's size from its own column, else from events and non-events."""
    size = columns.get(total)
    added = columns[events] + columns[others] if others in columns else None
    if size is None or added is None:
        return size if added is None else added
    return np.where(np.isnan(size), added, size)


def _column(
    key: str, title: str, group: str, kind: NumberKind, values: FloatVector, used: np.ndarray
) -> DataColumn:
    cells = tuple(None if math.isnan(v) else float(v) for v in values)
    total = float(np.nansum(values[used])) if kind == "count" and used.any() else math.nan
    return DataColumn(key, title, group, kind, cells, total)
