"""The sheet's model: what stands where, and that no more is announced than changed."""

import pytest
from PySide6.QtCore import Qt

from metadesk.gui.sheet.grid import SPARE_ROWS, TICK, SheetModel
from metadesk.table import Compound, ReplaceTable, SetCells, SetRole, StudyTable, gestures

EDITS = {
    "typing": lambda t: gestures.type_cell(t, 1, 2, "9"),
    "paste inside": lambda t: gestures.paste(t, 0, 0, [["a", "b"], ["c", "d"]]),
    "paste below": lambda t: gestures.paste(t, 4, 1, [["1"], ["2"], ["3"]]),
    "paste beyond both ends": lambda t: gestures.paste(t, 4, 6, [["1", "2"], ["3", "4"]]),
    "paste far below": lambda t: gestures.paste(t, 12, 1, [["1"]]),
    "insert rows": lambda t: gestures.insert_rows(t, 2, 3),
    "delete rows": lambda t: gestures.remove_rows(t, [1, 3]),
    "delete the last row": lambda t: gestures.remove_rows(t, [4]),
    "insert a column": lambda t: gestures.insert_columns(t, 2),
    "add a column": lambda t: gestures.insert_columns(t, 7),
    "delete columns": lambda t: gestures.remove_columns(t, [0, 5]),
    "delete most columns": lambda t: gestures.remove_columns(t, [1, 2, 3, 4, 5, 6]),
    "exclude": lambda t: gestures.exclude(t, t.row_ids[:2], "Wrong outcome"),
    "role": lambda t: gestures.set_role(t, 6, "subgroup"),
    "empty": lambda t: ReplaceTable(StudyTable(), "Empty"),
}


@pytest.fixture
def model(session, bcg):
    session.open_table(bcg)
    return SheetModel(session)


def all_texts(model):
    rows, columns = range(model.rowCount()), range(model.columnCount())
    return [[model.text(r, c) for c in columns] for r in rows]


@pytest.mark.parametrize("name", EDITS)
def test_every_edit_and_its_undo_keep_the_rules_of_qt_models(name, model, session, qtmodeltester):
    qtmodeltester.check(model)
    before = all_texts(model)
    session.apply(EDITS[name](session.table))
    assert model.table is session.table
    assert model.rowCount() == session.table.n_rows + SPARE_ROWS
    after = all_texts(model)
    session.undo_stack.undo()
    assert [row[1:8] for row in all_texts(model)] == [row[1:8] for row in before]
    session.undo_stack.redo()
    assert [row[1:8] for row in all_texts(model)] == [row[1:8] for row in after]


def test_typing_announces_the_one_cell_of_the_table(model, session):
    heard = []
    model.dataChanged.connect(lambda a, b: heard.append((a.row(), a.column(), b.row(), b.column())))
    session.apply(gestures.type_cell(session.table, 2, 3, "7"))
    in_table = [span for span in heard if span[1] < model.first_effect]
    assert in_table == [(2, 4, 2, 4)]


def test_a_number_keeps_its_look_and_stands_at_the_right(model):
    row_of_text = 4
    assert model.text(0, 3) == "4"
    assert model.alignment(0, 3) & Qt.AlignmentFlag.AlignRight
    assert model.alignment(row_of_text, 3) & Qt.AlignmentFlag.AlignRight, "text read as a number"
    assert model.alignment(1, 7) & Qt.AlignmentFlag.AlignLeft


def test_a_number_read_from_text_says_how_in_its_tooltip(model):
    assert "33" in model.tooltip(4, 3)
    assert "footnote" in model.tooltip(4, 3)


def test_a_problem_is_said_in_the_cell(model, settled):
    settled()
    assert model.problems_at(3, 5)[0].severity == "error"
    assert "negative" in model.tooltip(3, 5)


def test_what_is_said_of_a_column_stands_in_its_header(model, session, settled):
    texts = [str(v) for v in session.table.columns[3].cells]
    edit = SetCells(
        tuple((r, session.table.columns[3].id, v) for r, v in zip(range(5), texts, strict=True))
    )
    session.apply(edit)
    settled()
    assert model.problems_of_column(4)[0].code == "number_as_text"
    said = model.headerData(4, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
    assert "stored as text" in said


def test_a_changed_row_never_shows_its_old_effect(model, session, settled):
    settled()
    effect = model.columnCount() - 1
    assert model.text(0, effect) == "1.65 [1.11, 2.44]"
    session.apply(gestures.type_cell(session.table, 0, 2, "5"))
    assert model.text(0, effect) == "…"
    assert model.text(1, effect) == "1.65 [1.11, 2.44]"
    settled()
    assert model.text(0, effect) == "1.65 [1.11, 2.44]"


def test_a_failed_analysis_leaves_no_effect_behind(model, session, settled, monkeypatch, caplog):
    settled()

    def fail(spec, table):
        raise RuntimeError("no")

    monkeypatch.setattr(session._engine, "prepare", fail)
    session.apply(gestures.type_cell(session.table, 0, 2, "5"))
    settled()
    assert model.text(0, model.columnCount() - 1) == ""
    caplog.clear()


def test_effect_cells_cannot_be_edited(model):
    index = model.index(0, model.columnCount() - 1)
    assert not index.flags() & Qt.ItemFlag.ItemIsEditable
    assert not model.setData(index, "1")


def test_the_tick_box_says_whether_a_row_takes_part(model, session):
    index = model.index(0, TICK)
    assert index.data(Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Checked
    session.apply(gestures.exclude(session.table, session.table.row_ids[:1], "Outlier"))
    assert index.data(Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Unchecked
    assert "Outlier" in model.tooltip(0, TICK)


def test_rows_typed_below_the_table_come_out_of_the_empty_ones(model, session):
    index = model.index(8, 1)
    heard = []
    model.rowsInserted.connect(lambda _p, first, last: heard.append((first, last)))
    assert model.setData(index, "New study")
    assert session.table.n_rows == 9
    assert session.table.cell(8, 0) == "New study"
    assert heard == [(5 + SPARE_ROWS, 8 + SPARE_ROWS)], "empty rows are added at the very end"


def test_edits_of_other_kinds_at_once_are_one_step(model, session):
    table = session.table
    both = Compound(
        "Both",
        (
            SetRole(table.columns[6].id, "subgroup"),
            SetCells(((table.row_ids[0], table.columns[0].id, "X"),)),
        ),
    )
    session.apply(both)
    assert (model.text(0, 1), model.role_at(7).key) == ("X", "subgroup")
    session.undo_stack.undo()
    assert (model.text(0, 1), model.role_at(7)) == ("Aronson", None)
