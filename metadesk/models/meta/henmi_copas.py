"""Henmi and Copas' interval: fixed-effect weights, random-effects uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from metadesk.document import Note
from metadesk.models.meta.data import MetaData
from metadesk.models.meta.kernel import MeanKernel
from metadesk.models.meta.linear import least_squares
from metadesk.models.meta.pooling import Request, pool
from metadesk.models.meta.tau2 import estimate_tau2
from metadesk.models.result import FitResult
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatVector
from metadesk.options import number

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(80)
_REACH = 9.0
WORDS = "Henmi–Copas: joint distribution of the mean and of Q"


@dataclass(frozen=True)
class HenmiCopas:
    """Nothing but the confidence level."""

    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.9999)


def fit_henmi_copas(spec: HenmiCopas, data: MetaData, progress: Progress = SILENT) -> FitResult:
    """Pool with fixed-effect weights, which small-study effects bias less, and widen the interval.

    The estimate is the inverse-variance mean with variance ``sum(w²(v + tau²))/(sum w)²`` at
    DerSimonian-Laird's tau². The critical value follows from the joint distribution of the
    estimate and Q, with Q given the estimate taken as gamma with matched moments (Henmi & Copas
    2010, eqs. 8-12). The p-value is the level at which the interval touches 0. With fewer than
    two studies it is the study's own interval.
    """
    plain = data.without_moderators()
    request = Request("hc", "Henmi–Copas", "random", "z", spec.level, tau2_method="DL")
    fit = pool(request, plain).result
    t = estimate_tau2(MeanKernel(plain.yi, plain.vi), "DL").value
    line = least_squares(plain.yi, plain.vi + t, plain.X, 1.0 / plain.vi)
    b, se = float(line.b[0]), math.sqrt(float(line.vb[0, 0]))
    law = _Law(plain.vi, t)
    u = (
        law.critical(1.0 - spec.level)
        if plain.k > 1
        else float(special.ndtri(0.5 + spec.level / 2))
    )
    p = law.tail(abs(b) / se) if plain.k > 1 else 2.0 * float(special.ndtr(-abs(b) / se))
    one = np.array
    table = replace(
        fit.coefficients, b=one([b]), se=one([se]), stat=one([b / se]), pval=one([p]),
        ci_lb=one([b - u * se]), ci_ub=one([b + u * se]), vb=line.vb, test=WORDS,
    )  # fmt: skip
    return replace(
        fit,
        coefficients=table,
        method=f"fixed-effect weights; τ²: DL; {WORDS}",
        weights=100.0 * line.share / line.share.sum(),
        weights_meaning="1/v, as in the fixed effect model.",
        fitted=np.full(plain.k, b),
        blup=None,
        blup_se=None,
        notes=(*fit.notes, _NOTE),
    )


_NOTE = Note(
    "Fit statistics describe the random-effects model; the estimate is the fixed-effect one.",
    "note",
    "hc-statistics",
    "Henmi & Copas (2010)",
)


class _Law:
    """The distribution of the estimate over its own standard error."""

    def __init__(self, v: FloatVector, tau2: float) -> None:
        w = 1.0 / v
        self.k, self.t = v.size, tau2
        self.W1 = float(w.sum())
        self.W2, self.W3, self.W4 = (float((w**j).sum()) / self.W1 for j in (2, 3, 4))
        self.VR = 1.0 + tau2 * self.W2

    def _moments(self, r: FloatVector) -> tuple[FloatVector, FloatVector]:
        """Mean and variance of Q given the standardised estimate ``r`` (eqs. 9 and 10)."""
        t, VR, W1, W2 = self.t, self.VR, self.W1, self.W2
        spread = self.W3 - W2**2
        pull = (r / VR) ** 2 - 1.0 / VR
        mean = (self.k - 1) + t * (W1 - W2) + t**2 * pull * spread
        still = 2.0 * (self.k - 1) + 4.0 * t * (W1 - W2)
        still += 2.0 * t**2 * (W1 * W2 - 2.0 * self.W3 + W2**2)
        cubic = self.W4 - 2.0 * W2 * self.W3 + W2**3
        moving = 4.0 * t**2 * pull * spread + 4.0 * t**3 * pull * cubic
        last = 2.0 * t**4 * (1.0 / VR**2 - 2.0 * r**2 / VR**3) * spread**2
        return mean, still + moving + last

    def _one_sided(self, x: float) -> float:
        """Probability that the estimate lies beyond ``x`` on the side of its sign."""
        r = x + 0.5 * _REACH * (_NODES + 1.0)
        mean, var = self._moments(math.sqrt(self.VR) * r)
        limit = (self.W1 / self.W2 - 1.0) * ((r / x) ** 2 - 1.0) + (self.k - 1)
        gamma = special.gammainc(mean**2 / var, limit * mean / var)
        density = np.exp(-0.5 * r * r) / math.sqrt(2.0 * math.pi)
        return 0.5 * _REACH * float(_WEIGHTS.dot(gamma * density))

    def tail(self, u: float) -> float:
        """Two-sided p-value of an estimate ``u`` standard errors from zero."""
        x = u / math.sqrt(self.VR)
        return 1.0 if x < 1e-8 else min(1.0, 2.0 * self._one_sided(x))

    def critical(self, alpha: float) -> float:
        """The ``u`` whose p-value is ``alpha``, by bisection of a falling function."""
        lo, hi = 0.0, 2.0
        while self.tail(hi) > alpha and hi < 1e6:
            lo, hi = hi, 2.0 * hi
        for _ in range(60):
            middle = 0.5 * (lo + hi)
            lo, hi = (middle, hi) if self.tail(middle) > alpha else (lo, middle)
            if hi - lo <= 1e-13 * hi:
                break
        return 0.5 * (lo + hi)
