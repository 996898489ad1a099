"""The laws of telling a model what changed."""

from hypothesis import given
from hypothesis import strategies as st

from metadesk.gui.sheet.changes import shift_between, span_of_difference

IDS = st.lists(st.integers(0, 30), unique=True, max_size=12)


@given(IDS, IDS)
def test_a_shift_leads_from_the_old_lines_to_the_new_ones(old, new):
    shift = shift_between(old, new)
    if shift is None:
        assert old == new
        return
    assert old[: shift.start] == new[: shift.start]
    grown = max(shift.grown, 0), max(-shift.grown, 0)
    assert old[shift.at + grown[1] :] == new[shift.at + grown[0] :]
    assert len(new) == len(old) + shift.grown


def test_rows_put_in_between_leave_the_others_alone():
    shift = shift_between([1, 2, 3], [1, 9, 8, 2, 3])
    assert (shift.start, shift.at, shift.grown) == (1, 1, 2)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3))))
def test_a_span_holds_every_difference_and_ends_with_one(pairs):
    old, new = tuple(a for a, _ in pairs), tuple(b for _, b in pairs)
    differ = [i for i, (a, b) in enumerate(pairs) if a != b]
    expected = (differ[0], differ[-1]) if differ else None
    assert span_of_difference(old, new) == expected


def test_one_and_one_point_nought_are_different_cells():
    assert span_of_difference((1, True), (1.0, True)) == (0, 0)
