"""From moderators to a design matrix: terms, their coding, and their values for new studies.

A design is a list of terms. The window's point-and-click list and the formula ``~ dose +
factor(region) + dose:region`` (:mod:`metadesk.models.meta.formula`) say the same thing: both are a
tuple of terms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from metadesk.errors import DataProblem, SpecProblem
from metadesk.models.meta.data import INTERCEPT
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector

CONTRASTS = {
    "treatment": "Each level against the reference level",
    "sum": "Each level against the mean of the levels",
    "helmert": "Each level against the mean of those before it",
}


@dataclass(frozen=True)
class Continuous:
    """A number as it stands, minus ``centre`` ('mean', or a value), to the ``power``."""

    column: str
    power: int = 1
    centre: float | str | None = None

    @property
    def title(self) -> str:
        """How the term is written."""
        shift = f"centre({self.column})" if self.centre == "mean" else self.column
        if isinstance(self.centre, float | int):
            shift = f"({self.column} - {self.centre:g})"
        return shift if self.power == 1 else f"{shift}^{self.power}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The sheet's columns that the term reads."""
        return (self.column,)


@dataclass(frozen=True)
class Factor:
    """Categories. ``levels`` empty: those found, sorted; ``reference`` None: the first."""

    column: str
    levels: tuple[str, ...] = ()
    reference: str | None = None
    contrast: str = "treatment"

    @property
    def title(self) -> str:
        """How the term is written."""
        return f"factor({self.column})"

    @property
    def columns(self) -> tuple[str, ...]:
        """The sheet's columns that the term reads."""
        return (self.column,)


@dataclass(frozen=True)
class Interaction:
    """The product of the codings of its parts.

    A factor in it is coded by contrasts where the rest of the term stands in the model by itself,
    else with an indicator for every level: ``region + region:dose`` is a slope for every region,
    ``region*dose`` a slope and each region's difference from it.
    """

    parts: tuple[Continuous | Factor, ...]

    @property
    def title(self) -> str:
        """How the term is written."""
        return ":".join(part.title for part in self.parts)

    @property
    def columns(self) -> tuple[str, ...]:
        """The sheet's columns that the term reads."""
        return tuple(dict.fromkeys(c for part in self.parts for c in part.columns))


Term = Continuous | Factor | Interaction
Cells = Mapping[str, Sequence[Any] | FloatVector]


@dataclass(frozen=True)
class Settled:
    """A term whose levels and centre are settled by the data it was first applied to."""

    term: Term
    parts: tuple[Settled, ...] = ()
    levels: tuple[str, ...] = ()
    contrast: FloatMatrix | None = None
    labels: tuple[str, ...] = ()
    centre: float = 0.0

    def code(self, cells: Cells, k: int) -> FloatMatrix:
        """The term's columns for these cells."""
        match self.term:
            case Interaction():
                made = np.ones((k, 1))
                for part in self.parts:
                    right = part.code(cells, k)
                    # The first part's levels run fastest, as in R.
                    made = (right[:, :, None] * made[:, None, :]).reshape(k, -1)
                return made
            case Continuous(column=column, power=power):
                values = _numbers(cells, column)
                return ((values - self.centre) ** power)[:, None]
            case Factor(column=column):
                assert self.contrast is not None
                return self.contrast[_codes(cells, column, self.levels)]


@dataclass(frozen=True, eq=False)
class Design:
    """A design matrix with the terms it was made from.

    ``spans`` gives for each term the half-open range of its columns in ``X``; ``cells`` holds the
    moderators' values, for marginal means and plots.
    """

    X: FloatMatrix
    names: tuple[str, ...]
    terms: tuple[Term, ...]
    spans: tuple[tuple[int, int], ...]
    intercept: bool
    settled: tuple[Settled, ...]
    cells: Mapping[str, tuple[Any, ...]]

    @property
    def k(self) -> int:
        """Number of studies."""
        return int(self.X.shape[0])

    def rows_for(self, cells: Cells) -> FloatMatrix:
        """The design rows of new studies, given a value for every moderator.

        Raises
        ------
        SpecProblem
            Where a moderator is missing or a level unknown.
        """
        missing = [c for t in self.terms for c in t.columns if c not in cells]
        if missing:
            raise SpecProblem(f"A prediction needs a value of {', '.join(dict.fromkeys(missing))}.")
        k = len(next(iter(cells.values()))) if cells else 1
        blocks = [np.ones((k, 1))] if self.intercept else []
        return np.column_stack([*blocks, *(s.code(cells, k) for s in self.settled)])

    def take(self, rows: IntVector) -> Design:
        """The design of some of the studies, with the same coding."""
        picked = [int(i) for i in np.arange(self.k)[rows]]
        cells = {name: tuple(column[i] for i in picked) for name, column in self.cells.items()}
        return replace(self, X=self.X[picked], cells=cells)


def build_design(
    cells: Cells, terms: Sequence[Term], *, intercept: bool = True, k: int | None = None
) -> Design:
    """Turn terms into a design matrix over the studies in ``cells``.

    ``k`` counts the studies where there are no cells to tell (an intercept alone).

    Without an intercept the first factor gets an indicator for every level. Levels that no study
    has are left out.

    Raises
    ------
    SpecProblem
        For a column that does not exist or a reference level that no study has.
    DataProblem
        For a missing value, or a word where a number should be; names the row.
    """
    known = set(cells)
    for term in terms:
        for column in term.columns:
            if column not in known:
                raise SpecProblem(
                    f"There is no column '{column}' for the moderator {term.title}. "
                    f"Known: {', '.join(sorted(known))}."
                )
    if k is None:
        k = len(next(iter(cells.values()))) if cells else 0
    full = not intercept
    settled: list[Settled] = []
    for term in terms:
        settled.append(_settle(term, cells, full, terms))
        full = full and not isinstance(term, Factor)
    blocks, names, spans = [], [], []
    if intercept:
        blocks.append(np.ones((k, 1)))
        names.append(INTERCEPT)
    for one in settled:
        block = one.code(cells, k)
        spans.append((len(names), len(names) + block.shape[1]))
        blocks.append(block)
        names += one.labels
    if not blocks:
        raise SpecProblem("A model without intercept needs at least one moderator.")
    used = dict.fromkeys(c for t in terms for c in t.columns)
    kept = {name: tuple(_plain(v) for v in cells[name]) for name in used}
    return Design(
        np.column_stack(blocks),
        tuple(names),
        tuple(terms),
        tuple(spans),
        intercept,
        tuple(settled),
        kept,
    )


def _settle(term: Term, cells: Cells, full: bool, terms: Sequence[Term]) -> Settled:
    match term:
        case Continuous():
            return Settled(term, labels=(term.title,), centre=_centre(term, cells))
        case Factor():
            return _settle_factor(term, cells, full)
        case Interaction():
            alone = {_written(other) for other in terms}
            parts = tuple(
                _settle(part, cells, _written(term) - _written(part) not in alone, ())
                for part in term.parts
            )
            labels = [""]
            for part in parts:
                labels = [f"{a}:{b}" if a else b for b in part.labels for a in labels]
            return Settled(term, parts=parts, labels=tuple(labels))


def _written(term: Term) -> frozenset[str]:
    """What a term multiplies, whatever the order."""
    parts = term.parts if isinstance(term, Interaction) else (term,)
    return frozenset(part.title for part in parts)


def _centre(term: Continuous, cells: Cells) -> float:
    if term.centre is None:
        return 0.0
    if term.centre == "mean":
        return float(_numbers(cells, term.column).mean())
    return float(term.centre)


def _settle_factor(term: Factor, cells: Cells, full: bool) -> Settled:
    words = [_word(v) for v in cells[term.column]]
    for i, word in enumerate(words):
        if word is None:
            raise DataProblem(f"Row {i + 1}: the moderator {term.column} is missing.")
    found = {w for w in words if w is not None}
    order = [lv for lv in term.levels if lv in found] if term.levels else _sorted_levels(found)
    stray = found - set(order)
    if stray:
        raise DataProblem(
            f"The moderator {term.column} has the value '{sorted(stray)[0]}', which is not among "
            f"its levels {', '.join(term.levels)}."
        )
    if term.reference is not None:
        if term.reference not in order:
            raise SpecProblem(
                f"No study has the reference level '{term.reference}' of {term.column}. "
                f"Its levels: {', '.join(order)}."
            )
        order = [term.reference, *(lv for lv in order if lv != term.reference)]
    m = len(order)
    if full:
        return Settled(
            term, (), tuple(order), np.eye(m), tuple(f"{term.column}{lv}" for lv in order)
        )
    matrix, labels = _contrast(term, order)
    return Settled(term, (), tuple(order), matrix, labels)


def _contrast(term: Factor, order: list[str]) -> tuple[FloatMatrix, tuple[str, ...]]:
    """Rows are levels, columns coefficients."""
    m = len(order)
    if term.contrast == "treatment":
        return np.eye(m)[:, 1:], tuple(f"{term.column}{lv}" for lv in order[1:])
    if term.contrast == "sum":
        matrix = np.vstack([np.eye(m - 1), -np.ones((1, m - 1))])
        return matrix, tuple(f"{term.column}{lv} − mean" for lv in order[:-1])
    if term.contrast == "helmert":
        columns = [[-1.0] * j + [float(j)] + [0.0] * (m - j - 1) for j in range(1, m)]
        matrix = np.array(columns).reshape(m - 1, m).T
        return matrix, tuple(f"{term.column}{lv} − earlier" for lv in order[1:])
    raise SpecProblem(f"There is no contrast '{term.contrast}'; known: {', '.join(CONTRASTS)}.")


def _codes(cells: Cells, column: str, levels: tuple[str, ...]) -> IntVector:
    at = {level: i for i, level in enumerate(levels)}
    codes = []
    for value in cells[column]:
        word = _word(value)
        if word not in at:
            raise SpecProblem(f"'{word}' is not a level of {column} ({', '.join(levels)}).")
        codes.append(at[word])
    return np.array(codes, dtype=np.int64)


def _numbers(cells: Cells, column: str) -> FloatVector:
    values = []
    for i, value in enumerate(cells[column]):
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise DataProblem(
                f"Row {i + 1}: the moderator {column} is '{value}', not a number. "
                "Correct it, exclude the study, or use it as a factor."
            ) from None
        if not np.isfinite(number):
            raise DataProblem(
                f"Row {i + 1}: the moderator {column} is missing. Fill it in or exclude the study."
            )
        values.append(number)
    return np.array(values)


def _word(value: Any) -> str | None:
    """The name of a level; whole numbers lose their decimal point."""
    if value is None:
        return None
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return None
        return f"{int(value)}" if float(value).is_integer() else repr(float(value))
    return str(value)


def _sorted_levels(found: set[str]) -> list[str]:
    """Numbers by size, words by alphabet without regard to case."""
    try:
        return sorted(found, key=float)
    except ValueError:
        return sorted(found, key=lambda w: (w.casefold(), w))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
