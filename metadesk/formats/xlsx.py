"""Workbooks (.xlsx, .xlsm, .xlsb, .xls, .ods): values by calamine, what it leaves out from the XML.

A formula gives its stored result; one without a stored result stays as its text, an error stays as
``#DIV/0!``, a date as ISO text. Nothing of these becomes a number on its way in.
"""

from __future__ import annotations

import datetime
import zipfile
from pathlib import Path
from typing import Any

from metadesk.errors import FileProblem
from metadesk.formats import ooxml
from metadesk.formats.layout import trimmed
from metadesk.formats.workbook import Sheet, Workbook
from metadesk.table import Value

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def read_xlsx(path: Path) -> Workbook:
    """Read all sheets of a workbook.

    Raises
    ------
    FileProblem
        If the file is no workbook, is protected by a password, or is damaged.
    """
    book = _opened(path)
    extras = ooxml.extras(path) if zipfile.is_zipfile(path) else {}
    sheets = []
    for meta in book.sheets_metadata:
        if "WorkSheet" not in str(meta.typ):
            continue
        sheets.append(_sheet(book, meta, extras.get(meta.name, ooxml.NOTHING), path))
    if not sheets:
        raise FileProblem(
            f"'{path.name}' has no worksheets, only charts. Open the workbook with their data."
        )
    return Workbook(path, tuple(sheets))


def names_in_xlsx(path: Path) -> tuple[str, ...]:
    """The names of the sheets that a person sees, without reading them."""
    return tuple(
        meta.name
        for meta in _opened(path).sheets_metadata
        if "WorkSheet" in str(meta.typ) and str(meta.visible).endswith(".Visible")
    )


def _opened(path: Path) -> Any:
    """The workbook as calamine opens it, or one sentence why not."""
    from python_calamine import CalamineWorkbook

    with path.open("rb") as file:
        start = file.read(8)
        if start == OLE and ENCRYPTED in file.read():
            raise FileProblem(
                f"'{path.name}' is protected by a password. "
                "Open it in Excel, remove the password (File, Info) and save a copy."
            )
    try:
        return CalamineWorkbook.from_path(path)
    except (OSError, PermissionError):
        raise
    except Exception as reason:
        raise FileProblem(
            f"'{path.name}' cannot be read as a workbook: {_plain(reason)}. "
            "Open it in Excel and save it again as an Excel workbook (.xlsx)."
        ) from reason


def _plain(reason: Exception) -> str:
    """The reader's own words, or that it has none."""
    return str(reason).strip().rstrip(".") or "the file is damaged or of another kind"


def _sheet(book: Any, meta: Any, extra: ooxml.Extras, path: Path) -> Sheet:
    """One sheet as values."""
    raw = book.get_sheet_by_name(meta.name)
    rows = [[_value(v) for v in row] for row in raw.to_python(skip_empty_area=False)]
    for (r, c), text in extra.texts.items():
        if r < len(rows) and c < len(rows[r]) and rows[r][c] is None:
            rows[r][c] = text
    spans = raw.merged_cell_ranges or []
    return Sheet(
        meta.name,
        trimmed(rows),
        tuple((top, left, bottom, right) for (top, left), (bottom, right) in spans),
        hidden=not str(meta.visible).endswith(".Visible"),
        remarks=extra.remarks,
        source=str(path),
    )


def _value(raw: Any) -> Value:
    """A cell as the table holds it: whole floats as whole numbers, dates as ISO text."""
    kind = type(raw)
    if kind is float:
        return int(raw) if raw.is_integer() and abs(raw) < 1e15 else float(raw)
    if kind is str:
        return raw.strip() or None
    if kind is bool:
        return bool(raw)
    if kind is int:
        return int(raw)
    if isinstance(raw, datetime.datetime):
        midnight = raw.time() == datetime.time()
        return raw.date().isoformat() if midnight else raw.isoformat(" ")
    return str(raw)
