from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metadesk.errors import DataProblem
from metadesk.table import StudyTable, make_table
from metadesk.table.edits import (
    Compound,
    InsertColumns,
    InsertRows,
    RemoveColumns,
    RemoveRows,
    RenameColumn,
    ReplaceTable,
    Row,
    SetCells,
    SetExcluded,
    SetRole,
    SetRoles,
)
from metadesk.table.table import TableColumn

BCG = make_table(
    {"author": ["Aronson", "Ferguson"], "year": [1948, 1949], "tpos": [4, 6], "n": [123, 306]},
    {"author": "study", "year": "year", "tpos": "ai", "n": "n1i"},
)
VALUES = st.one_of(
    st.none(), st.integers(-5, 500), st.floats(-9, 9), st.sampled_from(["0,85", "NR", "12/34"])
)
ROLES = st.sampled_from([None, "study", "ai", "n1i", "moderator", "yi"])


def same(a: StudyTable, b: StudyTable) -> bool:
    """Equal in every cell, with the same types of cells."""
    return a == b and [[type(v) for v in c.cells] for c in a.columns] == [
        [type(v) for v in c.cells] for c in b.columns
    ]


@st.composite
def tables(draw):
    n_rows, n_columns = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    columns = tuple(
        TableColumn(10 + i, f"c{i}", tuple(draw(VALUES) for _ in range(n_rows)), draw(ROLES))
        for i in range(n_columns)
    )
    ids = tuple(draw(st.permutations(range(n_rows))))
    excluded = {i: "retracted" for i in ids if draw(st.booleans())}
    return StudyTable(columns, ids, excluded)


@st.composite
def edits_for(draw, table):
    rows, columns = table.row_ids, [c.id for c in table.columns]
    kinds = ["insert_rows", "insert_columns", "replace"]
    kinds += ["remove_rows", "exclude"] if rows else []
    kinds += ["remove_columns", "rename", "role", "roles"] if columns else []
    kinds += ["cells", "compound"] if rows and columns else []
    kind = draw(st.sampled_from(kinds))
    some_rows = st.lists(st.sampled_from(rows), max_size=3, unique=True) if rows else st.just([])
    one_column = st.sampled_from(columns) if columns else st.just(0)
    if kind == "cells" or kind == "compound":
        cell = st.tuples(st.sampled_from(rows), one_column, VALUES)
        cells = SetCells(tuple(draw(st.lists(cell, max_size=6))))
        return cells if kind == "cells" else Compound("both", (cells, cells))
    if kind == "insert_rows":
        at = draw(st.integers(0, len(rows)))
        count = draw(st.integers(0, 3))
        return InsertRows(tuple(Row(at + i, table.next_row_id + i) for i in range(count)))
    if kind == "remove_rows":
        return RemoveRows(tuple(draw(some_rows)))
    if kind == "insert_columns":
        new = TableColumn(table.next_column_id, f"new{table.next_column_id}", (None,) * len(rows))
        return InsertColumns(((draw(st.integers(0, len(columns))), new),))
    if kind == "remove_columns":
        return RemoveColumns(tuple({draw(one_column), draw(one_column)}))
    if kind == "rename":
        column = draw(one_column)
        return RenameColumn(column, f"renamed{column}_{draw(st.integers(0, 10**9))}")
    if kind == "role":
        return SetRole(draw(one_column), draw(ROLES))
    if kind == "roles":
        assignment = st.tuples(one_column, ROLES, st.booleans())
        return SetRoles(tuple(draw(st.lists(assignment, max_size=4))))
    if kind == "exclude":
        return SetExcluded(tuple(draw(some_rows)), draw(st.sampled_from([None, "wrong dose"])))
    return ReplaceTable(BCG)


@given(st.data())
def test_every_edit_can_be_taken_back_and_done_again(data):
    table = data.draw(tables())
    edit = data.draw(edits_for(table))
    changed, inverse = edit.apply(table)
    restored, again = inverse.apply(changed)
    assert same(restored, table)
    assert same(again.apply(restored)[0], changed)
    assert inverse.title == edit.title


@given(st.data())
def test_sequences_of_edits_are_taken_back_step_by_step(data):
    table = data.draw(tables())
    states, inverses = [table], []
    for _ in range(data.draw(st.integers(1, 5))):
        changed, inverse = data.draw(edits_for(states[-1])).apply(states[-1])
        states.append(changed)
        inverses.append(inverse)
    for earlier, inverse in zip(reversed(states[:-1]), reversed(inverses), strict=True):
        table, _ = inverse.apply(states.pop())
        assert same(table, earlier)
        states[-1] = table


def test_an_edit_shares_the_columns_it_does_not_touch():
    changed, _ = SetCells(((0, 2, 5),)).apply(BCG)
    assert changed.columns[0] is BCG.columns[0]
    assert changed.cell(0, 2) == 5


def test_a_unique_role_moves_from_the_other_column():
    changed, back = SetRole(3, "ai").apply(BCG)
    assert changed.roles == {"study": "author", "year": "year", "ai": "n"}
    assert back.apply(changed)[0] == BCG


def test_moderators_may_be_several():
    changed, _ = SetRole(2, "moderator").apply(BCG)
    changed, _ = SetRole(3, "moderator").apply(changed)
    assert [c.name for c in changed.all_with_role("moderator")] == ["tpos", "n"]


def test_row_ids_survive_an_insertion_above():
    changed, _ = InsertRows((Row(0, 7),)).apply(BCG)
    assert changed.row_ids == (7, 0, 1)
    assert changed.label(1) == "Ferguson 1949"


def test_a_removed_row_comes_back_with_its_reason_for_exclusion():
    left_out, _ = SetExcluded((1,), "retracted").apply(BCG)
    removed, back = RemoveRows((1,)).apply(left_out)
    assert removed.excluded == {}
    assert back.apply(removed)[0].excluded == {1: "retracted"}


def test_two_columns_cannot_have_one_name():
    with pytest.raises(DataProblem, match="already is a column 'year'"):
        RenameColumn(2, "year").apply(BCG)
    with pytest.raises(DataProblem, match="needs a name"):
        RenameColumn(2, "  ").apply(BCG)


def test_a_taken_id_is_refused():
    with pytest.raises(ValueError, match="row id"):
        InsertRows((Row(0, 1),)).apply(BCG)
    with pytest.raises(ValueError, match="column id"):
        InsertColumns(((0, BCG.columns[0]),)).apply(BCG)
