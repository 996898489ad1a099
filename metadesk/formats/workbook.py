"""A file as it was found: its sheets as grids of values, each with where its table was taken to be.

The window previews a :class:`Sheet`, lets a person correct its :class:`Layout`, and makes the study
table from it; :func:`metadesk.formats.read_sheet` does the same without a person.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from metadesk.formats.cochrane_rows import arranged, is_data_rows
from metadesk.formats.layout import Grid, Layout, Span, filled_down, find_layout, table_from
from metadesk.formats.revman import is_revman, untangled
from metadesk.table import StudyTable


@dataclass(frozen=True)
class Sheet:
    """One sheet of a file.

    Attributes
    ----------
    grid : tuple of rows
        All cells from A1 on, trimmed to the used range, every row of equal length.
    merged : tuple of spans
        Merged ranges as (top, left, bottom, right), all inclusive.
    hidden : bool
        Whether the workbook hides the sheet.
    remarks : tuple of str
        What a person should know about the file itself (hidden rows, formulas without results).
    """

    name: str
    grid: Grid
    merged: tuple[Span, ...] = ()
    hidden: bool = False
    remarks: tuple[str, ...] = ()
    source: str = ""

    @property
    def n_rows(self) -> int:
        """Rows of the used range."""
        return len(self.grid)

    @property
    def n_columns(self) -> int:
        """Columns of the used range."""
        return len(self.grid[0]) if self.grid else 0

    @property
    def is_empty(self) -> bool:
        """Whether no cell holds anything."""
        return not self.grid

    @cached_property
    def layout(self) -> Layout:
        """Where the header and the rows of the table were found."""
        return find_layout(self.grid, self.merged)

    def table(self, layout: Layout | None = None) -> StudyTable:
        """The study table at ``layout`` (as found, where none is given), without roles."""
        where = layout or self.layout
        grid, filled = filled_down(self.grid, self.merged, where)
        table = table_from(grid, self.merged, where, name=self.name, source=self.source)
        table = replace(table, remarks=(*self.remarks, *filled))
        if is_revman(table):
            return untangled(table)
        return arranged(table) if is_data_rows(table) else table


@dataclass(frozen=True)
class Workbook:
    """The sheets of a file, in their order."""

    path: Path
    sheets: tuple[Sheet, ...]

    @property
    def hidden_remark(self) -> tuple[str, ...]:
        """That sheets are hidden and were not opened, if any are."""
        names = [f"'{s.name}'" for s in self.sheets if s.hidden and not s.is_empty]
        if not names:
            return ()
        one = len(names) == 1
        which = f"Sheet {names[0]} is" if one else f"Sheets {', '.join(names[:6])} are"
        it = "it was" if one else "they were"
        return (f"{which} hidden in the workbook and {it} not opened. Unhide it in Excel first.",)

    @property
    def visible(self) -> tuple[Sheet, ...]:
        """The sheets that a person sees when opening the file, empty ones left out."""
        return tuple(s for s in self.sheets if not s.hidden and not s.is_empty)
