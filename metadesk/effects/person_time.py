"""Two groups, events over person-time: rate ratio and rate differences."""

from __future__ import annotations

import numpy as np

from metadesk.effects.estimates import ESTIMATE_ROUTES
from metadesk.effects.measure import (
    Columns,
    Computed,
    Context,
    Inputs,
    Measure,
    Need,
    Remark,
    Route,
    log_scale,
    plain_scale,
)
from metadesk.effects.sources import ROTHMAN
from metadesk.effects.zeros import ZeroCells, ZeroCellsKept, corrected
from metadesk.numerics.types import FloatVector

_ROLES = ("x1i", "t1i", "x2i", "t2i")


def _mended(
    columns: Columns, options: ZeroCells | ZeroCellsKept
) -> tuple[FloatVector, FloatVector, tuple[Remark, ...], tuple[Remark, ...]]:
    """Event counts after the zero rule: the constant goes to counts, person-time stays."""
    cells, note = corrected(columns, ("x1i", "x2i"), options.add, options.to, "both counts")
    reasons: tuple[Remark, ...] = ()
    if options.drop00:
        empty = (columns["x1i"] == 0) & (columns["x2i"] == 0)
        reasons = (Remark(empty, "Left out as asked: no events in either group."),)
    return cells["x1i"], cells["x2i"], reasons, (note,)


def log_rate_ratio(columns: Columns, options: ZeroCells) -> Computed:
    """Log ratio of two incidence rates."""
    x1, x2, reasons, notes = _mended(columns, options)
    t1, t2 = columns["t1i"], columns["t2i"]
    yi = np.log(x1 / t1) - np.log(x2 / t2)
    return Computed(yi, 1.0 / x1 + 1.0 / x2, t1 + t2, reasons, notes)


def rate_difference(columns: Columns, options: ZeroCells) -> Computed:
    """Difference of two incidence rates."""
    x1, x2, reasons, notes = _mended(columns, options)
    t1, t2 = columns["t1i"], columns["t2i"]
    return Computed(x1 / t1 - x2 / t2, x1 / t1**2 + x2 / t2**2, t1 + t2, reasons, notes)


def root_rate_difference(columns: Columns, options: ZeroCellsKept) -> Computed:
    """Difference of the square roots of two incidence rates."""
    x1, x2, reasons, notes = _mended(columns, options)
    t1, t2 = columns["t1i"], columns["t2i"]
    yi = np.sqrt(x1 / t1) - np.sqrt(x2 / t2)
    return Computed(yi, 1.0 / (4.0 * t1) + 1.0 / (4.0 * t2), t1 + t2, reasons, notes)


def _as_they_stand(columns: Columns, context: Context) -> Inputs:
    return Inputs({role: columns[role] for role in _ROLES})


RATE_ROUTES = (
    Route(
        "events_time",
        "events and person-time of both groups",
        (
            Need("x1i", "Events, group 1", "count"),
            Need("t1i", "Person-time, group 1", "time"),
            Need("x2i", "Events, group 2", "count"),
            Need("t2i", "Person-time, group 2", "time"),
        ),
        _as_they_stand,
    ),
)
_ROUTES = (*RATE_ROUTES, *ESTIMATE_ROUTES)
_FAMILY = "Two groups, events over person-time"

PERSON_TIME = (
    Measure(
        "IRR", "Incidence rate ratio", "IRR", _FAMILY,
        "How many times higher the rate of events is in group 1 than in group 2.",
        "ln((x1/t1)/(x2/t2)); v = 1/x1 + 1/x2",
        ZeroCells, log_scale("rate ratio"), ROTHMAN, log_rate_ratio, _ROUTES,
    ),
    Measure(
        "IRD", "Incidence rate difference", "IRD", _FAMILY,
        "How many more events per unit of time happen in group 1.",
        "x1/t1 − x2/t2; v = x1/t1² + x2/t2²",
        ZeroCells, plain_scale("rate difference"), ROTHMAN, rate_difference, _ROUTES,
    ),
    Measure(
        "IRSD", "Square-root rate difference", "√IRD", _FAMILY,
        "The difference of rates on a scale where the variance does not depend on them.",
        "√(x1/t1) − √(x2/t2); v = 1/(4·t1) + 1/(4·t2)",
        ZeroCellsKept, plain_scale("difference of root rates"), ROTHMAN, root_rate_difference,
        _ROUTES,
    ),
)  # fmt: skip
