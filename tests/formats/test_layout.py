from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from metadesk.formats import guess_roles
from metadesk.formats.layout import find_layout, table_from, trimmed
from metadesk.table.validate import validate

CELLS = st.one_of(
    st.none(),
    st.integers(-3, 3000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["Study", "Events 1", "Total 1", "OR", "LL", "UL", "NR", "0,85", "Total", "12/34", "#N/A",
         "Note: x", "2024-05-16", "Mean (treatment)", "e1", "n.e", "", "Ada 2001", "%", " / "]
    ).map(lambda text: text or None),
    st.text(max_size=8).map(lambda text: text.strip() or None),
)  # fmt: skip
GRIDS = st.lists(st.lists(CELLS, max_size=7), max_size=9)


@given(GRIDS)
def test_any_sheet_can_be_read_guessed_and_checked(rows):
    grid = trimmed(rows)
    table = table_from(grid, (), find_layout(grid))
    guess = guess_roles(table)
    validate(guess.table)
    assert guess.table.row_ids == table.row_ids


@given(GRIDS)
def test_no_row_with_cells_below_the_header_is_dropped(rows):
    grid = trimmed(rows)
    layout = find_layout(grid)
    table = table_from(grid, (), layout)
    filled = [row for row in grid[layout.first :] if any(v is not None for v in row)]
    assert table.n_rows == len(filled)


@given(GRIDS)
def test_column_names_are_unique_and_no_cell_is_lost(rows):
    grid = trimmed(rows)
    layout = find_layout(grid)
    table = table_from(grid, (), layout)
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    written = sum(v is not None for row in grid[layout.first :] for v in row)
    assert sum(v is not None for column in table.columns for v in column.cells) == written


def test_a_compound_column_is_offered_for_splitting():
    rows = (
        ("Study", "HR (95% CI)", "n"),
        ("Ada", "0.85 [0.70; 1.03]", 50),
        ("Bea", "1.20 [0.90; 1.60]", 60),
    )
    guess = guess_roles(table_from(rows, (), find_layout(rows)))
    assert [guess.table.columns[i].name for i in guess.compound] == ["HR (95% CI)"]
