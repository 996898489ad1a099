"""Effects of the persons of a series: a caterpillar by size, and a forest with the population."""

from __future__ import annotations

import math
from dataclasses import dataclass

from metadesk.analysis.trial_result import EffectScale, TrialResult
from metadesk.document import format_value
from metadesk.document.numbers import interval_text
from metadesk.figure import Axis, Dot, Hit, Line, Page, Poly, Rect, make_axis
from metadesk.figure.measure import text_width
from metadesk.models.result import Interval
from metadesk.numerics.tails import quantile
from metadesk.plots.plot import Plot
from metadesk.plots.trials.frame import SIZE, SMALL, STYLE, Sheet, TrialFigure, span, start

ROW = 14.0


@dataclass(frozen=True)
class Person:
    """Own and shrunken effect of one person; NaN where there is no own difference."""

    name: str
    raw: float
    raw_se: float
    effect: float
    se: float


def needs(result: TrialResult) -> str | None:
    """Why effects of persons cannot be drawn."""
    if result.series is None:
        return result.problem or (
            "Effects of single persons need each treatment more than once in a person, as in a "
            "series of N-of-1 trials."
        )
    return None


def persons_of(result: TrialResult) -> list[Person]:
    """The persons in the order of the sheet."""
    s = result.series
    assert s is not None
    raw = {
        name: (float(y), math.sqrt(float(v)))
        for name, y, v in zip(s.raw.patients, s.raw.yi, s.raw.vi, strict=True)
    }
    unknown = (math.nan, math.nan)
    return [
        Person(name, *raw.get(name, unknown), float(s.individual.estimate[i]),
               float(s.individual.se[i]))
        for i, name in enumerate(s.individual.levels)
    ]  # fmt: skip


def draw_caterpillar(result: TrialResult, options: TrialFigure) -> Page:
    """Draw shrunken effects ordered by size, own differences as rings."""
    s = result.series
    assert s is not None
    sheet, top = start(result, options, f"Effects of the persons, {result.contrast}")
    people = sorted(persons_of(result), key=lambda p: p.effect)
    z = float(quantile(result.spec.level))
    low, high = span(
        [v for p in people for v in (p.effect - z * p.se, p.effect + z * p.se, p.raw)], zero=True
    )
    rows = Rows(sheet, top + 6, _names_width(people), sheet.width - 20, (low, high), len(people),
                result.scale)  # fmt: skip
    rows.band(s.prediction, "#eef2f8")
    rows.line(0.0, STYLE.rule, ())
    rows.line(s.effect.value, STYLE.diamond, (4, 2))
    for i, p in enumerate(people):
        y = rows.y(i)
        rows.name(i, p)
        sheet.marks.append(
            Line(rows.x(p.effect - z * p.se), y, rows.x(p.effect + z * p.se), y, STYLE.line, 1.0)
        )
        if not math.isnan(p.raw):
            sheet.marks.append(Dot(rows.x(p.raw), y, 2.4, "#ffffff", STYLE.muted, 0.9))
        sheet.marks.append(Dot(rows.x(p.effect), y, 2.8, STYLE.square, id=f"subject:{p.name}"))
    bottom = rows.axis(f"{result.scale.title}, {result.contrast}")
    own = "ratio" if result.scale.ratio else "difference"
    note = f"Filled: shrunken, with prediction interval. Rings: own {own}. "
    sheet.write(10, bottom + 14, note + "Band: where the effect of the next person is expected.",
                size=SMALL, colour=STYLE.muted)  # fmt: skip
    sheet.height = bottom + 24
    return sheet.page("Effects of the persons", "Persons ordered by their shrunken effect.")


def draw_forest(result: TrialResult, options: TrialFigure) -> Page:
    """Draw own differences with intervals in the sheet's order, and the population as diamond."""
    s = result.series
    assert s is not None
    sheet, top = start(result, options, f"Persons and population, {result.contrast}")
    people = persons_of(result)
    z = float(quantile(result.spec.level))
    assert s.effect.interval is not None
    ends = [v for p in people for v in (p.raw - z * p.raw_se, p.raw + z * p.raw_se)]
    low, high = span([*ends, s.prediction.lower, s.prediction.upper], zero=True)
    count = len(people) + 2
    numbers = 112.0
    rows = Rows(sheet, top + 18, _names_width(people), sheet.width - 20 - numbers, (low, high),
                count, result.scale)  # fmt: skip
    sheet.write(10, top + 10, "Person", bold=True)
    level = f"{100 * result.spec.level:g}%"
    right = sheet.width - 12
    own = "ratio" if result.scale.ratio else "difference"
    sheet.write(right, top + 10, f"Own {own} [{level} CI]", bold=True, anchor="end")
    rows.line(0.0, STYLE.rule, ())
    rows.line(s.effect.value, STYLE.pooled_line, (3, 3))
    most = max((1 / p.raw_se for p in people if p.raw_se > 0), default=1.0)
    for i, p in enumerate(people):
        rows.name(i, p)
        if math.isnan(p.raw):
            sheet.write(right, rows.y(i) + 2.8, "no complete cycle", colour=STYLE.muted,
                        anchor="end")  # fmt: skip
            continue
        y, a, b = rows.y(i), p.raw - z * p.raw_se, p.raw + z * p.raw_se
        half = 1.4 + 2.6 * (1 / p.raw_se / most if p.raw_se > 0 else 1.0)
        sheet.marks += [
            Line(rows.x(a), y, rows.x(b), y, STYLE.line, 1.0),
            Rect(rows.x(p.raw) - half, y - half, 2 * half, 2 * half, STYLE.square,
                 STYLE.square_edge, 0.5, f"subject:{p.name}"),
        ]  # fmt: skip
        _numbers(rows, right, y, (p.raw, a, b))
    _population(sheet, rows, s.effect.value, s.effect.interval, s.prediction, right, len(people))
    bottom = rows.axis(f"{result.scale.title}, {result.contrast}")
    sheet.height = bottom + 12
    return sheet.page("Persons and population", "Own differences, population and prediction.")


def _population(
    sheet: Sheet, rows: Rows, value: float, ends: Interval, prediction: Interval, right: float,
    at: int,
) -> None:  # fmt: skip
    y = rows.y(at)
    sheet.write(10, y + 2.8, "Population", bold=True)
    points = (
        (rows.x(ends.lower), y), (rows.x(value), y - 5), (rows.x(ends.upper), y),
        (rows.x(value), y + 5),
    )  # fmt: skip
    sheet.marks.append(Poly(points, STYLE.diamond, STYLE.diamond_edge, 0.5, True, "pooled"))
    _numbers(rows, right, y, (value, ends.lower, ends.upper), bold=True)
    y = rows.y(at + 1)
    sheet.write(10, y + 2.8, "Next person (prediction)", colour=STYLE.prediction)
    sheet.marks.append(
        Line(rows.x(prediction.lower), y, rows.x(prediction.upper), y, STYLE.prediction, 2.4,
             (), "prediction")
    )  # fmt: skip
    natural = rows.kind.natural
    shown = interval_text(natural(prediction.lower), natural(prediction.upper))
    sheet.write(right, y + 2.8, shown, anchor="end", colour=STYLE.prediction)


def _numbers(
    rows: Rows, right: float, y: float, values: tuple[float, float, float], *, bold: bool = False
) -> None:
    value, low, high = (rows.kind.natural(v) for v in values)
    words = f"{format_value(value, 'effect')} {interval_text(low, high)}"
    rows.sheet.write(right, y + 2.8, words, anchor="end", bold=bold)


def _names_width(people: list[Person]) -> float:
    longest = max((text_width(p.name, SIZE) for p in people), default=30.0)
    return max(110.0, 24 + min(longest, 160.0))


class Rows:
    """Rows under each other with one horizontal axis."""

    def __init__(
        self, sheet: Sheet, top: float, left: float, right: float, ends: tuple[float, float],
        count: int, kind: EffectScale,
    ) -> None:  # fmt: skip
        self.sheet, self.top, self.left, self.right, self.count = sheet, top, left, right, count
        self.kind = kind
        low, high = (kind.natural(v) for v in ends)
        self.scale: Axis = make_axis(
            low, high, log=kind.ratio, width=right - left, size=SMALL, snap=False
        )

    def x(self, value: float) -> float:
        """Where a value of the analysis falls, at the edge if it is outside."""
        share = min(1.0, max(0.0, self.scale.share(self.kind.natural(value))))
        return self.left + share * (self.right - self.left)

    def y(self, row: int) -> float:
        """The middle of a row."""
        return self.top + (row + 0.5) * ROW

    @property
    def bottom(self) -> float:
        """Below the last row."""
        return self.top + self.count * ROW + 4

    def name(self, row: int, person: Person) -> None:
        """Write a person's name and make the row answer to the pointer."""
        self.sheet.write(10, self.y(row) + 2.8, person.name, id=f"subject:{person.name}")
        effect, own = (self.kind.natural(v) for v in (person.effect, person.raw))
        tip = f"{person.name}: shrunken {effect:.3g}, own {own:.3g}"
        self.sheet.hits.append(
            Hit(f"subject:{person.name}", 0, self.y(row) - ROW / 2, self.sheet.width, ROW, tip)
        )

    def line(self, value: float, colour: str, dash: tuple[float, ...]) -> None:
        """An upright line at a value."""
        at = self.x(value)
        self.sheet.marks.append(Line(at, self.top, at, self.bottom, colour, 0.8, dash))

    def band(self, interval: Interval, colour: str) -> None:
        """A shaded interval behind all rows."""
        a, b = self.x(interval.lower), self.x(interval.upper)
        self.sheet.marks.append(Rect(a, self.top, b - a, self.bottom - self.top, colour))

    def axis(self, title: str) -> float:
        """The axis under the rows; the height below it."""
        at = self.bottom
        self.sheet.marks.append(Line(self.left, at, self.right, at, STYLE.rule, 0.75))
        for tick in self.scale.ticks:
            x = self.left + self.scale.share(tick.value) * (self.right - self.left)
            self.sheet.marks.append(Line(x, at, x, at + 3, STYLE.rule, 0.75))
            self.sheet.write(x, at + 11, tick.label, size=SMALL, colour=STYLE.muted,
                             anchor="middle")  # fmt: skip
        self.sheet.write((self.left + self.right) / 2, at + 23, title, anchor="middle")
        return at + 26


CATERPILLAR = Plot(
    key="caterpillar",
    title="Effects of the persons by size",
    sentence="Each person's shrunken effect with its prediction interval, and the own difference.",
    options=TrialFigure,
    draw=draw_caterpillar,
    needs=needs,
    takes="trial",
)
PERSONS_FOREST = Plot(
    key="persons-forest",
    title="Forest of persons",
    sentence="Each person's own difference, the population as a diamond, and what to expect in the "
    "next person.",
    options=TrialFigure,
    draw=draw_forest,
    needs=needs,
    takes="trial",
)
