"""What the figures of trial rows share: a page being filled, areas with axes, colours, legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from metadesk.analysis.trial_result import TrialResult
from metadesk.figure import Axis, Dot, Hit, Line, Mark, Page, Poly, Text, make_axis
from metadesk.figure.measure import text_width
from metadesk.figure.page import Anchor
from metadesk.options import number, text
from metadesk.plots.forest.style import STYLES

STYLE = STYLES["metadesk"]
COLOURS = ("#2f6db5", "#b0352f", "#3d8b52", "#8a5aa8", "#c07a1a", "#1f8a94", "#5b6470", "#a3476f")
SIZE = 8.0
SMALL = 7.0
POINTS_A_CM = 72 / 2.54


@dataclass(frozen=True)
class TrialFigure:
    """Options that every figure of trial rows has."""

    title: str = text("Title", "")
    width: float = number("Width in cm", 16.0, minimum=8.0, maximum=40.0)


@dataclass
class Sheet:
    """A page on its way: marks and regions are added, then it is finished."""

    width: float
    height: float = 0.0
    marks: list[Mark] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)

    def write(
        self, x: float, y: float, words: str, *, size: float = SIZE, colour: str = STYLE.ink,
        bold: bool = False, anchor: Anchor = "start", id: str = "",
    ) -> None:  # fmt: skip
        """Put a line of words down."""
        self.marks.append(Text(x, y, words, size, colour, bold, False, anchor, False, id))

    def touch(self, id: str, x: float, y: float, tip: str, radius: float = 4.0) -> None:
        """Make the place about a point answer to the pointer."""
        self.hits.append(Hit(id, x - radius, y - radius, 2 * radius, 2 * radius, tip))

    def page(self, title: str, description: str) -> Page:
        """The finished figure."""
        return Page(
            self.width, self.height, tuple(self.marks), tuple(self.hits), title, description
        )


@dataclass(frozen=True)
class Area:
    """A rectangle with a horizontal and a vertical axis."""

    left: float
    top: float
    width: float
    height: float
    x: Axis
    y: Axis

    def px(self, value: float) -> float:
        """Where a value falls from left to right."""
        return self.left + self.width * self.x.share(value)

    def py(self, value: float) -> float:
        """Where a value falls from top to bottom."""
        return self.top + self.height * (1 - self.y.share(value))

    @property
    def bottom(self) -> float:
        """Lower edge."""
        return self.top + self.height


def start(result: TrialResult, options: TrialFigure, fallback: str) -> tuple[Sheet, float]:
    """A page with its title, and the height at which the figure begins."""
    sheet = Sheet(options.width * POINTS_A_CM)
    title = options.title or result.spec.labels.title or fallback
    sheet.write(10, 18, title, size=10.5, bold=True)
    return sheet, 30.0


def span(values: Sequence[float], *, zero: bool = False) -> tuple[float, float]:
    """What an axis must show, with a little room; never an empty stretch."""
    known = [v for v in values if math.isfinite(v)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= 1e-12 * max(1.0, abs(high)):
        room = abs(high) * 0.1 or 1.0
    else:
        room = 0.06 * (high - low)
    return low - room, high + room


def area(
    sheet: Sheet,
    place: tuple[float, float, float, float],
    xs: tuple[float, float],
    ys: tuple[float, float],
    *,
    x_title: str = "",
    y_title: str = "",
    words: Sequence[tuple[float, str]] = (),
    y_numbers: bool = True,
    title: str = "",
) -> Area:
    """Draw axes with round ticks; ``words`` stand under the horizontal axis in place of numbers."""
    left, top, width, height = place
    x = make_axis(*xs, log=False, width=width, size=SMALL, snap=False)
    y = make_axis(*ys, log=False, width=height, size=SMALL, snap=False)
    found = Area(left, top, width, height, x, y)
    if title:
        sheet.write(left + width / 2, top - 6, title, bold=True, anchor="middle")
    for tick in y.ticks:
        at = found.py(tick.value)
        sheet.marks.append(Line(left, at, left + width, at, "#e6e9ed", 0.5))
        if y_numbers:
            sheet.write(left - 5, at + 2.6, tick.label, size=SMALL, colour=STYLE.muted,
                        anchor="end")  # fmt: skip
    sheet.marks.append(Line(left, found.bottom, left + width, found.bottom, STYLE.rule, 0.75))
    sheet.marks.append(Line(left, top, left, found.bottom, STYLE.rule, 0.75))
    shown = list(words) or [(t.value, t.label) for t in x.ticks]
    for value, label in _with_room(found, shown):
        at = found.px(value)
        sheet.marks.append(Line(at, found.bottom, at, found.bottom + 3, STYLE.rule, 0.75))
        sheet.write(at, found.bottom + 11, label, size=SMALL, colour=STYLE.muted, anchor="middle")
    if x_title:
        sheet.write(left + width / 2, found.bottom + 23, x_title, anchor="middle")
    if y_title:
        sheet.write(10, top - 6, y_title)
    return found


def _with_room(found: Area, shown: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """The labels that do not run into the one before."""
    kept: list[tuple[float, str]] = []
    end = -math.inf
    for value, label in shown:
        half = text_width(label, SMALL) / 2
        at = found.px(value)
        if at - half >= end + 3:
            kept.append((value, label))
            end = at + half
    return kept


def legend(
    sheet: Sheet, top: float, entries: Sequence[tuple[str, str]], left: float = 10.0
) -> float:
    """Colours with their words in one or more lines; the height below them."""
    x, y = left, top
    for words, colour in entries:
        need = text_width(words, SIZE) + 26
        if x + need > sheet.width - 10 and x > left:
            x, y = left, y + 13
        sheet.marks.append(Dot(x + 4, y - 2.8, 3.2, colour))
        sheet.write(x + 12, y, words)
        x += need
    return y + 10


def colours_of(names: Sequence[str]) -> dict[str, str]:
    """A colour for each name, in order."""
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}


def ordered(names: Sequence[str]) -> tuple[str, ...]:
    """Distinct names, by value where they are numbers."""
    distinct = list(dict.fromkeys(names))
    try:
        return tuple(sorted(distinct, key=float))
    except ValueError:
        return tuple(sorted(distinct))


def outcome_title(result: TrialResult) -> str:
    """What stands at the axis of the outcome."""
    name = result.spec.labels.outcome or result.roles.outcome
    return f"log({name})" if result.scale.key == "ratio" else name


def path(points: Sequence[tuple[float, float]], colour: str, width: float, id: str = "") -> Poly:
    """An open line through points."""
    return Poly(tuple(points), "", colour, width, False, id)


def nothing(result: TrialResult) -> str | None:
    """Why there is nothing to draw at all."""
    return None if result.used else (result.problem or "No row can be used.")
