"""Everything that can be done in the window, as one list of records."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence

from metadesk.gui.actions import ActionRecord

if TYPE_CHECKING:
    from metadesk.gui.dialogs.command_palette import Command
    from metadesk.gui.main_window import MainWindow


def records(window: MainWindow) -> tuple[ActionRecord, ...]:
    """List the actions of a window, in the order of its menus."""
    return (
        *_file(window),
        *_edit(window),
        *_analysis(window),
        *_effects(window),
        *_view(window),
        *_look(window),
        *_help(window),
    )


def palette_commands(window: MainWindow) -> list[Command]:
    """List what can be done now: the actions, then what can be done with the cells selected."""
    from metadesk.gui.dialogs.command_palette import Command

    commands = []
    for record in window.actions_.records:
        action = window.actions_[record.id]
        if action.isEnabled() and record.id != "palette":
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            title = action.text().replace("&", "")
            commands.append(Command(title, action.trigger, keys, action.icon()))
    if window.has_sheet():
        said = {command.title for command in commands}
        for line in window.sheet.cell_lines():
            if line.run is not None and line.enabled and line.title not in said:
                commands.append(Command(line.title, line.run, line.keys))
    return commands


def _file(window: MainWindow) -> tuple[ActionRecord, ...]:
    tr = window.tr
    return (
        ActionRecord(
            "open", tr("&Open…"), window.choose_file, ("Ctrl+O",), "file", "open",
            tip=tr("Open a workbook or a CSV file"),
        ),
        ActionRecord(
            "save", tr("&Save"), window.saver.save, ("Ctrl+S",), "file", "save",
            window.has_sheet, tip=tr("Save sheets, roles and analyses as one workbook"),
        ),
        ActionRecord(
            "save-as", tr("Save &as…"), window.saver.save_as, ("Ctrl+Shift+S",), "file", "",
            window.has_sheet, tip=tr("Save under another name"),
        ),
        ActionRecord(
            "export", tr("&Export…"), window.export, ("Ctrl+Shift+E",), "file", "export",
            partial(_has_result, window), tip=tr("Save the results workbook and the figure"),
        ),
        ActionRecord("start", tr("&Start page"), window.show_start, (), "file", "file"),
        ActionRecord("quit", tr("&Quit"), window.leave, ("Ctrl+Q",), "file"),
    )  # fmt: skip


def _edit(window: MainWindow) -> tuple[ActionRecord, ...]:
    tr, group = window.tr, window.session.undo_group
    return (
        ActionRecord(
            "undo", tr("&Undo"), group.undo, ("Ctrl+Z",), "edit", "undo", group.canUndo
        ),
        ActionRecord(
            "redo", tr("&Redo"), group.redo, ("Ctrl+Y", "Ctrl+Shift+Z"), "edit", "redo",
            group.canRedo,
        ),
        ActionRecord(
            "copy-tables", tr("Copy result &tables"), window.results.copy_all,
            ("Ctrl+Shift+C",), "edit", "copy", partial(_has_result, window),
        ),
        ActionRecord(
            "copy-figure", tr("Copy &figure"), window.plot.copy, (), "edit", "copy",
            lambda: window.plot.page is not None,
        ),
    )  # fmt: skip


def _analysis(window: MainWindow) -> tuple[ActionRecord, ...]:
    tr, session = window.tr, window.session
    return (
        ActionRecord(
            "run", tr("&Run now"), session.run, ("F5",), "analysis", "run", window.has_sheet,
            tip=tr("Analyse the sheet now"),
        ),
        ActionRecord(
            "cancel", tr("&Cancel the analysis"), session.cancel, ("Ctrl+.",), "analysis", "stop",
            lambda: session.busy, tip=tr("Stop; the last result stays"),
        ),
        ActionRecord(
            "auto", tr("Run &automatically"), window.toggle_auto, (), "analysis", "",
            checked=lambda: session.auto_run, tip=tr("Analyse again after every change"),
        ),
    )  # fmt: skip


def _effects(window: MainWindow) -> tuple[ActionRecord, ...]:
    has = window.effects.has_studies
    return tuple(
        ActionRecord(a.id, a.title, a.run, a.keys, "effects", "", has, tip=a.tip)
        for a in window.effects.actions()
    )


def _view(window: MainWindow) -> tuple[ActionRecord, ...]:
    tr, sheet = window.tr, window.has_sheet
    tabs = (
        ("view-plot", tr("&Forest plot"), "figure"),
        ("view-results", tr("&Results"), "workbook"),
        ("view-problems", tr("&Problems"), "caution"),
    )
    return (
        *(
            ActionRecord(
                id, title, partial(window.show_tab, at), (f"Ctrl+{at + 1}",), "view", sign, sheet
            )
            for at, (id, title, sign) in enumerate(tabs)
        ),
        ActionRecord(
            "side", tr("Sheet and plot &side by side"), window.toggle_side, ("Ctrl+Shift+L",),
            "view", "layout", sheet,
            lambda: window.right.orientation() == Qt.Orientation.Horizontal,
        ),
        ActionRecord(
            "panel", tr("&Model panel"), window.toggle_panel, ("Ctrl+M",), "view", "sliders",
            sheet, lambda: not window.side.isHidden(),
        ),
    )  # fmt: skip


def _look(window: MainWindow) -> tuple[ActionRecord, ...]:
    tr = window.tr
    looks = (
        ("system", tr("Appearance: as the system")),
        ("light", tr("Appearance: light")),
        ("dark", tr("Appearance: dark")),
    )
    return tuple(
        ActionRecord(
            f"look-{key}", words, partial(window.set_look, key), (), "look",
            checked=partial(_looks, window, key),
        )
        for key, words in looks
    )  # fmt: skip


def _help(window: MainWindow) -> tuple[ActionRecord, ...]:
    tr = window.tr
    return (
        ActionRecord(
            "palette", tr("&Commands…"), window.show_palette, ("Ctrl+Shift+P",), "help", "palette",
            tip=tr("Find everything that can be done"),
        ),
        ActionRecord("about", tr("&About and licence"), window.about, (), "help", "info"),
    )  # fmt: skip


def _has_result(window: MainWindow) -> bool:
    result = window.session.any_result
    return result is not None and result.main is not None


def _looks(window: MainWindow, key: str) -> bool:
    return window.look() == key
