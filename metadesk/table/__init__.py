"""The study table: columns, roles, edits. What is wrong in one is listed by ``table.validate``."""

from metadesk.table.cells import (
    Parsed,
    Value,
    how_read,
    is_missing,
    number_in,
    parse_number,
    parse_typed,
)
from metadesk.table.edits import (
    Compound,
    Edit,
    InsertColumns,
    InsertRows,
    RemoveColumns,
    RemoveRows,
    RenameColumn,
    ReplaceTable,
    SetCells,
    SetExcluded,
    SetRole,
    SetRoles,
    SetSteps,
)
from metadesk.table.roles import ROLES, UNIQUE_EXCEPT, Role
from metadesk.table.steps import KeptStep, WrittenCell
from metadesk.table.table import NOT_A_STUDY, StudyTable, TableColumn, make_table, shown

__all__ = [
    "NOT_A_STUDY",
    "ROLES",
    "UNIQUE_EXCEPT",
    "Compound",
    "Edit",
    "InsertColumns",
    "InsertRows",
    "KeptStep",
    "Parsed",
    "RemoveColumns",
    "RemoveRows",
    "RenameColumn",
    "ReplaceTable",
    "Role",
    "SetCells",
    "SetExcluded",
    "SetRole",
    "SetRoles",
    "SetSteps",
    "StudyTable",
    "TableColumn",
    "Value",
    "WrittenCell",
    "how_read",
    "is_missing",
    "make_table",
    "number_in",
    "parse_number",
    "parse_typed",
    "shown",
]
