import itertools

from hypothesis import given
from hypothesis import strategies as st

from metadesk.figure.layout import Span, place_columns


def test_columns_stand_side_by_side_with_their_gaps():
    a, b = place_columns(10, [20, 30], [99, 5])
    assert (a.x, a.right) == (10, 30)
    assert (b.x, b.right) == (35, 65)


def test_a_wide_heading_widens_the_columns_under_it():
    a, b, c = place_columns(0, [10, 10, 10], [0, 4, 4], [Span(0, 1, 60)])
    assert b.right - a.x == 60
    assert c.width == 10


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 30)), min_size=1, max_size=8))
def test_columns_never_overlap(columns):
    widths, gaps = zip(*columns, strict=True)
    tracks = place_columns(0, widths, gaps, [Span(0, len(widths) - 1, 150)])
    for before, after in itertools.pairwise(tracks):
        assert after.x >= before.right - 1e-9
