"""How the figure's numbers, words and colours look in the house style and in journals' styles."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from metadesk.document import MISSING_TEXT, format_value
from metadesk.document.numbers import NumberKind, p_phrase


@dataclass(frozen=True)
class Style:
    """A journal's conventions.

    ``interval`` is filled with estimate, lower and upper; ``brackets`` with the level in words.
    ``p_letter`` stands for the p-value, ``p_spaced`` says whether the equals sign has room around
    it, ``leading_zero`` whether P is written 0.03 or .03.
    """

    title: str
    interval: str = "{} [{}, {}]"
    brackets: str = "[{}]"
    point: str = "."
    p_letter: str = "P"
    p_italic: bool = False
    p_spaced: bool = True
    leading_zero: bool = True
    weight_first: bool = False
    long_names: bool = False
    total: str = "Total ({})"
    subtotal: str = "Subtotal"
    ink: str = "#111111"
    muted: str = "#5b6470"
    faint: str = "#9aa1a9"
    rule: str = "#8d949c"
    square: str = "#2f6db5"
    square_edge: str = "#1d4a80"
    line: str = "#2b3a4a"
    diamond: str = "#1c4474"
    diamond_edge: str = "#12304f"
    light: str = "#9dbde0"
    light_edge: str = "#1d4a80"
    expected: str = "#dfe5ec"
    prediction: str = "#b0352f"
    pooled_line: str = "#1d4a80"

    def number(self, value: float, kind: NumberKind, digits: int | None = None) -> str:
        """A number with the style's decimal mark."""
        return self.marked(format_value(value, kind, digits))

    def marked(self, shown: str) -> str:
        """The decimal points of a text in the style's own mark."""
        return shown if self.point == "." else re.sub(r"(?<=\d)\.(?=\d)", self.point, shown)

    def effect(self, estimate: float, lower: float, upper: float, digits: int) -> str:
        """An effect with its interval."""
        if math.isnan(estimate):
            return MISSING_TEXT
        shown = [self.number(v, "effect", digits) for v in (estimate, lower, upper)]
        if self.interval == "{} ({}–{})" and any(s.startswith("−") for s in shown):
            return "{} ({} to {})".format(*shown)
        return self.interval.format(*shown)

    def ends(self, lower: float, upper: float, digits: int) -> str:
        """An interval that stands alone."""
        pattern = self.interval.removeprefix("{} ")
        return pattern.format(*(self.number(v, "effect", digits) for v in (lower, upper)))

    def p(self, value: float) -> str:
        """A p-value as the journal writes it."""
        shown = self.marked(p_phrase(value)).replace("P", self.p_letter, 1)
        if not self.leading_zero:
            shown = shown.replace("0.", ".")
        return shown if self.p_spaced else shown.replace(" = ", "=").replace(" < ", "<")


STYLES: dict[str, Style] = {
    "metadesk": Style("metadesk"),
    "revman": Style(
        "RevMan", long_names=True, weight_first=True, total="Total (95% CI)",
        subtotal="Subtotal (95% CI)", square="#2440d0", square_edge="#2440d0", line="#111111",
        diamond="#111111", diamond_edge="#111111", light="#bbbbbb", light_edge="#111111",
        prediction="#111111", muted="#111111",
    ),
    "bmj": Style(
        "BMJ", interval="{} ({} to {})", brackets="({})", p_spaced=False, weight_first=True,
        long_names=True, square="#2a6ebb", square_edge="#2a6ebb", line="#2a6ebb",
        diamond="#2a6ebb", diamond_edge="#2a6ebb", light="#ffffff", light_edge="#2a6ebb",
        prediction="#6b7785", pooled_line="#2a6ebb",
    ),
    "jama": Style(
        "JAMA", interval="{} ({} to {})", brackets="({})", p_italic=True, leading_zero=False,
        square="#333333", square_edge="#333333", line="#333333", diamond="#333333",
        diamond_edge="#111111", light="#ffffff", light_edge="#333333", prediction="#777777",
        pooled_line="#777777", total="Total ({})",
    ),
    "lancet": Style(
        "The Lancet", interval="{} ({}–{})", brackets="({})", point="·", p_letter="p",
        p_spaced=False, long_names=True, square="#7f8994", square_edge="#4b545e", line="#222222",
        diamond="#ffffff", diamond_edge="#a01c3c", light="#ffffff", light_edge="#4b545e",
        prediction="#a01c3c", pooled_line="#a01c3c",
    ),
}  # fmt: skip
