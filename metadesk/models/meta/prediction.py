"""The interval in which the true effect of a new study is expected."""

from __future__ import annotations

import math

from metadesk.models.result import Interval
from metadesk.numerics.tails import critical_value

METHODS = {
    "t(k-1)": "t with k − 1 degrees of freedom",
    "t(k-2)": "t with k − 2 degrees of freedom (Higgins 2009)",
    "test": "same distribution as the confidence interval",
    "normal": "normal distribution",
    "riley": "t with k − 2 degrees of freedom, at least 1 (Riley 2011)",
    "simple": "tau alone, the mean taken as known",
    "nnf": "parametric bootstrap (Nagashima, Noma & Furukawa 2019)",
    "none": "None",
}
CLOSED = tuple(key for key in METHODS if key not in ("nnf", "none"))


def prediction_df(
    method: str, k: int, p: int, test_df: float, tau2_is_known: bool = False
) -> float:
    """Degrees of freedom that a rule takes; below 1 the rule gives no interval."""
    match method:
        case "t(k-1)":
            return float(k - p)
        case "t(k-2)":
            return float(k - p - 1)
        case "riley":
            return float(max(k - p - (0 if tau2_is_known else 1), 1))
        case "normal" | "simple":
            return math.inf
        case _:
            return test_df


def prediction_interval(
    centre: float,
    se: float,
    tau2: float,
    method: str,
    level: float,
    k: int,
    p: int,
    test_df: float,
    tau2_is_known: bool = False,
) -> Interval | None:
    """``centre ± q sqrt(se² + tau²)`` with ``se`` from the chosen test; None where df fall below 1.

    'simple' takes the mean as known: ``centre ± z tau``. With the intercept alone (p = 1) the
    names of the rules hold as they stand; moderators take their degrees of freedom as well.
    """
    df = prediction_df(method, k, p, test_df, tau2_is_known)
    if method == "none" or df < 1.0:
        return None
    spread = math.sqrt(tau2 if method == "simple" else se * se + tau2)
    half = critical_value(level, df) * spread
    return Interval(centre - half, centre + half, level, f"{METHODS[method]}{_df_words(df)}")


def _df_words(df: float) -> str:
    return "" if math.isinf(df) else f", df = {df:.4g}"
