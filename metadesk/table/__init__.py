"""The study table: columns, roles, edits, problems."""

from metadesk.table.cells import Parsed, Value, is_missing, number_in, parse_number
from metadesk.table.roles import ROLES, UNIQUE_EXCEPT, Role
from metadesk.table.table import StudyTable, TableColumn, make_table, shown

__all__ = [
    "ROLES",
    "UNIQUE_EXCEPT",
    "Parsed",
    "Role",
    "StudyTable",
    "TableColumn",
    "Value",
    "is_missing",
    "make_table",
    "number_in",
    "parse_number",
    "shown",
]
