"""Cells that hold several numbers: '14.9 ± 2.1', '21.7 (18.1–25.8)', '0.85 [0.7; 1]', '12/34'.

Nothing is split in silence: :mod:`metadesk.table.splitting` is the edit that puts the parts into
columns of their own, for a person to choose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from metadesk.table.cells import parse_number

Part = Literal[
    "mean", "sd", "se", "median", "q1", "q3", "minimum", "maximum", "estimate", "lower", "upper",
    "events", "total", "percent", "value", "in brackets",
]  # fmt: skip

# Compiled when the first text is read (and kept by re): the window starts without them.
_MARKS = r"\s*[*†‡§#]*\s*"
_NUM = r"([+\-−–]?\s?(?:\d{1,3}(?:[ ]\d{3})+|\d+)(?:[.,·]\d+)?|[+\-−]?[.,·]\d+)"
_SIGNED = r"([+\-−–]?\s?(?:\d+(?:[.,·]\d+)?|[.,·]\d+))"
_POINTED = r"([+\-−]?\s?(?:\d+(?:[.·]\d+)?|[.·]\d+))"
_TO = r"\s*(?:to|;|–|—|-|−|\.\.)\s*"
_MEAN_SD = rf"{_NUM}{_MARKS}(?:±|\+/-|\+-){_MARKS}{_NUM}{_MARKS}$"
_RATIO = rf"(\d+)\s*/\s*(\d+){_MARKS}(?:\(\s*{_NUM}\s*%?\s*\))?$"
_COUNT_PERCENT = rf"(\d+){_MARKS}\(\s*{_NUM}\s*%\s*\)$"
_WITH_RANGE = (
    rf"{_NUM}{_MARKS}[,;]?\s*[\[(](?P<what>[A-Za-z0-9%., :=]*?)\s*"
    rf"{_SIGNED}(?:{_TO}|,\s*){_SIGNED}\s*[\])]{_MARKS}$"
)
_COMMA_RANGE = rf"{_POINTED}\s*[,;]\s*{_POINTED}$"
_RANGE = rf"[\[(]?{_SIGNED}\s*(?:to|–|—|-|;)\s*{_SIGNED}[\])]?$"
_BRACKET = rf"{_NUM}{_MARKS}[\[(]\s*{_NUM}\s*[\])]{_MARKS}$"


@dataclass(frozen=True)
class Piece:
    """One number of a compound cell and what it is."""

    part: Part
    value: float


def split_text(text: str) -> tuple[Piece, ...]:
    """The numbers in a compound cell with what they are; () if it is no compound cell.

    A range in brackets counts as a confidence interval unless the cell says IQR or range; a single
    number in brackets is left as that, because it may be an SD, an SE or a percentage.
    """
    words = " ".join(text.split())
    if len(re.findall(r"\d+", words)) < 2 or parse_number(words) is not None:
        return ()
    for reader in (_mean_sd, _fraction, _with_range, _bracket, _bare_range):
        pieces = reader(words)
        if pieces:
            return pieces
    return ()


def _number(text: str) -> float:
    """A matched number; what did not match as one is a programming error."""
    parsed = parse_number(text.replace("− ", "−").replace("- ", "-"))
    if parsed is None:
        raise ValueError(text)
    return parsed.value


def _mean_sd(text: str) -> tuple[Piece, ...]:
    """'14.92 ± 2.06***'."""
    found = re.match(_MEAN_SD, text)
    if not found:
        return ()
    return Piece("mean", _number(found[1])), Piece("sd", _number(found[2]))


def _fraction(text: str) -> tuple[Piece, ...]:
    """'12/34', '12/34 (35.3%)', '12 (35.3%)'."""
    if found := re.match(_RATIO, text):
        events, total = float(found[1]), float(found[2])
        return (Piece("events", events), Piece("total", total)) if events <= total else ()
    if found := re.match(_COUNT_PERCENT, text):
        return Piece("events", float(found[1])), Piece("percent", _number(found[2]))
    return ()


def _with_range(text: str) -> tuple[Piece, ...]:
    """'21.7 (18.1–25.8)', '0,85 [0,70; 1,03]', '50 [IQR 36–64]', '57 [range 20-83]'."""
    found = re.match(_WITH_RANGE, text)
    if not found:
        return ()
    said, groups = found["what"].lower(), found.groups()
    centre, low, high = _number(groups[0]), _number(groups[2]), _number(groups[3])
    if low > high:
        return ()
    if "iqr" in said or "quartile" in said:
        return Piece("median", centre), Piece("q1", low), Piece("q3", high)
    if "range" in said or "min" in said:
        return Piece("value", centre), Piece("minimum", low), Piece("maximum", high)
    return Piece("estimate", centre), Piece("lower", low), Piece("upper", high)


def _bracket(text: str) -> tuple[Piece, ...]:
    """'55.1 (7.9)': an SD, an SE or a percentage; the person says which."""
    found = re.match(_BRACKET, text)
    if not found:
        return ()
    return Piece("value", _number(found[1])), Piece("in brackets", _number(found[2]))


def _bare_range(text: str) -> tuple[Piece, ...]:
    """'84.6,94.5', '1.15-2.25', '18.1 to 25.8'."""
    found = re.match(_COMMA_RANGE, text) or re.match(_RANGE, text)
    if not found:
        return ()
    low, high = _number(found[1]), _number(found[2])
    return (Piece("lower", low), Piece("upper", high)) if low < high else ()
