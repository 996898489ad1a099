import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metadesk.figure import make_axis
from metadesk.figure.measure import text_width

WIDTH, SIZE = 200.0, 8.0


def axis(lower, upper, log, snap=True):
    return make_axis(lower, upper, log=log, width=WIDTH, size=SIZE, snap=snap)


def labels(lower, upper, log, snap=True):
    return [tick.label for tick in axis(lower, upper, log, snap).ticks]


def test_ratios_get_one_two_five():
    assert labels(0.1, 5, log=True) == ["0.1", "0.2", "0.5", "1", "2", "5"]


def test_a_narrow_ratio_axis_is_stepped_evenly_through_one():
    assert labels(0.85, 1.15, log=True) == ["0.85", "0.90", "0.95", "1", "1.05", "1.10", "1.15"]


def test_many_decades_get_powers_of_ten():
    assert labels(0.01, 900, log=True) == ["0.01", "0.1", "1", "10", "100", "1000"]


def test_enormous_ranges_still_get_an_axis():
    shown = axis(1e-280, 1e290, log=True)
    assert shown.lower <= 1e-280
    assert shown.upper >= 1e290
    assert 2 <= len(shown.ticks) <= 12


def test_differences_get_round_steps_and_a_true_minus():
    assert labels(-1, 2, log=False) == ["−1.0", "−0.5", "0", "0.5", "1.0", "1.5", "2.0"]


def test_thousands_are_set_apart():
    assert "20\u2009000" in labels(-12345, 99999, log=False)


def test_neighbouring_large_numbers_do_not_share_a_label():
    shown = labels(1e8, 1.0000001e8, log=False)
    assert len(set(shown)) == len(shown)


def test_given_ends_stay_where_they_are():
    shown = axis(0.3, 3.3, log=True, snap=False)
    assert (shown.lower, shown.upper) == (0.3, 3.3)
    assert [t.label for t in shown.ticks] == ["0.5", "1", "2"]


def test_ends_move_out_to_ticks():
    shown = axis(0.12, 4.4, log=True)
    assert (shown.lower, shown.upper) == (0.1, 5.0)


def test_share_is_zero_at_the_lower_end_and_one_at_the_upper():
    for log in (True, False):
        shown = axis(0.1, 10, log)
        assert shown.share(shown.lower) == pytest.approx(0)
        assert shown.share(shown.upper) == pytest.approx(1)
    assert axis(0.1, 10, log=True).share(1.0) == pytest.approx(0.5)


def test_zero_lies_infinitely_far_left_on_a_ratio_axis():
    assert axis(0.1, 10, log=True).share(0.0) == -math.inf


@pytest.mark.parametrize(("lower", "upper"), [(2, 1), (1, 1), (0, 1), (-1, 1), (math.nan, 1)])
def test_impossible_ratio_axes_are_refused(lower, upper):
    with pytest.raises(ValueError, match="axis needs"):
        axis(lower, upper, log=True)


@given(
    st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.booleans(), st.floats(60, 600), st.floats(5, 14)
)
def test_labels_never_touch_and_ticks_lie_on_the_axis(start, span, snap, width, size):
    shown = make_axis(start, start + span, log=False, width=width, size=size, snap=snap)
    assert shown.lower <= start + 1e-9 * abs(start) or snap
    places = [(shown.share(t.value) * width, text_width(t.label, size) / 2) for t in shown.ticks]
    for (a, half_a), (b, half_b) in itertools.pairwise(places):
        assert b - a > half_a + half_b
    assert all(shown.holds(t.value) for t in shown.ticks)


@given(st.floats(-12, 12), st.floats(0.01, 20))
def test_a_ratio_axis_covers_what_was_asked_for(log_lower, decades):
    lower, upper = 10**log_lower, 10 ** (log_lower + decades)
    shown = axis(lower, upper, log=True)
    assert shown.lower <= lower * (1 + 1e-6)
    assert shown.upper >= upper * (1 - 1e-6)
    assert shown.ticks
