"""Many small meta-analyses in one call: subsets, resamples, permutations, simulations.

Data sets are the columns of (k, B) arrays; a mask leaves studies out of some of them. The
estimators are those of :mod:`metadesk.models.meta.tau2`, run on all data sets at once: a scan
fixes the sign of every score, Newton steps finish, data sets that have converged drop out of the
iteration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from metadesk.errors import SpecProblem
from metadesk.models.meta.kernel import DesignKernel, MeanKernel
from metadesk.models.meta.tau2 import estimate_tau2
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import chi2_quantile
from metadesk.numerics.types import BoolVector, FloatMatrix, FloatVector, IntVector

METHODS = ("EE", "DL", "HE", "HS", "HSk", "SJ", "PM", "EB", "DLIT", "SJIT", "PMM", "ML", "REML")
_STEPS = 100
_FINE = 1e-10
_GRID = 11
_BLOCK = 25_000


@dataclass(frozen=True, eq=False)
class BatchFit:
    """Estimates of B data sets.

    ``b`` and ``se`` are (B, p) with classic standard errors; ``tau2``, ``QE``, ``I2``, ``H2`` and
    the Hartung-Knapp factor ``s2w`` are (B,); ``k`` counts the studies used. Data sets without a
    study are NaN.
    """

    b: FloatMatrix
    se: FloatMatrix
    tau2: FloatVector
    QE: FloatVector
    I2: FloatVector
    H2: FloatVector
    s2w: FloatVector
    k: IntVector
    p: int
    QM: FloatVector


@dataclass(frozen=True, eq=False)
class _Sets:
    """Data sets in columns; ``m`` is 1 where a study counts, ``X`` (k, B, p) or None."""

    y: FloatMatrix
    v: FloatMatrix
    m: FloatMatrix
    X: FloatMatrix | None
    k: FloatVector
    p: int

    def take(self, which: IntVector | BoolVector | slice) -> _Sets:
        X = None if self.X is None else np.ascontiguousarray(self.X[:, which])
        y, v, m = (np.ascontiguousarray(a[:, which]) for a in (self.y, self.v, self.m))
        return replace(self, y=y, v=v, m=m, X=X, k=self.k[which])


@dataclass(frozen=True, eq=False)
class _Moments:
    """``y'Py``, the trace of P and the sum of the weights, all at tau² = 0."""

    yPy: FloatVector
    trP: FloatVector
    sw: FloatVector


@dataclass(frozen=True, eq=False)
class _Forms:
    yPy: FloatVector
    yPPy: FloatVector
    yPPPy: FloatVector
    trP: FloatVector
    trPP: FloatVector
    sw: FloatVector
    sw2: FloatVector


def fit_batch(
    yi: FloatMatrix,
    vi: FloatMatrix,
    *,
    mask: FloatMatrix | BoolVector | None = None,
    X: FloatMatrix | None = None,
    method: str = "REML",
    tau2: float | None = None,
    progress: Progress = SILENT,
) -> BatchFit:
    """Fit one model to each of B data sets.

    Parameters
    ----------
    yi, vi : (B, k) or (k,) array
        Effects and variances; one row a data set, or one row for all.
    mask : (B, k) array of 0 and 1, optional
        Zero leaves a study out.
    X : (k, p) or (B, k, p) array, optional
        Moderators with the intercept; an intercept alone without it.
    method : str
        Estimator of tau², or EE for none.
    tau2 : float, optional
        A given tau².

    Returns
    -------
    BatchFit
    """
    if method not in METHODS:
        raise SpecProblem(f"'{method}' does not run on many data sets; {', '.join(METHODS)} do.")
    sets = _sets(yi, vi, mask, X)
    B, rows = sets.y.shape[1], sets.y.shape[0] * sets.p
    size = max(1, _BLOCK // max(1, rows))
    parts = []
    with np.errstate(all="ignore"):
        for first in range(0, B, size):
            progress.step(first / B)
            block = sets.take(slice(first, first + size))
            parts.append(_fit(block, method, tau2))
    return parts[0] if len(parts) == 1 else _joined(parts)


def _joined(parts: list[BatchFit]) -> BatchFit:
    names = ("b", "se", "tau2", "QE", "I2", "H2", "s2w", "k", "QM")
    merged = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return BatchFit(p=parts[0].p, **merged)


def _sets(
    yi: FloatMatrix,
    vi: FloatMatrix,
    mask: FloatMatrix | BoolVector | None,
    X: FloatMatrix | None,
) -> _Sets:
    y, v = np.atleast_2d(np.asarray(yi, float)), np.atleast_2d(np.asarray(vi, float))
    shapes = [y.shape, v.shape]
    if mask is not None:
        shapes.append(np.atleast_2d(mask).shape)
    if X is not None and X.ndim == 3:
        shapes.append(X.shape[:2])
    shape = np.broadcast_shapes(*shapes)
    m = np.broadcast_to(1.0 if mask is None else np.atleast_2d(mask), shape)
    y, v = np.broadcast_to(y, shape), np.broadcast_to(v, shape)
    # Views: whoever takes a block copies it, so that work on the first begins (and stops) at once.
    counts = np.asarray(m.T, dtype=np.float64)
    k = np.full(shape[0], float(shape[1])) if mask is None else _sum(counts)
    p, design = 1, None
    if X is not None:
        p = int(X.shape[-1])
        whole = np.broadcast_to(X, (*shape, p))
        design = whole.transpose(1, 0, 2)
    return _Sets(y.T, v.T, counts, design, k, p)


def _fit(sets: _Sets, method: str, given: float | None) -> BatchFit:
    centre = _sum(sets.m * sets.y) / sets.k
    about = sets if sets.X is not None else replace(sets, y=(sets.y - centre) * sets.m)
    f = _moments(about)
    t = np.full(sets.k.size, given) if given is not None else _tau2(about, method, f)
    b, vb, q = _solve(about, t)
    if sets.X is None:
        b = b + centre[:, None]
    df = sets.k - sets.p
    typical = df / f.trP
    I2 = 100.0 * t / (t + typical)
    H2 = 1.0 + t / typical
    if method == "EE":
        I2, H2 = 100.0 * np.maximum(0.0, (f.yPy - df) / f.yPy), f.yPy / df
    none = df <= 0
    se = np.sqrt(np.einsum("bii->bi", vb))
    empty = sets.k == 0
    return BatchFit(
        b=np.where(empty[:, None], math.nan, b),
        se=np.where(empty[:, None], math.nan, se),
        tau2=np.where(empty, math.nan, t),
        QE=np.where(none, 0.0, f.yPy),
        I2=np.where(none, 0.0, I2),
        H2=np.where(none, 1.0, H2),
        s2w=np.where(none, math.nan, q / df),
        k=sets.k.astype(np.int64),
        p=sets.p,
        QM=_wald(b, vb),
    )


def _wald(b: FloatMatrix, vb: FloatMatrix) -> FloatVector:
    """Wald chi-square of all coefficients but the first; of the first where it is alone."""
    if b.shape[1] == 1:
        return np.asarray(b[:, 0] ** 2 / vb[:, 0, 0], dtype=np.float64)
    part = b[:, 1:]
    got = np.einsum("bi,bij,bj->b", part, _invert(vb[:, 1:, 1:]), part)
    return np.asarray(got, dtype=np.float64)


def _sum(a: FloatMatrix) -> FloatVector:
    return np.asarray(np.add.reduce(a, axis=0), dtype=np.float64)


def _dot(a: FloatMatrix, b: FloatMatrix) -> FloatVector:
    return np.asarray(np.einsum("kb,kb->b", a, b), dtype=np.float64)


def _invert(A: FloatMatrix) -> FloatMatrix:
    """Invert a stack of small matrices; the singular ones become NaN, not an error."""
    if A.shape[-1] == 1:
        return np.asarray(1.0 / A, dtype=np.float64)
    try:
        return np.asarray(np.linalg.inv(A), dtype=np.float64)
    except np.linalg.LinAlgError:
        scale = np.abs(np.linalg.det(A))
        bad = ~(scale > 0.0)
        safe = np.where(bad[:, None, None], np.eye(A.shape[-1]), A)
        return np.where(bad[:, None, None], math.nan, np.linalg.inv(safe))


def _solve(sets: _Sets, t: FloatVector) -> tuple[FloatMatrix, FloatMatrix, FloatVector]:
    """Coefficients, their covariance, and the weighted residual sum of squares."""
    w = sets.m / (sets.v + t)
    if sets.X is None:
        sw = _sum(w)
        mu = _dot(w, sets.y) / sw
        r = sets.y - mu
        return mu[:, None], (1.0 / sw)[:, None, None], _dot(w * r, r)
    inverse = _invert(_cross(w, sets.X))
    b = np.einsum("bij,bj->bi", inverse, np.einsum("kb,kbi->bi", w * sets.y, sets.X))
    r = sets.y - np.einsum("kbi,bi->kb", sets.X, b)
    return b, inverse, _dot(w * r, r)


def _cross(w: FloatMatrix, X: FloatMatrix) -> FloatMatrix:
    """``X' diag(w) X`` for every data set."""
    wX = np.ascontiguousarray((w[:, :, None] * X).transpose(1, 2, 0))
    return np.asarray(wX @ X.transpose(1, 0, 2), dtype=np.float64)


def _moments(sets: _Sets) -> _Moments:
    w = sets.m / sets.v
    sw = _sum(w)
    if sets.X is None:
        r = sets.y - _dot(w, sets.y) / sw
        return _Moments(_dot(w * r, r), sw - _dot(w, w) / sw, sw)
    inverse = _invert(_cross(w, sets.X))
    b = np.einsum("bij,bj->bi", inverse, np.einsum("kb,kbi->bi", w * sets.y, sets.X))
    r = sets.y - np.einsum("kbi,bi->kb", sets.X, b)
    trace = np.einsum("bij,bji->b", inverse, _cross(w * w, sets.X))
    return _Moments(_dot(w * r, r), sw - trace, sw)


def _forms(sets: _Sets, t: FloatVector) -> _Forms:
    w = sets.m / (sets.v + t)
    w2 = w * w
    sw, sw2 = _sum(w), _sum(w2)
    if sets.X is None:
        sw3 = _dot(w2, w)
        r = (sets.y - _dot(w, sets.y) / sw) * sets.m
        u = w * r
        wu = w * u
        ratio = sw2 / sw
        return _Forms(
            _dot(u, r), _dot(u, u), _dot(wu, u) - _sum(wu) ** 2 / sw, sw - ratio,
            sw2 - 2.0 * sw3 / sw + ratio * ratio, sw, sw2,
        )  # fmt: skip
    inverse = _invert(_cross(w, sets.X))
    b = np.einsum("bij,bj->bi", inverse, np.einsum("kb,kbi->bi", w * sets.y, sets.X))
    r = (sets.y - np.einsum("kbi,bi->kb", sets.X, b)) * sets.m
    u = w * r
    wu = w * u
    c = np.einsum("kb,kbi->bi", wu, sets.X)
    B2, B3 = inverse @ _cross(w2, sets.X), inverse @ _cross(w2 * w, sets.X)
    return _Forms(
        _dot(u, r),
        _dot(u, u),
        _dot(wu, u) - np.einsum("bi,bij,bj->b", c, inverse, c),
        sw - np.einsum("bii->b", B2),
        sw2 - 2.0 * np.einsum("bii->b", B3) + np.einsum("bij,bji->b", B2, B2),
        sw,
        sw2,
    )


def _quadratic(sets: _Sets, t: FloatVector) -> tuple[FloatVector, FloatVector]:
    """``y'Py`` and ``y'PPy``."""
    w = sets.m / (sets.v + t)
    if sets.X is None:
        r = (sets.y - _dot(w, sets.y) / _sum(w)) * sets.m
    else:
        inverse = _invert(_cross(w, sets.X))
        b = np.einsum("bij,bj->bi", inverse, np.einsum("kb,kbi->bi", w * sets.y, sets.X))
        r = (sets.y - np.einsum("kbi,bi->kb", sets.X, b)) * sets.m
    u = w * r
    return _dot(u, r), _dot(u, u)


# --------------------------------------------------------------------------- tau²


def _tau2(sets: _Sets, method: str, f: _Moments) -> FloatVector:
    df = sets.k - sets.p
    if method == "EE":
        return np.zeros(sets.k.size)
    if method in ("REML", "ML"):
        t = _likelihood(sets, method == "REML")
    elif method in ("PM", "EB", "DLIT", "SJIT"):
        t = _solve_q(sets, df)
    elif method == "PMM":
        medians = {d: chi2_quantile(0.5, d) for d in set(df.tolist()) if d > 0}
        t = _solve_q(sets, np.array([medians.get(d, math.inf) for d in df.tolist()]))
    else:
        t = _closed(sets, method, df, f)
    return np.where((df > 0) & np.isfinite(t), np.maximum(t, 0.0), 0.0)


def _closed(sets: _Sets, method: str, df: FloatVector, f: _Moments) -> FloatVector:
    if method in ("DL", "HS", "HSk"):
        if method == "DL":
            return (f.yPy - df) / f.trP
        factor = sets.k / df if method == "HSk" else 1.0
        return (f.yPy * factor - sets.k) / f.sw
    mean = _sum(sets.m * sets.y) / sets.k
    deviation = sets.m * (sets.y - mean)
    crude = _dot(deviation, deviation) / sets.k
    if method == "SJ":
        return crude * _quadratic(sets, crude)[0] / df
    # HE is the moment equation at equal weights: unit variances stand in for the sampling ones.
    unit = replace(sets, v=np.ones_like(sets.v))
    rss = _quadratic(unit, np.zeros(df.size))[0]
    if sets.X is None:
        trace = _sum(sets.m * sets.v) * (1.0 - 1.0 / sets.k)
    else:
        inverse = _invert(_cross(sets.m, sets.X))
        hat = np.einsum("bij,bji->b", inverse, _cross(sets.m * sets.v, sets.X))
        trace = _sum(sets.m * sets.v) - hat
    return (rss - trace) / df


def _solve_q(sets: _Sets, target: FloatVector) -> FloatVector:
    """The root of ``Q(t) = target`` by Newton on 1/Q, monotone from zero."""
    t = np.zeros(target.size)
    floor = np.where(sets.m > 0, sets.v, math.inf).min(axis=0)
    active = np.flatnonzero(sets.k > sets.p)
    part = sets.take(active)
    for _ in range(_STEPS):
        if active.size == 0:
            break
        q, slope = _quadratic(part, t[active])
        goal = target[active]
        move = np.where((q > goal) & (slope > 0.0), q * (q / goal - 1.0) / slope, 0.0)
        t[active] += move
        go = move > _FINE * (t[active] + floor[active])
        active, part = active[go], part.take(go)
    return t


def _likelihood(sets: _Sets, restricted: bool) -> FloatVector:
    """Scan the score's sign, then Newton inside the bracket; many maxima go one by one."""
    B = sets.k.size
    lo = np.where(sets.m > 0, sets.v, math.inf).min(axis=0)
    hi = np.where(sets.m > 0, sets.v, 0.0).max(axis=0)
    n = sets.k - sets.p if restricted else sets.k
    unit = replace(sets, v=np.ones_like(sets.v))
    s2 = _quadratic(unit, np.zeros(B))[0] / n
    half, c = 0.5 * (2.0 * lo - s2), lo * lo - s2 * hi
    disc = half * half - c
    top = np.where(disc > 0.0, np.sqrt(np.maximum(disc, 0.0)) - half, 0.0)
    t = np.zeros(B)
    usable = np.flatnonzero((top > 0.0) & (sets.k > sets.p))
    if usable.size == 0:
        return t
    part = sets.take(usable)
    grid = _grids(lo[usable], hi[usable], top[usable])
    score = np.stack([_score(part, g, restricted) for g in grid])
    score[-1] = np.minimum(score[-1], -math.ulp(0.0))
    falls = (score[:-1] > 0.0) & (score[1:] <= 0.0)
    count = falls.sum(axis=0)
    several = (count > 1) | ((count == 1) & (score[0] <= 0.0))
    single = np.flatnonzero((count == 1) & ~several)
    if single.size:
        at = falls[:, single].argmax(axis=0)
        lower, upper = grid[at, single], grid[at + 1, single]
        x, y = lower + lo[usable][single], upper + lo[usable][single]
        a, b = score[at, single] * x, score[at + 1, single] * y
        start = x * np.exp(np.log(y / x) * a / (a - b)) - lo[usable][single]
        found = _newton(part.take(single), restricted, lower, upper, start, lo[usable][single])
        t[usable[single]] = found
    for j in np.flatnonzero(several).tolist():
        t[usable[j]] = _scalar(part, j, restricted)
    return t


def _grids(lo: FloatVector, hi: FloatVector, top: FloatVector) -> FloatMatrix:
    """Zero, then points spaced evenly in log(t + min v) up to each set's bound."""
    ratio = float(np.max(hi / lo))
    n = _GRID + min(30, int(2.0 * math.log10(ratio)) // 4 * 2)
    steps = np.linspace(0.0, 1.0, n)[:, None]
    grid = lo * np.expm1(steps * np.log1p(top / lo))
    grid[-1] = top
    return np.asarray(grid, dtype=np.float64)


def _score(sets: _Sets, t: FloatVector, restricted: bool) -> FloatVector:
    w = sets.m / (sets.v + t)
    sw = _sum(w)
    if sets.X is not None:
        inverse = _invert(_cross(w, sets.X))
        b = np.einsum("bij,bj->bi", inverse, np.einsum("kb,kbi->bi", w * sets.y, sets.X))
        u = w * (sets.y - np.einsum("kbi,bi->kb", sets.X, b))
        if not restricted:
            return _dot(u, u) - sw
        hat = np.einsum("bij,bij->b", inverse, _cross(w * w, sets.X))
        return np.asarray(_dot(u, u) - (sw - hat), dtype=np.float64)
    u = w * (sets.y - _dot(w, sets.y) / sw)
    trace = sw - _dot(w, w) / sw if restricted else sw
    return _dot(u, u) - trace


def _newton(
    sets: _Sets,
    restricted: bool,
    lo: FloatVector,
    hi: FloatVector,
    start: FloatVector,
    floor: FloatVector,
) -> FloatVector:
    t = start.copy()
    active = np.arange(t.size)
    part, lower, upper = sets, lo.copy(), hi.copy()
    for _ in range(_STEPS):
        now = t[active]
        f = _forms(part, now)
        info = f.trPP if restricted else f.sw2
        score = f.yPPy - (f.trP if restricted else f.sw)
        up = score > 0.0
        lower, upper = np.where(up, now, lower), np.where(up, upper, now)
        slope = info - 2.0 * f.yPPPy
        newton = slope < 0.0
        move = np.where(newton, -score / slope, score / info)
        there = now + move
        inside = (lower <= there) & (there <= upper)
        there = np.where(inside, there, 0.5 * (lower + upper))
        t[active] = there
        scale = there + floor[active]
        done = (inside & newton & (np.abs(there - now) <= _FINE * scale)) | (
            upper - lower <= 1e-15 * scale
        )
        if done.all():
            break
        if done.any():
            go = ~done
            active, part, lower, upper = active[go], part.take(go), lower[go], upper[go]
    return np.maximum(t, 0.0)


def _scalar(sets: _Sets, j: int, restricted: bool) -> float:
    """One data set by the scalar kernel, which compares all its maxima."""
    rows = np.flatnonzero(sets.m[:, j])
    y, v = sets.y[rows, j], sets.v[rows, j]
    kernel = MeanKernel(y, v) if sets.X is None else DesignKernel(y, v, sets.X[rows, j])
    return estimate_tau2(kernel, "REML" if restricted else "ML").value
