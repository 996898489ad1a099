"""Effects that papers report ready made: any estimate with its standard error; hazard ratios."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from metadesk.effects.conversions.survival import (
    log_hazard_ratio,
    observed_less_expected_of_z,
    variance_from_allocation,
    variance_from_events,
)
from metadesk.effects.estimates import ESTIMATE_ROUTES, HANDBOOK
from metadesk.effects.measure import (
    Columns,
    Computed,
    Context,
    Measure,
    Need,
    Remark,
    Route,
    log_scale,
    plain_scale,
)
from metadesk.effects.sources import PARMAR, TIERNEY, YUSUF
from metadesk.numerics.types import FloatVector
from metadesk.options import choice


@dataclass(frozen=True)
class NoOptions:
    """Nothing to choose."""


@dataclass(frozen=True)
class GenericOptions:
    """What the estimates are: differences, or ratios that are analysed as logarithms."""

    scale: str = choice(
        "The estimates are",
        {"difference": "differences or coefficients, analysed as they stand",
         "ratio": "ratios, analysed as logarithms"},
        "difference",
    )  # fmt: skip


def _not_raw(columns: Columns, options: Any) -> Computed:
    """Never reached: every route of these measures gives estimate and variance itself."""
    raise AssertionError("a ready-made estimate has no formula")


def _from_observed_expected(columns: Columns, context: Context) -> Computed:
    """Log hazard ratio (O − E)/V with variance 1/V, from a log-rank test."""
    oe, v = columns["oe"], columns["v"]
    return Computed(oe / v, 1.0 / v, np.full(len(v), np.nan))


OBSERVED_EXPECTED = Route(
    "oe_v",
    "observed minus expected events and their variance",
    (Need("oe", "Observed minus expected events"), Need("v", "Variance of O − E", "variance")),
    _from_observed_expected,
    YUSUF,
)


def _v_of_events(columns: Columns) -> FloatVector:
    return variance_from_events(columns["ai"], columns["ci"])


def _v_of_all_events(columns: Columns) -> FloatVector:
    return variance_from_allocation(columns["xi"], columns["n1i"], columns["n2i"])


def _z_of_p(columns: Columns) -> FloatVector:
    p = columns["pi"]
    return np.asarray(-special.ndtri(np.abs(p) / 2.0) * np.sign(p))


@dataclass(frozen=True)
class _LogRank:
    """Log hazard ratio z/√V with variance 1/V, from a log-rank test and events (Parmar 1998)."""

    z_of: Callable[[Columns], FloatVector]
    v_of: Callable[[Columns], FloatVector]

    def __call__(self, columns: Columns, context: Context) -> Computed:
        v = self.v_of(columns)
        oe = observed_less_expected_of_z(self.z_of(columns), v)
        return Computed(*log_hazard_ratio(oe, v), _people(columns, v), (_eventless(v),))


@dataclass(frozen=True)
class _ByEvents:
    """A hazard ratio without its interval: its variance is about 1/V (Tierney 2007, eq. 10)."""

    v_of: Callable[[Columns], FloatVector]

    def __call__(self, columns: Columns, context: Context) -> Computed:
        est, v = columns["est"], self.v_of(columns)
        wrong = Remark(est <= 0, lambda i: f"The hazard ratio, {est[i]:g}, must be above 0.")
        note = Remark(v > 0, "The standard error follows from the number of events alone.")
        answer = (np.log(est), 1.0 / v, _people(columns, v))
        return Computed(*answer, (wrong, _eventless(v)), (note,))


def _eventless(v: FloatVector) -> Remark:
    return Remark(~(v > 0), "Without events in both groups there is no log-rank test.")


def _people(columns: Columns, like: FloatVector) -> FloatVector:
    if "n1i" in columns and "n2i" in columns:
        return columns["n1i"] + columns["n2i"]
    return np.full(len(like), np.nan)


_EVENTS = (Need("ai", "Events, group 1", "count"), Need("ci", "Events, group 2", "count"))
_ALL_EVENTS = (
    Need("xi", "Events in both groups", "count"),
    Need("n1i", "Total, group 1", "size"),
    Need("n2i", "Total, group 2", "size"),
)
_SIGNED_P = Need("pi", "Log-rank P with the sign of the log hazard ratio", "signed_p")
_Z = Need("zi", "z of the log-rank test", "number")
_HR = Need("est", "Hazard ratio", "positive")


def _z(columns: Columns) -> FloatVector:
    return columns["zi"]


LOG_RANK = (
    Route("logrank_z", "log-rank z and events of both groups", (_Z, *_EVENTS),
          _LogRank(_z, _v_of_events), PARMAR, "test"),
    Route("logrank_p", "log-rank P (signed) and events of both groups", (_SIGNED_P, *_EVENTS),
          _LogRank(_z_of_p, _v_of_events), PARMAR, "test"),
    Route("logrank_z_all", "log-rank z, all events and totals", (_Z, *_ALL_EVENTS),
          _LogRank(_z, _v_of_all_events), PARMAR, "test", approximate=True),
    Route("logrank_p_all", "log-rank P (signed), all events and totals", (_SIGNED_P, *_ALL_EVENTS),
          _LogRank(_z_of_p, _v_of_all_events), PARMAR, "test", approximate=True),
    Route("est_events", "hazard ratio and events of both groups", (_HR, *_EVENTS),
          _ByEvents(_v_of_events), TIERNEY, "test", approximate=True),
    Route("est_events_all", "hazard ratio, all events and totals", (_HR, *_ALL_EVENTS),
          _ByEvents(_v_of_all_events), TIERNEY, "test", approximate=True),
)  # fmt: skip

GENERIC = Measure(
    "GEN", "Generic effect", "Estimate", "Ready-made estimates",
    "Any estimate with its standard error or interval, as the paper gives it.",
    "y as reported; v = SE²",
    GenericOptions, plain_scale("estimate"), HANDBOOK, _not_raw, ESTIMATE_ROUTES,
)  # fmt: skip
HAZARD_RATIO = Measure(
    "HR", "Hazard ratio", "HR", "Survival",
    "How many times faster events happen in group 1 than in group 2.",
    "ln(HR); v = SE², ((ln U − ln L)/(2z))², or 1/V",
    NoOptions, log_scale("hazard ratio"), PARMAR, _not_raw,
    (*ESTIMATE_ROUTES, OBSERVED_EXPECTED, *LOG_RANK),
)  # fmt: skip

READY_MADE = (GENERIC, HAZARD_RATIO)
