"""Columns of a trial sheet: levels compared as text, numbers read once, strictly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from metadesk.numerics.types import BoolVector, FloatVector, IntVector

RawCell = str | float | int | bool | None


def as_words(cell: RawCell) -> str | None:
    """Write a cell as the text that levels are compared by; empty cells and NaN are missing.

    A number without a fraction is written without a point, so that ``1.0`` from a workbook and
    ``1`` from a text file are one level.
    """
    if cell is None:
        return None
    if isinstance(cell, float | np.floating):
        if math.isnan(cell):
            return None
        return str(int(cell)) if float(cell).is_integer() else repr(float(cell))
    words = str(cell).strip()
    return words or None


def as_number(cell: RawCell) -> float:
    """Read a cell as a number; missing is NaN.

    Raises
    ------
    ValueError
        If the cell holds something that is not a number.
    """
    if cell is None:
        return math.nan
    if isinstance(cell, str):
        words = cell.strip()
        return float(words) if words else math.nan
    return float(cell)


def in_order(levels: Iterable[str]) -> tuple[str, ...]:
    """Order levels: by value if all look like numbers, else by their bytes."""
    distinct = list(dict.fromkeys(levels))
    try:
        return tuple(sorted(distinct, key=lambda w: (float(w), w.encode())))
    except ValueError:
        return tuple(sorted(distinct, key=str.encode))


def _told_apart(cells: Sequence[RawCell]) -> Sequence[RawCell]:
    """The cells as words where true and 1 stand in one column, which a dictionary takes as one."""
    kinds = set(map(type, cells))
    return [as_words(c) for c in cells] if bool in kinds and len(kinds) > 1 else cells


@dataclass(frozen=True, eq=False)
class Factor:
    """A column of levels: ``codes`` index ``levels``, -1 where the cell is empty."""

    codes: IntVector
    levels: tuple[str, ...]

    @classmethod
    def of(cls, cells: Sequence[RawCell]) -> Factor:
        """Read the levels of a column."""
        cells = _told_apart(cells)
        words = {cell: as_words(cell) for cell in dict.fromkeys(cells)}
        levels = in_order(w for w in words.values() if w is not None)
        at = {w: i for i, w in enumerate(levels)}
        code = {cell: -1 if w is None else at[w] for cell, w in words.items()}
        codes = np.fromiter(map(code.__getitem__, cells), dtype=np.int64, count=len(cells))
        return cls(codes, levels)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def missing(self) -> BoolVector:
        """True where the cell is empty."""
        return np.asarray(self.codes < 0)

    def at(self, rows: IntVector | BoolVector) -> Factor:
        """The same column on some rows, levels that no longer occur dropped."""
        codes = self.codes[rows]
        seen = np.zeros(len(self.levels) + 1, dtype=bool)
        seen[codes] = True
        kept = np.flatnonzero(seen[:-1])
        if len(kept) == len(self.levels):
            return Factor(codes, self.levels)
        new = np.full(len(self.levels) + 1, -1, dtype=np.int64)
        new[kept] = np.arange(len(kept))
        return Factor(new[codes], tuple(self.levels[i] for i in kept))

    def is_level(self, level: str) -> BoolVector:
        """True in the rows that hold ``level``."""
        return np.asarray(self.codes == self.levels.index(level))

    def words(self) -> list[str | None]:
        """The column as text again."""
        return [None if c < 0 else self.levels[c] for c in self.codes]

    def paired_with(self, other: Factor) -> Factor:
        """The pairs of two columns as one column, written ``a:b``; ordered by a, then b."""
        pair = np.where(
            self.missing | other.missing, -1, self.codes * len(other.levels) + other.codes
        )
        found = np.unique(pair[pair >= 0])
        names = tuple(
            f"{self.levels[i]}:{other.levels[j]}"
            for i, j in zip(found // len(other.levels), found % len(other.levels), strict=True)
        )
        return Factor(np.where(pair < 0, -1, np.searchsorted(found, pair)).astype(np.int64), names)


def combined(codes: Sequence[IntVector], sizes: Sequence[int], n: int) -> tuple[IntVector, int]:
    """Number the combinations of several codes that occur, in their order; how many comes second.

    Parameters
    ----------
    codes : sequence of (n,) arrays
        Each from 0 to its size less one.
    sizes : sequence of int
        How many codes each column may hold.
    n : int
        Number of rows.
    """
    code, size = np.zeros(n, dtype=np.int64), 1
    for column, most in zip(codes, sizes, strict=True):
        code = code * most + column
        size *= most
        if size > 4 * n + 100:
            seen, code = np.unique(code, return_inverse=True)
            code, size = code.reshape(-1), len(seen)
    kept = np.cumsum(np.bincount(code, minlength=size) > 0)
    return np.asarray((kept - 1)[code]), int(kept[-1])


def first_of_each(code: IntVector, count: int) -> IntVector:
    """Position of the first row of every code."""
    first = np.empty(count, dtype=np.int64)
    first[code[::-1]] = np.arange(len(code))[::-1]
    return first


def numbers_of(cells: Sequence[RawCell]) -> tuple[FloatVector, list[int]]:
    """Read a column as numbers; the positions of cells that are not numbers come second."""
    if set(map(type, cells)) <= {float, int, type(None)}:
        return np.array(cells, dtype=float), []
    values = np.full(len(cells), np.nan)
    wrong: list[int] = []
    for i, cell in enumerate(cells):
        try:
            values[i] = as_number(cell)
        except (ValueError, TypeError):
            wrong.append(i)
    return values, wrong
