"""Degrees of freedom by the stratum of the design in which a column varies."""

from __future__ import annotations

import numpy as np

from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector


def stratum_df(
    X: FloatMatrix, groups: tuple[IntVector, ...], slopes: tuple[FloatMatrix, ...]
) -> tuple[FloatVector, FloatVector]:
    """Degrees of freedom by the lowest stratum in which a column varies.

    Parameters
    ----------
    X : (n, p) array
        Fixed-effect columns.
    groups : tuple of (n,) arrays
        Level codes of the nested groupings, outermost first.
    slopes : tuple of (n, q) arrays
        Random-effect columns of each grouping.

    Returns
    -------
    between, contained : (p,) arrays
        Levels of a stratum minus those above it minus its columns; in ``contained`` a column that
        is also a random slope is tested against the slopes of that grouping.

    References
    ----------
    Pinheiro & Bates (2000), section 2.4.2.
    """
    n, p = X.shape
    sizes = [int(g.max()) + 1 for g in groups] + [n]
    stratum = np.full(p, len(groups))
    for j in range(p):
        for level, g in enumerate(groups):
            if _constant_within(X[:, j], g, sizes[level]):
                stratum[j] = level
                break
    constant = np.array([np.ptp(X[:, j]) == 0 for j in range(p)], dtype=bool)
    counts = [int(((stratum == s) & ~constant).sum()) for s in range(len(sizes))]
    above = [1 if constant.any() else 0, *sizes[:-1]]
    of_stratum = [m - a - c for m, a, c in zip(sizes, above, counts, strict=True)]
    df = np.array([float(of_stratum[s]) for s in stratum])
    df[constant] = of_stratum[-1]
    contained = df.copy()
    for level, Z in enumerate(slopes):
        for j in range(p):
            if not constant[j] and any(np.array_equal(X[:, j], Z[:, t]) for t in range(Z.shape[1])):
                contained[j] = min(contained[j], sizes[level] - 1)
    return df, contained


def _constant_within(x: FloatVector, codes: IntVector, m: int) -> bool:
    first = np.empty(m)
    first[codes] = x
    return bool(np.array_equal(first[codes], x))
