"""A document as plain text, for the terminal and for the clipboard."""

from __future__ import annotations

from metadesk.document.blocks import Block, Document, Heading, Note, Paragraph, Table
from metadesk.document.numbers import format_value


def render_text(page: Document | Block) -> str:
    """Write a document or one of its blocks as plain text."""
    match page:
        case Document():
            body = [render_text(block) for block in page.blocks]
            return "\n\n".join([_underlined(page.title, "="), *body])
        case Heading():
            return _underlined(page.text, "=" if page.level == 1 else "-")
        case Paragraph():
            return page.text
        case Note():
            return f"({page.severity}) {page.text}"
        case Table():
            return _table(page)


def _underlined(words: str, mark: str) -> str:
    return f"{words}\n{mark * len(words)}"


def _table(table: Table) -> str:
    cells = [[c.title for c in table.columns]]
    for row in table.rows:
        cells.append(
            [format_value(v, c.kind, c.digits) for v, c in zip(row, table.columns, strict=True)]
        )
    widths = [max(len(r[i]) for r in cells) for i in range(len(table.columns))]
    right = [c.kind != "text" for c in table.columns]
    lines = [
        "  ".join(
            v.rjust(w) if r else v.ljust(w) for v, w, r in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    ]
    lines.insert(1, "  ".join("-" * w for w in widths))
    head = [table.title] if table.title else []
    return "\n".join([*head, *lines, *table.notes])
