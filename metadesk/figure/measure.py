"""How much room text takes, without a painter."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from metadesk.figure.fonts import faces, guessed_advance
from metadesk.figure.page import Bounds, Dot, Line, Mark, Poly, Rect, Text

ELLIPSIS = "…"


def text_width(
    text: str, size: float, *, bold: bool = False, italic: bool = False, tabular: bool = False
) -> float:
    """Width of one line in points; ``tabular`` text is set without kerning."""
    return size * _ems(text, bold, italic, tabular)


def ascent(size: float) -> float:
    """Height of a line above its baseline."""
    return size * faces()[0].ascent


def descent(size: float) -> float:
    """Depth of a line below its baseline."""
    return size * faces()[0].descent


def cap_height(size: float) -> float:
    """Height of capitals and digits, which is what centres a line in a row."""
    return size * 0.716


@lru_cache(maxsize=20_000)
def _ems(text: str, bold: bool, italic: bool, tabular: bool) -> float:
    chain = faces(bold, italic)
    first = chain[0].advance
    total = 0.0
    for character in text:
        code = ord(character)
        width = first.get(code)
        if width is None:
            width = next((f.advance[code] for f in chain[1:] if code in f.advance), None)
        total += guessed_advance(character) if width is None else width
    if tabular or len(text) < 2:
        return total
    kern = chain[0].kern
    codes = [ord(c) for c in text]
    return total + sum(kern.get(pair, 0.0) for pair in pairwise(codes))


def wrapped(
    text: str,
    width: float,
    size: float,
    *,
    bold: bool = False,
    most: int | None = None,
) -> tuple[str, ...]:
    """Break text into lines no wider than ``width``; past ``most`` lines it ends in an ellipsis.

    A word (or unspaced script) that is wider than a whole line is broken where it must be.
    """
    lines: list[str] = []
    line = ""
    for word in _pieces(text, width, size, bold):
        longer = f"{line} {word}" if line else word
        if line and text_width(longer, size, bold=bold) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    if line or not lines:
        lines.append(line)
    if most is not None and len(lines) > most:
        rest = " ".join(lines[most - 1 :])
        lines[most - 1 :] = [shortened(rest, width, size, bold=bold)]
    return tuple(lines)


def shortened(text: str, width: float, size: float, *, bold: bool = False) -> str:
    """The text, or as much of its beginning as fits with an ellipsis after it."""
    if text_width(text, size, bold=bold) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if text_width(text[:middle].rstrip() + ELLIPSIS, size, bold=bold) <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + ELLIPSIS


def _pieces(text: str, width: float, size: float, bold: bool) -> list[str]:
    """The words, with those too wide for a line cut into parts that fit."""
    pieces: list[str] = []
    for word in text.split():
        while word and text_width(word, size, bold=bold) > width:
            fit = 1
            while fit < len(word) and text_width(word[: fit + 1], size, bold=bold) <= width:
                fit += 1
            pieces.append(word[:fit])
            word = word[fit:]
        if word:
            pieces.append(word)
    return pieces


def mark_width(mark: Text) -> float:
    """Width of a text mark."""
    return mark.size * _ems(mark.text, mark.bold, mark.italic, mark.tabular)


def left_edge(mark: Text) -> float:
    """Where a text mark begins, whatever its anchor."""
    match mark.anchor:
        case "start":
            return mark.x
        case "middle":
            return mark.x - mark_width(mark) / 2
        case "end":
            return mark.x - mark_width(mark)


def bounds(mark: Mark) -> Bounds:
    """Left, top, right and bottom of a mark, strokes included."""
    match mark:
        case Line(x1=x1, y1=y1, x2=x2, y2=y2, width=width):
            pad = width / 2
            return min(x1, x2) - pad, min(y1, y2) - pad, max(x1, x2) + pad, max(y1, y2) + pad
        case Rect(x=x, y=y, width=width, height=height):
            return x, y, x + width, y + height
        case Poly(points=points):
            xs, ys = [p[0] for p in points], [p[1] for p in points]
            return min(xs), min(ys), max(xs), max(ys)
        case Dot(x=x, y=y, radius=radius):
            return x - radius, y - radius, x + radius, y + radius
        case Text():
            left = left_edge(mark)
            top, bottom = mark.y - cap_height(mark.size), mark.y + descent(mark.size)
            return left, top, left + mark_width(mark), bottom
