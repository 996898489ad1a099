"""Randomised pairs of periods of one person: differences by cycle, t test, randomisation test."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from metadesk.errors import DataProblem
from metadesk.models.mixed.columns import Factor
from metadesk.models.result import Interval
from metadesk.numerics.tails import quantile, two_sided_p
from metadesk.numerics.types import BoolVector, FloatVector

MOST_CYCLES = 20
MOST_ORDERS = 500_000
DRAWN = 200_000


@dataclass(frozen=True, eq=False)
class CycleTest:
    """Differences active − control by cycle, with t test and randomisation test.

    ``floor`` is the smallest two-sided P value that so many randomised pairs can give.
    """

    cycles: tuple[str, ...]
    differences: FloatVector
    mean: float
    se: float
    df: int
    t: float
    p: float
    interval: Interval
    p_random: float
    p_greater: float
    p_less: float
    p_sign: float
    floor: float


def cycle_test(
    differences: FloatVector, cycles: tuple[str, ...] = (), level: float = 0.95
) -> CycleTest:
    """Test the mean of the cycle differences by t and by randomisation.

    Parameters
    ----------
    differences : (k,) array
        Active minus control in each randomised pair of periods.

    References
    ----------
    Fisher (1935); Edgington & Onghena (2007): all 2^k orders of the pairs are equally probable.
    """
    k = len(differences)
    if k < 2:
        raise DataProblem(
            "Fewer than two complete cycles; the difference cannot be compared with its own spread."
        )
    mean, sd = float(differences.mean()), float(differences.std(ddof=1))
    se = sd / math.sqrt(k)
    t = mean / se if se > 0 else math.copysign(math.inf, mean) if mean else math.nan
    half = float(quantile(level, k - 1)) * se
    sums = _sign_sums(differences)
    total = float(differences.sum())
    slack = 1e-9 * max(1.0, float(np.abs(differences).sum()))
    two = float((np.abs(sums) >= abs(total) - slack).mean())
    greater = float((sums >= total - slack).mean())
    less = float((sums <= total + slack).mean())
    plus, minus = int((differences > 0).sum()), int((differences < 0).sum())
    m = plus + minus
    sign = 2 * float(special.bdtr(min(plus, minus), m, 0.5)) if m else 1.0
    return CycleTest(
        cycles=cycles or tuple(str(i + 1) for i in range(k)),
        differences=differences,
        mean=mean,
        se=se,
        df=k - 1,
        t=t,
        p=float(two_sided_p(t, k - 1)) if not math.isnan(t) else math.nan,
        interval=Interval(mean - half, mean + half, level, f"t, {k - 1} degrees of freedom"),
        p_random=two,
        p_greater=greater,
        p_less=less,
        p_sign=min(1.0, sign),
        floor=2.0 / 2**k,
    )


def _sign_sums(d: FloatVector) -> FloatVector:
    """Sums under all sign changes; a fixed random sample of them where they are too many."""
    if len(d) > MOST_CYCLES:
        rng = np.random.default_rng(20150101)
        signs = rng.choice([-1.0, 1.0], size=(DRAWN, len(d)))
        return np.concatenate([signs @ d, [d.sum()]])
    sums = np.zeros(1)
    for value in d:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def cycle_differences(
    values: FloatVector, is_active: BoolVector, is_control: BoolVector, cycle: Factor
) -> tuple[tuple[str, ...], FloatVector]:
    """Mean on active minus mean on control in each cycle that has both."""
    names, found = [], []
    for code, name in enumerate(cycle.levels):
        here = cycle.codes == code
        if (here & is_active).any() and (here & is_control).any():
            names.append(name)
            found.append(values[here & is_active].mean() - values[here & is_control].mean())
    return tuple(names), np.array(found)


@dataclass(frozen=True)
class FreeTest:
    """Randomisation test for periods whose order was drawn freely, not in pairs.

    ``n_orders`` is how many ways there are to give the treatments to the periods; ``exact`` says
    whether all were counted, else a fixed sample of them was.
    """

    n_active: int
    n_control: int
    difference: float
    p_random: float
    p_greater: float
    p_less: float
    floor: float
    n_orders: int
    exact: bool


def free_test(active: FloatVector, control: FloatVector) -> FreeTest:
    """Compare means over all ways to give the treatments to the periods.

    Parameters
    ----------
    active, control : arrays
        One value a period (the mean of its measurements).

    References
    ----------
    Fisher (1935); Edgington & Onghena (2007).
    """
    values = np.concatenate([active, control])
    n, k = len(values), len(active)
    orders = math.comb(n, k)
    exact = orders <= MOST_ORDERS
    sums = _all_sums(values, k) if exact else _drawn_sums(values, k)
    seen = float(active.sum())
    centre = k * float(values.mean())
    slack = 1e-9 * max(1.0, float(np.abs(values).sum()))
    return FreeTest(
        n_active=k,
        n_control=n - k,
        difference=float(active.mean() - control.mean()),
        p_random=float((np.abs(sums - centre) >= abs(seen - centre) - slack).mean()),
        p_greater=float((sums >= seen - slack).mean()),
        p_less=float((sums <= seen + slack).mean()),
        floor=(2.0 if 2 * k == n else 1.0) / orders,
        n_orders=orders,
        exact=exact,
    )


def _all_sums(values: FloatVector, k: int) -> FloatVector:
    """Sums of every choice of ``k`` values."""
    chosen = [np.zeros(1)] + [np.zeros(0)] * k
    for i, value in enumerate(values):
        for size in range(min(i + 1, k), 0, -1):
            chosen[size] = np.concatenate([chosen[size], chosen[size - 1] + value])
    return chosen[k]


def _drawn_sums(values: FloatVector, k: int) -> FloatVector:
    """Sums of a fixed random sample of choices, the observed one among them."""
    rng = np.random.default_rng(20150101)
    tables = np.tile(values, (DRAWN // 100, 1))
    found = [rng.permuted(tables, axis=1)[:, :k].sum(axis=1) for _ in range(100)]
    return np.concatenate([*found, [values[:k].sum()]])
