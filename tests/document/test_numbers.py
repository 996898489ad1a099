"""Digits of numbers."""

import math

import pytest

from metadesk.document.numbers import telling_digits


@pytest.mark.parametrize(
    ("lower", "upper", "digits"),
    [
        (-0.0039, -0.0027, 4),
        (-0.09, -0.02, 3),
        (-0.2, 0.1, 2),
        (0.2, 0.3, 2),
        (-20.0, 10.0, 2),
        (0.3, 0.3, 2),
        (math.nan, 0.3, 2),
        (0.3, math.inf, 2),
        (0.0, 1e-15, 9),
    ],
)
def test_the_width_of_an_interval_shows_two_digits(lower, upper, digits):
    assert telling_digits(lower, upper) == digits
