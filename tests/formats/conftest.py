from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_sheets() -> Path:
    """The folder of real extraction sheets, which not every checkout has beside it."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "sheets"
    if not folder.is_dir():
        pytest.skip("the folder ../shared/sheets is absent")
    return folder


@pytest.fixture
def workbook(tmp_path):
    """Write rows into a new workbook; ``merge`` lists ranges such as 'C1:D1'."""

    def write(rows, *, merge=(), name="sheet.xlsx", title="Data"):
        from openpyxl import Workbook

        book = Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.title = title
        for row in rows:
            sheet.append(list(row))
        for area in merge:
            sheet.merge_cells(area)
        path = tmp_path / name
        book.save(path)
        return path

    return write
