"""Steps kept with a row: made, seen, overtaken by typing, taken back, moved by undo and redo."""

from __future__ import annotations

import pytest

from metadesk.errors import DataProblem
from metadesk.table import KeptStep, SetCells, make_table
from metadesk.table.gestures import (
    insert_columns,
    remove_columns,
    remove_rows,
    type_cell,
)
from metadesk.table.stepping import Doing, RowWriting, columns_for, step_edit, take_back
from metadesk.table.steps import in_force, written
from metadesk.table.validate import validate

CLUSTER = Doing("cluster", "Cluster trial", {"m": 21, "ICC": 0.05}, "Rao & Scott (1992)")
SHARE = Doing("shared_control", "Shared control", {"Comparisons": 2})


@pytest.fixture
def table():
    return make_table(
        {"Study": ["A", "B"], "e": [12, 5], "n": [60, 50], "N": ["58", 44]},
        {"Study": "study", "e": "ai", "n": "n1i", "N": "n2i"},
    )


def done(table, doing, values, row_id=0, **more):
    edit = step_edit(table, doing, [RowWriting(row_id, values, **more)], doing.name)
    assert edit is not None
    return edit.apply(table)


def cells(table, row=0):
    return [column.cells[row] for column in table.columns]


def test_a_step_writes_cells_and_is_kept_with_its_row(table):
    after, _ = done(table, CLUSTER, {"ai": 6.0, "n1i": 30.0})
    assert cells(after) == ["A", 6, 30, "58"]
    (step,) = after.steps[0]
    assert isinstance(step, KeptStep)
    assert step.name == "Cluster trial (m 21, ICC 0.05)"
    assert [(c.before, c.after) for c in step.cells] == [(12, 6), (60, 30)]
    assert 1 not in after.steps


def test_only_cells_that_change_are_part_of_the_step(table):
    after, _ = done(table, CLUSTER, {"ai": 12.0, "n1i": 30.0})
    assert [c.column_id for c in after.steps[0][0].cells] == [2]


def test_nothing_to_do_is_no_edit(table):
    assert step_edit(table, CLUSTER, [RowWriting(0, {"ai": 12.0})], "x") is None


def test_undo_and_redo_move_cells_and_step_together(table):
    edit = step_edit(table, CLUSTER, [RowWriting(0, {"ai": 6.0})], "x")
    after, back = edit.apply(table)
    again, forth = back.apply(after)
    assert again == table
    assert forth.apply(again)[0] == after


def test_typed_values_alone_are_plain_typing(table):
    after, _ = done(table, CLUSTER, {"ai": 6.0}, typed=frozenset({"ai"}))
    assert cells(after)[1] == 6
    assert not after.steps
    mixed, _ = done(table, CLUSTER, {"ai": 6.0, "n1i": 30.0}, typed=frozenset({"ai"}))
    assert [c.typed for c in mixed.steps[0][0].cells] == [True, False]


def test_missing_columns_are_added_with_their_role(table):
    after, back = done(table, CLUSTER, {"sd1i": 2.5})
    assert after.columns[-1].role == "sd1i"
    assert after.columns[-1].cells == (2.5, None)
    assert back.apply(after)[0] == table
    assert columns_for(table, ["ai"]) is None


def test_a_step_is_taken_back_by_itself_after_other_edits(table):
    after, _ = done(table, CLUSTER, {"ai": 6.0, "n1i": 30.0})
    later, _ = type_cell(after, 1, 1, "7").apply(after)
    taken = take_back(later, [(0, 0)])
    restored, undo = taken.edit.apply(later)
    assert taken.said == ()
    assert taken.edit.title == "Take back: Cluster trial"
    assert cells(restored) == ["A", 12, 60, "58"]
    assert cells(restored, 1)[1] == 7
    assert not restored.steps
    assert undo.apply(restored)[0] == later


def test_text_comes_back_as_it_was_typed(table):
    after, _ = done(table, CLUSTER, {"n2i": 29.0})
    assert cells(take_back(after, [(0, 0)]).edit.apply(after)[0])[3] == "58"


def test_a_cell_that_was_typed_over_stays_and_that_is_said(table):
    after, _ = done(table, CLUSTER, {"ai": 6.0, "n1i": 30.0})
    later, _ = type_cell(after, 0, 1, "9").apply(after)
    assert (0, 1) not in in_force(later)
    assert in_force(later)[0, 2].key == "cluster"
    taken = take_back(later, [(0, 0)])
    assert cells(taken.edit.apply(later)[0])[:3] == ["A", 9, 60]
    assert taken.said == (
        "Row 1 (A): 'e' was typed over since and stays 9; before the step it was 12.",
    )


def test_a_step_that_another_builds_on_is_taken_back_after_that_one(table):
    first, _ = done(table, CLUSTER, {"n2i": 29.0})
    second, _ = done(first, SHARE, {"n2i": 14.5})
    with pytest.raises(DataProblem, match="take back 'Shared control' first"):
        take_back(second, [(0, 0)])
    middle, _ = take_back(second, [(0, 1)]).edit.apply(second)
    assert cells(take_back(middle, [(0, 0)]).edit.apply(middle)[0]) == cells(table)


def test_typing_over_the_later_step_frees_the_earlier_one(table):
    first, _ = done(table, CLUSTER, {"ai": 6.0, "n2i": 29.0})
    second, _ = done(first, SHARE, {"n2i": 14.5})
    typed, _ = type_cell(second, 0, 3, "20").apply(second)
    taken = take_back(typed, [(0, 0)])
    assert cells(taken.edit.apply(typed)[0]) == ["A", 12, 60, 20]
    assert len(taken.said) == 1


def test_steps_of_several_rows_are_taken_back_together(table):
    rows = [RowWriting(0, {"ai": 6.0}), RowWriting(1, {"ai": 2.5})]
    after, _ = step_edit(table, CLUSTER, rows, "x").apply(table)
    places = [(row, steps[0].id) for row, steps in after.steps.items()]
    assert len({step for _, step in places}) == 2
    assert take_back(after, places).edit.apply(after)[0].columns == table.columns


def test_a_deleted_row_takes_its_steps_along_and_brings_them_back(table):
    after, _ = done(table, CLUSTER, {"ai": 6.0})
    gone, back = remove_rows(after, [0]).apply(after)
    assert not gone.steps
    assert back.apply(gone)[0] == after


def test_a_deleted_column_is_said_and_its_id_is_not_given_again(table):
    after, _ = done(table, CLUSTER, {"ai": 6.0, "sd1i": 2.0})
    gone, _ = remove_columns(after, [len(after.columns) - 1]).apply(after)
    new, _ = insert_columns(gone, 4).apply(gone)
    assert new.columns[-1].id == 5
    taken = take_back(new, [(0, 0)])
    assert taken.said == ("Row 1 (A): a column that it wrote into is gone.",)
    assert cells(taken.edit.apply(new)[0])[1] == 12


def test_rows_that_a_step_left_out_come_back_with_it(table):
    after, _ = done(table, CLUSTER, {"ai": 17.0}, left_out=(1,))
    assert after.excluded[1] == "Combined with row 1"
    restored, _ = take_back(after, [(0, 0)]).edit.apply(after)
    assert restored == table
    from metadesk.table import SetExcluded

    other, _ = SetExcluded((1,), "Wrong population").apply(after)
    still, _ = take_back(other, [(0, 0)]).edit.apply(other)
    assert still.excluded[1] == "Wrong population"


def test_a_step_that_is_gone_cannot_be_taken_back_twice(table):
    with pytest.raises(DataProblem, match="taken back before"):
        take_back(table, [(0, 0)])


def test_parts_of_people_made_by_a_step_are_no_typing_errors(table):
    after, _ = done(table, SHARE, {"n2i": 29.5})
    assert not [p for p in validate(after) if p.code == "fractional_count"]
    typed, _ = SetCells(((0, 3, 30.5),)).apply(after)
    assert [p for p in validate(typed) if p.code == "fractional_count"]


def test_a_control_group_that_was_divided_is_not_called_twice_the_same():
    table = make_table(
        {"Study": ["A 2001", "A 2001"], "c": [6, 6], "N": [40, 40]},
        {"Study": "study", "c": "ci", "N": "n2i"},
    )
    assert [p for p in validate(table) if p.code == "same_control"]
    rows = [RowWriting(row, {"ci": 3.0, "n2i": 20.0}) for row in (0, 1)]
    after, _ = step_edit(table, SHARE, rows, "x").apply(table)
    assert not [p for p in validate(after) if p.code == "same_control"]


@pytest.mark.parametrize(
    ("value", "words"),
    [(-4, "−4"), (-0.3566749, "−0.356675"), (58, "58"), (None, "empty"), ("", "empty"), ("n", "n")],
)
def test_a_sentence_writes_values_as_they_are_read(value, words):
    assert written(value) == words
