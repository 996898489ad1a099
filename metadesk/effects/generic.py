"""Effects that papers report ready made: any estimate with its standard error; hazard ratios."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from metadesk.effects.estimates import ESTIMATE_ROUTES, HANDBOOK
from metadesk.effects.measure import (
    Columns,
    Computed,
    Context,
    Measure,
    Need,
    Route,
    log_scale,
    plain_scale,
)
from metadesk.effects.sources import PARMAR, YUSUF
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
    NoOptions, log_scale("hazard ratio"), PARMAR, _not_raw, (*ESTIMATE_ROUTES, OBSERVED_EXPECTED),
)  # fmt: skip

READY_MADE = (GENERIC, HAZARD_RATIO)
