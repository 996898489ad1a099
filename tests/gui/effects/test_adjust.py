"""The dialog that adjusts rows, and the way back by name from a row's menu and its window."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel, QPushButton

from metadesk.gui.effects.adjust import AdjustRows
from metadesk.gui.effects.desk import steps_of
from metadesk.gui.session import Session
from metadesk.table import make_table


@pytest.fixture
def session(qtbot):
    session = Session()
    session.auto_run = False
    table = make_table(
        {
            "Study": ["Chen", "Diaz low", "Diaz high"], "e": [12, 6, 3], "n": [60, 40, 30],
            "E": [18, 10, 10], "N": [58, 50, 50],
        },
        {"Study": "study", "e": "ai", "n": "n1i", "E": "ci", "N": "n2i"},
    )  # fmt: skip
    session.open_table(table)
    yield session
    session.close()


def dialog_for(session, qtbot, rows, key) -> AdjustRows:
    dialog = AdjustRows(session, rows)
    qtbot.addWidget(dialog)
    dialog.chooser.setCurrentIndex(dialog.chooser.findData(key))
    return dialog


def adjust(session, qtbot, rows, key, **parameters) -> None:
    dialog = dialog_for(session, qtbot, rows, key)
    for name, text in parameters.items():
        dialog.lines[name].setText(text)
    dialog.take.click()


def cells(session, name):
    return session.table.column(name).cells


def test_the_numbers_before_and_after_are_seen_before_they_are_written(session, qtbot) -> None:
    dialog = dialog_for(session, qtbot, [0], "cluster")
    assert not dialog.take.isEnabled()
    assert "Fill in: Mean cluster size m" in dialog.preview.text()
    dialog.lines["cluster_size"].setText("21")
    assert "n: 60 → <b>30</b>" in dialog.preview.text()
    dialog.take.click()
    assert cells(session, "n")[0] == 30
    (step,) = session.table.steps[0]
    assert step.name == (
        "Cluster trial (Mean cluster size m 21, Intracluster correlation (ICC) 0.05)"
    )
    assert session.undo_stack.undoText() == "Cluster trial: Chen"


def test_a_decimal_comma_is_read(session, qtbot) -> None:
    dialog = dialog_for(session, qtbot, [0], "cluster")
    dialog.lines["cluster_size"].setText("21")
    dialog.lines["icc"].setText("0,1")
    dialog.take.click()
    assert cells(session, "n")[0] == 20


def test_arms_of_several_rows_are_combined_and_the_others_left_out(session, qtbot) -> None:
    dialog = dialog_for(session, qtbot, [1, 2], "combine1")
    assert "e: 6 → <b>9</b>" in dialog.preview.text()
    dialog.take.click()
    assert cells(session, "n")[1] == 70
    assert session.table.excluded == {2: "Combined with row 2"}


def test_one_row_cannot_be_combined_and_that_is_said(session, qtbot) -> None:
    dialog = dialog_for(session, qtbot, [1], "combine1")
    assert "at least two rows" in dialog.preview.text()
    assert not dialog.take.isEnabled()


def test_change_scores_show_what_other_correlations_would_give(qtbot) -> None:
    session = Session()
    session.auto_run = False
    names = ("m1i", "sd1i", "n1i", "mb1i", "sdb1i", "m2i", "sd2i", "n2i", "mb2i", "sdb2i")
    numbers = (4, 2, 30, 6, 2.2, 5, 2.1, 31, 6.1, 2.0)
    columns = {"Study": ["A"], **{r: [x] for r, x in zip(names, numbers, strict=True)}}
    session.open_table(make_table(columns, {"Study": "study", **{r: r for r in names}}))
    dialog = dialog_for(session, qtbot, [0], "change")
    assert "0.3: 2.49, 2.427; 0.5: 2.107, 2.052; 0.7: 1.637, 1.591" in dialog.preview.text()
    dialog.take.click()
    assert session.table.column("m1i").cells[0] == -2
    session.close()


def test_a_step_is_taken_back_by_name_in_the_rows_menu(opened, qtbot) -> None:
    session = opened.session
    dialog = dialog_for(session, qtbot, session.table.row_ids[:2], "shared_control")
    dialog.take.click()
    opened.sheet.cursor_.go(0, 1)
    before = [line.title for line in opened.effects.row_lines()]
    (words,) = [title for title in before if title.startswith("Take back")]
    assert words == (
        "Take back: Control group shared by several comparisons (Comparisons that use this control "
        "group 2)"
    )
    line = next(line for line in opened.effects.row_lines() if line.title == words)
    line.run()
    column = session.table.column("Total 2")
    assert column.cells[:2] == (139, 151.5)
    assert list(session.table.steps) == [session.table.row_ids[1]]
    session.undo_stack.undo()
    assert session.table.column("Total 2").cells[0] == 69.5
    assert len(session.table.steps) == 2


def test_all_selected_rows_give_up_a_step_together(opened, qtbot) -> None:
    session = opened.session
    rows = session.table.row_ids[:2]
    adjust(session, qtbot, rows, "shared_control")
    ((name, places),) = steps_of(session.table, rows).items()
    assert name.startswith("Control group shared")
    opened.effects.take_back(places)
    assert not session.table.steps


def test_a_cell_that_was_typed_over_is_said_when_the_step_goes(opened, qtbot) -> None:
    from metadesk.table.gestures import type_cell

    session, said = opened.session, []
    session.message.connect(said.append)
    row = session.table.row_ids[0]
    adjust(session, qtbot, [row], "shared_control")
    at = [c.name for c in session.table.columns].index("Total 2")
    session.apply(type_cell(session.table, 0, at, "70"))
    opened.effects.take_back([(row, session.table.steps[row][0].id)])
    assert session.table.column("Total 2").cells[0] == 70
    assert "typed over since and stays 70; before the step it was 139" in said[-1]


def test_a_step_on_which_another_builds_stays_and_that_is_said(opened, qtbot) -> None:
    session, said = opened.session, []
    session.message.connect(said.append)
    row = session.table.row_ids[0]
    adjust(session, qtbot, [row], "shared_control")
    adjust(session, qtbot, [row], "cluster", cluster_size="21")
    opened.effects.take_back([(row, session.table.steps[row][0].id)])
    assert len(session.table.steps[row]) == 2
    assert "take back 'Cluster trial' first" in said[-1]


def test_the_window_of_a_row_tells_its_steps_and_takes_them_back(opened, qtbot) -> None:
    session = opened.session
    adjust(session, qtbot, [session.table.row_ids[0]], "shared_control")
    qtbot.waitUntil(lambda: not session.busy and not session.stale, timeout=20_000)
    opened.sheet.cursor_.go(0, 1)
    window = opened.effects.explain_row()
    words = " ".join(label.text() for label in window.findChildren(QLabel))
    assert "Done to the cells of this row" in words
    assert "Total 2: 139 → <b>69.5</b>" in words
    assert "Cochrane Handbook" in words
    step = session.table.steps[session.table.row_ids[0]][0]
    window.findChild(QPushButton, f"step-{step.id}").click()
    assert not session.table.steps
    window.reject()
