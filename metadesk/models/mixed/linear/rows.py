"""Rows of a model with the outcome as last column: their sums, without laying them all out.

Where every term is a factor, rows of the design repeat a few distinct ones. Their sums over blocks
are then counts times the distinct rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from metadesk.models.mixed.terms import DesignMatrix
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector

MOST_COUNTS = 4_000_000


class Rows:
    """``X̃`` as an (n, P) array."""

    def __init__(self, dense: FloatMatrix) -> None:
        self._dense = dense
        self.n, self.P = dense.shape

    @property
    def dense(self) -> FloatMatrix:
        """All rows."""
        return self._dense

    def gram(self) -> FloatMatrix:
        """X̃'X̃."""
        return np.asarray(self.dense.T @ self.dense)

    def block_sums(self, block: IntVector, count: int) -> FloatMatrix:
        """Sum of the rows of each of ``count`` blocks; (count, P)."""
        X = self.dense
        if (block[1:] < block[:-1]).any():
            order = np.argsort(block, kind="stable")
            X, block = X[order], block[order]
        starts = np.concatenate([[0], np.flatnonzero(np.diff(block)) + 1])
        return np.asarray(np.add.reduceat(X, starts, axis=0))


class CellRows(Rows):
    """Rows whose design is one of a few: ``X̃ = [distinct[cell], last]``."""

    def __init__(self, distinct: FloatMatrix, cell: IntVector, last: FloatVector) -> None:
        self.distinct, self.cell, self.last = distinct, cell, last
        self.n, self.P = len(cell), distinct.shape[1] + 1

    @cached_property
    def _laid_out(self) -> FloatMatrix:
        return np.column_stack([self.distinct[self.cell], self.last])

    @property
    def dense(self) -> FloatMatrix:
        """All rows, laid out once."""
        return self._laid_out

    def gram(self) -> FloatMatrix:
        """X̃'X̃ from the counts of the cells."""
        cells = len(self.distinct)
        weight = np.bincount(self.cell, minlength=cells)
        found = np.empty((self.P, self.P))
        found[:-1, :-1] = (self.distinct.T * weight) @ self.distinct
        cross = self.distinct.T @ np.bincount(self.cell, self.last, minlength=cells)
        found[:-1, -1] = found[-1, :-1] = cross
        found[-1, -1] = self.last @ self.last
        return found

    def block_sums(self, block: IntVector, count: int) -> FloatMatrix:
        """Sum of the rows of each block."""
        cells = len(self.distinct)
        if count * cells > MOST_COUNTS:
            return super().block_sums(block, count)
        pairs = np.bincount(block * cells + self.cell, minlength=count * cells)
        found = np.empty((count, self.P))
        found[:, :-1] = pairs.reshape(count, cells) @ self.distinct
        found[:, -1] = np.bincount(block, self.last, minlength=count)
        return found


@dataclass(frozen=True, eq=False)
class Orthonormal:
    """A design and an outcome made orthonormal: ``X = QR``, ``y = X offset + scale · r``.

    ``rows`` holds Q and r.
    """

    rows: Rows
    R: FloatMatrix
    offset: FloatVector
    scale: float


def orthonormal(design: DesignMatrix, y: FloatVector) -> Orthonormal:
    """Take the least-squares fit off the outcome and bring what is left to a spread of one.

    The projection is repeated once, which makes it accurate to rounding. ``scale`` is zero where
    nothing is left.
    """
    n, p = len(y), len(design.names)
    Q, R = design.orthonormal()
    if design.cell is None:
        first = Q.T @ y
        r = y - Q @ first
        again = Q.T @ r
        r = r - Q @ again
    else:
        cell, cells = design.cell, len(Q)
        first = Q.T @ np.bincount(cell, y, minlength=cells)
        r = y - (Q @ first)[cell]
        again = Q.T @ np.bincount(cell, r, minlength=cells)
        r = r - (Q @ again)[cell]
    scale = math.sqrt(float(r @ r) / (n - p))
    unit = r / scale if scale > 0 else r
    rows = (
        Rows(np.column_stack([Q, unit])) if design.cell is None else CellRows(Q, design.cell, unit)
    )
    return Orthonormal(rows, R, np.asarray(np.linalg.solve(R, first + again)), scale)
