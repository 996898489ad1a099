from __future__ import annotations

import pytest

from metadesk.table.yes_no import read_yes_no


@pytest.mark.parametrize(
    ("cells", "events", "others"),
    [
        (["yes", "no", "Yes", None], ("yes", "Yes"), ("no",)),
        (["ja", "nein"], ("ja",), ("nein",)),
        (["TRUE", "FALSE"], ("TRUE",), ("FALSE",)),
        (["none", "event"], ("event",), ("none",)),
        (["success", "failure"], ("success",), ("failure",)),
        (["+", "-"], ("+",), ("-",)),
        (["yes", 1.0, 0, "no"], ("yes", "1"), ("0", "no")),
        (["pain", "no pain"], ("pain",), ("no pain",)),
        (["non-responder", "responder"], ("responder",), ("non-responder",)),
        (["died", "alive"], ("died",), ("alive",)),
        (["yes", "yes"], ("yes",), ()),
    ],
)
def test_words_of_yes_and_no_say_which_is_the_event(cells, events, others):
    found = read_yes_no(cells)
    assert (found.events, found.others) == (events, others)
    for cell, value in zip(cells, found.values, strict=True):
        written = None if cell is None else f"{cell:g}" if not isinstance(cell, str) else cell
        assert value == (None if cell is None else float(written in events))


@pytest.mark.parametrize("blank", ["NA", "missing", "none", "-", ""])
def test_words_for_nothing_known_beside_yes_and_no_are_neither(blank):
    assert read_yes_no(["yes", blank, "no"]).values == (1.0, None, 0.0)


@pytest.mark.parametrize(
    "cells",
    [
        ["good", "poor"], ["yes", "no", "maybe"], ["none", "mild", "severe"], ["none"], [],
        ["M", "F"], [1.0, 0.0], ["1", "0"], ["none", "none"], ["yes", 2.0],
    ],
)  # fmt: skip
def test_other_columns_are_not_read_as_yes_and_no(cells):
    assert read_yes_no(cells) is None
