"""Dependent effects: estimates, the covariance of their sampling errors, their groupings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from metadesk.effects.dependence import BlockCovariance
from metadesk.errors import DataProblem
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector

INTERCEPT = "intrcpt"
CovarianceBlock = tuple[IntVector, FloatMatrix]


@dataclass(frozen=True, eq=False)
class Factor:
    """A grouping of the rows: ``codes`` (k,) into ``levels``, in their order."""

    name: str
    codes: IntVector
    levels: tuple[str, ...]

    @classmethod
    def of(
        cls, name: str, labels: Sequence[object], levels: Sequence[object] | None = None
    ) -> Factor:
        """Make a factor; without ``levels`` they are sorted, as numbers if they are numbers.

        Raises
        ------
        DataProblem
            If a label is empty or not among the levels.
        """
        words = [_word(x) for x in labels]
        order = [_word(x) for x in levels] if levels is not None else sorted(set(words), key=_key)
        position = {level: i for i, level in enumerate(order)}
        for i, word in enumerate(words):
            if word == "" or word not in position:
                raise DataProblem(
                    f"Row {i + 1} has no known level of '{name}' ('{word}'); "
                    "fill it in or exclude the row."
                )
        return cls(name, np.array([position[w] for w in words], dtype=np.int64), tuple(order))

    @property
    def n_used(self) -> int:
        """Number of levels that occur."""
        return int(np.unique(self.codes).size)

    def within(self, outer: Factor) -> Factor:
        """Cross this factor with ``outer``: the same label in two groups is two levels."""
        combined = outer.codes * len(self.levels) + self.codes
        seen, codes = np.unique(combined, return_inverse=True)
        n = len(self.levels)
        labels = tuple(f"{outer.levels[c // n]}/{self.levels[c % n]}" for c in seen.tolist())
        return Factor(f"{outer.name}/{self.name}", codes.astype(np.int64), labels)


def _word(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{float(value):.15g}"
    return str(value)


def _key(word: str) -> tuple[int, float, str]:
    try:
        return (0, float(word), "")
    except ValueError:
        return (1, 0.0, word)


@dataclass(frozen=True, eq=False)
class DependentData:
    """Effects that share studies, participants or outcomes.

    Parameters
    ----------
    yi : (k,) array
        Effects on the analysis scale.
    vi : (k,) array
        Sampling variances, positive.
    X : (k, p) array
        Moderators, the intercept (if any) first.
    names, slab : tuple of str
        Names of the columns of ``X``, labels of the rows.
    factors : mapping of name to Factor
        The groupings that random effects may use.
    blocks : tuple of (rows, matrix)
        Covariance matrices of sampling errors that are correlated; rows in no block are
        independent. The diagonals take the place of ``vi``.

    Raises
    ------
    DataProblem
        For missing numbers, variances that are not positive, blocks that overlap or are no
        covariance matrices; names the rows.
    """

    yi: FloatVector
    vi: FloatVector
    X: FloatMatrix
    names: tuple[str, ...]
    slab: tuple[str, ...]
    factors: Mapping[str, Factor] = field(default_factory=lambda: MappingProxyType({}))
    blocks: tuple[CovarianceBlock, ...] = ()

    def __post_init__(self) -> None:
        k = self.yi.size
        if k == 0:
            raise DataProblem("There is no effect to analyse: every row is excluded or incomplete.")
        if self.vi.shape != (k,) or self.X.shape != (k, len(self.names)) or len(self.slab) != k:
            raise DataProblem(
                f"{k} effects have {self.vi.size} variances, {len(self.slab)} labels and "
                f"moderators of shape {self.X.shape}; every effect needs its own."
            )
        bad = ~np.isfinite(self.yi) | ~np.isfinite(self.X).all(axis=1)
        bad |= ~(np.isfinite(self.vi) & (self.vi > 0))
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            raise DataProblem(
                f"Row {i + 1} ({self.slab[i]}): effect {self.yi[i]:g}, sampling variance "
                f"{self.vi[i]:g}, or a moderator is missing or not positive; mend or exclude it."
            )
        self._check_blocks()

    @classmethod
    def of(
        cls,
        yi: ArrayLike,
        V: ArrayLike | Sequence[CovarianceBlock] | BlockCovariance,
        *,
        X: FloatMatrix | None = None,
        names: Sequence[str] = (INTERCEPT,),
        slab: Sequence[str] | None = None,
        factors: Mapping[str, Sequence[object] | Factor] | None = None,
    ) -> DependentData:
        """Make the data from variances (k,), a covariance matrix (k, k), or its blocks."""
        y = np.atleast_1d(np.asarray(yi, dtype=float))
        k = y.size
        vi, blocks = _read_covariance(V, k)
        known = {
            name: value if isinstance(value, Factor) else Factor.of(name, value)
            for name, value in (factors or {}).items()
        }
        return cls(
            yi=y,
            vi=vi,
            X=np.ones((k, 1)) if X is None else np.asarray(X, dtype=float),
            names=tuple(names),
            slab=tuple(slab) if slab is not None else tuple(f"Row {i + 1}" for i in range(k)),
            factors=MappingProxyType(known),
            blocks=blocks,
        )

    @property
    def k(self) -> int:
        """Number of effects."""
        return int(self.yi.size)

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return int(self.X.shape[1])

    @property
    def intercept_only(self) -> bool:
        """Whether the only column is the intercept."""
        return self.names == (INTERCEPT,)

    def without_columns(self, names: Collection[str]) -> DependentData:
        """The same studies without these columns of ``X``; some must be left."""
        keep = [i for i, name in enumerate(self.names) if name not in names]
        return replace(self, X=self.X[:, keep], names=tuple(self.names[i] for i in keep))

    def factor(self, name: str) -> Factor:
        """Return the grouping of this name.

        Raises
        ------
        DataProblem
            If there is none; says which there are.
        """
        if name not in self.factors:
            known = ", ".join(self.factors) or "none"
            raise DataProblem(f"There is no grouping column '{name}'. Known: {known}.")
        return self.factors[name]

    def _check_blocks(self) -> None:
        seen = np.zeros(self.k, dtype=bool)
        for rows, block in self.blocks:
            where = f"the block of rows {', '.join(str(int(r) + 1) for r in rows[:6])}"
            if seen[rows].any():
                raise DataProblem(
                    f"A row of {where} stands in two blocks of the covariance matrix."
                )
            seen[rows] = True
            values = np.linalg.eigvalsh(block)
            if values[0] < -1e-9 * values[-1]:
                raise DataProblem(
                    f"The sampling covariance of {where} ({self.slab[int(rows[0])]}) is not "
                    "possible (not positive definite): check for rows entered twice and the "
                    "assumed correlation."
                )

    @property
    def singular(self) -> bool:
        """Whether some sampling errors are exact combinations of others, so that Q is undefined."""
        return any(
            np.linalg.eigvalsh(block)[0] <= 1e-12 * float(np.trace(block))
            for _, block in self.blocks
        )


def _read_covariance(
    V: ArrayLike | Sequence[CovarianceBlock] | BlockCovariance, k: int
) -> tuple[FloatVector, tuple[CovarianceBlock, ...]]:
    """Variances and blocks from any of the forms."""
    if isinstance(V, BlockCovariance):
        V = list(zip(V.rows, V.blocks, strict=True))
    if isinstance(V, list | tuple) and V and isinstance(V[0], tuple):
        vi = np.full(k, np.nan)
        kept: list[CovarianceBlock] = []
        for rows, matrix in V:
            index = np.asarray(rows, dtype=np.int64)
            block = np.asarray(matrix, dtype=float)
            vi[index] = np.diag(block)
            if index.size > 1:
                kept.append((index, block))
        return vi, tuple(kept)
    array = np.asarray(V, dtype=float)
    if array.ndim < 2:
        return np.broadcast_to(np.atleast_1d(array), (k,)).copy(), ()
    groups = connected_rows(array != 0.0)
    blocks = []
    for g in range(int(groups.max()) + 1):
        rows = np.flatnonzero(groups == g)
        if rows.size > 1:
            blocks.append((rows, array[np.ix_(rows, rows)]))
    return np.diag(array).copy(), tuple(blocks)


def connected_rows(linked: FloatMatrix) -> IntVector:
    """Number the connected components of a symmetric 0/1 matrix by their first rows."""
    k = linked.shape[0]
    label = np.full(k, -1, dtype=np.int64)
    count = 0
    for i in range(k):
        if label[i] >= 0:
            continue
        label[i] = count
        front = [i]
        while front:
            reached = np.flatnonzero(linked[front].any(axis=0) & (label < 0))
            label[reached] = count
            front = reached.tolist()
        count += 1
    return label
