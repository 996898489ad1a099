"""The only place where a number loses digits.

Every kind of number has one way to look, on the screen, in the figure and in the report. Minus
signs are true minus signs, thousands are set apart by a thin space from 10,000 on.
"""

from __future__ import annotations

import math
from typing import Literal

NumberKind = Literal[
    "text", "count", "effect", "se", "statistic", "df", "p", "percent", "variance", "number", "year"
]

MINUS = "−"
THIN_SPACE = "\u2009"
INFINITY = "∞"
MISSING_TEXT = "–"

_MOST = 9  # digits after the point, however narrow an interval is
_DIGITS: dict[str, int] = {
    "effect": 2,
    "se": 3,
    "statistic": 2,
    "df": 1,
    "percent": 1,
    "variance": 3,
}


def format_value(value: object, kind: NumberKind = "number", digits: int | None = None) -> str:
    """Write a value as a reader sees it.

    Parameters
    ----------
    value : object
        A number, text or ``None``; ``None`` and NaN become an en dash.
    kind : NumberKind
        What the number is, which decides its digits.
    digits : int, optional
        Digits after the point, in place of the kind's own.
    """
    if value is None:
        return MISSING_TEXT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    if math.isnan(value):
        return MISSING_TEXT
    if math.isinf(value):
        return INFINITY if value > 0 else MINUS + INFINITY
    match kind:
        case "p":
            return format_p(value)
        case "count":
            return grouped(value)
        case "year":
            return f"{value:.0f}"
        case "df":
            return fixed(value, 0 if float(value).is_integer() else 1)
        case "percent":
            return fixed(value, 1 if digits is None else digits) + "%"
        case "text" | "number":
            return fixed(value, digits) if digits is not None else significant(value)
        case _:
            return fixed(value, _DIGITS[kind] if digits is None else digits)


def fixed(value: float, digits: int) -> str:
    """Write with ``digits`` after the point, a true minus sign, and never a negative zero."""
    if math.isinf(value) or math.isnan(value):
        return format_value(value)
    if abs(value) >= 1e9:
        return significant(value, 4)
    shown = f"{abs(value):.{digits}f}"
    whole, point, rest = shown.partition(".")
    negative = value < 0 and float(shown) != 0
    return (MINUS if negative else "") + _thousands(whole) + point + rest


def significant(value: float, digits: int = 4) -> str:
    """Write with ``digits`` significant digits, as a plain number where that is readable."""
    if value == 0:
        return "0"
    if float(value).is_integer() and abs(value) < 1e15:
        return grouped(value)
    size = math.floor(math.log10(abs(value)))
    if -5 <= size < 9:
        shown = f"{abs(value):.{max(digits - 1 - size, 0)}f}"
        if "." in shown:
            shown = shown.rstrip("0").rstrip(".")
        whole, point, rest = shown.partition(".")
        return (MINUS if value < 0 else "") + _thousands(whole) + point + rest
    mantissa, exponent = f"{abs(value):.{digits - 1}e}".split("e")
    power = (
        exponent.lstrip("+0") if not exponent.startswith("-") else MINUS + exponent[1:].lstrip("0")
    )
    return (MINUS if value < 0 else "") + f"{mantissa}×10^{power}"


def in_sentence(value: float) -> str:
    """Write a number that a sentence tells of a calculation: six significant digits."""
    return significant(value, 6) if math.isfinite(value) else format_value(value)


def grouped(value: float) -> str:
    """Write a whole number with thin spaces between thousands, from five digits on."""
    if float(value) != int(value):
        return significant(value, 6)
    return (MINUS if value < 0 else "") + _thousands(str(abs(int(value))))


def format_p(value: float) -> str:
    """Write a p-value: two digits from 0.1 on, three below, and '<0.001' for the tail."""
    if value < 0.001:
        return "<0.001"
    if value > 0.99:
        return ">0.99"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def p_phrase(value: float | None) -> str:
    """Write 'P = 0.03' or 'P < 0.001' for use inside a sentence."""
    if value is None or math.isnan(value):
        return "P not available"
    shown = format_p(value)
    return f"P {shown[0]} {shown[1:]}" if shown[0] in "<>" else f"P = {shown}"


def interval_text(
    lower: float, upper: float, kind: NumberKind = "effect", digits: int | None = None
) -> str:
    """Write an interval in brackets."""
    return f"[{format_value(lower, kind, digits)}, {format_value(upper, kind, digits)}]"


def telling_digits(lower: float, upper: float, least: int = 2) -> int:
    """So many digits after the point that the width of an interval shows two that count."""
    width = abs(upper - lower)
    if not 0.0 < width < math.inf:
        return least
    return min(max(1 - math.floor(math.log10(width) + 1e-9), least), _MOST)


def _thousands(whole: str) -> str:
    if len(whole) < 5:
        return whole
    head = len(whole) % 3
    parts = ([whole[:head]] if head else []) + [
        whole[i : i + 3] for i in range(head, len(whole), 3)
    ]
    return THIN_SPACE.join(parts)
