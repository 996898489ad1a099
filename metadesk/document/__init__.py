"""What a page is made of, and the only rules of rounding."""

from metadesk.document.blocks import Block, Cell, Column, Document, Heading, Note, Paragraph, Table
from metadesk.document.numbers import MISSING_TEXT, format_value
from metadesk.document.text import render_text

__all__ = [
    "MISSING_TEXT",
    "Block",
    "Cell",
    "Column",
    "Document",
    "Heading",
    "Note",
    "Paragraph",
    "Table",
    "format_value",
    "render_text",
]
