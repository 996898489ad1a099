"""Data packages of Cochrane reviews, as RevMan and the Cochrane Library offer them for download.

The package is a ZIP; in it lies, perhaps in a further ZIP, a table ``…data-rows.csv`` with one row
a study and analysis (see ``cochrane_rows``), and a table of the analyses' settings.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from metadesk.errors import FileProblem
from metadesk.formats.cochrane_rows import NUMBERS
from metadesk.formats.csv import grid_of
from metadesk.formats.layout import trimmed
from metadesk.formats.workbook import Sheet, Workbook
from metadesk.table import Value, shown

ROWS, SETTINGS = "data-rows.csv", "overall-estimates-and-settings.csv"
MEASURE = "Effect measure"
LARGEST = 200_000_000  # bytes of a table in the package


def holds_package(path: Path) -> bool:
    """Whether a ZIP is such a package."""
    return zipfile.is_zipfile(path) and _found(path.read_bytes(), ROWS) is not None


def read_package(path: Path) -> Workbook:
    """Read the rows of all analyses as a workbook of one sheet, each row with its effect measure.

    Raises
    ------
    FileProblem
        If the tables cannot be read.
    """
    package = path.read_bytes()
    raw = _found(package, ROWS)
    if raw is None:
        raise FileProblem(f"'{path.name}' holds no table '…{ROWS}'.")
    rows, remarks = grid_of(raw, path.name)
    settings = _found(package, SETTINGS)
    measures = {} if settings is None else _measures(grid_of(settings, path.name)[0])
    if measures and rows:
        place = [rows[0].index(name) for name in NUMBERS]
        rows[0].append(MEASURE)
        for row in rows[1:]:
            key = tuple(shown(row[at]) for at in place) if len(row) > max(place) else ()
            row.append(measures.get(key))
    return Workbook(path, (Sheet(path.stem, trimmed(rows), remarks=remarks, source=str(path)),))


def _measures(rows: Sequence[Sequence[Value]]) -> Mapping[tuple[str, ...], str]:
    """The effect measure of each analysis by its numbers."""
    if not rows or not set(rows[0]).issuperset((*NUMBERS, MEASURE)):
        return {}
    at = [list(rows[0]).index(name) for name in (*NUMBERS, MEASURE)]
    return {
        (shown(row[at[0]]), shown(row[at[1]])): shown(row[at[2]])
        for row in rows[1:]
        if len(row) > max(at)
    }


def _found(package: bytes, ending: str, *, deeper: bool = True) -> bytes | None:
    """The file of a package with this ending, also one ZIP deeper."""
    with zipfile.ZipFile(io.BytesIO(package)) as files:
        small = [info for info in files.infolist() if info.file_size <= LARGEST]
        for info in small:
            if info.filename.endswith(ending):
                return files.read(info)
        for info in small:
            if deeper and info.filename.endswith("data.zip"):
                inner = files.read(info)
                if zipfile.is_zipfile(io.BytesIO(inner)):
                    return _found(inner, ending, deeper=False)
    return None
