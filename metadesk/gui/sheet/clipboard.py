"""Cells on the clipboard in the two formats that spreadsheets understand.

Beside tab-separated text goes an HTML table in which text cells are marked as text, so that Excel
keeps '1-2' from becoming a date and '007' its zeros.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from PySide6.QtCore import QMimeData

from metadesk.table import Value, shown
from metadesk.table.gestures import as_text, block_of

MOST_HTML_CELLS = 200_000
Block = list[list[Value]]


def html_table(block: Sequence[Sequence[Value]]) -> str:
    """Write rows as an HTML table in which Excel takes text cells for text."""
    rows = "".join("<tr>" + "".join(map(_html_cell, row)) + "</tr>" for row in block)
    return f"<html><body><table>{rows}</table></body></html>"


def _html_cell(value: Value) -> str:
    words = html.escape(shown(value)).replace("\n", "<br style='mso-data-placement:same-cell'>")
    if isinstance(value, str):
        return f"<td style=\"mso-number-format:'\\@'\">{words}</td>"
    return f"<td>{words}</td>"


def mime_of(block: Block) -> QMimeData:
    """Put cells into both formats; a very large block goes as plain text only."""
    mime = QMimeData()
    mime.setText(as_text(block))
    if sum(map(len, block)) <= MOST_HTML_CELLS:
        mime.setHtml(html_table(block))
    return mime


def texts_of(mime: QMimeData | None) -> list[list[str]]:
    """Read cells from the clipboard as a full rectangle; empty where it holds no text."""
    if mime is None or not mime.hasText() or not mime.text():
        return []
    rows = block_of(mime.text())
    width = max((len(row) for row in rows), default=0)
    return [row + [""] * (width - len(row)) for row in rows] if width else []
