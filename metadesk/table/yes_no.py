"""Outcomes written as words of yes and no: which word is the event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metadesk.table.cells import MISSING_WORDS, Value

PAIRS = (
    ("yes y ja j oui si sí sim da", "no n nein non nee nej nei não nao"),
    ("true t wahr vrai", "false f falsch faux"),
    ("event events", "none"),
    ("success successful succeeded", "failure fail failed unsuccessful"),
    ("pass passed", "fail failed"),
    ("present", "absent"),
    ("positive pos +", "negative neg - – — −"),
    ("response responder responded", "nonresponse non-response nonresponder non-responder none"),
    ("dead died death", "alive survived living"),
)
NEGATIONS = (
    "no ", "not ", "non-", "non ", "non", "no-", "without ", "un", "kein ", "keine ", "nicht ",
    "ohne ", "sans ", "pas de ",
)  # fmt: skip
BLANK = MISSING_WORDS - {"none", "-", "–", "—"}
"""Words that say that nothing is known, even where 'none' is an answer."""


@dataclass(frozen=True)
class YesNo:
    """A column of yes and no: the words of both sides as written, and 1, 0 or None a cell."""

    events: tuple[str, ...]
    others: tuple[str, ...]
    values: tuple[float | None, ...]


def read_yes_no(cells: Sequence[Value]) -> YesNo | None:
    """Read a column as yes or no; None where its words do not say which of them is the event.

    Capitals do not count, 1 and 0 may stand among the words. Words that mean both 'no' and
    'nothing known' (none, a dash) are an answer only beside the word of an event.
    """
    words = [_written(cell) for cell in cells]
    said = {w.casefold() for w in words if w is not None} - BLANK
    sides = _sides(said)
    if sides is None:
        return None
    yes, no = sides
    values = tuple(
        None if w is None else 1.0 if w.casefold() in yes else 0.0 if w.casefold() in no else None
        for w in words
    )

    def spelled(value: float) -> tuple[str, ...]:
        pairs = zip(words, values, strict=True)
        return tuple(dict.fromkeys(w for w, v in pairs if w is not None and v == value))

    return YesNo(spelled(1.0), spelled(0.0), values)


def _sides(said: set[str]) -> tuple[set[str], set[str]] | None:
    """The words for the event and those for none of it."""
    plain = said - {"1", "0"}
    if not plain:
        return None
    for events, others in PAIRS:
        yes, no = {*events.split(), "1"}, {*others.split(), "0"}
        known = {w for w in said if w in yes | no or w not in MISSING_WORDS}
        if known <= yes | no and (known & yes or known - MISSING_WORDS - {"0"}):
            return yes, no
    if len(plain - MISSING_WORDS) == 2 and plain == said:
        first, second = sorted(plain - MISSING_WORDS, key=len)
        if any(second == f"{word}{first}" for word in NEGATIONS):
            return {first}, {second}
    return None


def _written(cell: Value) -> str | None:
    """A cell as the text a person reads; None where it is empty."""
    if cell is None:
        return None
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return None if cell != cell else f"{cell:g}"
    return str(cell).strip() or None
