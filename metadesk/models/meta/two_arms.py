"""Events in two arms, as Mantel-Haenszel and Peto read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from metadesk.errors import DataProblem
from metadesk.numerics.types import BoolVector, FloatVector, IntVector

RISKS = ("OR", "RR", "RD", "PETO")
RATES = ("IRR", "IRD")


@dataclass(frozen=True, eq=False)
class TwoArms:
    """Events and denominators of ``k`` studies.

    Parameters
    ----------
    measure : str
        OR, RR, RD or PETO (denominators are group sizes), IRR or IRD (person-time).
    x1i, x2i : (k,) array
        Events in group 1 and 2.
    n1i, n2i : (k,) array
        Sizes, or person-time.
    slab : tuple of str
        Study labels.

    Raises
    ------
    DataProblem
        For impossible counts; names the study.
    """

    measure: str
    x1i: FloatVector
    n1i: FloatVector
    x2i: FloatVector
    n2i: FloatVector
    slab: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.k == 0:
            raise DataProblem("There is no study to analyse: every row is excluded or incomplete.")
        for group, x, n in ((1, self.x1i, self.n1i), (2, self.x2i, self.n2i)):
            self._refuse(~(np.isfinite(x) & (x >= 0)), f"events in group {group}", "zero or more")
            what = "person-time" if self.rates else "size"
            self._refuse(~(np.isfinite(n) & (n > 0)), f"{what} of group {group}", "positive")
            if not self.rates:
                self._refuse(x > n, f"events in group {group}", "no more than the group's size")

    @classmethod
    def of(
        cls,
        measure: str,
        x1i: ArrayLike,
        n1i: ArrayLike,
        x2i: ArrayLike,
        n2i: ArrayLike,
        *,
        slab: Sequence[str] | None = None,
    ) -> TwoArms:
        """Make the data from columns."""
        a, b, c, d = (np.atleast_1d(np.asarray(z, dtype=float)) for z in (x1i, n1i, x2i, n2i))
        k = a.size
        if any(z.shape != (k,) for z in (b, c, d)):
            raise DataProblem("Events and denominators of the two groups differ in length.")
        labels = tuple(slab) if slab is not None else tuple(f"Study {i + 1}" for i in range(k))
        return cls(measure, a, b, c, d, labels)

    @property
    def k(self) -> int:
        """Number of studies."""
        return int(self.x1i.size)

    @property
    def rates(self) -> bool:
        """Whether the denominators are person-time."""
        return self.measure in RATES

    @property
    def without_events(self) -> BoolVector:
        """Studies without an event in either arm, or (for risks) with nothing but events."""
        empty = (self.x1i == 0) & (self.x2i == 0)
        if not self.rates:
            empty |= (self.x1i == self.n1i) & (self.x2i == self.n2i)
        return np.asarray(empty, dtype=np.bool_)

    @property
    def columns(self) -> dict[str, FloatVector]:
        """The columns by the names that effect measures know them by."""
        if self.rates:
            return {"x1i": self.x1i, "t1i": self.n1i, "x2i": self.x2i, "t2i": self.n2i}
        return {
            "ai": self.x1i,
            "bi": self.n1i - self.x1i,
            "ci": self.x2i,
            "di": self.n2i - self.x2i,
        }

    def take(self, rows: IntVector | BoolVector | Sequence[int]) -> TwoArms:
        """The same data restricted to ``rows`` (positions or a mask)."""
        index = np.arange(self.k)[np.asarray(rows)]
        return replace(
            self,
            x1i=self.x1i[index],
            n1i=self.n1i[index],
            x2i=self.x2i[index],
            n2i=self.n2i[index],
            slab=tuple(self.slab[int(i)] for i in index),
        )

    def _refuse(self, bad: BoolVector, what: str, rule: str) -> None:
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            raise DataProblem(
                f"Row {i + 1} ({self.slab[i]}): the {what} must be {rule}. "
                "Correct it or exclude the study."
            )
