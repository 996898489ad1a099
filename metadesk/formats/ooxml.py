"""What the value reader leaves out of an .xlsx: errors, formulas without results, hidden parts.

A look into the sheets' XML is far cheaper than loading the workbook a second time with openpyxl.
"""

from __future__ import annotations

import html
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from metadesk.table.gestures import letter

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_ERROR = re.compile(rb'<c r="([A-Z]+)(\d+)"[^>]*\bt="e"[^>]*>.*?<v>([^<]*)</v>', re.DOTALL)
_NO_RESULT = re.compile(
    rb'<c r="([A-Z]+)(\d+)"[^>]*>\s*<f[^>]*>([^<]+)</f>\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>'
)
_HIDDEN_ROW = re.compile(rb'<row [^>]*?\br="(\d+)"[^>]*?\bhidden="(?:1|true)"')
_HIDDEN_COLUMN = re.compile(rb"<col [^>]*\bhidden=\"(?:1|true)\"[^>]*>")
_MIN_MAX = re.compile(rb'\b(min|max)="(\d+)"')


@dataclass(frozen=True)
class Extras:
    """Texts of cells by (row, column) and sentences about the sheet."""

    texts: Mapping[tuple[int, int], str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


NOTHING = Extras()


def extras(path: Path) -> dict[str, Extras]:
    """Look into every sheet; a workbook that is laid out differently gives nothing."""
    with zipfile.ZipFile(path) as package:
        try:
            places = _places(package)
        except (KeyError, ElementTree.ParseError):
            return {}
        return {
            name: _extras_in(package.read(place))
            for name, place in places.items()
            if place in package.namelist()
        }


def _places(package: zipfile.ZipFile) -> dict[str, str]:
    """Where each sheet's XML lies in the package."""
    links = ElementTree.fromstring(package.read("xl/_rels/workbook.xml.rels"))
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    book = ElementTree.fromstring(package.read("xl/workbook.xml"))
    places = {}
    for sheet in book.iter(f"{_MAIN}sheet"):
        target = targets.get(sheet.get(_LINK), "")
        inside = target.lstrip("/") if target.startswith("/") else str(PurePosixPath("xl") / target)
        places[sheet.get("name", "")] = inside
    return places


def _extras_in(xml: bytes) -> Extras:
    """Errors, formulas without results and hidden parts of one sheet."""
    texts: dict[tuple[int, int], str] = {}
    remarks = []
    if b't="e"' in xml:
        for column, row, error in _ERROR.findall(xml):
            texts[int(row) - 1, _position(column)] = _text(error)
    if b"<f" in xml:
        formulas = _NO_RESULT.findall(xml)
        for column, row, formula in formulas:
            texts[int(row) - 1, _position(column)] = f"={_text(formula)}"
        if formulas:
            remarks.append(
                f"{len(formulas)} cells hold formulas without a stored result, {_a1(formulas[0])} "
                "first. Open the file in Excel and save it; then the results are stored."
            )
    if b'hidden="' in xml:
        remarks += _hidden(xml)
    return Extras(texts, tuple(remarks))


def _hidden(xml: bytes) -> list[str]:
    """Sentences about hidden rows and columns, which are read like the others."""
    said = []
    rows = [int(number) for number in _HIDDEN_ROW.findall(xml)]
    if rows:
        said.append(f"{len(rows)} rows are hidden in the workbook (row {rows[0]} first) but read.")
    columns: list[str] = []
    for column in _HIDDEN_COLUMN.findall(xml):
        ends = {key: int(value) for key, value in _MIN_MAX.findall(column)}
        if ends.get(b"min"):
            columns.append(letter(ends[b"min"] - 1))
    if columns:
        said.append(f"Columns from {', '.join(columns)} on are hidden in the workbook but read.")
    return said


def _position(column: bytes) -> int:
    """The position of a column by its letters."""
    position = 0
    for char in column:
        position = position * 26 + char - ord("A") + 1
    return position - 1


def _a1(found: tuple[bytes, bytes, bytes]) -> str:
    """A cell's name in the sheet."""
    return (found[0] + found[1]).decode()


def _text(raw: bytes) -> str:
    """XML text as characters."""
    return html.unescape(raw.decode("utf-8", "replace"))
