"""What stands under the rows: the axis, whom effects favour, heterogeneity, tests and footnotes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from metadesk.analysis.result import AnalysisResult
from metadesk.document import MISSING_TEXT
from metadesk.figure import Axis, Line, Mark, Text
from metadesk.figure.layout import Track
from metadesk.figure.measure import cap_height, text_width, wrapped
from metadesk.plots.forest.columns import has_weights
from metadesk.plots.forest.options import ForestOptions
from metadesk.plots.forest.rows import (
    companion_of,
    difference_text,
    heterogeneity_text,
    not_drawn,
    tau2_digits,
    test_text,
)
from metadesk.plots.forest.span import reference_of
from metadesk.plots.forest.style import Style

MOST_REASONS = 12
MOST_LINES = 3


@dataclass
class Footer:
    """The lower part of a forest plot in the making."""

    result: AnalysisResult
    options: ForestOptions
    style: Style
    axis: Axis
    plot: Track
    width: float
    margin: float
    reasons: Mapping[str, str]
    marks: list[Mark] = field(default_factory=list)

    def draw(self, top: float) -> tuple[list[Mark], float]:
        """Draw from ``top``, where the axis runs, down; returns the marks and the page's height."""
        size = self.options.font_size
        under = self._draw_favours(self._draw_axis(top))
        lines = self.statements()
        small = 0.9 * size
        room = self.plot.x - self.margin - 2.0 * size
        beside = all(text_width(line, small) <= room for line in lines)
        y = top + 1.1 * size if beside else under + size
        full = self.width - 2 * self.margin
        for line in lines:
            for piece in (line,) if beside else wrapped(line, full, small):
                self._statement(y + cap_height(small), piece, small)
                y += 1.45 * small
        y = max(y, under)
        y = self._draw_reasons(y + 0.5 * size, full) if self.reasons else y
        return self.marks, y + 1.3 * size

    def statements(self) -> list[str]:
        """The sentences under the rows."""
        fit = self.result.main
        if fit is None:
            return [self.result.problem] if self.result.problem else []
        lines: list[str] = []
        if not fit.has_pooled:
            light = " Light diamonds: what it expects." if self.options.show_expected else ""
            lines.append(f"The model has moderators: there is no single pooled effect.{light}")
        if self.options.show_heterogeneity:
            lines.append(heterogeneity_text(fit, self.style))
        tests_something = fit.has_pooled and not math.isnan(self.result.scale.null)
        if self.options.show_test and tests_something:
            lines.append(test_text(fit, self.style))
            other = companion_of(self.result)
            if self.options.show_companion and other is not None:
                name = "fixed effect" if other.family == "fixed" else "random effects"
                lines.append(
                    test_text(other, self.style).replace(
                        "overall effect", f"overall effect, {name}"
                    )
                )
        lines += self._about_groups()
        if self.options.show_excluded and (count := len(not_drawn(self.result))):
            lines.append(f"{count} rows without an effect are not drawn; the table lists them.")
        if self.options.show_weight and not has_weights(self.result) and fit.weights_meaning:
            lines.append(f"{MISSING_TEXT} {fit.weights_meaning}")
        return [line for line in lines if line]

    def _about_groups(self) -> list[str]:
        """The test for subgroup differences, and whose τ² the groups have."""
        found = self.result.subgroups
        if found is None:
            return []
        lines = [difference_text(found.difference, self.style)] if self.options.show_test else []
        spread = found.model.heterogeneity if found.model is not None else None
        shared = found.overall.family != "fixed" and self.options.show_heterogeneity
        if spread is not None and shared:
            tau2 = self.style.number(spread.tau2, "variance", tau2_digits(spread.tau2))
            lines.append(f"Subgroups share one τ² = {tau2}")
        return lines

    def _draw_axis(self, y: float) -> float:
        """The axis with its ticks; returns where its labels end."""
        size = 0.95 * self.options.font_size
        ink, stroke = self.style.ink, 0.1 * self.options.font_size
        self.marks.append(Line(self.plot.x, y, self.plot.right, y, ink, stroke, id="axis"))
        base = y + 0.95 * size + cap_height(size)
        for tick in self.axis.ticks:
            x = self._x(tick.value)
            self.marks.append(Line(x, y, x, y + 0.5 * size, ink, stroke, id="axis"))
            self.marks.append(Text(x, base, tick.label, size, ink, anchor="middle", id="axis"))
        return base + 0.3 * size

    def _draw_favours(self, y: float) -> float:
        """Whom effects left and right of no effect favour; returns where the words end."""
        labels = self.result.spec.labels
        left = self.options.favours_left or labels.favours_left
        right = self.options.favours_right or labels.favours_right
        if not left and not right:
            return y
        size = self.options.font_size
        reference = reference_of(self.result, self.options)
        middle = self.plot.x + self.plot.width / 2
        if not math.isnan(reference) and self.axis.holds(reference):
            middle = self._x(reference)
        gap, over = 0.9 * size, 1.3 * size
        lowest, below = y, ""
        if self._cramped(left, room := middle - gap - self.plot.x + over):
            left, below = "", f"← {left}"
        for words, x, width, end in (
            (left, middle - gap, room, True),
            (right, middle + gap, self.width - self.margin - middle - gap, False),
        ):
            lowest = max(lowest, self._draw_words(words, x, y, width, end=end))
        # no room beside the line of no effect: its own line, from where the axis begins
        wide = self.width - self.margin - self.plot.x
        return self._draw_words(below, self.plot.x, lowest, wide, end=False) if below else lowest

    def _cramped(self, words: str, room: float) -> bool:
        """Whether words would have to be broken inside, or set on more than three lines."""
        size = self.options.font_size
        longest = max((text_width(word, size) for word in words.split()), default=0.0)
        return bool(words) and (longest > room or len(wrapped(words, room, size)) > MOST_LINES)

    def _draw_words(self, words: str, x: float, y: float, room: float, *, end: bool) -> float:
        """Words on as many lines as they need; returns where they end."""
        size, lowest = self.options.font_size, y
        base = y + 0.55 * size + cap_height(size)
        for line in wrapped(words, max(room, 4 * size), size) if words else ():
            anchor: Literal["start", "end"] = "end" if end else "start"
            self.marks.append(
                Text(x, base, line, size, self.style.ink, anchor=anchor, id="favours")
            )
            lowest = max(lowest, base + 0.3 * size)
            base += 1.25 * size
        return lowest

    def _x(self, value: float) -> float:
        return self.plot.x + self.axis.share(value) * self.plot.width

    def _statement(self, y: float, line: str, size: float) -> None:
        """A line under the rows; P leans where the journal wants it to."""
        x = self.margin
        pieces = re.split(r"(\bP\b)", line) if self.style.p_italic else [line]
        for piece in pieces:
            italic = self.style.p_italic and piece == "P"
            self.marks.append(Text(x, y, piece, size, self.style.muted, italic=italic, id="notes"))
            x += text_width(piece, size, italic=italic)

    def _draw_reasons(self, y: float, room: float) -> float:
        """Why studies were left out, under the letters that they carry."""
        size = 0.85 * self.options.font_size
        shown = list(self.reasons.items())[:MOST_REASONS]
        indent = 1.1 * size
        for reason, letter in shown:
            base = y + cap_height(size)
            self.marks.append(
                Text(
                    self.margin, base - 0.3 * size, letter, 0.72 * size, self.style.muted,
                    id="reasons",
                )
            )  # fmt: skip
            for line in wrapped(f"Left out: {reason}", room - indent, size):
                base = y + cap_height(size)
                self.marks.append(
                    Text(self.margin + indent, base, line, size, self.style.muted, id="reasons")
                )
                y += 1.4 * size
        more = len(self.reasons) - len(shown)
        if more:
            words = f"and {more} further reason{'s' if more > 1 else ''}, see the table of studies."
            self.marks.append(
                Text(
                    self.margin + indent, y + cap_height(size), words, size, self.style.muted,
                    id="reasons",
                )
            )  # fmt: skip
            y += 1.4 * size
        return y
