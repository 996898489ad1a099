"""What a study-level model reads: effects, their sampling variances and the moderators' columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from metadesk.document import Note
from metadesk.errors import DataProblem
from metadesk.numerics.types import BoolVector, FloatMatrix, FloatVector, IntVector

if TYPE_CHECKING:
    from metadesk.models.meta.design import Design

INTERCEPT = "intrcpt"
_WIDE_RATIO = 1e6


@dataclass(frozen=True, eq=False)
class MetaData:
    """Observed effects of ``k`` studies with known sampling variances.

    Parameters
    ----------
    yi, vi : (k,) array
        Effects on the analysis scale (log for ratios) and their sampling variances, positive.
    X : (k, p) array
        Moderators, the intercept (if any) first.
    names : tuple of str
        One name a column of ``X``; the intercept is called ``intrcpt``.
    slab : tuple of str
        Study labels.
    ni : (k,) array, optional
        Total sample sizes.
    weights : (k,) array, optional
        The user's own weights, non-negative, used where a spec asks for them.
    design : Design, optional
        The terms that ``X`` was made from.

    Raises
    ------
    DataProblem
        Where a number is missing, a variance not positive, or shapes do not fit; names the study.
    """

    yi: FloatVector
    vi: FloatVector
    X: FloatMatrix
    names: tuple[str, ...]
    slab: tuple[str, ...]
    ni: FloatVector | None = None
    weights: FloatVector | None = None
    design: Design | None = None

    def __post_init__(self) -> None:
        self._check_shapes()
        self._check_numbers()

    @classmethod
    def of(
        cls,
        yi: ArrayLike,
        vi: ArrayLike,
        *,
        slab: Sequence[str] | None = None,
        ni: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        design: Design | None = None,
    ) -> MetaData:
        """Make the data of a model; without a ``design`` there is only an intercept."""
        y = np.atleast_1d(np.asarray(yi, dtype=float))
        v = np.atleast_1d(np.asarray(vi, dtype=float))
        labels = tuple(slab) if slab is not None else _numbered(y.size)
        return cls(
            yi=y,
            vi=v,
            X=np.ones((y.size, 1)) if design is None else design.X,
            names=(INTERCEPT,) if design is None else design.names,
            slab=labels,
            ni=None if ni is None else np.asarray(ni, dtype=float),
            weights=None if weights is None else np.asarray(weights, dtype=float),
            design=design,
        )

    @property
    def k(self) -> int:
        """Number of studies."""
        return int(self.yi.size)

    @property
    def p(self) -> int:
        """Number of coefficients, the intercept counted."""
        return int(self.X.shape[1])

    @property
    def intercept_only(self) -> bool:
        """Whether the only column is the intercept."""
        return self.names == (INTERCEPT,)

    def take(self, rows: IntVector | BoolVector | Sequence[int]) -> MetaData:
        """The same data restricted to ``rows`` (positions or a mask)."""
        index = np.asarray(rows)
        if index.dtype == bool:
            index = np.flatnonzero(index)
        return replace(
            self,
            yi=self.yi[index],
            vi=self.vi[index],
            X=self.X[index],
            slab=tuple(self.slab[int(i)] for i in index),
            ni=None if self.ni is None else self.ni[index],
            weights=None if self.weights is None else self.weights[index],
            design=None if self.design is None else self.design.take(index),
        )

    def without_columns(self, names: Collection[str]) -> MetaData:
        """The same studies without these columns of ``X``; some must be left."""
        keep = [i for i, name in enumerate(self.names) if name not in names]
        kept = tuple(self.names[i] for i in keep)
        return replace(self, X=self.X[:, keep], names=kept, design=None)

    def without_moderators(self) -> MetaData:
        """The same studies with an intercept only."""
        if self.intercept_only:
            return self
        return replace(self, X=np.ones((self.k, 1)), names=(INTERCEPT,), design=None)

    def notes(self) -> tuple[Note, ...]:
        """Cautions about the numbers as they stand."""
        lo, hi = int(self.vi.argmin()), int(self.vi.argmax())
        ratio = self.vi[hi] / self.vi[lo]
        if ratio < _WIDE_RATIO:
            return ()
        return (
            Note(
                f"The sampling variances differ by a factor of {ratio:.1g}: {self.vi[lo]:.3g} for "
                f"{self.slab[lo]}, {self.vi[hi]:.3g} for {self.slab[hi]}. Check that none of "
                "them is a standard error or on another scale.",
                "caution",
                "variance-ratio",
            ),
        )

    def _check_shapes(self) -> None:
        k = self.yi.size
        if k == 0:
            raise DataProblem("There is no study to analyse: every row is excluded or incomplete.")
        if self.vi.shape != (k,):
            raise DataProblem(
                f"There are {k} effects but {self.vi.size} sampling variances; each needs one."
            )
        if self.X.ndim != 2 or self.X.shape[0] != k or self.X.shape[1] != len(self.names):
            raise DataProblem(
                f"The moderators have shape {self.X.shape}; {k} studies and "
                f"{len(self.names)} named columns need ({k}, {len(self.names)})."
            )
        if len(self.slab) != k:
            raise DataProblem(f"There are {k} effects but {len(self.slab)} study labels.")
        for what, column in (("sample sizes", self.ni), ("weights", self.weights)):
            if column is not None and column.shape != (k,):
                raise DataProblem(f"There are {k} effects but {column.size} {what}.")

    def _check_numbers(self) -> None:
        _refuse(self.slab, ~np.isfinite(self.yi), self.yi, "effect", "must be a number")
        bad = ~(np.isfinite(self.vi) & (self.vi > 0))
        _refuse(self.slab, bad, self.vi, "sampling variance", "must be a positive number")
        for j, name in enumerate(self.names):
            column = self.X[:, j]
            _refuse(self.slab, ~np.isfinite(column), column, f"moderator {name}", "is missing")
        if self.weights is not None:
            bad = ~(np.isfinite(self.weights) & (self.weights >= 0))
            _refuse(self.slab, bad, self.weights, "weight", "must be zero or more")
            if not self.weights.any():
                raise DataProblem(
                    "All weights are zero; at least one study needs a positive weight."
                )


@lru_cache(maxsize=8)
def _numbered(k: int) -> tuple[str, ...]:
    return tuple(f"Study {i + 1}" for i in range(k))


def _refuse(
    slab: tuple[str, ...], bad: BoolVector, values: FloatVector, what: str, rule: str
) -> None:
    """Raise with the first bad study's place and label."""
    if not bad.any():
        return
    i = int(np.flatnonzero(bad)[0])
    more = int(bad.sum()) - 1
    others = f" ({more} more like it)" if more else ""
    raise DataProblem(
        f"Row {i + 1} ({slab[i]}): the {what} is {values[i]:g}; it {rule}. "
        f"Correct it or exclude the study{others}."
    )
