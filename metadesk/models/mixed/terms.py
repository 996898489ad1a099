"""Fixed effects: ordered terms to a design matrix, with the terms that say the same named."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np

from metadesk.errors import DataProblem, SpecProblem
from metadesk.models.mixed.columns import Factor
from metadesk.models.mixed.trial_data import CARRYOVER_START, ExcludedRow, TrialData
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
    ``aliased`` names the columns that were left out because those before them say the same.
    """

    X: FloatMatrix
    names: tuple[str, ...]
    term_of: IntVector
    terms: tuple[Term, ...]
    levels: tuple[tuple[str, ...], ...]
    aliased: tuple[str, ...]

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
            return self.data.subject.at(self.rows)
        return self.data.factor(column).at(self.rows)

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


def _design(
    data: TrialData, rows: IntVector, fixed: tuple[Term, ...], intercept: bool
) -> DesignMatrix:
    blocks: list[FloatMatrix] = []
    names: list[str] = []
    term_of: list[int] = []
    levels: list[tuple[str, ...]] = []
    if intercept:
        blocks.append(np.ones((len(rows), 1)))
        names.append(INTERCEPT)
        term_of.append(-1)
    for i, term in enumerate(fixed):
        block, named, of = _columns(data, rows, term)
        blocks.append(block)
        names += named
        term_of += [i] * len(named)
        levels.append(of)
    X = np.concatenate(blocks, axis=1) if blocks else np.empty((len(rows), 0))
    kept, lost = independent_columns(X)
    return DesignMatrix(
        X=X[:, kept] if lost else X,
        names=tuple(names[j] for j in kept),
        term_of=np.array([term_of[j] for j in kept], dtype=np.int64),
        terms=fixed,
        levels=tuple(levels),
        aliased=tuple(names[j] for j in lost),
    )


def _columns(
    data: TrialData, rows: IntVector, term: Term
) -> tuple[FloatMatrix, list[str], tuple[str, ...]]:
    if term.kind == "numeric":
        return data.numeric(term.column)[rows][:, None], [term.column], ()
    if term.kind == "carryover":
        factor = _previous(data).at(rows)
        levels = tuple(w for w in data.treatment.levels)
        reference = term.reference or levels[0]
        _check_reference(term, levels, reference)
        others = [w for w in levels if w != reference and w != CARRYOVER_START]
        codes = {w: i for i, w in enumerate(factor.levels)}
        wanted = np.array([codes.get(w, -2) for w in others])
        block = (factor.codes[:, None] == wanted).astype(float)
        return block, [f"{term.column}[{w}]" for w in others], levels
    factor = data.factor(term.column).at(rows)
    reference = term.reference or (factor.levels[0] if factor.levels else "")
    _check_reference(term, factor.levels, reference)
    others = [w for w in factor.levels if w != reference]
    wanted = np.array([factor.levels.index(w) for w in others], dtype=np.int64)
    block = (factor.codes[:, None] == wanted).astype(float)
    return block, [f"{term.column}[{w}]" for w in others], factor.levels


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
