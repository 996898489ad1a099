"""A page as SVG: text stays text, marks keep their ids, the same page gives the same bytes."""

from __future__ import annotations

from html import escape  # that of xml.sax would load the whole of urllib at the start
from itertools import groupby

from metadesk.figure.page import Dot, Line, Mark, Page, Poly, Rect, Text

FAMILIES = "Arial, 'Liberation Sans', Helvetica, 'Noto Sans Thai', sans-serif"


def svg_text(page: Page) -> str:
    """Write a page as an SVG document.

    Marks that follow each other with the same id become one group of that id; a later run of the
    same id is numbered (``row:17.2``), since an id may stand once in a document.
    """
    width, height = _n(page.width), _n(page.height)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}pt" height="{height}pt" '
        f'viewBox="0 0 {width} {height}" font-family="{FAMILIES}" role="img">',
    ]
    if page.title:
        lines.append(f"<title>{_clean(page.title)}</title>")
    if page.description:
        lines.append(f"<desc>{_clean(page.description)}</desc>")
    lines.append(f'<rect width="{width}" height="{height}" fill="#ffffff"/>')
    seen: dict[str, int] = {}
    for id, marks in groupby(page.marks, key=lambda mark: mark.id):
        drawn = [_element(mark) for mark in marks]
        if id:
            seen[id] = seen.get(id, 0) + 1
            name = id if seen[id] == 1 else f"{id}.{seen[id]}"
            drawn = [f'<g id="{escape(_legal(name))}">', *drawn, "</g>"]
        lines.extend(drawn)
    lines.append("</svg>")
    return "\n".join(lines) + "\n"


def _n(value: float) -> str:
    """A coordinate to a hundredth of a point, the shortest way."""
    shown = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown


def _legal(text: str) -> str:
    """Text without the control characters that XML forbids."""
    return "".join(c for c in text if c in "\t\n" or (c >= " " and c not in "\ufffe\uffff"))


def _clean(text: str) -> str:
    return escape(_legal(text), quote=False)


def _paint(fill: str, stroke: str, width: float) -> str:
    shown = f' fill="{fill or "none"}"'
    return shown + (f' stroke="{stroke}" stroke-width="{_n(width)}"' if stroke else "")


def _element(mark: Mark) -> str:
    match mark:
        case Text():
            return _text(mark)
        case Line(x1=x1, y1=y1, x2=x2, y2=y2):
            dash = f' stroke-dasharray="{" ".join(map(_n, mark.dash))}"' if mark.dash else ""
            return (
                f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" '
                f'stroke="{mark.colour}" stroke-width="{_n(mark.width)}"{dash}/>'
            )
        case Rect(x=x, y=y, width=width, height=height):
            return (
                f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
                f"{_paint(mark.fill, mark.stroke, mark.stroke_width)}/>"
            )
        case Poly(points=points):
            name = "polygon" if mark.closed else "polyline"
            where = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
            return f'<{name} points="{where}"{_paint(mark.fill, mark.stroke, mark.stroke_width)}/>'
        case Dot(x=x, y=y, radius=radius):
            return (
                f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}"'
                f"{_paint(mark.fill, mark.stroke, mark.stroke_width)}/>"
            )


def _text(mark: Text) -> str:
    style = ""
    if mark.anchor != "start":
        style += f' text-anchor="{mark.anchor}"'
    if mark.bold:
        style += ' font-weight="bold"'
    if mark.italic:
        style += ' font-style="italic"'
    if mark.tabular:
        style += ' style="font-kerning:none"'
    return (
        f'<text x="{_n(mark.x)}" y="{_n(mark.y)}" font-size="{_n(mark.size)}" '
        f'fill="{mark.colour}"{style}>{_clean(mark.text)}</text>'
    )
