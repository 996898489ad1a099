"""Prediction interval from the confidence distribution of tau² (Nagashima, Noma & Furukawa)."""

from __future__ import annotations

import numpy as np

from metadesk.models.meta.data import MetaData
from metadesk.models.meta.kernel import MeanKernel
from metadesk.models.meta.tau2 import solve_generalised_q
from metadesk.models.result import Interval
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatVector

_LEVELS = 200
_BLOCK = 1_000_000  # numbers in one block of draws
_DRAWS = 50_000


def nnf_interval(
    data: MetaData, level: float, *, seed: int = 1, progress: Progress = SILENT
) -> Interval | None:
    """Predict the true effect of a new study with tau² as uncertain as the data leave it.

    tau² is drawn from its confidence distribution, the inverse of the distribution function of
    Cochran's Q seen as a function of tau² (zero with the probability that is left); given tau², the
    prediction is ``mean(tau²) + z tau + t s(tau²)`` with z normal, t on k - 1 degrees of freedom
    and s Hartung's standard error; the interval holds the central share of the draws (Nagashima
    et al. 2019, Stat Methods Med Res 28, 1689, algorithm 1). The confidence distribution is
    inverted at 200 probabilities and interpolated; two seeds differ in the third digit.

    Returns
    -------
    Interval or None
        None with fewer than two studies.
    """
    if data.k < 2:
        return None
    kernel = MeanKernel(data.yi, data.vi)
    progress.step(0.2, "Confidence distribution of tau²")
    tail = 0.5 / _DRAWS
    u = np.concatenate([[tail], (np.arange(_LEVELS) + 0.5) / _LEVELS, [1.0 - tail]])
    a = 1.0 / data.vi
    t = np.empty(u.size)
    for i, p in enumerate(u):
        progress.step(0.2 + 0.4 * i / u.size, "Confidence distribution of tau²")
        t[i] = solve_generalised_q(kernel, a, 1.0 - float(p))[0]
    progress.step(0.6, "Draws of a new study's effect")
    rng = np.random.default_rng(seed)
    drawn = np.interp(rng.random(_DRAWS), u, t)
    size = max(1, _BLOCK // data.k)
    parts = []
    for first in range(0, _DRAWS, size):
        progress.step(0.6 + 0.4 * first / _DRAWS, "Draws of a new study's effect")
        parts.append(_mean_and_se(data, drawn[first : first + size]))
    mean, se = (np.concatenate(piece) for piece in zip(*parts, strict=True))
    new = mean + rng.standard_normal(_DRAWS) * np.sqrt(drawn)
    new += rng.standard_t(data.k - 1, _DRAWS) * se
    ends = np.quantile(new, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    words = f"confidence distribution of tau², {_DRAWS:,} draws, seed {seed} (NNF)"
    return Interval(float(ends[0]), float(ends[1]), level, words)


def _mean_and_se(data: MetaData, tau2: FloatVector) -> tuple[FloatVector, FloatVector]:
    """Pooled mean and Hartung's standard error at each tau²."""
    y = data.yi - data.yi.mean()
    w = 1.0 / (data.vi + tau2[:, None])
    sw = w.sum(axis=1)
    mean = w @ y / sw
    q = np.einsum("ij,ij->i", w, (y - mean[:, None]) ** 2)
    se = np.sqrt(q / ((data.k - 1) * sw))
    return mean + float(data.yi.mean()), se
