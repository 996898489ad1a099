"""Small marks in the corner of cells: written by a step, read for a conversion; what they say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter

from metadesk.gui.session import Session
from metadesk.gui.sheet.colours import DARK, LIGHT
from metadesk.gui.sheet.delegate import paint_badge
from metadesk.gui.sheet.grid import SheetModel
from metadesk.gui.sheet.origins import READ, WRITTEN
from metadesk.table import make_table
from metadesk.table.gestures import type_cell
from metadesk.table.stepping import Doing, RowWriting, step_edit

TABLE = make_table(
    {
        "Study": ["A", "B"], "m1": [10.0, 9.0], "sd1": [3.0, None], "se1": [None, 0.5],
        "n1": [30, 40], "m2": [8.0, 8.5], "sd2": [2.5, None], "se2": [None, 0.4], "n2": [28, 41],
    },
    {"Study": "study", "m1": "m1i", "sd1": "sd1i", "se1": "se1i", "n1": "n1i", "m2": "m2i",
     "sd2": "sd2i", "se2": "se2i", "n2": "n2i"},
)  # fmt: skip
CLUSTER = Doing("cluster", "Cluster trial", {"ICC": 0.05}, "Rao & Scott (1992)")


@pytest.fixture
def model(qtbot):
    session = Session()
    session.open_table(TABLE)
    session.set_spec(replace(session.spec, measure="MD"), "measure")
    model = SheetModel(session)
    qtbot.waitUntil(lambda: not session.busy and not session.stale, timeout=20_000)
    yield model
    session.close()


def badges(model, row: int) -> dict[str, str]:
    return {model.title(s): b for s in range(1, 10) if (b := model.badge(row, s))}


def test_cells_that_a_conversion_read_are_marked_and_say_so(model) -> None:
    assert badges(model, 0) == {}
    assert badges(model, 1) == dict.fromkeys(["m1", "se1", "n1", "m2", "se2", "n2"], READ)
    said = model.tooltip(1, 4)
    assert "The effect was worked out from this cell: mean and SE of both groups (Higgins" in said


def test_cells_that_a_step_wrote_are_marked_and_tell_step_source_and_old_value(model) -> None:
    session = model.session
    edit = step_edit(session.table, CLUSTER, [RowWriting(0, {"n1i": 15.0})], "x")
    session.apply(edit)
    assert badges(model, 0) == {"n1": WRITTEN}
    assert model.tooltip(0, 5).splitlines() == [
        "Cluster trial (ICC 0.05)",
        "Before: 30. It can be taken back in the row's menu.",
        "Rao & Scott (1992)",
    ]
    role = Qt.ItemDataRole.AccessibleDescriptionRole
    assert "Cluster trial" in model.data(model.index(0, 5), role)


def test_a_cell_that_is_typed_over_loses_its_mark(model) -> None:
    session = model.session
    session.apply(step_edit(session.table, CLUSTER, [RowWriting(0, {"n1i": 15.0})], "x"))
    session.apply(type_cell(session.table, 0, 4, "16"))
    assert badges(model, 0) == {}
    session.undo_stack.undo()
    assert badges(model, 0) == {"n1": WRITTEN}


def test_values_that_were_typed_into_a_form_are_not_marked(model) -> None:
    session = model.session
    row = RowWriting(0, {"n1i": 15.0, "sd1i": 4.0}, frozenset({"n1i"}), {"sd1i": "SD: 4."})
    session.apply(step_edit(session.table, Doing("calculator", "Row calculator"), [row], "x"))
    assert badges(model, 0) == {"sd1": WRITTEN}
    assert "SD: 4." in model.tooltip(0, 3)


def test_marks_of_what_was_read_wait_for_the_new_effect(model, qtbot) -> None:
    session = model.session
    session.apply(type_cell(session.table, 1, 2, "5"))
    assert badges(model, 1) == {}
    qtbot.waitUntil(lambda: not session.busy and not session.touched, timeout=20_000)
    assert badges(model, 1) == dict.fromkeys(["m1", "sd1", "n1", "m2", "se2", "n2"], READ)


def test_only_new_marks_make_the_cells_be_painted_again(model, qtbot) -> None:
    session, firsts = model.session, []
    model.dataChanged.connect(lambda a, b: firsts.append(a.column()))
    session.apply(type_cell(session.table, 0, 1, "11"))
    qtbot.waitUntil(lambda: not session.busy and not session.touched, timeout=20_000)
    assert set(firsts) == {2, model.first_effect}


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_the_two_marks_differ_in_shape(qapp, colours) -> None:
    pictures = []
    for badge in (WRITTEN, READ):
        image = QImage(60, 24, QImage.Format.Format_RGB32)
        image.fill(QColor(colours.base))
        painter = QPainter(image)
        paint_badge(painter, QRect(0, 0, 60, 24), badge, colours)
        painter.end()
        pictures.append(image)
    inside = [image.pixelColor(1, 22) for image in pictures]
    assert inside[0] == colours.current
    assert inside[1] == QColor(colours.base)
    assert any(
        pictures[1].pixelColor(x, y) != QColor(colours.base)
        for x in range(8)
        for y in range(16, 24)
    )
    assert pictures[0].pixelColor(50, 4) == QColor(colours.base)
