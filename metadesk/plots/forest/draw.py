"""The forest plot put together: rows, columns, axis and footer become marks on a page."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from metadesk.analysis.result import AnalysisResult
from metadesk.document.words import inside
from metadesk.figure import Hit, Line, Mark, Page, Text
from metadesk.figure.layout import Track
from metadesk.figure.measure import cap_height, text_width, wrapped
from metadesk.plots.forest.columns import (
    Placed,
    data_cells,
    data_totals,
    effect_digits,
    effect_title,
    left_heads,
    place,
    right_heads,
)
from metadesk.plots.forest.footer import Footer
from metadesk.plots.forest.options import ForestOptions
from metadesk.plots.forest.rows import (
    Row,
    Section,
    reasons_of,
    sections_of,
    study_rows,
    total_rows,
)
from metadesk.plots.forest.shapes import Canvas
from metadesk.plots.forest.span import choose_axis, reference_of
from metadesk.plots.forest.style import STYLES, Style

MOST_LABEL_LINES = 3


def draw_forest(result: AnalysisResult, options: ForestOptions) -> Page:
    """Draw every study with its interval and weight, the pooled effect, and the raw data beside.

    Raises
    ------
    SpecProblem
        If the axis that a person asked for is impossible.
    """
    sections = sections_of(result, options)
    style = STYLES[options.style]
    digits = effect_digits(result, options)
    rows = study_rows(
        result, sections, style, digits, data_cells(result, style),
        show_expected=options.show_expected,
    )  # fmt: skip
    rows += total_rows(result, options, style, digits, data_totals(result, style))
    return _Sheet(result, options, style, sections, rows).page()


@dataclass
class _Sheet:
    """One drawing in the making: where everything stands, and the marks made so far."""

    result: AnalysisResult
    options: ForestOptions
    style: Style
    sections: tuple[Section, ...]
    rows: list[Row]
    marks: list[Mark] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.size = size = self.options.font_size
        self.margin = 2.25 * size
        self.lines = [self._label_lines(row) for row in self.rows]
        names = [text_width("Study", size, bold=True)]
        for row, lines in zip(self.rows, self.lines, strict=True):
            mark = text_width(row.mark, 0.68 * size) + 0.1 * size if row.mark else 0.0
            type_size = self._type_size(row)
            # The line under a subtotal may run on below the numbers.
            if not row.small:
                names += [
                    self._indent(row) + mark + text_width(line, type_size, bold=row.bold)
                    for line in lines
                ]
        self.names = Track(self.margin, max(names))
        self.left = self._placed(self.names.right, "left")
        after = self.left.tracks[-1].right if self.left.tracks else self.names.right
        self.plot = Track(after + 2.6 * size, self.options.plot_width)
        self.right = self._placed(self.plot.right, "right")
        end = self.right.tracks[-1].right if self.right.tracks else self.plot.right + size
        self.width = end + self.margin
        self.axis = choose_axis(
            self.result, self.options, self.rows, self.plot.width, self.tick_size
        )

    @property
    def tick_size(self) -> float:
        """Size of the words under the axis."""
        return 0.95 * self.size

    def page(self) -> Page:
        """The finished page."""
        top = self._draw_title(1.9 * self.size)
        top = self._draw_heads(top)
        places, bottom = self._row_places(top + 0.55 * self.size)
        self._draw_guides(top, places, bottom)
        self._draw_rows(places)
        footer = Footer(
            self.result, self.options, self.style, self.axis, self.plot, self.width, self.margin,
            reasons_of(self.sections),
        )  # fmt: skip
        marks, height = footer.draw(bottom)
        self.marks += marks
        title = self.title or f"Forest plot of {effect_title(self.result).lower()}"
        return Page(
            round(self.width, 2), round(height, 2), tuple(self.marks), tuple(self.hits), title,
            self._description(),
        )  # fmt: skip

    @property
    def title(self) -> str:
        """The words above the figure."""
        labels = self.result.spec.labels
        return self.options.title or labels.title or labels.outcome

    def _placed(self, left: float, side: str) -> Placed:
        heads = (left_heads if side == "left" else right_heads)(
            self.result, self.options, self.style
        )
        return place(left, heads, self.rows, self.size, 2.6 * self.size)

    def _type_size(self, row: Row) -> float:
        return 0.9 * self.size if row.small else self.size

    def _indent(self, row: Row) -> float:
        return self.size if row.indent else 0.0

    def _label_lines(self, row: Row) -> tuple[str, ...]:
        if row.small:
            return (row.label,)
        width = self.options.label_width - self._indent(row)
        return wrapped(row.label, width, self.size, bold=row.bold, most=MOST_LABEL_LINES)

    def _draw_title(self, top: float) -> float:
        if not (self.options.show_title and self.title):
            return top - 0.3 * self.size
        size = 1.375 * self.size
        for line in wrapped(self.title, self.width - 2 * self.margin, size, bold=True):
            self._text(self.margin, top + cap_height(size), line, size, bold=True, id="title")
            top += 1.3 * size
        return top + 1.1 * self.size

    def _plot_heading(self) -> tuple[str, ...]:
        fit = self.result.main
        name = effect_title(self.result)
        room = self.plot.width + 2.0 * self.size
        model = inside(fit.title) if fit else ""
        words = f"{name}, {model}" if model else name
        return wrapped(words, room, self.size, bold=True, most=3)

    def _draw_heads(self, top: float) -> float:
        """The headings and the rule under them; returns where the rule stands."""
        size, high = self.size, 1.6 * self.size
        heading = self._plot_heading()
        placed = (self.left, self.right)
        two = any(p.groups or any(h.above for h in p.heads) for p in placed)
        lines = max(2 if two else 1, len(heading))
        base = top + (lines - 1) * high + cap_height(size)
        self._text(self.names.x, base, "Study", size, bold=True)
        middle = self.plot.x + self.plot.width / 2
        for i, line in enumerate(reversed(heading)):
            self._text(middle, base - i * 1.3 * size, line, size, bold=True, anchor="middle")
        for columns in placed:
            self._draw_column_heads(columns, base, high)
        rule = base + 0.85 * size
        self._line(self.margin, rule, self.width - self.margin, rule, self.style.ink, 0.12)
        return rule

    def _draw_column_heads(self, columns: Placed, base: float, high: float) -> None:
        size = self.size
        for head, track in zip(columns.heads, columns.tracks, strict=True):
            self._text(track.right, base, head.title, size, bold=True, anchor="end")
            if head.above:
                self._text(track.right, base - high, head.above, size, bold=True, anchor="end")
        for name, track in columns.groups:
            middle = track.x + track.width / 2
            self._text(middle, base - high, name, size, bold=True, anchor="middle")
            under = base - high + 0.55 * size
            self._line(track.x, under, track.right, under, self.style.rule, 0.08)

    def _row_places(self, top: float) -> tuple[list[tuple[float, float]], float]:
        """Top and height of each row, and where the last one ends."""
        size = self.size
        step = self.options.row_height * size
        places: list[tuple[float, float]] = []
        y = top
        for i, (row, lines) in enumerate(zip(self.rows, self.lines, strict=True)):
            if row.rule_above:
                y += 0.75 * size
            elif row.id.startswith("section:") and i:
                y += 0.6 * size
            height = step + (len(lines) - 1) * 1.2 * size
            if row.small:
                height = 0.85 * step
            places.append((y, height))
            y += height
        return places, y + 0.4 * size

    def _draw_guides(self, rule: float, places: list[tuple[float, float]], bottom: float) -> None:
        """The line of no effect through the whole plot, the pooled line down to the diamond."""
        reference = reference_of(self.result, self.options)
        if not math.isnan(reference) and self.axis.holds(reference):
            x = self._x(reference)
            self.marks.append(
                Line(x, rule, x, bottom, self.style.ink, 0.1 * self.size, id="reference")
            )
        pooled = next((i for i, row in enumerate(self.rows) if row.id == "pooled"), None)
        if pooled is None or not self.options.show_pooled_line:
            return
        estimate = self.rows[pooled].estimate
        if not math.isnan(estimate) and self.axis.holds(estimate):
            x, y = self._x(estimate), places[pooled][0] + places[pooled][1] / 2
            dash = (0.35 * self.size, 0.3 * self.size)
            colour = self.style.pooled_line
            self.marks.append(
                Line(x, places[0][0], x, y, colour, 0.08 * self.size, dash, id="pooled-line")
            )

    def _x(self, value: float) -> float:
        return self.plot.x + self.axis.share(value) * self.plot.width

    def _draw_rows(self, places: list[tuple[float, float]]) -> None:
        heaviest = max((r.weight for r in self.rows if r.weight > 0), default=0.0)
        canvas = Canvas(
            self.plot, self.axis, self.style, self.size, self.options.square_size, heaviest
        )
        for row, lines, (y, height) in zip(self.rows, self.lines, places, strict=True):
            if row.rule_above:
                self._draw_rule_above(y)
            middle = y + height / 2
            self._draw_label(row, lines, middle)
            self._draw_cells(row, middle)
            self.marks.extend(canvas.draw(row, middle))
            x = 0.5 * self.margin
            self.hits.append(Hit(row.id, x, y, self.width - 2 * x, height, row.tip))

    def _draw_rule_above(self, y: float) -> None:
        """A thin rule over the totals that leaves the plot free."""
        at = y - 0.35 * self.size
        ends = [(self.margin, self.plot.x - 1.3 * self.size)]
        if self.right.tracks:
            ends.append((self.plot.right + 1.3 * self.size, self.right.tracks[-1].right))
        for x1, x2 in ends:
            self._line(x1, at, x2, at, self.style.rule, 0.08)

    def _draw_label(self, row: Row, lines: tuple[str, ...], middle: float) -> None:
        size = self._type_size(row)
        x = self.names.x + self._indent(row)
        first = middle - (len(lines) - 1) * 0.6 * size + cap_height(size) / 2
        colour = self._colour(row)
        for i, line in enumerate(lines):
            y = first + i * 1.2 * size
            self._text(x, y, line, size, colour=colour, bold=row.bold, id=row.id)
        if row.mark:
            end = x + text_width(lines[-1], size, bold=row.bold) + 0.1 * size
            y = first + (len(lines) - 1) * 1.2 * size - 0.33 * size
            self._text(end, y, row.mark, 0.68 * size, colour=colour, id=row.id)

    def _draw_cells(self, row: Row, middle: float) -> None:
        y = middle + cap_height(self.size) / 2
        colour = self._colour(row)
        for columns in (self.left, self.right):
            for head, track in zip(columns.heads, columns.tracks, strict=True):
                words = row.cells.get(head.key)
                if words:
                    self.marks.append(
                        Text(
                            track.right, y, words, self.size, colour, row.bold, False, "end", True,
                            row.id,
                        )
                    )  # fmt: skip

    def _colour(self, row: Row) -> str:
        if row.small:
            return self.style.muted
        return self.style.faint if row.muted else self.style.ink

    def _text(
        self,
        x: float,
        y: float,
        words: str,
        size: float,
        *,
        colour: str = "",
        bold: bool = False,
        anchor: Literal["start", "middle", "end"] = "start",
        id: str = "",
    ) -> None:
        self.marks.append(
            Text(x, y, words, size, colour or self.style.ink, bold, anchor=anchor, id=id)
        )

    def _line(self, x1: float, y1: float, x2: float, y2: float, colour: str, width: float) -> None:
        self.marks.append(Line(x1, y1, x2, y2, colour, width * self.size))

    def _description(self) -> str:
        fit = self.result.main
        said = f"Forest plot of {self.result.counted_by_name}"
        left_out = sum(1 for row in self.rows if row.shape == "hollow")
        if left_out:
            said += f" and {left_out} left out"
        if fit is None or not fit.has_pooled:
            return f"{said}. {self.result.problem}".strip()
        tips = [r.tip for r in self.rows if r.id in ("pooled", "companion", "prediction")]
        return f"{said}, {inside(fit.title)}. " + ". ".join(tips) + "."
