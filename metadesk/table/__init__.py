"""The study table: columns, roles, edits, problems."""

from metadesk.table.cells import (
    Parsed,
    Value,
    how_read,
    is_missing,
    number_in,
    parse_number,
    parse_typed,
)
from metadesk.table.checks.look import Check, Problem
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
)
from metadesk.table.roles import ROLES, UNIQUE_EXCEPT, Role
from metadesk.table.table import NOT_A_STUDY, StudyTable, TableColumn, make_table, shown
from metadesk.table.validate import CHECKS, validate

__all__ = [
    "CHECKS",
    "NOT_A_STUDY",
    "ROLES",
    "UNIQUE_EXCEPT",
    "Check",
    "Compound",
    "Edit",
    "InsertColumns",
    "InsertRows",
    "Parsed",
    "Problem",
    "RemoveColumns",
    "RemoveRows",
    "RenameColumn",
    "ReplaceTable",
    "Role",
    "SetCells",
    "SetExcluded",
    "SetRole",
    "SetRoles",
    "StudyTable",
    "TableColumn",
    "Value",
    "how_read",
    "is_missing",
    "make_table",
    "number_in",
    "parse_number",
    "parse_typed",
    "shown",
    "validate",
]
