"""From the sheet to the sampling covariances of effects that share people.

What the effects of one study have in common is told by columns: which outcome and of which type, at
what time, of which groups; or the covariances themselves are typed, row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metadesk.effects.dependence import (
    BlockCovariance,
    Correlations,
    constructed_covariance,
    covariance_from_rows,
    of_rows,
)
from metadesk.errors import DataProblem, SpecProblem
from metadesk.numerics.types import FloatVector, IntVector
from metadesk.options import choice, column, flag, number, text
from metadesk.table import ROLES, StudyTable, TableColumn, shown

USES = {
    "none": "Taken as independent",
    "combine": "Combined into one effect a study",
    "keep": "All kept, with their covariances",
}
WHYS = {
    "outcomes": "several outcomes of the same people",
    "times": "several time points of the same people",
    "outcomes-times": "several outcomes at several time points",
    "control": "comparisons that share a group",
    "control-outcomes": "comparisons that share a group, several outcomes",
    "control-times": "comparisons that share a group, several time points",
    "control-outcomes-times": "comparisons that share a group, several outcomes and time points",
    "matrix": "the sheet holds their covariances",
}
SAME_VARIANCE = 0.02  # a printed variance may differ by this part from the diagonal of its matrix


@dataclass(frozen=True)
class Dependence:
    """How the effects of one study depend on one another; columns by name, '' for the usual one."""

    use: str = choice("Several effects of one study", USES, "none")
    why: str = choice("Why they depend on one another", WHYS, "outcomes")
    rho: float = number(
        "Correlation of two outcomes", 0.5, minimum=-0.99, maximum=0.99,
        help="Papers seldom tell it; 0.5 is usual, 0.3 and 0.7 show how much it matters.",
    )  # fmt: skip
    rho_between: float | None = number(
        "Correlation of two outcomes of different types", None, minimum=-0.99, maximum=0.99,
        help="Where a column tells the type of each outcome. Empty: as for one type.",
    )  # fmt: skip
    correlations: str = text(
        "Correlations of single outcomes",
        help="Where they are known: 'pain/function=0.6; pain/mood=0.3'. Other pairs take the "
        "correlation above.",
    )  # fmt: skip
    phi: float = number(
        "Correlation at one unit of time", 0.8, minimum=0.0, maximum=0.99,
        help="At a distance of t units the correlation is this number to the power of t.",
    )  # fmt: skip
    weighted: bool = flag(
        "Weigh the effects of a study by their precision", True,
        help="Otherwise the plain mean of the study's effects is taken.",
    )  # fmt: skip
    study: str = column("Column of the study", help="Rows with the same word are one study.")
    outcome: str = column("Column of the outcome")
    type: str = column("Column of the type of outcome")
    time: str = column("Column of the time")
    time2: str = column(
        "Column of the time in the second group", help="Where the groups were seen at other times."
    )
    group1: str = column("Column that names the first group")
    group2: str = column("Column that names the second group")
    size1: str = column("Column of the size of the first group")
    size2: str = column("Column of the size of the second group")
    people: str = column(
        "Column that tells separate people apart",
        help="Effects of different people of one study (women, men) are independent.",
    )  # fmt: skip
    covariances: str = text(
        "Columns of the covariances",
        help="Names with commas between, in the order of the rows of a study: row 2 of a study "
        "holds row 2 of its matrix. Empty: the columns with that role.",
    )  # fmt: skip

    @property
    def parts(self) -> frozenset[str]:
        """What makes the effects depend: outcomes, times, a shared group, or typed covariances."""
        return frozenset(self.why.split("-"))


# Options that a reason needs beyond those that always matter; what the window shows.
NEEDED: dict[str, tuple[str, ...]] = {
    "outcomes": ("rho", "rho_between", "correlations", "outcome", "type", "people"),
    "times": ("phi", "time", "people"),
    "control": ("group1", "group2", "size1", "size2"),
    "matrix": ("covariances",),
}
USUAL: dict[str, tuple[str, ...]] = {
    "study": ("cluster", "study"), "outcome": ("outcome",), "type": ("outcome_type",),
    "time": ("time",), "time2": ("time2",), "group1": ("group1",), "group2": ("group2",),
    "size1": ("n1i",), "size2": ("n2i",), "people": ("people",),
}  # fmt: skip
"""The roles whose columns an option takes where it names none."""


def relevant(chosen: Dependence) -> frozenset[str]:
    """The options that matter for the reason that was chosen."""
    found = {"study", *(name for part in chosen.parts for name in NEEDED[part])}
    if {"control", "times"} <= chosen.parts:
        found.add("time2")
    return frozenset(found)


def covariance(
    chosen: Dependence, table: StudyTable, vi: FloatVector, rows: IntVector
) -> BlockCovariance:
    """Construct the sampling covariances of the effects in these rows.

    Parameters
    ----------
    chosen : Dependence
    table : StudyTable
    vi : (n_rows,) array
        Sampling variances of all rows of the sheet.
    rows : (k,) array
        Positions of the rows that are meant, in order.

    Raises
    ------
    SpecProblem
        If a column that is needed does not stand in the sheet.
    DataProblem
        If the covariances are not possible.
    """
    sheet = _Sheet(chosen, table, rows)
    study = sheet.studies()
    if "matrix" in chosen.parts:
        return _typed(sheet, study, vi, rows).checked()
    cluster = [study[i] for i in rows]
    more: dict[str, Any] = {}
    if "outcomes" in chosen.parts:
        more |= _by_outcome(sheet)
    if "control" in chosen.parts:
        more |= _by_group(sheet, cluster)
    if "times" in chosen.parts:
        more |= {"time1": sheet.times("time"), "phi": chosen.phi}
        if "control" in chosen.parts and sheet.has("time2"):
            more["time2"] = sheet.times("time2")
    if sheet.has("people") and "people" in relevant(chosen):
        more["subgroup"] = sheet.words("people")
    return constructed_covariance(vi[rows], cluster, **more).checked()


@dataclass(frozen=True)
class _Sheet:
    """The columns that a request reads, by option: the one it names, else the usual one."""

    chosen: Dependence
    table: StudyTable
    rows: IntVector

    def column(self, option: str) -> TableColumn | None:
        """The column of an option; None where none is named and none has its role."""
        name = getattr(self.chosen, option)
        if name:
            return _named(self.table, name)
        found = (self.table.with_role(role) for role in USUAL[option])
        return next((c for c in found if c is not None), None)

    def has(self, option: str) -> bool:
        """Whether the sheet tells it."""
        return self.column(option) is not None

    def words(self, option: str) -> list[str]:
        """The words of the chosen rows."""
        cells = self._needed(option).cells
        return [shown(cells[int(i)]).strip() for i in self.rows]

    def times(self, option: str) -> FloatVector:
        """The numbers of the chosen rows, all of which must be there."""
        found = self._needed(option)
        numbers = self.table.floats(found)[self.rows]
        if np.isnan(numbers).any():
            at = int(self.rows[int(np.flatnonzero(np.isnan(numbers))[0])])
            raise SpecProblem(
                f"Row {at + 1} has no number in the column of the time, '{found.name}'; fill it in "
                "or exclude the row."
            )
        return numbers

    def sizes(self, option: str) -> FloatVector | None:
        """Sizes of a group, None where they are not all known."""
        found = self.column(option)
        if found is None:
            return None
        numbers = self.table.floats(found)[self.rows]
        return numbers if bool(np.all(numbers > 0)) else None

    def studies(self) -> list[str]:
        """The study of every row of the sheet: a column that says so, else name and year together.

        Names alone would make one study of two by the same authors.
        """
        if self.chosen.study or self.table.with_role("cluster") is not None:
            cells = self._needed("study").cells
            words = [shown(v).strip() for v in cells]
        else:
            words = list(self.table.labels())
        return [word or f"row {i + 1}" for i, word in enumerate(words)]

    def _needed(self, option: str) -> TableColumn:
        found = self.column(option)
        if found is None:
            role = ROLES[USUAL[option][0]]
            raise SpecProblem(
                "To say how effects depend on one another, a column must tell the "
                f"{_PLAIN[option]}; give a column the role '{role.title}' or name it."
            )
        return found


_PLAIN = {
    "study": "study", "outcome": "outcome", "type": "type of outcome", "time": "time",
    "time2": "time in the second group", "group1": "first group", "group2": "second group",
    "size1": "size of the first group", "size2": "size of the second group", "people": "people",
}  # fmt: skip


def _by_outcome(sheet: _Sheet) -> dict[str, Any]:
    """Correlations of outcomes; without times each row counts as an outcome of its own."""
    chosen = sheet.chosen
    repeated = "times" in chosen.parts or "control" in chosen.parts
    if chosen.correlations:
        pairs = read_correlations(chosen.correlations)
        return {"obs": sheet.words("outcome"), "rho": Correlations(pairs, chosen.rho)}
    obs: list[object] = [int(i) for i in sheet.rows]
    if repeated:
        obs = list(sheet.words("outcome"))
    if not sheet.has("type"):
        return {"obs": obs, "rho": chosen.rho}
    between = chosen.rho if chosen.rho_between is None else chosen.rho_between
    return {"obs": obs, "type_": sheet.words("type"), "rho": (chosen.rho, between)}


def read_correlations(words: str) -> dict[frozenset[object], float]:
    """Read 'pain/function=0.6; pain/mood=0.3'.

    Raises
    ------
    SpecProblem
        If a part is not written so, or a correlation is not between −1 and 1.
    """
    found: dict[frozenset[object], float] = {}
    for part in filter(str.strip, words.split(";")):
        names, sign, value = part.rpartition("=")
        first, slash, second = names.partition("/")
        try:
            r = float(value.strip().replace(",", "."))
        except ValueError:
            r = np.nan
        if not (sign and slash and first.strip() and second.strip() and -1.0 < r < 1.0):
            raise SpecProblem(
                f"'{part.strip()}' is no correlation of two outcomes; write it as "
                "'pain/function=0.6', with ';' between several."
            )
        found[frozenset((first.strip(), second.strip()))] = r
    return found


def _by_group(sheet: _Sheet, cluster: Sequence[str]) -> dict[str, Any]:
    """Both groups of each comparison; without a column, the second group is the study's control."""
    rows = sheet.rows
    first = sheet.words("group1") if sheet.has("group1") else [f"group of row {i}" for i in rows]
    second = sheet.words("group2") if sheet.has("group2") else [f"control of {c}" for c in cluster]
    sizes = sheet.sizes("size1"), sheet.sizes("size2")
    known = all(n is not None for n in sizes)
    return {
        "grp1": first, "grp2": second,
        "w1": sizes[0] if known else None, "w2": sizes[1] if known else None,
    }  # fmt: skip


def covariance_columns(chosen: Dependence, table: StudyTable) -> list[TableColumn]:
    """The columns that hold the rows of typed covariance matrices, in order."""
    if chosen.covariances:
        names = [name.strip() for name in chosen.covariances.split(",")]
        return [_named(table, name) for name in names if name]
    found = list(table.all_with_role("covariance"))
    if not found:
        raise SpecProblem(
            "The covariances stand in no column yet; give their columns the role "
            f"'{ROLES['covariance'].title}' or name them."
        )
    return found


def _typed(sheet: _Sheet, study: list[str], vi: FloatVector, rows: IntVector) -> BlockCovariance:
    """Covariances that stand in the sheet; a row keeps its place when others are left out."""
    V = covariance_from_rows(study, _covariance_numbers(sheet.chosen, sheet.table))
    V = of_rows(V, rows)
    for i, (given, typed) in enumerate(zip(vi[rows], V.diagonal, strict=True)):
        if not typed > 0:
            raise DataProblem(
                f"Row {rows[i] + 1} has no variance among its covariances; fill in its row of the "
                "matrix."
            )
        if abs(given - typed) > SAME_VARIANCE * typed:
            raise DataProblem(
                f"Row {rows[i] + 1}: the variance of its effect is {given:.4g}, but {typed:.4g} in "
                "its row of covariances; one of the two is wrong, or rows are in another order."
            )
    return V


def _covariance_numbers(chosen: Dependence, table: StudyTable) -> list[FloatVector]:
    return [table.floats(c) for c in covariance_columns(chosen, table)]


def typed_variances(chosen: Dependence, table: StudyTable) -> FloatVector:
    """Variances on the diagonals of the typed matrices, for sheets that tell them nowhere else."""
    every = np.arange(table.n_rows, dtype=np.int64)
    study = _Sheet(chosen, table, every).studies()
    return covariance_from_rows(study, _covariance_numbers(chosen, table)).diagonal


def _named(table: StudyTable, name: str) -> TableColumn:
    try:
        return table.column(name)
    except KeyError:
        names = ", ".join(f"'{c.name}'" for c in table.columns)
        raise SpecProblem(f"The sheet has no column '{name}'; it has {names}.") from None
