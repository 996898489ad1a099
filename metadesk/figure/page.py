"""A figure as data: frozen primitives in points, on a page, before any painter has seen them.

The origin is the top left corner, y grows downwards, one unit is a point (1/72 inch). Colours are
``#rrggbb``; an empty colour paints nothing. A mark may carry the ``id`` of what it stands for
(``row:17``, ``pooled``, ``prediction``), which is how a click finds its study and how a drawing
program finds its group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Anchor = Literal["start", "middle", "end"]
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """A straight stroke; ``dash`` gives the lengths of strokes and gaps in points."""

    x1: float
    y1: float
    x2: float
    y2: float
    colour: str = "#000000"
    width: float = 0.75
    dash: tuple[float, ...] = ()
    id: str = ""


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle from its top left corner."""

    x: float
    y: float
    width: float
    height: float
    fill: str = "#000000"
    stroke: str = ""
    stroke_width: float = 0.5
    id: str = ""


@dataclass(frozen=True, slots=True)
class Poly:
    """A closed polygon, or an open line of several pieces."""

    points: tuple[tuple[float, float], ...]
    fill: str = "#000000"
    stroke: str = ""
    stroke_width: float = 0.5
    closed: bool = True
    id: str = ""


@dataclass(frozen=True, slots=True)
class Dot:
    """A disc about its centre."""

    x: float
    y: float
    radius: float
    fill: str = "#000000"
    stroke: str = ""
    stroke_width: float = 0.5
    id: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """One line of type; ``y`` is the baseline, ``x`` what ``anchor`` says.

    ``tabular`` switches kerning off, so that digits in a column stand exactly under each other.
    """

    x: float
    y: float
    text: str
    size: float = 8.0
    colour: str = "#000000"
    bold: bool = False
    italic: bool = False
    anchor: Anchor = "start"
    tabular: bool = False
    id: str = ""


Mark = Line | Rect | Poly | Dot | Text


@dataclass(frozen=True, slots=True)
class Hit:
    """A region that stands for something: what is under the pointer, and a sentence about it."""

    id: str
    x: float
    y: float
    width: float
    height: float
    tip: str = ""


@dataclass(frozen=True)
class Page:
    """A finished figure.

    ``description`` says in words what the figure shows, for screen readers and for SVG's ``desc``.
    """

    width: float
    height: float
    marks: tuple[Mark, ...]
    hits: tuple[Hit, ...] = ()
    title: str = ""
    description: str = ""

    def hit_at(self, x: float, y: float) -> Hit | None:
        """The region under a point; where regions overlap, the one on top (the last)."""
        for hit in reversed(self.hits):
            if hit.x <= x < hit.x + hit.width and hit.y <= y < hit.y + hit.height:
                return hit
        return None

    def hit_of(self, id: str) -> Hit | None:
        """The region of this id."""
        return next((hit for hit in self.hits if hit.id == id), None)

    def marks_of(self, id: str) -> tuple[Mark, ...]:
        """All marks that carry this id."""
        return tuple(mark for mark in self.marks if mark.id == id)
