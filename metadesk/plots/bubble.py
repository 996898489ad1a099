"""The bubble plot: effects over a moderator, the fitted line with its bands, marks by weight."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from metadesk.analysis.expected import expected_along, has_moderators, number_columns
from metadesk.analysis.result import AnalysisResult, StudyResult
from metadesk.document import format_value
from metadesk.errors import SpecProblem
from metadesk.figure import Axis, Dot, Hit, Line, Mark, Page, Poly, Text, make_axis
from metadesk.figure.measure import bounds, cap_height, text_width, wrapped
from metadesk.figure.page import Bounds
from metadesk.options import choice, flag, number, text
from metadesk.plots.plot import Plot

STEPS = 81
INK, MUTED, RULE = "#111111", "#5b6470", "#8d949c"
CI_BAND, PI_BAND = "#c3d6ec", "#e9f0f8"
FILL, EDGE, FIT = "#2f6db5", "#ffffff", "#1c4474"
LABELS = {"none": "None", "room": "Where there is room", "all": "All"}


@dataclass(frozen=True)
class BubbleOptions:
    """Every study at its moderator's value; the line is what the model expects there."""

    moderator: str = text("Moderator", help="Without one, the first that is a number.")
    title: str = text("Title")
    show_ci: bool = flag("Band of the confidence interval", True)
    show_pi: bool = flag("Band of the prediction interval", True)
    show_reference: bool = flag("Line of no effect", True)
    labels: str = choice("Names of the studies", LABELS, "room")
    x_title: str = text("Words under the axis", help="Without them, the moderator's name.")
    width: float = number("Width, points", 520.0, minimum=160.0, maximum=1600.0)
    height: float = number("Height, points", 320.0, minimum=120.0, maximum=1200.0)
    font_size: float = number("Size of type, points", 8.0, minimum=4.0, maximum=24.0)
    bubble_size: float = number(
        "Size of the marks, times the usual", 1.0, minimum=0.2, maximum=4.0, advanced=True
    )


@dataclass(frozen=True)
class Bubble:
    """One study: where it stands on the natural scale, and its radius in points."""

    study: StudyResult
    x: float
    y: float
    radius: float

    @property
    def id(self) -> str:
        """The study's row."""
        return f"row:{self.study.row_id}"


@dataclass(frozen=True, eq=False)
class BubbleScene:
    """What is drawn, whoever draws it; ``held`` says where other moderators are held.

    ``xs`` and the six lines run along the moderator, on the natural scale of the effect.
    """

    moderator: str
    bubbles: tuple[Bubble, ...]
    xs: tuple[float, ...]
    mean: tuple[float, ...]
    ci: tuple[tuple[float, ...], tuple[float, ...]]
    pi: tuple[tuple[float, ...], tuple[float, ...]]
    held: str
    log: bool


def bubble_scene(result: AnalysisResult, options: BubbleOptions) -> BubbleScene:
    """Place the studies and the fitted line.

    Raises
    ------
    SpecProblem
        If the chosen moderator is not a number of the model.
    """
    name = _moderator(result, options)
    assert result.design is not None
    values = [float(v) for v in result.design.cells[name]]
    largest = max((s.weight for s in result.used if s.weight > 0), default=math.nan)
    bubbles = tuple(
        Bubble(s, x, s.effect, _radius(s.weight, largest, options))
        for s, x in zip(result.used, values, strict=True)
        if math.isfinite(s.fitted)
    )
    low, high = min(values), max(values)
    pad = 0.04 * (high - low) or max(0.05 * abs(low), 0.5)
    xs = np.linspace(low - pad, high + pad, STEPS)
    at, held = expected_along(result, name, xs.tolist())
    line = {
        key: tuple(result.natural(float(v)) for v in getattr(at, key))
        for key in ("pred", "ci_lb", "ci_ub", "pi_lb", "pi_ub")
    }
    return BubbleScene(
        name, bubbles, tuple(xs.tolist()), line["pred"], (line["ci_lb"], line["ci_ub"]),
        (line["pi_lb"], line["pi_ub"]), held, result.scale.axis == "log",
    )  # fmt: skip


def bubble_needs(result: AnalysisResult) -> str | None:
    """Say why there is nothing to draw, or None."""
    if not has_moderators(result) or not number_columns(result):
        return (
            "A bubble plot needs a meta-regression with a moderator that is a number. Choose "
            "'Meta-regression' and add one."
        )
    assert result.design is not None
    fitted = any(math.isfinite(s.fitted) for s in result.used)
    if not fitted or len(result.used) != result.design.k:
        return "This model does not tell what it expects of each study."
    return None


def tip_of(result: AnalysisResult, scene: BubbleScene, bubble: Bubble) -> str:
    """What is said of a study under the pointer."""
    s = bubble.study
    shown = [format_value(v, "effect") for v in (s.effect, s.lower, s.upper)]
    said = f"{s.label}: {result.family.short} {shown[0]} [{shown[1]}, {shown[2]}]"
    said += f", {scene.moderator} {bubble.x:g}"
    if math.isfinite(s.weight):
        said += f", weight {format_value(s.weight, 'percent', 1)}"
    return said


def draw_bubble(result: AnalysisResult, options: BubbleOptions) -> Page:
    """Draw the studies over the moderator with the fitted line and its bands."""
    return _Sheet(result, options).page()


class _Sheet:
    """One drawing in the making."""

    def __init__(self, result: AnalysisResult, options: BubbleOptions) -> None:
        self.result, self.options = result, options
        self.scene = bubble_scene(result, options)
        self.size = options.font_size
        self.y_axis = self._make_y()
        wide = max(text_width(t.label, self.size) for t in self.y_axis.ticks)
        self.left = 2.0 * self.size + 1.6 * self.size + wide + 1.2 * self.size
        self.right = options.width - 2.0 * self.size
        labels = result.spec.labels
        self.title = options.title or labels.title or labels.outcome
        self.top = 3.4 * self.size + (2.4 * self.size if self.title else 0.0)
        self.notes = self._notes()
        under = 4.8 * self.size + 1.35 * self.size * len(self.notes)
        self.bottom = options.height - under
        self.x_axis = make_axis(
            self.scene.xs[0], self.scene.xs[-1], log=False, width=self.right - self.left,
            size=self.size, snap=False,
        )  # fmt: skip

    def _make_y(self) -> Axis:
        """As much as shows every study and the confidence band; the wider band may be cut."""
        scene, log = self.scene, self.scene.log
        values = [b.y for b in scene.bubbles] + [v for band in scene.ci for v in band]
        values = [v for v in values if math.isfinite(v) and (v > 0 or not log)]
        null = self.result.natural(self.result.scale.null)
        if self.options.show_reference and math.isfinite(null):
            values.append(null)
        low, high = min(values), max(values)
        if log:
            pad = 0.06 * (math.log(high) - math.log(low)) or 0.1
            low, high = low * math.exp(-pad), high * math.exp(pad)
        else:
            pad = 0.06 * (high - low) or max(0.1 * abs(low), 0.1)
            low, high = low - pad, high + pad
        height = max(self.options.height - 90.0, 40.0)
        return make_axis(low, high, log=log, width=height, size=self.size)

    def _notes(self) -> tuple[str, ...]:
        words: list[str] = []
        bands = []
        level = f"{100 * self.result.spec.level:g}%"
        if self.options.show_ci:
            bands.append(f"dark band: {level} confidence interval")
        if self.options.show_pi and math.isfinite(self.scene.pi[0][0]):
            bands.append(f"light band: {level} prediction interval")
        line = "; ".join(["Line: expected effect", *bands, "marks by weight"])
        words += wrapped(f"{line}.", self.options.width - 4 * self.size, 0.9 * self.size)
        if self.scene.held:
            words += wrapped(
                self.scene.held, self.options.width - 4 * self.size, 0.9 * self.size, most=2
            )
        return tuple(words)

    def page(self) -> Page:
        """The finished page."""
        marks: list[Mark] = [*self._title(), *self._bands(), *self._reference(), *self._axes()]
        dots = [self._dot(b) for b in self._by_size()]
        marks += [*self._line(), *dots, *self._labels(dots), *self._footer()]
        hits = tuple(
            Hit(b.id, d.x - d.radius, d.y - d.radius, 2 * d.radius, 2 * d.radius,
                tip_of(self.result, self.scene, b))
            for b, d in zip(self._by_size(), dots, strict=True)
        )  # fmt: skip
        title = self.title or f"Bubble plot over {self.scene.moderator}"
        return Page(
            self.options.width, self.options.height, tuple(marks), hits, title,
            f"{len(dots)} studies over {self.scene.moderator} with the fitted line.",
        )  # fmt: skip

    def _by_size(self) -> list[Bubble]:
        """Small marks come last, on top of large ones."""
        return sorted(self.scene.bubbles, key=lambda b: -b.radius)

    def _x(self, value: float) -> float:
        return self.left + self.x_axis.share(value) * (self.right - self.left)

    def _y(self, value: float) -> float:
        share = min(max(self.y_axis.share(value), 0.0), 1.0)
        return self.bottom - share * (self.bottom - self.top)

    def _title(self) -> Iterator[Mark]:
        if self.title:
            size = 1.375 * self.size
            line = wrapped(self.title, self.options.width - 4 * self.size, size, bold=True, most=1)
            y = 1.6 * self.size + cap_height(size)
            yield Text(2.0 * self.size, y, line[0], size, INK, True, id="title")

    def _bands(self) -> Iterator[Mark]:
        bands = (
            (self.options.show_pi, self.scene.pi, PI_BAND, "pi"),
            (self.options.show_ci, self.scene.ci, CI_BAND, "ci"),
        )
        for wanted, (lower, upper), colour, id in bands:
            if wanted and all(math.isfinite(v) for v in lower):
                up = [(self._x(x), self._y(v)) for x, v in zip(self.scene.xs, upper, strict=True)]
                low = [(self._x(x), self._y(v)) for x, v in zip(self.scene.xs, lower, strict=True)]
                yield Poly((*up, *reversed(low)), colour, id=id)

    def _line(self) -> Iterator[Mark]:
        points = [
            (self._x(x), self._y(v))
            for x, v in zip(self.scene.xs, self.scene.mean, strict=True)
            if self.y_axis.holds(v)
        ]
        if len(points) > 1:
            yield Poly(tuple(points), "", FIT, 0.18 * self.size, closed=False, id="fit")

    def _reference(self) -> Iterator[Mark]:
        null = self.result.natural(self.result.scale.null)
        if self.options.show_reference and self.y_axis.holds(null):
            y, dash = self._y(null), (0.35 * self.size, 0.3 * self.size)
            yield Line(self.left, y, self.right, y, RULE, 0.09 * self.size, dash, "reference")

    def _axes(self) -> Iterator[Mark]:
        size, stroke = self.size, 0.1 * self.size
        yield Line(self.left, self.top, self.left, self.bottom, INK, stroke, id="axis")
        yield Line(self.left, self.bottom, self.right, self.bottom, INK, stroke, id="axis")
        for tick in self.y_axis.ticks:
            y = self._y(tick.value)
            yield Line(self.left - 0.45 * size, y, self.left, y, INK, stroke, id="axis")
            at = self.left - 0.8 * size
            yield Text(at, y + cap_height(size) / 2, tick.label, size, INK, anchor="end", id="axis")
        for tick in self.x_axis.ticks:
            x = self._x(tick.value)
            yield Line(x, self.bottom, x, self.bottom + 0.45 * size, INK, stroke, id="axis")
            y = self.bottom + 0.95 * size + cap_height(size)
            yield Text(x, y, tick.label, size, INK, anchor="middle", id="axis")
        middle = (self.left + self.right) / 2
        y = self.bottom + 2.4 * size + cap_height(size)
        words = self.options.x_title or self.scene.moderator
        yield Text(middle, y, words, size, INK, True, anchor="middle", id="x-title")
        over = self.top - 0.9 * size
        yield Text(2.0 * size, over, self._effect(), size, INK, True, id="y-title")

    def _effect(self) -> str:
        if self.result.measure == "GEN":
            return "Ratio" if self.scene.log else "Estimate"
        return self.result.family.title

    def _dot(self, bubble: Bubble) -> Dot:
        return Dot(
            self._x(bubble.x), self._y(bubble.y), bubble.radius, FILL, EDGE, 0.09 * self.size,
            bubble.id,
        )  # fmt: skip

    def _labels(self, dots: list[Dot]) -> Iterator[Mark]:
        """Names beside their marks; where there is no room, none unless all are asked for."""
        if self.options.labels == "none":
            return
        taken = [*(bounds(dot) for dot in dots), *self._line_boxes()]
        size = 0.85 * self.size
        names = {b.id: b.study.label for b in self.scene.bubbles}
        for dot in dots:
            for place in self._places(dot, names[dot.id], size):
                box = bounds(place)
                inside = box[0] >= self.left and box[2] <= self.options.width - 2
                if inside and not any(_meet(box, other) for other in taken if other != bounds(dot)):
                    taken.append(box)
                    yield place
                    break
            else:
                if self.options.labels == "all":
                    yield next(iter(self._places(dot, names[dot.id], size)))

    def _line_boxes(self) -> Iterator[Bounds]:
        """Where the fitted line runs and that of no effect, so that no name stands on them."""
        for mark in (*self._line(), *self._reference()):
            if isinstance(mark, Line):
                yield bounds(mark)
            elif isinstance(mark, Poly):
                for (x1, y1), (x2, y2) in pairwise(mark.points):
                    yield min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)

    def _places(self, dot: Dot, name: str, size: float) -> Iterator[Text]:
        gap = dot.radius + 0.3 * size
        base = dot.y + cap_height(size) / 2
        yield Text(dot.x + gap, base, name, size, MUTED, id=dot.id)
        yield Text(dot.x - gap, base, name, size, MUTED, anchor="end", id=dot.id)
        yield Text(dot.x, dot.y - gap, name, size, MUTED, anchor="middle", id=dot.id)
        below = dot.y + gap + cap_height(size)
        yield Text(dot.x, below, name, size, MUTED, anchor="middle", id=dot.id)

    def _footer(self) -> Iterator[Mark]:
        y = self.bottom + 4.0 * self.size
        for line in self.notes:
            size = 0.9 * self.size
            yield Text(2.0 * self.size, y + cap_height(size), line, size, MUTED, id="notes")
            y += 1.35 * self.size


def _moderator(result: AnalysisResult, options: BubbleOptions) -> str:
    names = number_columns(result)
    if options.moderator and options.moderator not in names:
        raise SpecProblem(
            f"'{options.moderator}' is not a number in this model; its numbers are "
            f"{', '.join(names)}."
        )
    return options.moderator or names[0]


def _radius(weight: float, largest: float, options: BubbleOptions) -> float:
    """Area by weight; the smallest can still be seen."""
    top = 0.95 * options.font_size * options.bubble_size
    if not (weight > 0 and largest > 0):
        return 0.5 * top
    return top * max(math.sqrt(weight / largest), 0.25)


def _meet(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


BUBBLE = Plot(
    key="bubble",
    title="Bubble plot",
    sentence=(
        "Each study's effect over a moderator, the mark as large as its weight, with the fitted "
        "line, its confidence band and the prediction band."
    ),
    options=BubbleOptions,
    draw=draw_bubble,
    needs=bubble_needs,
)
