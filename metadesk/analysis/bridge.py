"""From a trial to a meta-analysis: the treatment contrast as one row of a sheet of studies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from metadesk.analysis.trial_result import TrialResult
from metadesk.errors import DataProblem
from metadesk.table import StudyTable, TableColumn, make_table
from metadesk.table.cells import Value
from metadesk.table.edits import Compound, Edit, InsertColumns, InsertRows, Row

NAMES: Mapping[str, str] = {
    "study": "Study",
    "yi": "Effect (analysis scale)",
    "sei": "SE of the effect",
    "df": "df",
    "scale": "What the effect is",
}
"""Columns of a sheet made for such rows; the first three have roles."""
ROLES = ("study", "yi", "sei")


@dataclass(frozen=True)
class BridgeRow:
    """A trial as a row of a meta-analysis; ``estimate`` is a logarithm for ratios."""

    label: str
    estimate: float
    se: float
    df: float
    scale: str

    def cell(self, what: str) -> Value:
        """The cell of a column by its role or name."""
        cells: dict[str, Value] = {
            "study": self.label,
            "yi": self.estimate,
            "sei": self.se,
            "vi": self.se**2,
            "df": self.df if math.isfinite(self.df) else None,
            "scale": self.scale,
        }
        return cells.get(what)


def bridge_row(result: TrialResult, label: str = "") -> BridgeRow:
    """The treatment contrast of a trial as one row.

    Raises
    ------
    DataProblem
        If the trial has no treatment contrast with a standard error.
    """
    effect = result.effect
    if effect is None or not effect.se > 0:
        raise DataProblem(
            result.problem or "This trial has no treatment effect with a standard error to send."
        )
    what = result.scale.title
    words = f"{'log ' if result.scale.ratio else ''}{what[:1].lower()}{what[1:]}"
    return BridgeRow(
        label=label or result.spec.labels.title or result.sheet,
        estimate=effect.value,
        se=effect.se,
        df=effect.df,
        scale=f"{words}, {result.contrast}, {result.roles.outcome}",
    )


def bridge_table(row: BridgeRow, name: str = "Meta-analysis") -> StudyTable:
    """A new sheet of studies that holds this row."""
    columns = {title: (row.cell(key),) for key, title in NAMES.items()}
    return make_table(columns, {NAMES[role]: role for role in ROLES}, name=name)


def bridge_edit(row: BridgeRow, table: StudyTable) -> Edit:
    """Append the row to a sheet of studies, with the columns that it needs, as one step."""
    title = f"Add {row.label} from its trial rows"
    spread = table.with_role("vi") is not None and table.with_role("sei") is None
    needed = ("study", "yi", "vi" if spread else "sei")
    missing = [role for role in needed if table.with_role(role) is None]
    named = {c.name for c in table.columns}
    new = tuple(
        TableColumn(
            table.next_column_id + i,
            _free_name(NAMES.get(role, role), named),
            (None,) * table.n_rows,
            role,
        )
        for i, role in enumerate(missing)
    )
    keys = {NAMES["df"]: "df", NAMES["scale"]: "scale"}
    cells = [
        row.cell(c.role if c.role in needed else keys.get(c.name, ""))
        for c in (*table.columns, *new)
    ]
    at = len(table.columns)
    edits: list[Edit] = []
    if new:
        edits.append(InsertColumns(tuple((at + i, c) for i, c in enumerate(new)), title))
    edits.append(InsertRows((Row(table.n_rows, table.next_row_id, tuple(cells)),), title))
    return Compound(title, tuple(edits))


def _free_name(name: str, taken: set[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} {number}", number + 1
    return free
