from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metadesk.table import how_read, is_missing, number_in, parse_number, parse_typed, shown
from metadesk.table.cells import date_in


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        (" 12 ", 12),
        ("-0.5", -0.5),
        ("−0.5", -0.5),
        (".5", 0.5),
        ("", None),
        ("   ", None),
        ("0,85", "0,85"),
        ("007", "007"),
        ("12 %", "12 %"),
        ("1 204", "1 204"),
        ("1981a", "1981a"),
        ("=1+1", "=1+1"),
        ("3/5", "3/5"),
        ("12345678901234567890", "12345678901234567890"),
        ("nan", "nan"),
    ],
)
def test_typed_text_becomes_a_number_only_when_it_is_plainly_one(text, value):
    typed = parse_typed(text)
    assert typed == value
    assert type(typed) is type(value)


@given(st.text(max_size=12))
def test_nothing_typed_is_lost(text):
    typed = parse_typed(text)
    if isinstance(typed, str):
        assert typed == text.strip()
    if typed is not None:
        assert parse_typed(shown(typed)) == typed


@pytest.mark.parametrize(
    ("text", "value", "note"),
    [
        ("12", 12.0, "stored as text"),
        ("0,85", 0.85, "comma read as decimal point"),
        ("82·4", 82.4, "middle dot"),
        ("1 204", 1204.0, "spaces between thousands"),
        ("1,204,000", 1204000.0, "commas between thousands"),
        ("1.204,5", 1204.5, "points as thousands"),
        ("56,2%", 56.2, "percent sign"),
        ("14.92***", 14.92, "footnote mark"),
        ("2019†", 2019.0, "footnote mark"),
        ("1981a", 1981.0, "footnote mark"),
        ("−3", -3.0, "stored as text"),
    ],
)
def test_numbers_in_text_are_read_and_say_how(text, value, note):
    parsed = parse_number(text)
    assert parsed is not None
    assert parsed.value == value
    assert note in parsed.note
    assert how_read(text).startswith(f"'{text}' is read as ")


@pytest.mark.parametrize("text", ["NR", "12/34", "14.92 ± 2.06", "0.85 [0.70; 1.03]", "<0.001"])
def test_what_is_no_single_number_is_not_read_as_one(text):
    assert parse_number(text) is None
    assert math.isnan(number_in(text))
    assert how_read(text) == ""


def test_words_for_missing_are_known():
    assert all(is_missing(word) for word in (None, "NR", " n/a ", "—", ""))
    assert not is_missing("0")
    assert not is_missing(0)


def test_a_date_says_what_was_probably_typed():
    assert date_in("2019-05-03") == "3.5"
    assert date_in("2019-05-03 00:00:00") == "3.5"
    assert date_in("16.5") is None
    assert date_in(16.5) is None


def test_a_number_beyond_what_a_computer_holds_stays_the_text_it_was():
    assert parse_typed("12e400") == "12e400"
    assert parse_number("12e400") is None
    assert parse_number("12e400*") is None
