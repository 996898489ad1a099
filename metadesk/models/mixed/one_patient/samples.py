"""All values on active and on control as two samples, and the order of what is left."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metadesk.errors import DataProblem
from metadesk.models.result import Interval, Quantity
from metadesk.numerics.tails import quantile, two_sided_p
from metadesk.numerics.types import BoolVector, FloatVector


@dataclass(frozen=True)
class TwoSamples:
    """Comparison of all values on active and on control as if independent."""

    difference: float
    welch: Quantity
    pooled: Quantity
    durbin_watson: float
    autocorrelation: tuple[float, ...]


def two_samples(
    values: FloatVector, is_active: BoolVector, is_control: BoolVector, level: float = 0.95
) -> TwoSamples:
    """Compare two sets of values, and look at the order of their residuals.

    Autocorrelations are of the residuals from the two means, in the order of the rows.
    """
    a, c = values[is_active], values[is_control]
    if len(a) < 2 or len(c) < 2:
        raise DataProblem("Each treatment needs at least two values of this person.")
    gap = float(a.mean() - c.mean())
    va, vc = float(a.var(ddof=1)) / len(a), float(c.var(ddof=1)) / len(c)
    df = (va + vc) ** 2 / (va**2 / (len(a) - 1) + vc**2 / (len(c) - 1)) if va + vc > 0 else math.nan
    n = len(a) + len(c)
    pooled = (((a - a.mean()) ** 2).sum() + ((c - c.mean()) ** 2).sum()) / (n - 2)
    se = math.sqrt(pooled * (1 / len(a) + 1 / len(c)))
    rest = np.where(is_active, values - a.mean(), values - c.mean())[is_active | is_control]
    square = float(rest @ rest)
    lags = range(1, min(10, n - 1) + 1)
    return TwoSamples(
        difference=gap,
        welch=_t("welch", "Welch", gap, math.sqrt(va + vc), df, level),
        pooled=_t("pooled", "Pooled variance", gap, se, n - 2, level),
        durbin_watson=float(np.sum(np.diff(rest) ** 2)) / square if square else math.nan,
        autocorrelation=tuple(
            float(rest[k:] @ rest[:-k]) / square if square else math.nan for k in lags
        ),
    )


def _t(name: str, title: str, value: float, se: float, df: float, level: float) -> Quantity:
    half = float(quantile(level, df)) * se
    p = float(two_sided_p(value / se, df)) if se > 0 else math.nan
    return Quantity(
        name, title, value, "t", se=se, df=df, p=p,
        interval=Interval(value - half, value + half, level, title), kind="effect",
    )  # fmt: skip
