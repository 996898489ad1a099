"""Independent blocks of rows, and random effects laid out side by side within them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from metadesk.errors import DataProblem
from metadesk.models.mixed.random_columns import Component, RandomColumns
from metadesk.numerics.types import FloatMatrix, IntVector

LARGEST_BLOCK = 400


@dataclass(frozen=True, eq=False)
class Blocks:
    """Independent blocks of rows and where each random effect stands within its block.

    ``of_row`` numbers the blocks from 0; ``local`` gives, for every grouping factor, the position
    of a level inside its block.
    """

    of_row: IntVector
    local: tuple[IntVector, ...]
    most: tuple[int, ...]

    @cached_property
    def count(self) -> int:
        """Number of blocks."""
        return int(self.of_row.max()) + 1

    @cached_property
    def order(self) -> IntVector:
        """Rows sorted by block."""
        of_row = self.of_row
        sorted_already = bool((of_row[1:] >= of_row[:-1]).all())
        return np.arange(len(of_row)) if sorted_already else np.argsort(of_row, kind="stable")

    @cached_property
    def starts(self) -> IntVector:
        """First row of each block in that order."""
        return np.flatnonzero(np.diff(self.of_row[self.order], prepend=-1))


def find_blocks(groups: tuple[RandomColumns, ...], n: int) -> Blocks:
    """Find the sets of rows that share no random effect with other rows."""
    of_row = _joined(groups, n)
    if len(groups) == 1:
        one_each = np.zeros(len(groups[0].factor.levels), dtype=np.int64)
        return Blocks(of_row, (one_each,), (1,))
    local, most = [], []
    for g in groups:
        block_of = np.zeros(len(g.factor.levels), dtype=np.int64)
        block_of[g.factor.codes] = of_row
        sizes = np.bincount(g.factor.codes, minlength=len(g.factor.levels))
        by_block = np.lexsort((np.arange(len(sizes)), -sizes, block_of))
        first = np.flatnonzero(np.diff(block_of[by_block], prepend=-1))
        counts = np.diff(np.append(first, len(by_block)))
        within = np.arange(len(by_block)) - np.repeat(first, counts)
        position = np.empty_like(within)
        position[by_block] = within
        local.append(position)
        most.append(int(counts.max()))
    return Blocks(of_row, tuple(local), tuple(most))


def _joined(groups: tuple[RandomColumns, ...], n: int) -> IntVector:
    """Number the blocks: rows that share a level of any factor, directly or in a chain, are one."""
    if not groups:
        return np.arange(n, dtype=np.int64)
    found = groups[0].factor.codes
    if len(groups) == 1:
        return found
    changed = True
    while changed:
        changed = False
        for g in groups:
            low = np.full(len(g.factor.levels), n, dtype=np.int64)
            np.minimum.at(low, g.factor.codes, found)
            lowest = np.full(int(found.max()) + 1, n, dtype=np.int64)
            np.minimum.at(lowest, found, low[g.factor.codes])
            joined = lowest[found]
            if not np.array_equal(joined, found):
                found, changed = joined, True
    return np.unique(found, return_inverse=True)[1].reshape(-1).astype(np.int64)


def block_columns(groups: tuple[RandomColumns, ...], blocks: Blocks, n: int) -> FloatMatrix:
    """Z with the columns of a block side by side, padded with zeros; (n, q)."""
    q = sum(g.Z.shape[1] * m for g, m in zip(groups, blocks.most, strict=False))
    if q > LARGEST_BLOCK:
        raise DataProblem(
            f"The random terms reach across {q} levels at once; nest them in persons (for example "
            f"'subject:cycle') or make the crossed factor a fixed term."
        )
    if len(groups) == 1:
        return groups[0].Z
    Z = np.zeros((n, q))
    rows = np.arange(n)
    offset = 0
    for g, local, most in zip(groups, blocks.local, blocks.most, strict=False):
        width = g.Z.shape[1]
        at = offset + local[g.factor.codes] * width
        for t in range(width):
            Z[rows, at + t] = g.Z[:, t]
        offset += width * most
    return Z


def derivative_blocks(
    components: tuple[Component, ...], most: tuple[int, ...]
) -> tuple[FloatMatrix, ...]:
    """∂D/∂θ_k for the whole block, one q × q matrix a parameter."""
    q = sum(c.size * m for c, m in zip(components, most, strict=True))
    found = []
    offset = 0
    for c, m in zip(components, most, strict=True):
        for a, b in c.pairs:
            E = np.zeros((q, q))
            for level in range(m):
                at = offset + level * c.size
                E[at + a, at + b] = E[at + b, at + a] = 1.0
            found.append(E)
        offset += c.size * m
    return tuple(found)
