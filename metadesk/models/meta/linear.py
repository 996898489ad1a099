"""Weighted least squares at a given tau², and the tests of its coefficients."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metadesk.document import Note
from metadesk.models.meta.kernel import is_constant
from metadesk.models.result import Basis, Coefficients
from metadesk.numerics.tails import critical_value, p_values, quantile, two_sided_p
from metadesk.numerics.types import FloatMatrix, FloatVector

TESTS = {
    "hksj-guarded": "Hartung–Knapp, never narrower than the classic interval",
    "hksj": "Hartung–Knapp",
    "t": "t distribution, classic standard error",
    "z": "Wald (z), classic standard error",
    "kr": "Kenward–Roger",
}
WEIGHTINGS = {
    "inverse-variance": "Inverse variance",
    "equal": "Equal",
    "user": "The sheet's own weights",
}


_TOLD = 0.9995
"""From here on a factor is written as 1 with three digits, and 1 is not said to be below 1."""


@dataclass(frozen=True, eq=False)
class Linear:
    """Coefficients, their classic covariance and what tests need.

    ``rss`` is the residual sum of squares with weights ``w = 1/(v + tau²)``; ``share`` the weights
    that the coefficients were formed with; ``basis`` the coordinates in which they were found.
    ``of_mean`` where there is an intercept alone.
    """

    b: FloatVector
    vb: FloatMatrix
    residual: FloatVector
    rss: float
    w: FloatVector
    share: FloatVector
    k: int
    p: int
    of_mean: bool = False
    basis: Basis | None = None


def least_squares(
    y: FloatVector, s: FloatVector, X: FloatMatrix, a: FloatVector | None = None
) -> Linear:
    """Fit ``y = X b`` with variances ``s``; with ``a``, weights other than ``1/s``.

    With own weights the covariance is ``(X'AX)^-1 X'A S A X (X'AX)^-1``.
    """
    w = 1.0 / s
    k, p = X.shape
    if is_constant(X):
        return _mean(y, s, w, a)
    root = np.sqrt(w if a is None else a)
    Q, R = np.linalg.qr(root[:, None] * X)
    inverse = np.linalg.inv(R)
    z = Q.T.dot(root * y)
    z = z + Q.T.dot(root * (y - X.dot(inverse.dot(z))))
    C = np.eye(p) if a is None else (Q.T * (a * s)).dot(Q)
    b, vb = inverse.dot(z), inverse.dot(C).dot(inverse.T)
    r = y - X.dot(b)
    basis = Basis(inverse, z, C)
    return Linear(b, vb, r, float((w * r).dot(r)), w, w if a is None else a, k, p, basis=basis)


def _mean(y: FloatVector, s: FloatVector, w: FloatVector, a: FloatVector | None) -> Linear:
    """The weighted mean, formed about the heaviest study so that large effects lose no digits."""
    share = w if a is None else a
    total = float(share.sum())
    origin = float(y[int(share.argmax())])
    b = origin + float(share.dot(y - origin)) / total
    vb = 1.0 / total if a is None else float((a * a).dot(s)) / total**2
    r = y - b
    return Linear(
        np.array([b]), np.array([[vb]]), r, float((w * r).dot(r)), w, share, y.size, 1, True
    )


def coefficients(
    fit: Linear,
    X: FloatMatrix,
    names: tuple[str, ...],
    test: str,
    level: float,
    *,
    tau2_is_known: bool,
    q: float,
) -> tuple[Coefficients, tuple[Note, ...]]:
    """Tests and intervals of the coefficients by ``test``, a key of :data:`TESTS`.

    The Hartung-Knapp covariance is the classic one times ``s2w = q/(k - p)``, with t on k - p
    degrees of freedom (Hartung & Knapp 2001; Knapp & Hartung 2003); ``q = y'Py`` is taken about
    the inverse-variance estimate even where own weights formed the coefficients. The guard floors
    ``s2w`` at 1: the standard error is then never below the classic one, and as a t quantile
    exceeds the normal one, the interval is never narrower than the classic z interval either.
    (Replacing only those intervals that come out narrower is a weaker rule and not offered.)

    Kenward-Roger scales nothing but corrects the covariance for the estimation of tau² and finds
    degrees of freedom by moments (Kenward & Roger 1997; Partlett & Riley 2017).
    """
    df = float(fit.k - fit.p)
    notes: list[Note] = []
    at = fit.basis or Basis(np.eye(1), fit.b, fit.vb)
    C, dfs = at.C, np.full(fit.p, math.inf)
    used = TESTS[test]
    if test != "z" and df < 1.0:
        used = "Wald (z), as there are no residual degrees of freedom"
        notes.append(_no_df(fit))
    elif test == "kr" and not tau2_is_known:
        C, dfs = kenward_roger(fit, X, at)
    elif test in ("hksj", "hksj-guarded"):
        scale = q / df
        if test == "hksj-guarded" and scale < 1.0:
            if scale < _TOLD:
                notes.append(_guard_acted(scale))
            scale = 1.0
        C, dfs = at.C * scale, np.full(fit.p, df)
    elif test != "z":
        dfs = np.full(fit.p, df)
    at = Basis(at.T, at.z, C)
    vb = at.T.dot(C).dot(at.T.T)
    se = np.sqrt(vb.diagonal())
    if se.all():
        stat = fit.b / se
    else:
        notes.append(_identical())
        stat = np.divide(fit.b, se, out=np.full(fit.p, math.nan), where=se > 0)
    if test != "kr" or fit.p == 1:
        first = float(dfs[0])
        half, pval = critical_value(level, first) * se, p_values(stat, first)
    else:
        half, pval = quantile(level, dfs) * se, two_sided_p(stat, dfs)
    table = Coefficients(
        names, fit.b, se, stat, dfs, pval, fit.b - half, fit.b + half, vb, level,
        used, at,
    )  # fmt: skip
    return table, tuple(notes)


def kenward_roger(fit: Linear, X: FloatMatrix, at: Basis) -> tuple[FloatMatrix, FloatVector]:
    """Adjusted covariance (of ``at.z``) and degrees of freedom of each coefficient.

    With ``Phi = (X'WX)^-1``, expected information ``I = tr(PP)/2`` about tau²:
    ``Phi_A = Phi + 2/I Phi (X'W³X - X'W²X Phi X'W²X) Phi`` and, by coefficient,
    ``df = 2 I (Phi_jj² / Phi_A_jj)² / (Phi X'W²X Phi)_jj²`` (Kenward & Roger 1997, eqs. 3 and 7,
    for one variance parameter; the coefficient's own adjusted variance stands in the numerator
    of the df as in Partlett & Riley 2017). In the coordinates ``at`` Phi is ``at.C``.
    """
    w, Phi, Z = fit.w, at.C, X.dot(at.T)
    A2 = Z.T.dot((w * w)[:, None] * Z)
    A3 = Z.T.dot((w * w * w)[:, None] * Z)
    B2, B3 = Phi.dot(A2), Phi.dot(A3)
    trPP = float(w.dot(w) - 2.0 * np.trace(B3) + (B2 * B2.T).sum())
    info = 0.5 * trPP
    plain = Phi, np.full(fit.p, float(fit.k - fit.p))
    if not info > 0.0:
        return plain
    adjusted = Phi + (2.0 / info) * (B3 - B2.dot(B2)).dot(Phi)
    adjusted = 0.5 * (adjusted + adjusted.T)
    before, after, slope = (_diagonal(at.T, V) for V in (Phi, adjusted, B2.dot(Phi)))
    # The correction cannot shrink a variance; where rounding says so, tau² plays no part.
    if not (after >= before).all():
        return plain
    return adjusted, 2.0 * info * (before**2 / after / slope) ** 2


def _diagonal(T: FloatMatrix, V: FloatMatrix) -> FloatVector:
    """Diagonal of ``T V T'``."""
    return np.asarray(np.einsum("ij,jk,ik->i", T, V, T))


def _guard_acted(scale: float) -> Note:
    return Note(
        f"The Hartung–Knapp scale factor came out as {scale:.3g}, below 1, and would have made "
        "the standard error smaller than the classic one; the guard set it to 1. The test keeps "
        "its t distribution.",
        "note",
        "hk-guard",
        "Jackson et al. (2017)",
    )


def _no_df(fit: Linear) -> Note:
    what = "one study" if fit.k == 1 else f"{fit.k} studies for {fit.p} coefficients"
    return Note(
        f"With {what} there are no residual degrees of freedom: heterogeneity cannot be seen "
        "and the test uses the normal distribution.",
        "caution",
        "no-df",
    )


def _identical() -> Note:
    return Note(
        "All effects are identical: the unguarded Hartung–Knapp standard error is zero and no test "
        "is given. Choose the guarded version.",
        "strong",
        "identical-effects",
    )
