"""Estimators of the between-study variance tau².

Likelihood estimators are roots of the score, found by Newton steps inside brackets that a scan of
the score's sign has fixed; moment equations (Paule-Mandel and its kin) are roots of a monotone
function. Tolerances are relative to ``tau² + min(v)``, so the unit of measurement does not matter.
Zero is an exact zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np

from metadesk.models.meta.kernel import Forms, Kernel, Moment
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.quadratic_forms import ResidualForm
from metadesk.numerics.tails import chi2_quantile
from metadesk.numerics.types import FloatVector

METHODS = {
    "REML": "Restricted maximum likelihood (REML)",
    "DL": "DerSimonian–Laird (DL)",
    "PM": "Paule–Mandel (PM)",
    "ML": "Maximum likelihood (ML)",
    "EB": "Empirical Bayes (EB)",
    "HE": "Hedges–Olkin (HE)",
    "HS": "Hunter–Schmidt (HS)",
    "HSk": "Hunter–Schmidt, small-sample corrected (HSk)",
    "SJ": "Sidik–Jonkman (SJ)",
    "SJIT": "Sidik–Jonkman, iterated (SJIT)",
    "DL2": "DerSimonian–Laird, two-step (DL2)",
    "DLIT": "DerSimonian–Laird, iterated (DLIT)",
    "PMM": "Paule–Mandel, median-unbiased (PMM)",
    "GENQ": "Generalised Q, method of moments (GENQ)",
    "GENQM": "Generalised Q, median-unbiased (GENQM)",
}

Q_WEIGHTS = {
    "1/sqrt(v)": "1/√v (Jackson 2013)",
    "1/v": "1/v, as the fixed effect",
    "equal": "Equal",
    "user": "The sheet's own weights",
}
"""Weights of the generalised Q that GENQ and GENQM equate with its expectation or median."""

_STEPS = 100
_FINE = 1e-10
_GRID = 11


@dataclass(frozen=True)
class Tau2:
    """An estimate of tau² and how it was come by.

    ``se`` is the standard error that the method's own large-sample formula gives; at the boundary
    it means little. ``maxima`` counts the local maxima of a likelihood; ``rung`` names what
    answered.
    """

    value: float
    method: str
    se: float = math.nan
    rung: str = "closed form"
    iterations: int = 0
    maxima: int = 1
    converged: bool = True
    messages: tuple[str, ...] = ()

    @property
    def boundary(self) -> bool:
        """Whether the estimate sits at zero."""
        return self.value == 0.0


def estimate_tau2(
    kernel: Kernel,
    method: str,
    weights: FloatVector | None = None,
    progress: Progress = SILENT,
) -> Tau2:
    """Estimate tau² by ``method``; never fails, and says what answered.

    Parameters
    ----------
    kernel : Kernel
        Effects, variances and moderators.
    method : str
        A key of :data:`METHODS`.
    weights : (k,) array, optional
        For GENQ and GENQM; without them 1/sqrt(v) (Jackson 2013).

    Returns
    -------
    Tau2
        Zero where there are no residual degrees of freedom.
    """
    if kernel.k <= kernel.p:
        return Tau2(0.0, method, rung="no residual degrees of freedom")
    with np.errstate(all="ignore"):
        try:
            found = _estimate(kernel, method, weights, progress)
        except (ZeroDivisionError, OverflowError, np.linalg.LinAlgError):
            return _fallback(kernel, method)
        return found if math.isfinite(found.value) else _fallback(kernel, method)


def _estimate(kernel: Kernel, method: str, weights: FloatVector | None, progress: Progress) -> Tau2:
    match method:
        case "REML" | "ML":
            return _likelihood(kernel, method)
        case "PM" | "EB" | "DLIT" | "SJIT":
            return _paule_mandel(kernel, method, float(kernel.k - kernel.p))
        case "PMM":
            return _paule_mandel(kernel, method, chi2_quantile(0.5, kernel.k - kernel.p))
        case "DL" | "HS" | "HSk":
            return _from_q(kernel, method)
        case "SJ":
            return _sidik_jonkman(kernel)
        case "GENQM":
            return _genq_median(kernel, weights, progress)
        case _:
            return _moments(kernel, method, weights)


def _fallback(kernel: Kernel, method: str) -> Tau2:
    """DL, and where even that is not a number, zero; said in the message."""
    said = f"{method} gave no finite τ²; the value is"
    try:
        dl = _from_q(kernel, "DL")
    except (ZeroDivisionError, OverflowError):
        dl = Tau2(math.nan, "DL")
    if math.isfinite(dl.value):
        return replace(
            dl, rung="DL instead", converged=False, messages=(f"{said} DerSimonian–Laird's.",)
        )
    return Tau2(0.0, method, rung="zero instead", converged=False, messages=(f"{said} 0.",))


def standard_error(
    kernel: Kernel, method: str, t: float, weights: FloatVector | None = None
) -> float:
    """Large-sample standard error of an estimate of tau² by ``method``, were it ``t``.

    ML: sqrt(2 / sum w²); REML: sqrt(2 / tr PP); the Paule-Mandel family:
    sqrt(2 k² / ((k - p) (sum w)²)); moment estimators: the variance of their quadratic form.
    NaN without residual degrees of freedom.
    """
    if kernel.k <= kernel.p:
        return math.nan
    if method in ("DL", "HS", "HSk"):
        return _from_q_error(kernel, method, t)
    if method in ("HE", "DL2", "GENQ", "GENQM"):
        return _moment_error(kernel.moment(_moment_weights(kernel, method, weights)), t)
    if method == "SJ":
        crude = kernel.spread
        if crude <= 0.0:
            return math.nan
        m = kernel.moment(1.0 / (kernel.v + crude))
        return crude / (kernel.k - kernel.p) * m.trP * _moment_error(m, t)
    return _standard_error(kernel, method, kernel.forms(t))


def _standard_error(kernel: Kernel, method: str, f: Forms) -> float:
    if method == "ML":
        return math.sqrt(2.0 / f.sw2)
    if method == "REML":
        return math.sqrt(2.0 / f.trPP) if f.trPP > 0 else math.nan
    return math.sqrt(2.0 * kernel.k**2 / (kernel.k - kernel.p)) / f.sw


# --------------------------------------------------------------------------- closed forms


def _from_q(kernel: Kernel, method: str) -> Tau2:
    """DL, HS and HSk from Cochran's Q.

    DL: (Q - (k - p)) / tr P; HS: (Q - k) / sum w; HSk: (Q k / (k - p) - k) / sum w.
    """
    f, df, k = kernel.forms(0.0), kernel.k - kernel.p, kernel.k
    if method == "DL":
        value = (f.yPy - df) / f.trP
    elif method == "HS":
        value = (f.yPy - k) / f.sw
    else:
        value = (f.yPy * k / df - k) / f.sw
    t = max(value, 0.0)
    return Tau2(t, method, _from_q_error(kernel, method, t))


def _from_q_error(kernel: Kernel, method: str, t: float) -> float:
    f, df, k = kernel.forms(0.0), kernel.k - kernel.p, kernel.k
    scale = {"DL": 1.0 / f.trP, "HS": 1.0 / f.sw, "HSk": k / (df * f.sw)}[method]
    return scale * math.sqrt(max(2.0 * df + 4.0 * t * f.trP + 2.0 * t * t * f.trPP, 0.0))


def _moments(kernel: Kernel, method: str, weights: FloatVector | None) -> Tau2:
    """HE, DL2 and GENQ: (y'P_A y - tr P_A V) / tr P_A with weights A (Jackson 2013, eq. 8).

    HE takes A = I; DL2 A = 1/(v + tau²_DL) (DerSimonian & Kacker 2007, eq. 8).
    """
    m = kernel.moment(_moment_weights(kernel, method, weights))
    t = max((m.yPy - m.trPV) / m.trP, 0.0)
    return Tau2(t, method, _moment_error(m, t))


def _moment_error(m: Moment, t: float) -> float:
    variance = 2.0 * m.trPVPV + 4.0 * t * m.trPVP + 2.0 * t * t * m.trPP
    return math.sqrt(max(variance, 0.0)) / m.trP


def _moment_weights(kernel: Kernel, method: str, weights: FloatVector | None) -> FloatVector:
    if method == "HE":
        return np.ones(kernel.k)
    if method == "DL2":
        return 1.0 / (kernel.v + _from_q(kernel, "DL").value)
    return weights if weights is not None else 1.0 / np.sqrt(kernel.v)


def _sidik_jonkman(kernel: Kernel) -> Tau2:
    """Two steps from the crude variance of the effects (Sidik & Jonkman 2005); never zero."""
    crude = kernel.spread
    if crude <= 0.0:
        return Tau2(0.0, "SJ")
    m = kernel.moment(1.0 / (kernel.v + crude))
    df = kernel.k - kernel.p
    t = crude * m.yPy / df
    return Tau2(t, "SJ", crude / df * m.trP * _moment_error(m, t))


# --------------------------------------------------------------------------- monotone equations


def solve_q(kernel: Kernel, target: float, start: float = 0.0) -> tuple[float, int]:
    """Find ``t >= 0`` with ``y'P(t)y = target``; zero where Q is below the target already.

    1/Q is concave and increasing in t, so Newton's method on it climbs to the root from the left
    without overshooting. ``start`` must not exceed the root.
    """
    t, floor = start, float(kernel.v.min())
    for step in range(1, _STEPS + 1):
        q, slope = kernel.quadratic(t)
        if q <= target or slope <= 0.0:
            return t, step
        move = q / slope * (q / target - 1.0)
        t += move
        if move <= _FINE * (t + floor):
            return t, step
    return t, _STEPS


def _paule_mandel(kernel: Kernel, method: str, target: float) -> Tau2:
    t, steps = solve_q(kernel, target)
    se = _standard_error(kernel, method, kernel.forms(t))
    return Tau2(t, method, se, "Newton, monotone", steps, converged=steps < _STEPS)


def _genq_median(kernel: Kernel, weights: FloatVector | None, progress: Progress) -> Tau2:
    """The tau² at which the observed generalised Q is the median of its distribution."""
    a = _moment_weights(kernel, "GENQ", weights)
    t, steps = solve_generalised_q(kernel, a, 0.5, progress)
    se = _moment_error(kernel.moment(a), t)
    return Tau2(t, "GENQM", se, "bracketed root", steps)


def solve_generalised_q(
    kernel: Kernel, a: FloatVector, p: float, progress: Progress = SILENT
) -> tuple[float, int]:
    """Find the tau² at which the observed Q with weights ``a`` is the ``p`` quantile of its law.

    Zero where it lies above that quantile already at tau² = 0. The law is that of ``sum lambda Z²``
    with lambda the eigenvalues of ``P_A (V + tau² I)``; its distribution function falls in tau².
    """
    q, law = kernel.moment(a).yPy, ResidualForm(a, kernel.basis)

    def excess(t: float) -> float:
        progress.check()
        return law.cdf(q, kernel.v + t) - p

    if q <= 0.0 or excess(0.0) <= 0.0:
        return 0.0, 1
    lo, hi, steps = 0.0, float(kernel.v.mean()) + kernel.spread, 1
    while excess(hi) > 0.0 and hi < 1e300:
        lo, hi, steps = hi, 4.0 * hi, steps + 1
    return _false_position(excess, lo, hi, float(kernel.v.min()), steps)


def _false_position(
    excess: Callable[[float], float], lo: float, hi: float, floor: float, steps: int
) -> tuple[float, int]:
    """Root of a falling function by false position with halved ends (Illinois), to 1e-12."""
    a, b = excess(lo), excess(hi)
    side = 0
    for step in range(steps, _STEPS + 1):
        t = (lo * b - hi * a) / (b - a)
        value = excess(t)
        if value > 0.0:
            lo, a, b = t, value, b / 2.0 if side == 1 else b
            side = 1
        else:
            hi, b, a = t, value, a / 2.0 if side == -1 else a
            side = -1
        if value == 0.0 or hi - lo <= 1e-12 * (t + floor) or abs(value) < 1e-14:
            return t, step
    return 0.5 * (lo + hi), _STEPS


# --------------------------------------------------------------------------- likelihoods


def _likelihood(kernel: Kernel, method: str) -> Tau2:
    restricted = method == "REML"
    ends = _score_brackets(kernel, restricted)
    peaks = [_climb(kernel, restricted, lo, hi, start) for lo, hi, start in ends]
    if not peaks:
        se = _standard_error(kernel, method, kernel.forms(0.0))
        return Tau2(0.0, method, se, "score negative at 0", 0)
    steps, calm = sum(peak.steps for peak in peaks), all(peak.calm for peak in peaks)
    if ends[0][0] > 0.0:
        peaks = [_Peak(0.0, kernel.forms(0.0)), *peaks]
    best, count = peaks[0], len(peaks)
    if count > 1:
        best = max(peaks, key=lambda peak: kernel.log_likelihood(peak.t, restricted))
    rung = "Newton on the score" if calm else "bracketed bisection on the score"
    said = () if count == 1 else (f"The likelihood has {count} maxima; the highest was taken.",)
    se = _standard_error(kernel, method, best.forms)
    return Tau2(best.t, method, se, rung, steps, count, messages=said)


class _Peak(NamedTuple):
    """A local maximum of the likelihood; the forms are those of the last step, 1e-10 away.

    ``calm`` where no bisection was needed.
    """

    t: float
    forms: Forms
    steps: int = 0
    calm: bool = True


def _score_brackets(kernel: Kernel, restricted: bool) -> list[tuple[float, float, float]]:
    """Intervals over which the score falls through zero, each with a starting value.

    Beyond ``top`` the score is negative: y'PPy <= RSS/(t + min v)² and tr P >= (k - p)/(t + max v).
    A bracket that does not start at zero means that zero itself is a local maximum.
    """
    lo, hi = float(kernel.v.min()), float(kernel.v.max())
    s2 = kernel.residual_sum() / (kernel.k - kernel.p if restricted else kernel.k)
    top = _upper_root(2.0 * lo - s2, lo * lo - s2 * hi)
    if top <= 0.0:
        return []
    grid = _grid(lo, hi, top)
    yPPy, trP, sw = kernel.scan(grid)
    score = yPPy - (trP if restricted else sw)
    score[-1] = min(score[-1], -math.ulp(0.0))
    above = score > 0.0
    falls = (above[:-1] & ~above[1:]).nonzero()[0]
    found: list[tuple[float, float, float]] = []
    for i in falls.tolist():
        left, right = float(grid[i]), float(grid[i + 1])
        a, b = float(score[i]), float(score[i + 1])
        start = _interpolate(left, right, a, b, lo)
        starts_at_zero = not found and bool(above[0])
        found.append((0.0 if starts_at_zero else left, right, start))
    return found


def _upper_root(b: float, c: float) -> float:
    """The larger root of t² + b t + c, or a negative number where there is none above zero."""
    disc = b * b - 4.0 * c
    return -1.0 if disc < 0.0 else 0.5 * (math.sqrt(disc) - b)


def _grid(lo: float, hi: float, top: float) -> FloatVector:
    """Zero, then points spaced evenly in log(t + min v) up to ``top``."""
    n = _GRID + min(30, int(2.0 * math.log10(hi / lo)) // 4 * 2)
    grid: FloatVector = lo * np.expm1(_unit_steps(n) * math.log1p(top / lo))
    grid[-1] = top
    return grid


@cache
def _unit_steps(n: int) -> FloatVector:
    return np.linspace(0.0, 1.0, n)


def _interpolate(left: float, right: float, a: float, b: float, floor: float) -> float:
    """Where a score that behaves like 1/(t + v) would cross zero between two points."""
    x, y = left + floor, right + floor
    # a x and b y are nearly straight in log t.
    u, v = a * x, b * y
    return math.exp(math.log(x) + (math.log(y) - math.log(x)) * u / (u - v)) - floor


def _climb(kernel: Kernel, restricted: bool, lo: float, hi: float, start: float) -> _Peak:
    """Newton on the score in a bracket; Fisher's step where the curvature has the wrong sign."""
    floor, t, calm = float(kernel.v.min()), start, True
    for step in range(1, _STEPS + 1):
        f = kernel.forms(t)
        info = f.trPP if restricted else f.sw2
        score = f.yPPy - (f.trP if restricted else f.sw)
        if score > 0.0:
            lo = t
        else:
            hi = t
        slope = info - 2.0 * f.yPPPy
        newton = slope < 0.0
        move = -score / slope if newton else score / info
        if not lo <= t + move <= hi:
            newton, calm = False, calm and step < _STEPS // 2
            move = 0.5 * (lo + hi) - t
        t += move
        if (newton and abs(move) <= _FINE * (t + floor)) or hi - lo <= 1e-15 * (t + floor):
            return _Peak(max(t, 0.0), f, step, calm)
    return _Peak(max(t, 0.0), f, _STEPS, False)


def refine_root(
    score: Callable[[float], tuple[float, float]], lo: float, hi: float, start: float, floor: float
) -> tuple[float, int]:
    """Newton for a falling function inside ``[lo, hi]``, bisection where it would leave it."""
    t = start
    for step in range(1, _STEPS + 1):
        value, slope = score(t)
        if value > 0.0:
            lo = t
        else:
            hi = t
        move = -value / slope if slope < 0.0 else math.inf
        inside = lo <= t + move <= hi
        if not inside:
            move = 0.5 * (lo + hi) - t
        t += move
        if (inside and abs(move) <= _FINE * (t + floor)) or hi - lo <= 1e-15 * (t + floor):
            return t, step
    return t, _STEPS
