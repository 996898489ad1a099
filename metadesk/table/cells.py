"""What a cell can hold, and how the text that people type becomes a number.

Nothing is converted in silence: :func:`parse_number` gives the number together with what was done to
read it (a decimal comma, a thousands separator, a footnote mark), and the sheet shows it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

Value = str | int | float | bool | None

MISSING_WORDS = frozenset(
    {"", "na", "n/a", "n.a.", "nan", "nr", "n.r.", "ns", "nd", "nm", "none", "null", "missing",
     "not reported", "not stated", "unclear", "unknown", "-", "–", "—", ".", "..", "?", "x", "#n/a"}
)  # fmt: skip
_MINUS = str.maketrans({"−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "﹣": "-", "－": "-"})
_SPACES = re.compile(r"[\s\u00a0\u2007\u2009\u202f]+")
_MARKS = re.compile(r"[\*†‡§¶#^]+$|\s*\([a-z]\)$|(?<=\d)[a-d]$")
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_GROUPED = re.compile(r"[+-]?\d{1,3}([ ']\d{3})+(\.\d+)?$")
_COMMA_GROUPS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?$")
_COMMA_DECIMAL = re.compile(r"[+-]?\d*,\d+$")
_DOT_GROUPS_COMMA = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d+$")


@dataclass(frozen=True)
class Parsed:
    """A number read from text; ``note`` says what had to be assumed, '' if nothing."""

    value: float
    note: str = ""


def number_in(value: Value) -> float:
    """The number in a cell, NaN where none stands."""
    if isinstance(value, bool) or value is None:
        return math.nan
    if isinstance(value, int | float):
        return float(value)
    parsed = parse_number(value)
    return math.nan if parsed is None else parsed.value


def is_missing(value: Value) -> bool:
    """Whether a cell says that nothing is there ('NR', 'NA', a dash)."""
    if value is None:
        return True
    return isinstance(value, str) and value.strip().lower() in MISSING_WORDS


def parse_number(text: str) -> Parsed | None:
    """Read a number from what people type in extraction sheets, or return None.

    Understands a decimal comma or a middle dot, spaces or commas between thousands, typographic minus
    signs, a percent sign (the number stays in percent), and trailing footnote marks.
    """
    words = _SPACES.sub(" ", text.strip().translate(_MINUS))
    if _PLAIN.match(words):
        return Parsed(float(words), "number stored as text")
    notes = []
    if words.endswith("%"):
        words, _ = words[:-1].rstrip(), notes.append("percent sign left out")
    bare = _MARKS.sub("", words).rstrip()
    if bare != words:
        words, _ = bare, notes.append("footnote mark left out")
    if "·" in words:
        words, _ = words.replace("·", "."), notes.append("middle dot read as decimal point")
    if _GROUPED.match(words):
        words, _ = re.sub("[ ']", "", words), notes.append("spaces between thousands left out")
    elif _DOT_GROUPS_COMMA.match(words):
        words = words.replace(".", "").replace(",", ".")
        notes.append("comma read as decimal point, points as thousands")
    elif _COMMA_GROUPS.match(words) and (words.count(",") > 1 or "." in words):
        words, _ = words.replace(",", ""), notes.append("commas between thousands left out")
    elif _COMMA_DECIMAL.match(words):
        words, _ = words.replace(",", "."), notes.append("comma read as decimal point")
    if not _PLAIN.match(words):
        return None
    return Parsed(float(words), "; ".join(notes) or "number stored as text")
