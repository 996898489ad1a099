"""Text files: encoding, delimiter and decimal mark are found from what the file holds."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path

from metadesk.errors import FileProblem
from metadesk.formats.layout import trimmed
from metadesk.formats.workbook import Sheet, Workbook
from metadesk.table import Value, parse_typed

DELIMITERS = (",", ";", "\t", "|")
LOOKED_AT = 200  # lines from which the delimiter is judged

_DECIMAL_COMMA = re.compile(r"[+-−]?\d+,\d+%?$")
_DECIMAL_POINT = re.compile(r"[+-−]?\d*\.\d+%?$")
_POINT_GROUPS = re.compile(r"[+-−]?\d{1,3}(\.\d{3})+(,\d+)?$")
_MAC_APOSTROPHE = re.compile(rb"[a-z]\xd5[a-z ]")
_THAI_RUN = re.compile(rb"[\xa1-\xda\xdf-\xfb]{4,}")


def read_csv(path: Path) -> Workbook:
    """Read a text file as a workbook of one sheet.

    Raises
    ------
    FileProblem
        If the file is not text.
    """
    values, remarks = grid_of(path.read_bytes(), path.name)
    sheet = Sheet(path.stem, trimmed(values), remarks=remarks, source=str(path))
    return Workbook(path, (sheet,))


def grid_of(raw: bytes, name: str) -> tuple[list[list[Value]], tuple[str, ...]]:
    """The rows of a text file's bytes, header first, and what a person should know of reading it.

    Raises
    ------
    FileProblem
        If it is not text; ``name`` is the file's.
    """
    text, remarks = _decoded(raw, name)
    text, said = _without_sep(text)
    delimiter = said or _delimiter(text)
    rows = _rows(text, delimiter, name)
    comma = delimiter != "," and _has_decimal_commas(rows)
    if comma:
        remarks.append("Commas are read as decimal points throughout.")
    values: list[list[Value]] = [[_value(cell, comma) for cell in row] for row in rows]
    if values:
        values[0] = [cell.strip() or None for cell in rows[0]]
    return values, tuple(remarks)


def _decoded(raw: bytes, name: str) -> tuple[str, list[str]]:
    """The file's text, with a remark where the encoding was a guess."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace"), []
    if encoding := _utf16_without_mark(raw[:4096]):
        return raw.decode(encoding, "replace"), []
    if b"\x00" in raw[:4096]:
        raise FileProblem(
            f"'{name}' is not a text file. Open it with the program that made it and save it "
            "as CSV or as an Excel workbook (.xlsx)."
        )
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        encoding = _old_encoding(raw)
        said = f"The text is not UTF-8; it was read as {encoding}. Look at accented letters."
        return raw.decode(encoding, "replace"), [said]


def _old_encoding(raw: bytes) -> str:
    """Which encoding of former times a file is in: Thai, Macintosh, or Windows."""
    high = sum(byte >= 0x80 for byte in raw)
    if 2 * sum(len(run) for run in _THAI_RUN.findall(raw)) > high:
        return "cp874"
    return "mac_roman" if _MAC_APOSTROPHE.search(raw) else "cp1252"


def _utf16_without_mark(start: bytes) -> str:
    """The UTF-16 encoding of a text without a byte order mark: every second byte is zero."""
    for encoding, zeros, letters in (("utf-16-le", 1, 0), ("utf-16-be", 0, 1)):
        every = len(start) // 2
        if every and start[zeros::2].count(0) > 0.8 * every and 0 not in start[letters::2]:
            return encoding
    return ""


def _without_sep(text: str) -> tuple[str, str]:
    """The text without Excel's line 'sep=;', and the delimiter that it names."""
    found = re.match(r"sep=(.)\r?\n", text)
    return (text[found.end() :], found.group(1)) if found else (text, "")


def _delimiter(text: str) -> str:
    """The delimiter that cuts header and rows into the most columns of equal number."""
    best, best_score = ",", 0.0
    start = "\n".join(text.splitlines()[:LOOKED_AT])
    for delimiter in DELIMITERS:
        widths = [len(row) for row in csv.reader(io.StringIO(start), delimiter=delimiter) if row]
        if not widths:
            continue
        usual, count = Counter(widths).most_common(1)[0]
        score = min(max(widths[:5]), usual) * count / len(widths) if usual > 1 else 0.0
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _rows(text: str, delimiter: str, name: str) -> list[list[str]]:
    """The file's rows; a header that lacks the name of R's row names gets a blank first cell."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as reason:
        raise FileProblem(f"'{name}' cannot be read as a table of text: {reason}.") from reason
    below = Counter(len(row) for row in rows[1:] if row)
    if rows and below and below.most_common(1)[0][0] == len(rows[0]) + 1:
        rows[0].insert(0, "")
    return rows


def _has_decimal_commas(rows: list[list[str]]) -> bool:
    """Whether numbers in the file are written with a decimal comma rather than a point."""
    cells = [cell.strip() for row in rows[1:] for cell in row]
    commas = sum(_DECIMAL_COMMA.match(cell) is not None for cell in cells)
    points = sum(_DECIMAL_POINT.match(cell) is not None for cell in cells)
    return commas > points


def _value(cell: str, comma: bool) -> Value:
    """A cell as the table holds it."""
    words = cell.strip()
    if comma and (_DECIMAL_COMMA.match(words) or _POINT_GROUPS.match(words)):
        return parse_typed(words.replace(".", "").replace(",", "."))
    return parse_typed(words)
