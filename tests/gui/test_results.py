"""Tables on the screen and on the clipboard, forms made from options, the export."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QWidget
from windows import settle

from metadesk.document import Column, Note, Table
from metadesk.gui.dialogs.command_palette import fits
from metadesk.gui.dialogs.export import ExportDialog
from metadesk.gui.forms import OptionsForm
from metadesk.gui.results.notes import NoteList
from metadesk.gui.results.table_view import DocumentTableModel, TableView, as_html, as_tsv
from metadesk.gui.theme import DARK, LIGHT
from metadesk.models.meta import MODELS
from metadesk.options import choice, flag, integer, number, numbers, options_of, text
from metadesk.plots import PLOTS
from metadesk.resources import example

TABLE = Table(
    "Pooled",
    (Column("model", "Model"), Column("estimate", "RR", "effect"), Column("p", "P", "p")),
    (("Random <effects>", -0.123456789012, 0.0004), ("Fixed", math.nan, None)),
    ("A note.",),
    key="pooled",
)


def test_the_table_model_obeys_the_rules_of_models(qtmodeltester, qtbot):
    qtmodeltester.check(DocumentTableModel(TABLE))


def test_the_screen_rounds_and_the_clipboard_does_not(qtbot):
    model = DocumentTableModel(TABLE)
    index = model.index(0, 1)
    assert model.data(index) == "−0.12"
    assert model.data(index, Qt.ItemDataRole.UserRole) == -0.123456789012
    assert as_tsv(TABLE).split("\r\n")[1] == "Random <effects>\t-0.123456789012\t0.0004"
    assert as_tsv(TABLE).split("\r\n")[2] == "Fixed\t\t"


def test_words_do_not_touch_the_numbers_before_them(qtbot):
    columns = (Column("model", "Model"), Column("p", "P", "p"), Column("by", "By"))
    model = DocumentTableModel(Table("Made", columns, (("Fixed", 0.1, "Wald"),), (), key="made"))
    gap = Qt.ItemDataRole.DecorationRole
    assert [model.data(model.index(0, at), gap) is not None for at in range(3)] == [
        False, False, True,
    ]  # fmt: skip
    across = Qt.Orientation.Horizontal
    assert model.headerData(2, across, gap) is model.data(model.index(0, 2), gap)


def test_html_on_the_clipboard_keeps_the_digits_for_spreadsheets():
    html = as_html(TABLE)
    assert 'x:num="-0.123456789012"' in html
    assert "Random &lt;effects&gt;" in html


def test_ctrl_c_copies_the_table(qtbot):
    view = TableView(TABLE)
    qtbot.addWidget(view)
    view.copy()
    assert QGuiApplication.clipboard().text().startswith("Model\tRR\tP")


def test_words_in_the_last_column_are_cut_short_where_the_page_is_narrow(qtbot):
    words = Column("by", "By")
    view = TableView(Table("T", (Column("n", "N", "effect"), words), ((1.0, "word " * 40),)))
    qtbot.addWidget(view)
    view.resize(240, 80)
    view.show()
    assert view.horizontalHeader().length() <= view.viewport().width()
    view.resize(400, 80)
    assert view.columnWidth(1) > 240


def test_fixed_and_random_effects_stand_side_by_side(opened):
    pooled = opened.results.tables[0]
    assert [str(m).split(" (")[0] for m in pooled.column("model")] == [
        "Random effects",
        "Fixed effect",
    ]
    main = opened.session.result.main
    assert pooled.column("estimate")[0] == pytest.approx(math.exp(main.pooled.value), rel=1e-14)
    assert pooled.column("pi_lb")[1] is None


def test_selecting_a_study_in_the_table_selects_it_everywhere(opened):
    opened.show_tab(1)
    view = opened.results.findChild(TableView, "resultTable-studies")
    view.setCurrentIndex(view.model().index(3, 0))
    assert opened.session.selected == opened.session.table.row_ids[3]


@dataclass(frozen=True)
class Everything:
    colour: str = choice("Colour", {"r": "Red", "b": "Blue"}, "r")
    size: float = number("Size", 2.0, minimum=0.0, maximum=10.0)
    limit: float | None = number("Limit", None)
    count: int = integer("Count", 3, minimum=0, maximum=9)
    shown: bool = flag("Shown", True)
    name: str = text("Name", "x")
    levels: tuple[float, ...] = numbers("Levels", (0.9, 0.95), advanced=True)


def test_a_form_tells_each_change_in_the_options_own_type(qtbot):
    form = OptionsForm(Everything, {}, name="f", advanced_title="More")
    qtbot.addWidget(form)
    told = []
    form.changed.connect(lambda name, value: told.append((name, value)))
    form.field("colour").setCurrentIndex(1)
    form.field("size").setValue(4.5)
    form.field("count").setValue(7)
    form.field("shown").setChecked(False)
    for name, words in (("limit", "1,5"), ("name", "new"), ("levels", "0.8; 0.99")):
        form.field(name).setText(words)
        form.field(name).editingFinished.emit()
    assert told == [
        ("colour", "b"), ("size", 4.5), ("count", 7), ("shown", False), ("limit", 1.5),
        ("name", "new"), ("levels", (0.8, 0.99)),
    ]  # fmt: skip


def test_a_form_says_why_it_cannot_take_a_value(qtbot):
    form = OptionsForm(Everything, {}, name="f")
    qtbot.addWidget(form)
    form.field("limit").setText("wide")
    with qtbot.waitSignal(form.rejected) as said:
        form.field("limit").editingFinished.emit()
    assert "takes a number" in said.args[0]


def test_showing_values_tells_nobody(qtbot):
    form = OptionsForm(Everything, {}, name="f")
    qtbot.addWidget(form)
    told = []
    form.changed.connect(lambda *words: told.append(words))
    form.show_values({"colour": "b", "size": 3.0, "shown": False, "levels": (0.5,)})
    assert form.field("colour").currentData() == "b"
    assert form.field("levels").text() == "0.5"
    assert told == []


@pytest.mark.parametrize(
    "family", [m.options for m in MODELS] + [p.options for p in PLOTS], ids=lambda f: f.__name__
)
def test_every_family_of_options_has_a_form_that_shows_its_defaults(qtbot, family):
    form = OptionsForm(family, {}, name="f", advanced_title="More")
    qtbot.addWidget(form)
    for option in options_of(family):
        widget = form.field(option.name)
        assert widget.accessibleName() == option.title
        if isinstance(widget, QComboBox):
            assert widget.currentData() == option.default


def test_notes_say_in_words_how_much_they_matter(qtbot):
    notes = NoteList("notes")
    qtbot.addWidget(notes)
    notes.show_notes((Note("Think.", "strong", "A2"), Note("By the way.")))
    names = [card.accessibleName() for card in notes.findChildren(QWidget) if card.objectName()]
    assert "Important: Think." in names
    assert "Note: By the way." in names


@pytest.fixture
def dialog(opened, qtbot, tmp_path):
    made = ExportDialog(
        opened.session,
        "forest",
        QSettings(str(tmp_path / "export.ini"), QSettings.Format.IniFormat),
    )
    qtbot.addWidget(made)
    made.folder.setText(str(tmp_path))
    return made


def test_an_export_writes_workbook_and_figures_and_remembers_the_folder(dialog, qtbot, tmp_path):
    for box in (dialog.svg, dialog.pdf):
        box.setChecked(True)
    with qtbot.waitSignal(dialog.exported, timeout=30_000) as done:
        dialog.export()
    assert {path.suffix for path in done.args[0]} == {".xlsx", ".png", ".svg", ".pdf"}
    assert all(path.stat().st_size > 0 for path in done.args[0])
    settings = QSettings(str(tmp_path / "export.ini"), QSettings.Format.IniFormat)
    assert settings.value("export/folder") == str(tmp_path)


def test_results_of_a_bundled_example_are_not_put_beside_it(dialog, opened, tmp_path):
    opened.session.path = example("bcg_vaccine.xlsx")
    settings = QSettings(str(tmp_path / "fresh.ini"), QSettings.Format.IniFormat)
    fresh = ExportDialog(opened.session, "forest", settings, parent=opened)
    assert Path(fresh.folder.text()).is_dir()
    assert Path(fresh.folder.text()) != example("bcg_vaccine.xlsx").parent
    fresh.close()


def test_a_folder_that_is_not_there_gives_a_sentence_and_the_dialog_stays(dialog, qtbot, tmp_path):
    dialog.show()
    dialog.folder.setText(str(tmp_path / "nowhere"))
    problem = dialog.findChild(QWidget, "exportProblem")
    dialog.export()
    qtbot.waitUntil(lambda: "There is no folder" in problem.text())
    assert dialog.isVisible()


def test_files_that_would_be_replaced_are_named_before(dialog, tmp_path):
    (tmp_path / "old results.xlsx").write_bytes(b"old")
    dialog.name.setText("old results")
    assert "Replaces" in dialog.findChild(QWidget, "exportFiles").text()


def test_what_is_out_of_date_is_not_exported(dialog, opened, qtbot):
    opened.session.auto_run = False
    opened.setup.findChild(QWidget, "model-fixed").click()
    assert not dialog.findChild(QWidget, "exportGo").isEnabled()
    opened.session.run()
    settle(opened, qtbot)
    assert dialog.findChild(QWidget, "exportGo").isEnabled()


@pytest.mark.parametrize(
    ("typed", "rank"), [("exp", 0), ("port", 1), ("xpt", 2), ("zzz", None), ("", 0)]
)
def test_commands_are_found_by_a_few_letters(typed, rank):
    assert fits(typed, "Export…") == rank


def _contrast(a: str, b: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    one, two = sorted((light(a), light(b)))
    return (two + 0.05) / (one + 0.05)


@pytest.mark.parametrize("tones", [LIGHT, DARK], ids=lambda t: t.scheme)
def test_words_can_be_read_on_every_ground(tones):
    for words in ("text", "muted", "accent", "caution", "strong", "good"):
        for ground in ("window", "base", "raised"):
            assert _contrast(getattr(tones, words), getattr(tones, ground)) >= 4.5, (words, ground)


@pytest.mark.parametrize(
    ("folder", "name", "words"),
    [
        ("", "results", "Choose a folder"),
        (".", "a/b", "cannot hold /"),
        (".", "what?", "cannot hold ?"),
        (".", "..", "is missing"),
        (".", "x" * 300, "too long"),
    ],
)
def test_a_name_that_no_file_can_have_is_said_before_anything_is_written(
    dialog, tmp_path, monkeypatch, folder, name, words
):
    monkeypatch.chdir(tmp_path)
    dialog.show()
    dialog.folder.setText(folder and str(tmp_path))
    dialog.name.setText(name)
    assert words in dialog.findChild(QWidget, "exportFiles").text()
    assert not dialog.findChild(QWidget, "exportGo").isEnabled()
    dialog.export()
    assert words in dialog.findChild(QWidget, "exportProblem").text()
    assert not list(tmp_path.glob("*results*"))


def test_a_thai_name_is_a_name(dialog, qtbot, tmp_path):
    dialog.name.setText("ผลลัพธ์")
    with qtbot.waitSignal(dialog.exported, timeout=30_000):
        dialog.export()
    assert (tmp_path / "ผลลัพธ์.xlsx").is_file()
