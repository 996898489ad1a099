"""Every study left out in turn, in one call."""

from __future__ import annotations

import math

import numpy as np

from metadesk.models.meta.batch import BatchFit, fit_batch
from metadesk.models.meta.data import MetaData
from metadesk.models.meta.kernel import MeanKernel
from metadesk.models.meta.tau2 import estimate_tau2
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector

_MANY = 200
_NODES = 24
_STEPS = 60


def leave_one_out(
    data: MetaData, method: str = "REML", *, tau2: float | None = None, progress: Progress = SILENT
) -> BatchFit:
    """Refit a model without moderators k times, each time without one study.

    Up to 200 studies this is a batch with a mask. Beyond, the sums over all studies that a fit is
    made of are tabulated at Chebyshev nodes over the narrow range of tau² that the k fits lie in;
    each fit takes its own study's terms away. That costs time linear in k, and loses no digit that
    matters: the sums are analytic in tau². REML and DL go this way; other estimators use the mask.

    Returns
    -------
    BatchFit
        Row i is the fit without study i.
    """
    if data.k <= _MANY or method != "REML" or tau2 is not None:
        mask = 1.0 - np.eye(data.k)
        return fit_batch(data.yi, data.vi, mask=mask, method=method, tau2=tau2, progress=progress)
    with np.errstate(all="ignore"):
        found = _by_subtraction(data.yi, data.vi)
    if found is None:
        return fit_batch(data.yi, data.vi, mask=1.0 - np.eye(data.k), method=method)
    return found


class _Sums:
    """``sum w^a y^b`` over all studies but one (a = 1..3, b = 0..2), at each fit's own tau²."""

    def __init__(self, y: FloatVector, v: FloatVector, lo: float, hi: float) -> None:
        self.y, self.v = y, v
        self.powers = np.stack([np.ones(y.size), y, y * y], axis=1)
        angle = (np.arange(_NODES) + 0.5) * math.pi / _NODES
        self.nodes = 0.5 * (lo + hi) + 0.5 * (hi - lo) * np.cos(angle)
        self.factors = (-1.0) ** np.arange(_NODES) * np.sin(angle)
        table = []
        for t in self.nodes.tolist():
            w = 1.0 / (v + t)
            table.append([(w**a) @ self.powers for a in (1, 2, 3)])
        self.table = np.array(table).reshape(_NODES, 9)

    def at(self, t: FloatVector, rows: IntVector) -> FloatMatrix:
        """The nine sums without each of ``rows``, (m, 3, 3): power of w, power of y."""
        gap = t[:, None] - self.nodes
        exact = gap == 0.0
        weight = self.factors / np.where(exact, 1.0, gap)
        weight = np.where(exact.any(axis=1)[:, None], exact.astype(float), weight)
        total = (weight @ self.table) / weight.sum(axis=1)[:, None]
        w = 1.0 / (self.v[rows] + t)
        own = np.stack([w, w * w, w**3], axis=1)[:, :, None] * self.powers[rows][:, None, :]
        return np.asarray(total.reshape(-1, 3, 3) - own, dtype=np.float64)


def _by_subtraction(y: FloatVector, v: FloatVector) -> BatchFit | None:
    """None where the fits do not share a narrow range of tau² (then the mask answers)."""
    k = y.size
    y0 = float(y.mean())
    y = y - y0
    centre = estimate_tau2(MeanKernel(y, v), "REML")
    if centre.maxima > 1 or centre.value == 0.0 or not centre.converged:
        return None
    lo, hi = 0.5 * centre.value, 1.6 * centre.value
    if not _all_inside(y, v, lo, hi):
        return None
    sums = _Sums(y, v, lo, hi)
    rows = np.arange(k)
    t = np.full(k, centre.value)
    for _ in range(_STEPS):
        s = sums.at(t, rows)
        score, slope = _score(s)
        step = np.clip(-score / slope, lo - t, hi - t)
        t = t + step
        if float(np.abs(step / t).max()) < 1e-10:
            break
    else:
        return None
    return _finish(y, y0, v, t, sums.at(t, rows))


def _score(s: FloatMatrix) -> tuple[FloatVector, FloatVector]:
    """REML score (twice) and its derivative from the sums."""
    (w, wy, _), (w2, w2y, w2yy), (w3, w3y, w3yy) = (s[:, a].T for a in range(3))
    mu = wy / w
    yPPy = w2yy - 2.0 * mu * w2y + mu * mu * w2
    third = w3yy - 2.0 * mu * w3y + mu * mu * w3 - (w2y - mu * w2) ** 2 / w
    trPP = w2 - 2.0 * w3 / w + (w2 / w) ** 2
    return yPPy - (w - w2 / w), trPP - 2.0 * third


def _all_inside(y: FloatVector, v: FloatVector, lo: float, hi: float) -> bool:
    """Whether every fit's score, seen on a grid, changes sign once and inside the range."""
    kernel = MeanKernel(y, v)
    top = 4.0 * kernel.residual_sum() / (kernel.k - 2) + float(v.max())
    outer = float(v.min()) * np.expm1(np.linspace(0.0, math.log1p(top / float(v.min())), 11))
    grid = np.unique(np.concatenate([outer[outer < lo], [lo, hi], outer[outer > hi]]))
    powers = np.stack([np.ones(y.size), y, y * y], axis=1)
    for t in grid.tolist():
        w = 1.0 / (v + t)
        own = [(w**a)[:, None] * powers for a in (1, 2)]
        (s1, s1y, _), (s2, s2y, s2yy) = ((p.sum(axis=0) - p).T for p in own)
        mu = s1y / s1
        score = s2yy - 2.0 * mu * s2y + mu * mu * s2 - (s1 - s2 / s1)
        if not ((score > 0.0) if t <= lo else (score < 0.0)).all():
            return False
    return True


def _finish(y: FloatVector, y0: float, v: FloatVector, t: FloatVector, s: FloatMatrix) -> BatchFit:
    k = y.size - 1
    w, wy, wyy = s[:, 0].T
    mean = wy / w
    fixed = 1.0 / v
    own = np.stack([fixed, fixed * y, fixed * y * y, fixed * fixed])
    f, fy, fyy, f2 = own.sum(axis=1)[:, None] - own
    QE = fyy - fy * fy / f
    typical = (k - 1) / (f - f2 / f)
    se = 1.0 / np.sqrt(w)
    return BatchFit(
        b=(mean + y0)[:, None],
        se=se[:, None],
        tau2=t,
        QE=QE,
        I2=100.0 * t / (t + typical),
        H2=1.0 + t / typical,
        s2w=(wyy - mean * wy) / (k - 1),
        k=np.full(t.size, k, dtype=np.int64),
        p=1,
        QM=((mean + y0) / se) ** 2,
    )
