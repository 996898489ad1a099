"""Counts of events, as the generalised linear mixed models read them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from metadesk.document import Note
from metadesk.errors import DataProblem, SpecProblem
from metadesk.models.meta.two_arms import TwoArms
from metadesk.numerics.types import BoolVector, FloatMatrix, FloatVector

CountMeasure = Literal["OR", "IRR", "PLO", "IRLN"]
INTERCEPT = "intrcpt"


@dataclass(frozen=True, eq=False)
class CountData:
    """Events of ``k`` studies: two arms (OR, IRR) or one (PLO, IRLN).

    Parameters
    ----------
    measure : str
        ``OR`` log odds ratio, ``IRR`` log rate ratio, ``PLO`` log odds, ``IRLN`` log rate.
    events : (R, k) array
        Events of group 1 (and group 2).
    totals : (R, k) array
        Sizes (OR, PLO) or person-time (IRR, IRLN).
    X : (k, p) array
        Moderators, the intercept (if any) first.
    names, slab : tuple of str
        Names of the columns of ``X`` and labels of the studies.
    dropped : tuple of str
        Studies that were left out because they say nothing about the effect (no events in either
        arm, or nothing but events).
    """

    measure: CountMeasure
    events: FloatMatrix
    totals: FloatMatrix
    X: FloatMatrix
    names: tuple[str, ...]
    slab: tuple[str, ...]
    dropped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.events.shape != self.totals.shape or self.X.shape != (self.k, len(self.names)):
            raise DataProblem(
                f"{self.events.shape[1]} studies have {self.totals.shape[1]} denominators and "
                f"moderators of shape {self.X.shape}; every study needs its own."
            )
        self._refuse(~np.isfinite(self.events) | (self.events < 0), "must be zero or more events")
        self._refuse(
            ~(np.isfinite(self.totals) & (self.totals > 0)), "needs a positive denominator"
        )
        if self.measure in ("OR", "PLO"):
            self._refuse(self.events > self.totals, "has more events than participants")
        complete = np.isfinite(self.X).all(axis=1).reshape(1, -1)
        self._refuse(~complete, "lacks a moderator")

    @classmethod
    def of(
        cls,
        measure: CountMeasure,
        events: Sequence[ArrayLike],
        totals: Sequence[ArrayLike],
        *,
        X: FloatMatrix | None = None,
        names: Sequence[str] = (INTERCEPT,),
        slab: Sequence[str] | None = None,
    ) -> CountData:
        """Make the data from one or two arms.

        Raises
        ------
        DataProblem
            For impossible counts, with the study.
        """
        y = np.array([np.atleast_1d(np.asarray(e, dtype=float)) for e in events])
        n = np.array([np.atleast_1d(np.asarray(t, dtype=float)) for t in totals])
        k = y.shape[1]
        labels = tuple(slab) if slab is not None else tuple(f"Study {i + 1}" for i in range(k))
        design = np.ones((k, 1)) if X is None else np.asarray(X, dtype=float)
        return cls(measure, y, n, design, tuple(names), labels)

    @property
    def k(self) -> int:
        """Number of studies."""
        return int(self.events.shape[1])

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return int(self.X.shape[1])

    @property
    def intercept_only(self) -> bool:
        """Whether the only column is the intercept."""
        return self.names == (INTERCEPT,)

    def without_columns(self, names: Collection[str]) -> CountData:
        """The same studies without these columns of ``X``; some must be left."""
        keep = [i for i, name in enumerate(self.names) if name not in names]
        return replace(self, X=self.X[:, keep], names=tuple(self.names[i] for i in keep))

    @property
    def uninformative(self) -> BoolVector:
        """Two-arm studies without any event, or (for risks) with nothing but events."""
        empty = np.zeros(self.k, dtype=np.bool_)
        if self.measure in ("OR", "IRR"):
            empty |= self.events.sum(axis=0) == 0
        if self.measure == "OR":
            empty |= (self.totals - self.events).sum(axis=0) == 0
        return empty

    def over_all(self, values: FloatVector | None) -> FloatVector | None:
        """Values of the informative studies over all of them, NaN for the others."""
        if values is None or values.size == self.k:
            return values
        whole = np.full(self.k, np.nan)
        whole[~self.uninformative] = values
        return whole

    def informative(self) -> CountData:
        """Set aside two-arm studies without any event, or (for risks) with nothing but events.

        Raises
        ------
        DataProblem
            When no study is left.
        """
        empty = self.uninformative
        if not empty.any():
            return self
        if empty.all():
            raise DataProblem(
                "No study has an event in one arm and a non-event in the other, so the data say "
                "nothing about the effect; a risk difference can still be pooled."
            )
        gone = tuple(name for name, out in zip(self.slab, empty, strict=True) if out)
        return replace(self.take(~empty), dropped=gone)

    def dropped_notes(self) -> tuple[Note, ...]:
        """The sentence that names the studies which were set aside, if there are any."""
        if not self.dropped:
            return ()
        count = len(self.dropped)
        were = "One study" if count == 1 else f"{count} studies"
        return (
            Note(
                f"{were} without events in both arms (or with nothing but events) cannot inform a "
                f"ratio and {'was' if count == 1 else 'were'} left out: {', '.join(self.dropped)}.",
                "note",
                "double-zero",
            ),
        )

    def take(self, keep: BoolVector) -> CountData:
        """Return the data of some of the studies."""
        return replace(
            self,
            events=self.events[:, keep],
            totals=self.totals[:, keep],
            X=self.X[keep],
            slab=tuple(s for s, yes in zip(self.slab, keep, strict=True) if yes),
        )

    def approximate_effects(self) -> tuple[FloatVector, FloatVector]:
        """Effects and variances by inverse variance, ½ added in studies with a zero cell.

        They give starting values and the typical sampling variance behind I²; nothing else.
        """
        y, n = self.events, self.totals
        if self.measure in ("OR", "PLO"):
            cells = np.concatenate([y, n - y])
            cells = cells + np.where((cells == 0).any(axis=0), 0.5, 0.0)
            logit = np.log(cells[: y.shape[0]] / cells[y.shape[0] :])
            vi = (1.0 / cells).sum(axis=0)
            return (logit[0] - logit[1] if self.measure == "OR" else logit[0]), vi
        cells = y + np.where((y == 0).any(axis=0), 0.5, 0.0)
        rate = np.log(cells / n)
        vi = (1.0 / cells).sum(axis=0)
        return (rate[0] - rate[1] if self.measure == "IRR" else rate[0]), vi

    def _refuse(self, bad: BoolVector, rule: str) -> None:
        if bad.any():
            i = int(np.argwhere(bad.any(axis=0))[0, 0])
            raise DataProblem(
                f"Row {i + 1} ({self.slab[i]}) {rule}; correct it or exclude the study."
            )


def as_counts(data: CountData | TwoArms) -> CountData:
    """Return the counts of two arms in the shape that these models read.

    Raises
    ------
    SpecProblem
        For a measure that no model of the counts estimates.
    """
    if isinstance(data, CountData):
        return data
    measures: dict[str, CountMeasure] = {"OR": "OR", "IRR": "IRR"}
    if data.measure not in measures:
        raise SpecProblem(
            f"Models of the counts estimate odds ratios (OR) or rate ratios (IRR), not "
            f"{data.measure}; choose one of these measures."
        )
    return CountData.of(
        measures[data.measure], [data.x1i, data.x2i], [data.n1i, data.n2i], slab=data.slab
    )
