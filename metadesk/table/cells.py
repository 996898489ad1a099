"""What a cell can hold, and how the text that people type becomes a number.

Nothing is converted in silence: :func:`parse_number` gives the number together with what was done
to read it (a decimal comma, a thousands separator, a footnote mark), and the sheet shows it.
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
MAX_DIGITS = 15  # what a double holds without loss
STORED_AS_TEXT = "number stored as text"
_MINUS = str.maketrans({"−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "﹣": "-", "－": "-"})
_SPACES = re.compile(r"[\s\u00a0\u2007\u2009\u202f]+")
_MARKS = re.compile(r"[\*†‡§¶#^]+$|\s*\([a-z]\)$|(?<=\d)[a-d]$")
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_GROUPED = re.compile(r"[+-]?\d{1,3}([ ']\d{3})+(\.\d+)?$")
_COMMA_GROUPS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?$")
_COMMA_DECIMAL = re.compile(r"[+-]?\d*,\d+$")
_WHOLE = re.compile(r"[+-]?\d+$")
_LEADING_ZEROS = re.compile(r"[+-]?0\d")
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?: \d{2}:\d{2}(?::\d{2})?)?$")
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

    Understands a decimal comma or a middle dot, spaces or commas between thousands, typographic
    minus signs, a percent sign (the number stays in percent), and trailing footnote marks.
    """
    words = _SPACES.sub(" ", text.strip().translate(_MINUS))
    if _PLAIN.match(words):
        return _finite(float(words), STORED_AS_TEXT)
    notes: list[str] = []
    words = _without_marks(words, notes)
    words = _without_separators(words, notes)
    if not _PLAIN.match(words):
        return None
    return _finite(float(words), "; ".join(notes) or STORED_AS_TEXT)


def _finite(value: float, note: str) -> Parsed | None:
    """What was read, unless it is beyond what a number can hold ('1e999')."""
    return Parsed(value, note) if math.isfinite(value) else None


def _without_marks(words: str, notes: list[str]) -> str:
    """Leave out a percent sign and footnote marks; say so in ``notes``."""
    if words.endswith("%"):
        words = words[:-1].rstrip()
        notes.append("percent sign left out")
    bare = _MARKS.sub("", words).rstrip()
    if bare != words:
        notes.append("footnote mark left out")
    return bare


def _without_separators(words: str, notes: list[str]) -> str:
    """Write the number with a decimal point and without thousands marks; say so in ``notes``."""
    if "·" in words:
        words = words.replace("·", ".")
        notes.append("middle dot read as decimal point")
    if _GROUPED.match(words):
        notes.append("spaces between thousands left out")
        return re.sub("[ ']", "", words)
    if _DOT_GROUPS_COMMA.match(words):
        notes.append("comma read as decimal point, points as thousands")
        return words.replace(".", "").replace(",", ".")
    if _COMMA_GROUPS.match(words) and (words.count(",") > 1 or "." in words):
        notes.append("commas between thousands left out")
        return words.replace(",", "")
    if _COMMA_DECIMAL.match(words):
        notes.append("comma read as decimal point")
        return words.replace(",", ".")
    return words


def parse_typed(text: str) -> Value:
    """What a cell holds after ``text`` was typed or pasted into it.

    A plainly written number becomes a number; everything else stays as it was typed ('0,85',
    '12 %', '007', a date): nothing is lost, and :func:`how_read` says what it counts as.
    """
    words = text.strip()
    if not words:
        return None
    plain = words.translate(_MINUS)
    if not _PLAIN.match(plain) or _LEADING_ZEROS.match(plain) or len(plain) > MAX_DIGITS:
        return words
    if _WHOLE.match(plain):
        return int(plain)
    value = float(plain)
    return value if math.isfinite(value) else words


def how_read(value: Value) -> str:
    """One sentence on how a text cell counts as a number; '' where nothing had to be assumed."""
    if not isinstance(value, str):
        return ""
    parsed = parse_number(value)
    if parsed is None:
        return ""
    return f"'{value}' is read as {parsed.value:.15g}: {parsed.note}."


def date_in(value: Value) -> str | None:
    """The day and month that a date may have been typed as ('3.5' for 3 May), None if no date.

    Excel turns '3.5' or '3-5' into a date; the readers keep it as ISO text.
    """
    if not isinstance(value, str):
        return None
    found = _ISO_DATE.match(value.strip())
    if found is None:
        return None
    _, month, day = (int(part) for part in found.groups())
    return f"{day}.{month}"
