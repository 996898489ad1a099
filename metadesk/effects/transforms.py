"""Scales and their ways back: transformations by the names the field knows them by.

``TRANSFORMS`` holds functions of one value (or array); those that need more, such as a size or the
variance between studies, take it by keyword.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from metadesk.errors import SpecProblem
from metadesk.numerics.types import FloatVector

Transformation = Callable[..., FloatVector]


def _floats(x: ArrayLike) -> FloatVector:
    return np.asarray(x, dtype=float)


def rtoz(r: ArrayLike) -> FloatVector:
    """Fisher's z of a correlation."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.arctanh(_floats(r)))


def ztor(z: ArrayLike) -> FloatVector:
    """Correlation of Fisher's z."""
    return np.asarray(np.tanh(_floats(z)))


def ztor2(z: ArrayLike) -> FloatVector:
    """Squared correlation of Fisher's z."""
    return np.asarray(np.tanh(_floats(z)) ** 2)


def r2toz(r2: ArrayLike) -> FloatVector:
    """Fisher's z of the root of a coefficient of determination."""
    return rtoz(np.sqrt(_floats(r2)))


def ztor2_signed(z: ArrayLike) -> FloatVector:
    """Coefficient of determination of its Fisher's z; values below zero are held at zero."""
    return ztor2(np.maximum(_floats(z), 0.0))


def logit(p: ArrayLike) -> FloatVector:
    """Log odds of a proportion."""
    return np.asarray(special.logit(_floats(p)))


def ilogit(x: ArrayLike) -> FloatVector:
    """Proportion of log odds."""
    return np.asarray(special.expit(_floats(x)))


def probit(p: ArrayLike) -> FloatVector:
    """Normal quantile of a proportion."""
    return np.asarray(special.ndtri(_floats(p)))


def iprobit(x: ArrayLike) -> FloatVector:
    """Proportion of a normal quantile."""
    return np.asarray(special.ndtr(_floats(x)))


def arcsin(p: ArrayLike) -> FloatVector:
    """Arcsine of the square root of a proportion."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.arcsin(np.sqrt(_floats(p))))


def iarcsin(x: ArrayLike) -> FloatVector:
    """Proportion of its arcsine square root, held between 0 and 1."""
    return np.asarray(np.sin(np.clip(_floats(x), 0.0, math.pi / 2.0)) ** 2)


def pft(x: ArrayLike, ni: ArrayLike) -> FloatVector:
    """Freeman–Tukey double arcsine (the half scale) of a proportion among ``ni``."""
    n = _floats(ni)
    events = _floats(x) * n
    first = np.arcsin(np.sqrt(np.clip(events / (n + 1.0), 0.0, 1.0)))
    second = np.arcsin(np.sqrt(np.clip((events + 1.0) / (n + 1.0), 0.0, 1.0)))
    return np.asarray((first + second) / 2.0)


def ipft(x: ArrayLike, ni: ArrayLike) -> FloatVector:
    """Proportion of a Freeman–Tukey double arcsine at size ``ni`` (Miller, 1978).

    Values beyond what 0 or ``ni`` events give are held at 0 and 1.
    """
    y, n = _floats(x), _floats(ni)
    lowest, highest = pft(0.0, n), pft(1.0, n)
    sine, cosine = np.sin(2.0 * y), np.cos(2.0 * y)
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = 1.0 - (sine + (sine - 1.0 / sine) / n) ** 2
        p = 0.5 * (1.0 - np.sign(cosine) * np.sqrt(np.maximum(inner, 0.0)))
    p = np.where(y <= lowest, 0.0, np.where(y >= highest, 1.0, p))
    return np.asarray(np.where(np.isnan(y) | np.isnan(n), np.nan, p))


def harmonic_mean(ni: ArrayLike) -> float:
    """Harmonic mean of sizes, missing ones left out."""
    n = _floats(ni)
    return float(1.0 / np.mean(1.0 / n[~np.isnan(n)]))


def ipft_hm(x: ArrayLike, ni: ArrayLike) -> FloatVector:
    """Proportion of a pooled double arcsine, at the harmonic mean of the studies' sizes."""
    return ipft(x, harmonic_mean(ni))


def isqrt(x: ArrayLike) -> FloatVector:
    """Square; values below zero are held at zero."""
    return np.asarray(np.maximum(_floats(x), 0.0) ** 2)


def irft(x: ArrayLike, ti: ArrayLike) -> FloatVector:
    """Freeman–Tukey square root of a rate over person-time ``ti``."""
    rate, t = _floats(x), _floats(ti)
    return np.asarray((np.sqrt(rate) + np.sqrt(rate + 1.0 / t)) / 2.0)


def iirft(x: ArrayLike, ti: ArrayLike) -> FloatVector:
    """Rate of its Freeman–Tukey square root at person-time ``ti``, held at zero.

    With y = (√r + √(r + 1/t))/2 the way back is r = (1/t − 4y²)² / (16·y²).
    """
    y, t = _floats(x), _floats(ti)
    lowest = irft(0.0, t)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = (1.0 / t - 4.0 * y**2) ** 2 / (16.0 * y**2)
    return np.asarray(np.where(y <= lowest, 0.0, rate))


def ahw(a: ArrayLike) -> FloatVector:
    """Hakstian–Whalen transformation of coefficient alpha."""
    return np.asarray(1.0 - np.cbrt(1.0 - _floats(a)))


def iahw(x: ArrayLike) -> FloatVector:
    """Coefficient alpha of its Hakstian–Whalen transformation."""
    return np.asarray(1.0 - (1.0 - _floats(x)) ** 3)


def abt(a: ArrayLike) -> FloatVector:
    """Bonett's transformation of coefficient alpha."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(-np.log1p(-_floats(a)))


def iabt(x: ArrayLike) -> FloatVector:
    """Coefficient alpha of its Bonett transformation."""
    return np.asarray(-np.expm1(-_floats(x)))


def dtou1(d: ArrayLike) -> FloatVector:
    """Cohen's U1: the part of the two distributions that does not overlap."""
    u2 = special.ndtr(np.abs(_floats(d)) / 2.0)
    return np.asarray((2.0 * u2 - 1.0) / u2)


def dtou2(d: ArrayLike) -> FloatVector:
    """Cohen's U2: the share of the higher group above the same share of the lower one."""
    return np.asarray(special.ndtr(_floats(d) / 2.0))


def dtou3(d: ArrayLike) -> FloatVector:
    """Cohen's U3: the share of the comparison group below the mean of the treated one."""
    return np.asarray(special.ndtr(_floats(d)))


def dtoovl(d: ArrayLike) -> FloatVector:
    """Overlap of the two distributions."""
    return np.asarray(2.0 * special.ndtr(-np.abs(_floats(d)) / 2.0))


def dtocles(d: ArrayLike) -> FloatVector:
    """Probability of superiority: that one person of group 1 is above one of group 2."""
    return np.asarray(special.ndtr(_floats(d) / math.sqrt(2.0)))


def dtobesd(d: ArrayLike) -> FloatVector:
    """Success rate of group 1 in a table of two equal groups and outcomes with the same effect.

    ``½ + r/2`` with ``r = d/√(d² + 4)`` (binomial effect size display, Rosenthal & Rubin 1982).
    """
    x = _floats(d)
    return np.asarray(0.5 + 0.5 * x / np.hypot(x, 2.0))


def dtomd(d: ArrayLike, sd: float) -> FloatVector:
    """Mean difference on a scale with this standard deviation."""
    return np.asarray(_floats(d) * sd)


def clestod(a: ArrayLike) -> FloatVector:
    """Standardised mean difference of a probability of superiority."""
    return np.asarray(math.sqrt(2.0) * special.ndtri(_floats(a)))


def _m_over_n(n1i: ArrayLike | None, n2i: ArrayLike | None) -> Any:
    """The constant h of d and r: 4 for large equal groups, else m/n1 + m/n2."""
    if n1i is None or n2i is None:
        return 4.0
    n1, n2 = _floats(n1i), _floats(n2i)
    m = n1 + n2 - 2.0
    return m / n1 + m / n2


def dtorpb(d: ArrayLike, n1i: ArrayLike | None = None, n2i: ArrayLike | None = None) -> FloatVector:
    """Point-biserial correlation of d, for equal groups unless their sizes are given."""
    x = _floats(d)
    return np.asarray(x / np.sqrt(x**2 + _m_over_n(n1i, n2i)))


def rpbtod(r: ArrayLike, n1i: ArrayLike | None = None, n2i: ArrayLike | None = None) -> FloatVector:
    """Standardised mean difference of a point-biserial correlation."""
    x = _floats(r)
    return np.asarray(np.sqrt(_m_over_n(n1i, n2i)) * x / np.sqrt(1.0 - x**2))


def dtorbis(
    d: ArrayLike, n1i: ArrayLike | None = None, n2i: ArrayLike | None = None
) -> FloatVector:
    """Biserial correlation of d, for equal groups unless their sizes are given."""
    p = 0.5 if n1i is None or n2i is None else _floats(n1i) / (_floats(n1i) + _floats(n2i))
    z = special.ndtri(p)
    density = np.exp(-(z**2) / 2.0) / math.sqrt(2.0 * math.pi)
    return np.asarray(np.sqrt(p * (1.0 - p)) / density * dtorpb(d, n1i, n2i))


def rpbtorbis(
    r: ArrayLike, n1i: ArrayLike | None = None, n2i: ArrayLike | None = None
) -> FloatVector:
    """Biserial correlation of a point-biserial one."""
    p = 0.5 if n1i is None or n2i is None else _floats(n1i) / (_floats(n1i) + _floats(n2i))
    z = special.ndtri(p)
    density = np.exp(-(z**2) / 2.0) / math.sqrt(2.0 * math.pi)
    return np.asarray(np.sqrt(p * (1.0 - p)) / density * _floats(r))


def dtolnor_logistic(d: ArrayLike) -> FloatVector:
    """Log odds ratio of d, for a logistic trait: d·π/√3."""
    return _floats(d) * (math.pi / math.sqrt(3.0))


def lnortod_logistic(x: ArrayLike) -> FloatVector:
    """Standardised mean difference of a log odds ratio, for a logistic trait."""
    return _floats(x) * (math.sqrt(3.0) / math.pi)


def dtolnor_normal(d: ArrayLike) -> FloatVector:
    """Log odds ratio of d, for a normal trait (Cox): 1.65·d."""
    return _floats(d) * 1.65


def lnortod_normal(x: ArrayLike) -> FloatVector:
    """Standardised mean difference of a log odds ratio, for a normal trait (Cox)."""
    return _floats(x) / 1.65


def lnortorr(x: ArrayLike, pc: float) -> FloatVector:
    """Risk ratio of a log odds ratio at the comparison group's risk ``pc``."""
    ratio = np.exp(_floats(x))
    return np.asarray(ratio / (1.0 - pc + pc * ratio))


def lnortord(x: ArrayLike, pc: float) -> FloatVector:
    """Risk difference of a log odds ratio at the comparison group's risk ``pc``."""
    odds = np.exp(_floats(x)) * pc / (1.0 - pc)
    return np.asarray(odds / (1.0 + odds) - pc)


def _averaged(inner: Transformation, x: ArrayLike, tau2: float) -> FloatVector:
    """Mean of ``inner`` over true effects that vary normally with variance ``tau2`` about x.

    A transformed mean is a median; this is the mean on the transformed scale. Gauss–Hermite rule.
    """
    mean = np.atleast_1d(_floats(x))
    if not tau2 > 0:
        return inner(_floats(x))
    nodes, weights = np.polynomial.hermite_e.hermegauss(201)
    keep = weights > 1e-300
    values = inner(mean[:, None] + math.sqrt(tau2) * nodes[keep][None, :])
    averaged = values @ weights[keep] / math.sqrt(2.0 * math.pi)
    return np.asarray(averaged.reshape(np.shape(x)))


def exp_int(x: ArrayLike, tau2: float) -> FloatVector:
    """Mean of exp over normally varying true effects: exp(x + tau²/2)."""
    return np.asarray(np.exp(_floats(x) + tau2 / 2.0))


def ztor_int(x: ArrayLike, tau2: float) -> FloatVector:
    """Mean correlation over normally varying Fisher's z."""
    return _averaged(ztor, x, tau2)


def ilogit_int(x: ArrayLike, tau2: float) -> FloatVector:
    """Mean proportion over normally varying log odds."""
    return _averaged(ilogit, x, tau2)


def iprobit_int(x: ArrayLike, tau2: float) -> FloatVector:
    """Mean proportion over normally varying normal quantiles, in closed form."""
    return iprobit(_floats(x) / math.sqrt(1.0 + tau2))


def iarcsin_int(x: ArrayLike, tau2: float) -> FloatVector:
    """Mean proportion over normally varying arcsine square roots."""
    return _averaged(iarcsin, x, tau2)


def iahw_int(x: ArrayLike, tau2: float) -> FloatVector:
    """Mean coefficient alpha over normally varying Hakstian–Whalen values, in closed form."""
    y = 1.0 - _floats(x)
    return np.asarray(1.0 - (y**3 + 3.0 * y * tau2))


def iabt_int(x: ArrayLike, tau2: float) -> FloatVector:
    """Mean coefficient alpha over normally varying Bonett values, in closed form."""
    return np.asarray(1.0 - np.exp(-_floats(x) + tau2 / 2.0))


def exp_mode(x: ArrayLike, tau2: float) -> FloatVector:
    """Mode of the log-normal distribution of true effects: exp(x − tau²)."""
    return np.asarray(np.exp(_floats(x) - tau2))


def natural_exp(x: ArrayLike) -> FloatVector:
    """Ratio of its logarithm."""
    return np.asarray(np.exp(_floats(x)))


def natural_log(x: ArrayLike) -> FloatVector:
    """Logarithm of a ratio."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(_floats(x)))


TRANSFORMS: dict[str, Transformation] = {
    "exp": natural_exp, "log": natural_log, "exp.int": exp_int, "exp.mode": exp_mode,
    "rtoz": rtoz, "ztor": ztor, "ztor.int": ztor_int, "ztor2": ztor2, "r2toz": r2toz,
    "logit": logit, "ilogit": ilogit, "ilogit.int": ilogit_int,
    "probit": probit, "iprobit": iprobit, "iprobit.int": iprobit_int,
    "arcsin": arcsin, "iarcsin": iarcsin, "iarcsin.int": iarcsin_int,
    "pft": pft, "ipft": ipft, "ipft.hm": ipft_hm, "isqrt": isqrt, "irft": irft, "iirft": iirft,
    "ahw": ahw, "iahw": iahw, "iahw.int": iahw_int, "abt": abt, "iabt": iabt, "iabt.int": iabt_int,
    "dtou1": dtou1, "dtou2": dtou2, "dtou3": dtou3, "dtoovl": dtoovl, "dtocles": dtocles,
    "dtobesd": dtobesd, "dtomd": dtomd,
    "clestod": clestod, "dtorpb": dtorpb, "rpbtod": rpbtod, "dtorbis": dtorbis,
    "rpbtorbis": rpbtorbis, "dtolnor": dtolnor_logistic, "dtolnor.logis": dtolnor_logistic,
    "dtolnor.norm": dtolnor_normal, "lnortod": lnortod_logistic,
    "lnortod.logis": lnortod_logistic, "lnortod.norm": lnortod_normal,
    "lnortorr": lnortorr, "lnortord": lnortord,
}  # fmt: skip


def transformation(name: str) -> Transformation:
    """Look a transformation up; a leading ``transf.`` is allowed.

    Raises
    ------
    SpecProblem
        If there is none of this name.
    """
    key = name.removeprefix("transf.")
    if key not in TRANSFORMS:
        raise SpecProblem(f"There is no transformation '{name}'. Known: {', '.join(TRANSFORMS)}.")
    return TRANSFORMS[key]
