"""Which variances the data can tell; of others the likelihood says the same at every value."""

from __future__ import annotations

import numpy as np

from metadesk.models.meta.multilevel.blocks import LinearPart
from metadesk.models.meta.multilevel.structures import Covariance
from metadesk.numerics.types import FloatMatrix, IntVector

_NOTHING = 1e-8
"""A share of a level's rows so small that it is rounding."""


def taken_up(covariance: Covariance, Q: FloatMatrix) -> tuple[int, ...]:
    """Positions of the variances whose levels all lie in the columns of the design.

    With Z the levels' indicators, ``PZ = 0`` for the projection P that a restricted likelihood is
    about, so it does not depend on the variance: any value would do, and errors with it.

    Parameters
    ----------
    covariance : Covariance
    Q : (k, p) array
        Orthonormal columns of the design.
    """
    return tuple(
        entry.i
        for entry in covariance.entries
        if entry.i == entry.j and entry.c < 0 and _lies_in(entry.part, Q)
    )


def same_levels(covariance: Covariance) -> tuple[tuple[int, int], ...]:
    """Pairs of intercept variances that group the rows alike, so that only their sum is told."""
    groups = {e.i: e.part.group for e in covariance.entries if e.part.table.size == 1}
    found = []
    for i, first in groups.items():
        found += [(i, j) for j, second in groups.items() if i < j and _alike(first, second)]
    return tuple(found)


def _lies_in(part: LinearPart, Q: FloatMatrix) -> bool:
    """Whether the indicator of every level is a combination of the columns of Q."""
    weights = np.diag(part.table)
    if np.count_nonzero(part.table) > np.count_nonzero(weights):
        return False
    rows = weights[part.inner] > 0.0
    if not rows.any():
        return False
    _, level = np.unique(part.group * weights.size + part.inner, return_inverse=True)
    sums = np.zeros((int(level.max()) + 1, Q.shape[1]))
    np.add.at(sums, level[rows], Q[rows])
    n = np.bincount(level[rows], minlength=sums.shape[0])
    return bool((n - np.square(sums).sum(axis=1) <= _NOTHING * n).all())


def _alike(first: IntVector, second: IntVector) -> bool:
    """Whether two groupings put the same rows together."""
    pairs = np.unique(np.column_stack([first, second]), axis=0).shape[0]
    return bool(pairs == np.unique(first).size == np.unique(second).size)
