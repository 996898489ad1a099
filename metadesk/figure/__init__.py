"""A figure as data: marks in points, measured and laid out without a painter."""

from metadesk.figure.axis import Axis, Tick, make_axis
from metadesk.figure.page import Dot, Hit, Line, Mark, Page, Poly, Rect, Text
from metadesk.figure.svg import svg_text

__all__ = [
    "Axis",
    "Dot",
    "Hit",
    "Line",
    "Mark",
    "Page",
    "Poly",
    "Rect",
    "Text",
    "Tick",
    "make_axis",
    "svg_text",
]
