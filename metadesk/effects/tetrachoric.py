"""Tetrachoric correlation: two normal traits, each cut into yes and no."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from metadesk.effects.estimates import ESTIMATE_ROUTES
from metadesk.effects.measure import Columns, Computed, Measure, Remark, plain_scale
from metadesk.effects.scales import FISHER_Z
from metadesk.effects.sources import DIGBY
from metadesk.effects.two_by_two import TABLE_ROUTES, mended, to_fisher_z
from metadesk.effects.zeros import ZeroCellsKept
from metadesk.numerics.types import FloatMatrix, FloatVector
from metadesk.options import choice

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(96)
# A correlation of exactly ±1 has no variance.
_EDGE = 0.9999
# metafor 5.1 stops its line search over r at R's default tolerance and takes what it has.
_COARSE = float(np.finfo(float).eps ** 0.25)


@dataclass(frozen=True)
class TetrachoricOptions(ZeroCellsKept):
    """Zero cells, and how far the likelihood is climbed."""

    search: str = choice(
        "Precision",
        {"full": "to full precision", "coarse": "to about 0.0001, as metafor 5.1"},
        "full",
        advanced=True,
    )


def bivariate_normal_cdf(h: FloatVector, k: FloatVector, r: FloatVector) -> FloatVector:
    """Return P(X < h, Y < k) of two standard normal variables with correlation r.

    Φ(h)Φ(k) + (1/2π)∫₀^{arcsin r} exp(−(h² + k² − 2hk·sin θ)/(2cos²θ)) dθ (Drezner & Wesolowsky
    1990), by a 96-point Gauss–Legendre rule.
    """
    top = np.arcsin(r)
    theta = top[:, None] * (_NODES[None, :] + 1.0) / 2.0
    sine, cosine2 = np.sin(theta), np.cos(theta) ** 2
    h2, k2 = h[:, None], k[:, None]
    inner = np.exp(-(h2**2 + k2**2 - 2.0 * h2 * k2 * sine) / (2.0 * cosine2))
    return np.asarray(
        special.ndtr(h) * special.ndtr(k) + top * (inner @ _WEIGHTS) / (4.0 * math.pi)
    )


def tetrachoric(columns: Columns, options: TetrachoricOptions) -> Computed:
    """Maximum-likelihood tetrachoric correlation with the inverse-information variance.

    The model has as many parameters as the table has free cells, so the thresholds are the normal
    quantiles of the margins and r makes the first cell fit; the variance is that of r in the
    inverse of the observed information about r and both thresholds. metafor 5.1 stops short of the
    maximum, by up to 2e-5 in r, and takes numerical derivatives; ``search='coarse'`` does so too.
    """
    t = mended(columns, options)
    n = t.ni
    a, row, column = t.ai / n, t.n1i / n, (t.ai + t.ci) / n
    margin = (t.ai + t.ci == 0) | (t.bi + t.di == 0)
    edge = ~margin & ((t.ai * t.di == 0) | (t.bi * t.ci == 0))
    solvable = ~margin & ~edge & np.isfinite(a) & (t.n1i > 0) & (t.n2i > 0)
    r = np.full(len(a), np.nan)
    h, k = special.ndtri(row), special.ndtri(column)
    vi = np.full(len(r), np.nan)
    cells = np.array([t.ai, t.bi, t.ci, t.di])[:, solvable]
    cuts = np.array([h, k])[:, solvable]
    if options.search == "coarse":
        r[solvable] = [_line_search(*one) for one in zip(cells.T, cuts.T, strict=True)]
        each = zip(r[solvable], cells.T, cuts.T, strict=True)
        vi[solvable] = [_variance_by_steps(*one) for one in each]
    else:
        r[solvable] = _solve(cuts[0], cuts[1], a[solvable])
        vi[solvable] = _variance(r[solvable], cuts[0], cuts[1], cells)
    reasons = (
        *t.reasons,
        Remark(margin, "Nobody, or everybody, has the event; there is nothing to correlate."),
        Remark(edge, "A cell of 0 puts the correlation at ±1; add a constant to cells."),
    )
    return Computed(r, vi, t.total, reasons, t.notes)


def _solve(h: FloatVector, k: FloatVector, a: FloatVector) -> FloatVector:
    """Find r with P(X < h, Y < k) = a by bisection on arcsin r; the probability grows with r."""
    low = np.full(len(a), -math.asin(_EDGE))
    high = -low
    for _ in range(60):
        middle = (low + high) / 2.0
        below = bivariate_normal_cdf(h, k, np.sin(middle)) < a
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(np.sin((low + high) / 2.0))


def _variance(r: FloatVector, h: FloatVector, k: FloatVector, cells: FloatMatrix) -> FloatVector:
    """Variance of r from the observed information about (r, h, k); ``cells`` is (4, rows)."""
    left = 1.0 - r**2
    root = np.sqrt(left)
    both = np.exp(-(h**2 + k**2 - 2.0 * r * h * k) / (2.0 * left)) / (2.0 * math.pi * root)
    at_h, at_k = (np.exp(-(x**2) / 2.0) / math.sqrt(2.0 * math.pi) for x in (h, k))
    zero = np.zeros(len(r))
    dh, dk = at_h * special.ndtr((k - r * h) / root), at_k * special.ndtr((h - r * k) / root)
    hr, kr = -both * (h - r * k) / left, -both * (k - r * h) / left
    rr = both * ((h * k * (1.0 + r**2) - r * (h**2 + k**2)) / left**2 + r / left)
    first = np.array([both, dh, dk])
    second = np.array(
        [[rr, hr, kr], [hr, -h * dh - r * both, both], [kr, both, -k * dk - r * both]]
    )
    row, column = np.array([zero, at_h, zero]), np.array([zero, zero, at_k])
    row2, column2 = np.zeros_like(second), np.zeros_like(second)
    row2[1, 1], column2[2, 2] = -h * at_h, -k * at_k
    p = bivariate_normal_cdf(h, k, r)
    row_p, column_p = special.ndtr(h), special.ndtr(k)
    parts = (
        (p, first, second),
        (row_p - p, row - first, row2 - second),
        (column_p - p, column - first, column2 - second),
        (1.0 - row_p - column_p + p, first - row - column, second - row2 - column2),
    )
    information = np.zeros_like(second)
    for count, (q, slope, bend) in zip(cells, parts, strict=True):
        information += count * (slope[:, None] * slope[None, :] / q**2 - bend / q)
    return np.array([_corner(each) for each in information.transpose(2, 0, 1)])


def _corner(information: FloatMatrix) -> float:
    """Variance of r: the first entry of the inverse, NaN where the table says nothing of r."""
    if not np.isfinite(information).all() or np.linalg.cond(information) > 1e15:
        return math.nan
    return float(np.linalg.inv(information)[0, 0])


def _deviance(r: float, cells: FloatVector, cuts: FloatVector) -> float:
    """Minus the log-likelihood of one table at correlation r and the two thresholds."""
    h, k = cuts[:1], cuts[1:]
    both = float(bivariate_normal_cdf(h, k, np.array([r]))[0])
    row, column = float(special.ndtr(h[0])), float(special.ndtr(k[0]))
    p = np.array([both, row - both, column - both, 1.0 - row - column + both])
    return math.inf if (p <= 0).any() else -float(cells @ np.log(p))


def _line_search(cells: FloatVector, cuts: FloatVector) -> float:
    """Minimise the deviance over r, stopping where metafor's line search stops."""
    from scipy.optimize import fminbound  # a third of the import of all effects, for one option

    return float(fminbound(_deviance, -1.0, 1.0, (cells, cuts), xtol=_COARSE))


def _variance_by_steps(r: float, cells: FloatVector, cuts: FloatVector) -> float:
    """Variance of r from second differences of the deviance with R's steps of 0.001."""
    at, steps = np.array([r, *cuts]), np.eye(3) * 1e-3

    def f(x: FloatVector) -> float:
        return _deviance(float(x[0]), cells, x[1:])

    def bend(u: FloatVector, v: FloatVector) -> float:
        return f(at + u + v) - f(at + u - v) - f(at - u + v) + f(at - u - v)

    information = np.array([[bend(u, v) for v in steps] for u in steps]) / 4e-6
    return _corner(information)


def tetrachoric_z(columns: Columns, options: TetrachoricOptions) -> Computed:
    """Tetrachoric correlation on Fisher's z scale."""
    return to_fisher_z(tetrachoric(columns, options))


_ROUTES = (*TABLE_ROUTES, *ESTIMATE_ROUTES)
_FAMILY = "Two groups, events"
TETRACHORIC = (
    Measure("RTET", "Tetrachoric correlation", "r", _FAMILY,
            "The correlation of the two normal traits behind two yes-or-no variables.",
            "r with Φ₂(h, k; r) = a/N", TetrachoricOptions,
            plain_scale("correlation", lower=-1.0, upper=1.0), DIGBY, tetrachoric, _ROUTES),
    Measure("ZTET", "Tetrachoric correlation, Fisher's z", "r", _FAMILY,
            "The tetrachoric correlation on Fisher's z scale.",
            "artanh(r); v = v(r)/(1 − r²)²", TetrachoricOptions, FISHER_Z, DIGBY, tetrachoric_z,
            _ROUTES),
)  # fmt: skip
