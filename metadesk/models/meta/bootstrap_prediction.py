"""Prediction interval from the confidence distribution of tau² (Nagashima, Noma & Furukawa)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from metadesk.models.meta.data import MetaData
from metadesk.models.meta.kernel import MeanKernel
from metadesk.models.result import Interval
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.quadratic_forms import ResidualForm
from metadesk.numerics.types import FloatVector

_DRAWS = 50_000
_TAIL = 0.5 / _DRAWS
_APART = 0.12  # of the probit scale, between neighbours of the table
_TABLE = 512
_WHAT = "Confidence distribution of τ²"


def nnf_interval(
    data: MetaData, level: float, *, seed: int = 1, progress: Progress = SILENT
) -> Interval | None:
    """Predict the true effect of a new study with tau² as uncertain as the data leave it.

    tau² is drawn from its confidence distribution, the inverse of the distribution function of
    Cochran's Q seen as a function of tau² (zero with the probability that is left); given tau², the
    prediction is ``mean(tau²) + z tau + t s(tau²)`` with z normal, t on k - 1 degrees of freedom
    and s Hartung's standard error; the interval holds the central share of the draws (Nagashima
    et al. 2019, Stat Methods Med Res 28, 1689, algorithm 1). The confidence distribution and the
    mean are tabulated and interpolated; two seeds differ in the third digit.

    Returns
    -------
    Interval or None
        None with fewer than two studies.
    """
    if data.k < 2:
        return None
    law = _confidence_distribution(data, progress)
    progress.step(0.9, "Draws of a new study's effect")
    rng = np.random.default_rng(seed)
    drawn = law.quantiles(rng.random(_DRAWS))
    mean, se = _mean_and_se(data, drawn, law.floor)
    new = mean + rng.standard_normal(_DRAWS) * np.sqrt(drawn)
    new += rng.standard_t(data.k - 1, _DRAWS) * se
    ends = np.quantile(new, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    words = f"confidence distribution of τ², {_DRAWS:,} draws, seed {seed} (NNF)"
    return Interval(float(ends[0]), float(ends[1]), level, words)


@dataclass(frozen=True, eq=False)
class _Law:
    """Probabilities on the probit scale at values of tau², both rising; below the first, zero."""

    probit: FloatVector
    t: FloatVector
    floor: float

    def quantiles(self, u: FloatVector) -> FloatVector:
        """The values below which tau² lies with these probabilities."""
        logs = np.interp(special.ndtri(u), self.probit, np.log(self.t + self.floor))
        t = np.maximum(np.exp(logs) - self.floor, 0.0)
        return np.asarray(np.where(u <= special.ndtr(self.probit[0]), 0.0, t), dtype=np.float64)


def _confidence_distribution(data: MetaData, progress: Progress) -> _Law:
    """``P(tau² <= t) = P(Q >= q; t)``, tabulated as finely as it bends."""
    kernel = MeanKernel(data.yi, data.vi)
    a = 1.0 / data.vi
    q, floor = kernel.moment(a).yPy, float(data.vi.min())
    form = ResidualForm(a, np.ones((data.k, 1)))

    def probit(t: float) -> float:
        progress.check()
        beyond = 1.0 - form.cdf(q, data.vi + t) if q > 0.0 else 1.0
        return float(special.ndtri(min(max(beyond, _TAIL), 1.0 - _TAIL)))

    top = -float(special.ndtri(_TAIL))
    ts, found = [0.0], [probit(0.0)]
    step = float(data.vi.mean()) + kernel.spread
    while found[-1] < top and ts[-1] < 1e300:
        ts.append(4.0 * ts[-1] if ts[-1] else step)
        found.append(probit(ts[-1]))
    return _refined(ts, found, floor, probit, progress)


def _refined(
    ts: list[float],
    found: list[float],
    floor: float,
    probit: Callable[[float], float],
    progress: Progress,
) -> _Law:
    """Halve intervals, in ln(t + floor), until neighbours are close in probability."""
    i = 0
    while i < len(ts) - 1:
        progress.step(0.1 + 0.8 * float(special.ndtr(found[i])), _WHAT)
        wide = found[i + 1] - found[i] > _APART and ts[i + 1] - ts[i] > 1e-9 * (ts[i] + floor)
        if not wide:
            i += 1
            continue
        middle = math.sqrt((ts[i] + floor) * (ts[i + 1] + floor)) - floor
        ts.insert(i + 1, middle)
        found.insert(i + 1, probit(middle))
    rising = np.maximum.accumulate(np.array(found))
    return _Law(rising, np.array(ts), floor)


def _mean_and_se(
    data: MetaData, tau2: FloatVector, floor: float
) -> tuple[FloatVector, FloatVector]:
    """Pooled mean and Hartung's standard error at each tau², from a fine table."""
    y0 = float(data.yi.mean())
    y = data.yi - y0
    logs = np.linspace(0.0, math.log1p(float(tau2.max()) / floor), _TABLE)
    w = 1.0 / (data.vi + floor * np.expm1(logs)[:, None])
    sw = w.sum(axis=1)
    mean = w @ y / sw
    q = np.einsum("ij,ij->i", w, (y - mean[:, None]) ** 2)
    se = np.sqrt(q / ((data.k - 1) * sw))
    at = np.log1p(tau2 / floor)
    return np.interp(at, logs, mean) + y0, np.interp(at, logs, se)
