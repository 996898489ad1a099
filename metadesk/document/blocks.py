"""The blocks of a page. Their numbers keep full precision; rendering decides how they look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from metadesk.document.numbers import NumberKind

Cell = str | int | float | bool | None
Severity = Literal["note", "caution", "strong", "stop"]


@dataclass(frozen=True)
class Column:
    """A column of a table: the field's own name, the words above it, how its numbers are shown."""

    key: str
    title: str
    kind: NumberKind = "text"
    digits: int | None = None


@dataclass(frozen=True)
class Table:
    """A table with full-precision cells; ``notes`` stand under it."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    key: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table '{self.title}': a row has {len(row)} cells, not {len(self.columns)}"
                )

    def column(self, key: str) -> tuple[Cell, ...]:
        """All cells of the column with this key."""
        at = [c.key for c in self.columns].index(key)
        return tuple(row[at] for row in self.rows)


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of prose."""

    text: str


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the page's own."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Note:
    """Something the reader must know, with how much it matters and where it comes from."""

    text: str
    severity: Severity = "note"
    code: str = ""
    source: str = ""


Block = Table | Paragraph | Heading | Note


@dataclass(frozen=True)
class Document:
    """A titled run of blocks."""

    title: str
    blocks: tuple[Block, ...]
