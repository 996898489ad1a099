"""What stands in the plot column: squares, intervals, diamonds, arrows where they are cut."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from metadesk.figure import Axis, Line, Mark, Poly, Rect
from metadesk.figure.layout import Track
from metadesk.plots.forest.rows import Row
from metadesk.plots.forest.style import Style

LEAST_SIDE = 0.27
"""Smallest square, as a share of the largest."""


@dataclass(frozen=True)
class Canvas:
    """The plot's column with its axis; sizes follow the type."""

    track: Track
    axis: Axis
    style: Style
    size: float
    square_size: float
    largest_weight: float

    def x(self, value: float) -> float:
        """Where a number on the natural scale falls, possibly outside the column."""
        share = self.axis.share(value)
        return self.track.x + min(max(share, -10.0), 11.0) * self.track.width

    @property
    def stroke(self) -> float:
        """Width of interval lines."""
        return self.size * 0.11

    def draw(self, row: Row, y: float) -> Iterator[Mark]:
        """The marks of one row about the height ``y``."""
        if row.expected is not None:
            low, middle, high = row.expected
            behind = replace(row, lower=low, estimate=middle, upper=high)
            yield from self._diamond(behind, y, self.style.expected, self.style.expected)
        match row.shape:
            case "square":
                yield from self._study(row, y, self.style.line)
            case "hollow":
                yield from self._study(row, y, self.style.faint)
            case "diamond":
                yield from self._diamond(row, y, self.style.diamond, self.style.diamond_edge)
            case "light":
                yield from self._diamond(row, y, self.style.light, self.style.light_edge)
            case "bar":
                yield from self._bar(row, y)

    def _study(self, row: Row, y: float, colour: str) -> Iterator[Mark]:
        if math.isnan(row.estimate):
            return
        yield from self._interval(row, y, colour, self.stroke)
        x = self.x(row.estimate)
        if not self._inside(x):
            return
        side = self._side(row)
        fill, edge = (
            (self.style.square, self.style.square_edge)
            if row.shape == "square"
            else ("#ffffff", colour)
        )
        yield Rect(x - side / 2, y - side / 2, side, side, fill, edge, 0.06 * self.size, row.id)
        a, b = self.x(row.lower), self.x(row.upper)
        if row.shape == "square" and x - side / 2 < a < b < x + side / 2:
            # An interval that the square hides shows through it.
            yield Line(a, y, b, y, "#ffffff", self.stroke, id=row.id)

    def _side(self, row: Row) -> float:
        """Side of the square whose area is the study's share of the largest weight."""
        largest = 1.12 * self.size * self.square_size
        if row.shape == "hollow" or not self.largest_weight > 0 or math.isnan(row.weight):
            return 0.55 * largest
        share = max(row.weight, 0.0) / self.largest_weight
        return largest * max(math.sqrt(share), LEAST_SIDE)

    def _interval(self, row: Row, y: float, colour: str, stroke: float) -> Iterator[Mark]:
        """A line from end to end; an arrow where the axis stops before the interval does."""
        if math.isnan(row.lower) or math.isnan(row.upper):
            return
        left, right = self.track.x, self.track.right
        x1, x2 = self.x(row.lower), self.x(row.upper)
        a, b = min(max(x1, left), right), min(max(x2, left), right)
        head = self._head
        start = a + head * 0.8 if x1 < left - 0.01 else a
        end = b - head * 0.8 if x2 > right + 0.01 else b
        if start < end:
            yield Line(start, y, end, y, colour, stroke, id=row.id)
        if x1 < left - 0.01:
            yield self._arrow(left, y, 1.0, colour, row.id)
        if x2 > right + 0.01:
            yield self._arrow(right, y, -1.0, colour, row.id)

    @property
    def _head(self) -> float:
        return 0.55 * self.size

    def _arrow(self, x: float, y: float, inward: float, colour: str, id: str) -> Poly:
        """A head that points out of the plot, its tip at the edge."""
        back = x + inward * self._head
        half = 0.52 * self._head
        return Poly(((x, y), (back, y - half), (back, y + half)), colour, id=id)

    def _inside(self, x: float) -> bool:
        return self.track.x - 0.01 <= x <= self.track.right + 0.01

    def _diamond(self, row: Row, y: float, fill: str, edge: str) -> Iterator[Mark]:
        """A diamond from end to end; cut straight with an arrow in front where the axis stops."""
        if math.isnan(row.lower) or math.isnan(row.upper):
            return
        half = 0.62 * self.size
        x1, x, x2 = (self.x(v) for v in (row.lower, row.estimate, row.upper))
        left, right = self.track.x, self.track.right
        cut_left, cut_right = x1 < left - 0.01, x2 > right + 0.01
        low = left + 1.3 * self._head if cut_left else left
        high = right - 1.3 * self._head if cut_right else right
        outline = _between(((x1, y), (x, y - half), (x2, y), (x, y + half)), low, high)
        if len(outline) > 2:
            yield Poly(outline, fill, edge, 0.07 * self.size, id=row.id)
        if cut_left:
            yield self._arrow(left, y, 1.0, edge, row.id)
        if cut_right:
            yield self._arrow(right, y, -1.0, edge, row.id)

    def _bar(self, row: Row, y: float) -> Iterator[Mark]:
        """The prediction interval: a heavy line with upright ends."""
        colour = self.style.prediction
        yield from self._interval(row, y, colour, 2.0 * self.stroke)
        half = 0.36 * self.size
        for x in (self.x(row.lower), self.x(row.upper)):
            if self._inside(x):
                yield Line(x, y - half, x, y + half, colour, 1.3 * self.stroke, id=row.id)


Point = tuple[float, float]


def _between(outline: tuple[Point, ...], low: float, high: float) -> tuple[Point, ...]:
    """The part of an outline between two upright lines."""
    kept = _clipped(outline, low, 1.0)
    return _clipped(kept, high, -1.0)


def _clipped(outline: tuple[Point, ...], at: float, side: float) -> tuple[Point, ...]:
    """The part of an outline on one side of an upright line (Sutherland & Hodgman 1974)."""
    kept: list[Point] = []
    for i, (x, y) in enumerate(outline):
        px, py = outline[i - 1]
        inside, was_inside = side * (x - at) >= 0, side * (px - at) >= 0
        if inside != was_inside:
            kept.append((at, py + (y - py) * (at - px) / (x - px)))
        if inside:
            kept.append((x, y))
    return tuple(kept)
