"""A trial with repeated measures as rows: who, when, on what, with which result."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from types import MappingProxyType

import numpy as np

from metadesk.document import Note
from metadesk.errors import DataProblem
from metadesk.models.mixed.columns import Factor, RawCell, numbers_of
from metadesk.models.mixed.trial_plan import (
    ExcludedRow,
    check_duplicates,
    plan_notes,
    previous_treatment,
)
from metadesk.numerics.types import FloatVector, IntVector


@dataclass(frozen=True)
class Roles:
    """Which column of the sheet plays which part; '' where none does."""

    subject: str = ""
    sequence: str = ""
    period: str = ""
    cycle: str = ""
    time: str = ""
    treatment: str = ""
    outcome: str = ""
    baseline: str = ""
    trials: str = ""
    offset: str = ""

    def filled(self) -> dict[str, str]:
        """Roles that are played, with their columns."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name)}


@dataclass(frozen=True, eq=False)
class TrialData:
    """Rows of a trial, checked and coded; made by :meth:`from_columns`.

    ``rows`` holds the positions in the sheet of the rows that are used; together with ``excluded``
    they are all rows. ``previous`` is the treatment that the person had in the period before (''
    in the first period), from the plan, so that a missing outcome does not hide a carryover.
    ``outcome`` is empty (NaN never) for an outcome of words; ``outcome_levels`` then holds it.
    """

    n_rows: int
    rows: IntVector
    excluded: tuple[ExcludedRow, ...]
    roles: Roles
    factors: Mapping[str, Factor]
    outcome: FloatVector
    cells: Mapping[str, Sequence[RawCell]]
    previous: Factor | None = None
    notes: tuple[Note, ...] = ()
    _numeric: dict[str, FloatVector] = field(default_factory=dict, repr=False)

    @classmethod
    def from_columns(
        cls,
        columns: Mapping[str, Sequence[RawCell]],
        roles: Roles,
        *,
        words_allowed: bool = False,
        repeated: bool | None = None,
    ) -> TrialData:
        """Check the columns of a sheet and code them.

        Parameters
        ----------
        columns : mapping of str to sequence
            All columns by name, of one length; a cell is text, a number or None.
        roles : Roles
            Which column is what. ``outcome`` is needed; without ``subject`` all rows belong to one
            person.
        words_allowed : bool
            True for ordered categories, whose outcome need not be a number.
        repeated : bool, optional
            Whether a person may have several rows in one period (repeat measurements). By default
            they may only where a cycle or a time tells the rows apart.

        Raises
        ------
        DataProblem
            With one sentence: a missing column, an outcome that is not a number, two rows for one
            person and period. What leaves an answer that is still right (a person in two
            sequences, a treatment that contradicts the sequence) is a note instead.
        """
        for role, name in roles.filled().items():
            if name not in columns:
                raise DataProblem(
                    f"The sheet has no column '{name}' for the {role}; choose another column."
                )
        if not roles.outcome:
            raise DataProblem(
                "No column is marked as the outcome; mark the column with the result."
            )
        n = len(columns[roles.outcome])
        ragged = [name for name, cells in columns.items() if len(cells) != n]
        if ragged:
            raise DataProblem(
                f"Column '{ragged[0]}' has {len(columns[ragged[0]])} rows, but '{roles.outcome}' "
                f"has {n}."
            )
        if n == 0:
            raise DataProblem("The sheet has no rows to analyse.")
        return _checked(cls, dict(columns), roles, n, words_allowed, repeated)

    def __len__(self) -> int:
        return len(self.rows)

    def has(self, role: str) -> bool:
        """Whether a column plays this role."""
        return bool(getattr(self.roles, role))

    def factor(self, column: str) -> Factor:
        """A column as levels, on the rows used; 'a:b' gives the pairs."""
        if column in self.factors:
            return self.factors[column]
        if ":" in column and column not in self.cells:
            left, _, right = column.partition(":")
            made = self.factor(left).paired_with(self.factor(right))
        else:
            made = Factor.of(self._cells_of(column))
        if isinstance(self.factors, dict):
            self.factors[column] = made
        return made

    def numeric(self, column: str) -> FloatVector:
        """A column as numbers, on the rows used; missing is NaN.

        Raises
        ------
        DataProblem
            If a cell of the column is not a number.
        """
        if column not in self._numeric:
            values, wrong = numbers_of(self._cells_of(column))
            if wrong:
                row = int(self.rows[wrong[0]])
                raise DataProblem(
                    f"Row {row + 1}: '{self.cells[column][row]}' in column '{column}' is not a "
                    f"number; correct it or use the column as a factor."
                )
            self._numeric[column] = values
        return self._numeric[column]

    def _cells_of(self, column: str) -> list[RawCell]:
        if column not in self.cells:
            raise DataProblem(f"The sheet has no column '{column}'.")
        cells = self.cells[column]
        return [cells[i] for i in self.rows]

    @cached_property
    def subject(self) -> Factor:
        """The persons; one person where the sheet names none."""
        if self.roles.subject:
            return self.factor(self.roles.subject)
        return Factor(np.zeros(len(self), dtype=np.int64), ("1",))

    @cached_property
    def treatment(self) -> Factor:
        """The treatments."""
        if not self.roles.treatment:
            raise DataProblem(
                "No column is marked as the treatment; mark the column that says what was given."
            )
        return self.factor(self.roles.treatment)

    @property
    def outcome_levels(self) -> Factor:
        """The outcome as ordered categories."""
        return self.factor(self.roles.outcome)

    @property
    def n_subjects(self) -> int:
        """How many persons contribute at least one row."""
        return len(self.subject.levels)


def _checked(
    cls: type[TrialData],
    columns: dict[str, Sequence[RawCell]],
    roles: Roles,
    n: int,
    words_allowed: bool,
    repeated: bool | None,
) -> TrialData:
    plan = {
        role: Factor.of(columns[name])
        for role, name in roles.filled().items()
        if role in ("subject", "sequence", "period", "treatment", "cycle")
    }
    _check_repeats(plan, columns, roles, repeated)
    outcome = _outcome(columns, roles, words_allowed)
    missing_outcome = (
        Factor.of(columns[roles.outcome]).missing if words_allowed else np.isnan(outcome)
    )
    reasons = {int(i): "the outcome is missing" for i in np.flatnonzero(missing_outcome)}
    for role in ("treatment", "period", "subject"):
        if role in plan:
            for i in np.flatnonzero(plan[role].missing):
                reasons[int(i)] = f"the {role} is missing"
    if len(reasons) == n:
        why = Counter(reasons.values()).most_common(1)[0][0]
        raise DataProblem(f"No row can be used: {why} in every row.")
    used = np.ones(n, dtype=bool)
    used[list(reasons)] = False
    rows = np.flatnonzero(used)
    excluded = tuple(ExcludedRow(i, reasons[i]) for i in sorted(reasons))
    factors = {roles.filled()[role]: f.at(rows) for role, f in plan.items()}
    previous = previous_treatment(plan)
    data = cls(
        n_rows=n,
        rows=rows,
        excluded=excluded,
        roles=roles,
        factors=factors,
        outcome=outcome[rows],
        cells=MappingProxyType(columns),
        previous=None if previous is None else previous.at(rows),
        notes=plan_notes(plan, excluded),
    )
    return data


def _check_repeats(
    plan: Mapping[str, Factor],
    columns: Mapping[str, Sequence[RawCell]],
    roles: Roles,
    repeated: bool | None,
) -> None:
    """Refuse two rows for one person and period where nothing tells them apart."""
    beside = tuple(c for c in (roles.cycle, roles.time) if c)
    if "subject" not in plan or "period" not in plan or repeated or (repeated is None and beside):
        return
    check_duplicates(plan, columns, beside)


def _outcome(
    columns: Mapping[str, Sequence[RawCell]], roles: Roles, words_allowed: bool
) -> FloatVector:
    values, wrong = numbers_of(columns[roles.outcome])
    if wrong and not words_allowed:
        cell = columns[roles.outcome][wrong[0]]
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise DataProblem(
            f"Row {wrong[0] + 1}: the outcome '{cell}' in column '{roles.outcome}' is not a number"
            f"{more}; correct it, empty the cell, or analyse the column as ordered categories."
        )
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise DataProblem(f"Row {infinite[0] + 1}: the outcome is infinite; correct or empty it.")
    return values


def same_value(values: FloatVector) -> bool:
    """Whether all values are one and the same (to rounding)."""
    spread = float(np.ptp(values))
    return spread <= 1e-12 * max(1.0, float(np.abs(values).max())) or math.isclose(spread, 0.0)
