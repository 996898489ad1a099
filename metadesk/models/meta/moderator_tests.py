"""Tests of moderators beyond the table of coefficients: subsets, nested models, collinearity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metadesk.errors import SpecProblem
from metadesk.models.meta.data import INTERCEPT
from metadesk.models.meta.design import Design
from metadesk.models.meta.wald import joint_test, wald_of_rows
from metadesk.models.result import FitResult, Omnibus
from metadesk.numerics.types import FloatMatrix, FloatVector

ADJUSTMENTS = {
    "none": "None",
    "holm": "Holm",
    "hochberg": "Hochberg",
    "bonferroni": "Bonferroni",
    "BH": "Benjamini–Hochberg (false discovery rate)",
    "BY": "Benjamini–Yekutieli (false discovery rate, any dependence)",
}


def wald_of_coefficients(fit: FitResult, which: Sequence[int], title: str = "") -> Omnibus:
    """Joint test that the coefficients at positions ``which`` are zero, as the model tests them."""
    c = fit.coefficients
    for i in which:
        if not 0 <= i < len(c.names):
            raise SpecProblem(
                f"There is no coefficient {i + 1}; the model has {len(c.names)}: "
                f"{', '.join(c.names)}."
            )
    words = title or f"Test of {', '.join(c.names[i] for i in which)}"
    if fit.joint is not None:
        return fit.joint(which, words)
    return joint_test(c, which, words)


def wald_of_terms(fit: FitResult, design: Design) -> tuple[Omnibus, ...]:
    """One joint test a term of the design; dropped columns do not count."""
    c = fit.coefficients
    tests = []
    for term, (first, last) in zip(design.terms, design.spans, strict=True):
        names = [n for n in design.names[first:last] if n in c.names]
        if names:
            which = [c.names.index(n) for n in names]
            tests.append(wald_of_coefficients(fit, which, f"Test of {term.title}"))
    return tuple(tests)


def wald_of_combinations(fit: FitResult, L: FloatMatrix) -> Omnibus:
    """Joint test that all rows of ``L b`` are zero."""
    c = fit.coefficients
    rows = np.atleast_2d(np.asarray(L, dtype=float))
    if not rows.any():
        raise SpecProblem("A combination of coefficients needs at least one weight that is not 0.")
    title = "Joint test of linear combinations"
    return wald_of_rows(c, rows, title, float(np.min(c.df)), c.names)


def variance_inflation(fit: FitResult) -> FloatVector:
    """Variance inflation factor of every coefficient but the intercept.

    The diagonal of the inverse of the correlation matrix of the estimates: each one's variance
    times what is left of its precision when the others are unknown too.
    """
    c = fit.coefficients
    keep = [i for i, name in enumerate(c.names) if name != INTERCEPT]
    at = c.coordinates
    root = at.T[keep].dot(np.linalg.cholesky(at.C))
    inverse = np.linalg.inv(np.linalg.qr(root.T)[1])
    return np.asarray((root**2).sum(axis=1) * (inverse**2).sum(axis=1))


def generalised_inflation(fit: FitResult, which: Sequence[int]) -> tuple[float, float]:
    """GVIF of a group of coefficients and its ``1/(2m)`` power (Fox & Monette 1992).

    ``det(R11) det(R22) / det(R)`` with R the correlations of the estimates without the intercept.
    """
    c = fit.coefficients
    keep = [i for i, name in enumerate(c.names) if name != INTERCEPT]
    R = _correlation(c.vb[np.ix_(keep, keep)])
    inside = [keep.index(i) for i in which]
    outside = [j for j in range(len(keep)) if j not in inside]
    dets = [float(np.linalg.det(R[np.ix_(part, part)])) for part in (inside, outside)]
    gvif = dets[0] * dets[1] / float(np.linalg.det(R))
    return gvif, gvif ** (1.0 / (2.0 * len(inside)))


def _correlation(V: FloatMatrix) -> FloatMatrix:
    scale = 1.0 / np.sqrt(np.diag(V))
    return V * scale[:, None] * scale


def adjust_p(p: FloatVector, method: str) -> FloatVector:
    """p-values adjusted for their number by ``method``, a key of :data:`ADJUSTMENTS`.

    Step-down for Holm, step-up for Hochberg and the false discovery rate; NaN stays NaN and does
    not count.
    """
    if method not in ADJUSTMENTS:
        raise SpecProblem(f"There is no adjustment '{method}'; known: {', '.join(ADJUSTMENTS)}.")
    out = np.array(p, dtype=float)
    valid = np.flatnonzero(~np.isnan(out))
    m = valid.size
    if method == "none" or m == 0:
        return out
    order = valid[np.argsort(out[valid], kind="stable")]
    ranked, rank = out[order], np.arange(1, m + 1)
    if method == "bonferroni":
        ranked = ranked * m
    elif method == "holm":
        ranked = np.maximum.accumulate(ranked * (m - rank + 1))
    else:
        factor = {
            "hochberg": m - rank + 1.0,
            "BH": m / rank,
            "BY": m / rank * float(np.sum(1.0 / rank)),
        }[method]
        ranked = np.minimum.accumulate((ranked * factor)[::-1])[::-1]
    out[order] = np.minimum(ranked, 1.0)
    return out
