"""Readers of files: a workbook or a text file becomes a study table with guessed roles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from metadesk.errors import FileProblem
from metadesk.formats.cochrane import holds_package, read_package
from metadesk.formats.csv import read_csv
from metadesk.formats.guess import guess_roles
from metadesk.formats.layout import Layout
from metadesk.formats.rm5 import is_rm5, read_rm5
from metadesk.formats.workbook import Sheet, Workbook
from metadesk.formats.xlsx import names_in_xlsx, read_xlsx
from metadesk.table import StudyTable

__all__ = [
    "Layout",
    "Sheet",
    "Workbook",
    "guess_roles",
    "read_sheet",
    "read_workbook",
    "sheet_names",
]

LOOKED_AT = 4096  # bytes that tell what a file is
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


def read_workbook(path: Path | str) -> Workbook:
    """Read a file with all its sheets, hidden ones included.

    Raises
    ------
    FileProblem
        If the file is missing, locked, protected by a password, no workbook, or empty.
    """
    place = Path(path)
    book = _read(place)
    if all(sheet.is_empty for sheet in book.sheets):
        raise FileProblem(f"'{place.name}' is empty: none of its sheets holds anything.")
    return book


def _read(place: Path) -> Workbook:
    """Read a file with the reader that knows it, by what it holds and not by its name."""
    start = _start_of(place)
    if start.startswith(ZIP) and place.suffix.lower() == ".zip" and holds_package(place):
        return read_package(place)
    if start.startswith((ZIP, OLE)):
        return read_xlsx(place)
    return read_rm5(place) if is_rm5(start) else read_csv(place)


def read_sheet(path: Path | str, sheet: str | None = None) -> StudyTable:
    """Read one sheet as a study table with guessed roles.

    Without a name, the first visible sheet that holds effect data is taken, or the first visible
    sheet that holds anything.
    """
    book = read_workbook(path)
    if sheet is not None:
        return guess_roles(_named(book, sheet).table()).table
    return _first_with_effects(book)


def _first_with_effects(book: Workbook) -> StudyTable:
    """The first visible sheet that holds effect data, else the first that holds anything."""
    candidates = book.visible or tuple(s for s in book.sheets if not s.is_empty)
    first: StudyTable | None = None
    for candidate in candidates:
        guess = guess_roles(candidate.table())
        if guess.holds_effects:
            return replace(guess.table, remarks=(*guess.table.remarks, *book.hidden_remark))
        first = first or guess.table
    assert first is not None
    return first


def sheet_names(path: Path | str) -> tuple[str, ...]:
    """The names of the visible sheets of a file; a text file has one, its own name."""
    place = Path(path)
    if _start_of(place).startswith((ZIP, OLE)) and place.suffix.lower() != ".zip":
        return names_in_xlsx(place)
    return (place.stem,)


def _named(book: Workbook, name: str) -> Sheet:
    """The sheet of this name, capitals and outer spaces aside."""
    for sheet in book.sheets:
        if sheet.name.strip().lower() == name.strip().lower():
            if sheet.is_empty:
                raise FileProblem(f"Sheet '{sheet.name}' of '{book.path.name}' is empty.")
            return sheet
    known = ", ".join(f"'{s.name}'" for s in book.sheets)
    raise FileProblem(f"'{book.path.name}' has no sheet '{name}'; it has {known}.")


def _start_of(path: Path) -> bytes:
    """The first bytes of a file; raises a sentence if it cannot be read."""
    if path.is_dir():
        raise FileProblem(f"'{path}' is a folder; choose a workbook or a CSV file in it.")
    try:
        with path.open("rb") as file:
            start = file.read(LOOKED_AT)
    except FileNotFoundError:
        raise FileProblem(
            f"There is no file '{path}'. Look for a typing error in its name."
        ) from None
    except PermissionError:
        raise FileProblem(
            f"'{path.name}' cannot be opened: it is locked by another program, or you may not read "
            "it. Close it elsewhere or make a copy, and try again."
        ) from None
    if not start:
        raise FileProblem(f"'{path.name}' is empty (0 bytes).")
    if not start.startswith((ZIP, OLE)) and path.suffix.lower() in (".xlsx", ".xlsm", ".xlsb"):
        raise FileProblem(
            f"'{path.name}' is not an Excel workbook, whatever its name says. "
            "Open it in Excel and save it as .xlsx, or name it .csv if it is text."
        )
    return start
