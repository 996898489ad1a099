"""Fixed effects: ordered terms to a design matrix, with the terms that say the same named."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from metadesk.errors import DataProblem, SpecProblem
from metadesk.models.mixed.columns import Factor, combined, first_of_each
from metadesk.models.mixed.trial_data import TrialData
from metadesk.models.mixed.trial_plan import CARRYOVER_START, ExcludedRow
from metadesk.numerics.types import BoolVector, FloatMatrix, FloatVector, IntVector

INTERCEPT = "(Intercept)"
TermKind = Literal["factor", "numeric", "carryover"]


@dataclass(frozen=True)
class Term:
    """One fixed effect.

    A ``factor`` is 0/1 columns against ``reference`` (the first level if empty), a ``numeric``
    stands as it is, ``carryover`` is one 0/1 column for each treatment but ``reference``: 1 if that
    was the treatment of the period before.
    """

    column: str
    kind: TermKind = "factor"
    reference: str = ""


@dataclass(frozen=True)
class RandomTerm:
    """Random effects of a grouping ('subject', 'subject:cycle').

    ``terms`` are '1' for the intercept and columns for slopes (a treatment column: 0/1 for each
    level but the reference); unstructured covariance among them, or independent ones.
    """

    group: str
    terms: tuple[str, ...] = ("1",)
    correlated: bool = True


@dataclass(frozen=True, eq=False)
class DesignMatrix:
    """Columns of the fixed effects on the rows used.

    ``term_of`` gives for each kept column the position of its term in ``terms`` (-1: intercept).
    ``aliased`` names the columns that were left out because those before them say the same. Where
    all terms are levels, ``distinct`` holds the different rows and ``cell`` says which of them each
    row is: ``X = distinct[cell]``; else ``distinct`` holds all rows and ``cell`` is None.
    """

    distinct: FloatMatrix
    cell: IntVector | None
    names: tuple[str, ...]
    term_of: IntVector
    terms: tuple[Term, ...]
    levels: tuple[tuple[str, ...], ...]
    aliased: tuple[str, ...]

    @cached_property
    def X(self) -> FloatMatrix:
        """One row a row of the model."""
        return self.distinct if self.cell is None else self.distinct[self.cell]

    def times(self, beta: FloatVector) -> FloatVector:
        """``Xβ``."""
        found = self.distinct @ beta
        return np.asarray(found if self.cell is None else found[self.cell])

    def orthonormal(self) -> tuple[FloatMatrix, FloatMatrix]:
        """Q and R with ``X = QR`` and a positive diagonal of R.

        Q has a row for each row of ``distinct``; those of the model are ``Q[cell]``.
        """
        if self.cell is None:
            Q, R = np.linalg.qr(self.distinct)
        else:
            weight = np.sqrt(np.bincount(self.cell))[:, None]
            Q, R = np.linalg.qr(self.distinct * weight)
            Q = Q / weight
        signs = np.where(np.diag(R) < 0, -1.0, 1.0)
        return Q * signs, R * signs[:, None]

    def columns_of(self, term: int) -> IntVector:
        """Positions of the columns of a term."""
        return np.flatnonzero(self.term_of == term)

    def position(self, column: str) -> int:
        """Position of the term on this sheet column, or -1."""
        for i, term in enumerate(self.terms):
            if term.column == column and term.kind != "carryover":
                return i
        return -1


@dataclass(frozen=True, eq=False)
class ModelFrame:
    """The rows that a model uses: outcome, design, random-effect columns, grouping factors."""

    data: TrialData
    rows: IntVector
    excluded: tuple[ExcludedRow, ...]
    y: FloatVector
    design: DesignMatrix

    def factor(self, column: str) -> Factor:
        """A sheet column as levels on the rows of the model."""
        if column == "":
            return self._chosen(self.data.subject)
        return self._chosen(self.data.factor(column))

    def _chosen(self, factor: Factor) -> Factor:
        return factor if len(self.rows) == len(factor) else factor.at(self.rows)

    def numeric(self, column: str) -> FloatVector:
        """A sheet column as numbers on the rows of the model."""
        return self.data.numeric(column)[self.rows]

    def __len__(self) -> int:
        return len(self.rows)


def build_frame(
    data: TrialData,
    fixed: tuple[Term, ...],
    needed: tuple[str, ...] = (),
    *,
    intercept: bool = True,
) -> ModelFrame:
    """Choose the rows on which every model variable is known and build the design on them.

    ``needed`` are further columns that must not be missing (grouping, time, slopes).
    """
    keep = np.ones(len(data), dtype=bool)
    reason: dict[int, str] = {}

    def drop(missing: BoolVector, why: str) -> None:
        for i in np.flatnonzero(missing & keep):
            reason[int(i)] = why
        keep[missing] = False

    for term in fixed:
        drop(_missing(data, term), f"'{term.column}' is missing")
    for column in needed:
        if column and column != "1":
            drop(data.factor(column).missing, f"'{column}' is missing")
    rows = np.flatnonzero(keep)
    if len(rows) == 0:
        why = Counter(reason.values()).most_common(1)[0][0] if reason else "no rows"
        raise DataProblem(f"No row can be used: {why} in every row.")
    dropped = tuple(ExcludedRow(int(data.rows[i]), why) for i, why in sorted(reason.items()))
    excluded = tuple(sorted((*data.excluded, *dropped), key=lambda e: e.row))
    design = _design(data, rows, fixed, intercept)
    y = data.outcome if len(rows) == len(data) else data.outcome[rows]
    return ModelFrame(data, rows, excluded, y, design)


def _missing(data: TrialData, term: Term) -> BoolVector:
    if term.kind == "numeric":
        return np.asarray(np.isnan(data.numeric(term.column)))
    if term.kind == "carryover":
        return _previous(data).missing
    return data.factor(term.column).missing


def _previous(data: TrialData) -> Factor:
    if data.previous is None:
        raise SpecProblem(
            "A carryover term needs the columns for subject, period and treatment; mark them."
        )
    return data.previous


@dataclass(frozen=True, eq=False)
class _Block:
    """Columns of one term: a table of rows by level with the level of each row, or the values."""

    names: list[str]
    levels: tuple[str, ...]
    table: FloatMatrix
    codes: IntVector | None

    @property
    def values(self) -> FloatMatrix:
        return self.table if self.codes is None else self.table[self.codes]


def _design(
    data: TrialData, rows: IntVector, fixed: tuple[Term, ...], intercept: bool
) -> DesignMatrix:
    blocks = [_columns(data, rows, term) for term in fixed]
    names = [INTERCEPT] if intercept else []
    term_of = [-1] if intercept else []
    for i, block in enumerate(blocks):
        names += block.names
        term_of += [i] * len(block.names)
    cell, first = _cells(blocks, len(rows))
    if cell is None:
        full = _joined([b.values for b in blocks], len(rows), intercept)
        kept, lost = independent_columns(full)
        distinct = full[:, kept] if lost else full
    else:
        tables = [b.table[b.codes[first]] for b in blocks if b.codes is not None]
        distinct = _joined(tables, len(first), intercept)
        kept, lost = independent_columns(distinct * np.sqrt(np.bincount(cell))[:, None])
        distinct = distinct[:, kept] if lost else distinct
    return DesignMatrix(
        distinct=distinct,
        cell=cell,
        names=tuple(names[j] for j in kept),
        term_of=np.array([term_of[j] for j in kept], dtype=np.int64),
        terms=fixed,
        levels=tuple(b.levels for b in blocks),
        aliased=tuple(names[j] for j in lost),
    )


def _joined(blocks: list[FloatMatrix], n: int, intercept: bool) -> FloatMatrix:
    first = [np.ones((n, 1))] if intercept else [np.empty((n, 0))]
    return np.concatenate([*first, *blocks], axis=1)


def _cells(blocks: list[_Block], n: int) -> tuple[IntVector | None, IntVector]:
    """Number the combinations of levels that occur; also the first row of each.

    None where a term is a number.
    """
    codes = [b.codes for b in blocks if b.codes is not None]
    if len(codes) < len(blocks):
        return None, np.zeros(0, dtype=np.int64)
    cell, count = combined(codes, [len(b.table) for b in blocks], n)
    return cell, first_of_each(cell, count)


def _columns(data: TrialData, rows: IntVector, term: Term) -> _Block:
    if term.kind == "numeric":
        return _Block([term.column], (), data.numeric(term.column)[rows][:, None], None)
    if term.kind == "carryover":
        factor = _previous(data).at(rows)
        levels = tuple(data.treatment.levels)
    else:
        column = data.factor(term.column)
        factor = column if len(column) == len(rows) else column.at(rows)
        levels = factor.levels
    reference = term.reference or (levels[0] if levels else "")
    _check_reference(term, levels, reference)
    others = [w for w in levels if w not in (reference, CARRYOVER_START)]
    table = np.zeros((len(factor.levels), len(others)))
    at = {w: i for i, w in enumerate(factor.levels)}
    for j, w in enumerate(others):
        if w in at:
            table[at[w], j] = 1.0
    return _Block([f"{term.column}[{w}]" for w in others], levels, table, factor.codes)


def _check_reference(term: Term, levels: tuple[str, ...], reference: str) -> None:
    if reference not in levels:
        raise SpecProblem(
            f"'{reference}' is not a level of '{term.column}'; its levels are {', '.join(levels)}."
        )


def independent_columns(X: FloatMatrix) -> tuple[list[int], list[int]]:
    """Split columns into those that add something and those that earlier ones determine."""
    kept = list(range(X.shape[1]))
    lost: list[int] = []
    scale = np.sqrt(np.einsum("ij,ij->j", X, X))
    while kept:
        if len(kept) <= X.shape[0]:
            diagonal = np.abs(np.diag(np.linalg.qr(X[:, kept], mode="r")))
        else:
            diagonal = np.zeros(len(kept))
            first = np.linalg.qr(X[:, kept[: X.shape[0]]], mode="r")
            diagonal[: X.shape[0]] = np.abs(np.diag(first))
        small = diagonal <= 1e-9 * scale[kept]
        if not small.any():
            break
        lost.append(kept.pop(int(np.argmax(small))))
    return kept, sorted(lost)
