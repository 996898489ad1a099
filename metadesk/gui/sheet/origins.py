"""Where the numbers of cells come from and go to: steps that wrote them, ways that read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from metadesk.table import KeptStep, StudyTable
from metadesk.table.steps import in_force, written

if TYPE_CHECKING:
    from metadesk.analysis.prepare import Prepared

WRITTEN, READ = "written", "read"


class Origins(QObject):
    """What the sheet's small marks in the lower left corner of a cell stand for."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._prepared: Prepared | None = None
        self._stepped: Mapping[tuple[int, int], KeptStep] = {}
        self._route: dict[int, str] = {}
        self._columns: dict[str, frozenset[int]] = {}

    def hold(self, table: StudyTable) -> None:
        """Look at a table's steps."""
        self._stepped = in_force(table) if table.steps else {}

    def take(self, prepared: Prepared | None) -> bool:
        """Look at the ways of the rows; return whether other cells are marked than before."""
        before = self._route, self._columns
        self._prepared, self._route, self._columns = prepared, {}, {}
        if prepared is not None and prepared.measure:
            from metadesk.analysis.ways import (
                columns_read,
            )  # numpy is loaded once there are effects

            for route in {study.route for study in prepared.studies if study.route}:
                self._columns[route] = columns_read(prepared, route)
            self._route = {
                study.row_id: study.route
                for study in prepared.studies
                if study.route and self._columns[study.route]
            }
        return before != (self._route, self._columns)

    def step(self, row_id: int, column_id: int) -> KeptStep | None:
        """The step whose value stands in a cell, None where a person typed it."""
        step = self._stepped.get((row_id, column_id))
        cell = None if step is None else step.cell(column_id)
        return None if cell is None or cell.typed else step

    def is_read(self, row_id: int, column_id: int) -> bool:
        """Whether the row's effect was derived from this cell over a conversion."""
        route = self._route.get(row_id)
        return route is not None and column_id in self._columns[route]

    def badge(self, row_id: int, column_id: int, *, changed: bool = False) -> str:
        """The mark of a cell: ``WRITTEN`` by a step, ``READ`` by a conversion, '' for none.

        ``changed``: the row was edited and its effect is not worked out again yet.
        """
        if self._stepped and self.step(row_id, column_id) is not None:
            return WRITTEN
        return READ if self._route and not changed and self.is_read(row_id, column_id) else ""

    def sentences(self, row_id: int, column_id: int, *, changed: bool = False) -> list[str]:
        """What a cell's tooltip says of its origin and of what it served for."""
        said = []
        step = self.step(row_id, column_id)
        cell = None if step is None else step.cell(column_id)
        if step is not None and cell is not None:
            before = self.tr("Before: {0}. It can be taken back in the row's menu.")
            said += [step.name, cell.how, before.format(written(cell.before)), step.citation]
        if not changed and self.is_read(row_id, column_id) and self._prepared is not None:
            from metadesk.analysis.ways import source_of_way

            way = source_of_way(self._prepared.measure, self._route[row_id])
            said.append(self.tr("The effect was worked out from this cell: {0}").format(way))
        return [line for line in said if line]
