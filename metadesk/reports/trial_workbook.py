"""The results workbook of a trial: Results, Subjects, Rows, Design, What to report, Settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from metadesk.analysis.trial_result import TrialResult
from metadesk.document import Note, Table
from metadesk.reports.trial_beside import persons_table
from metadesk.reports.trial_outline import outline
from metadesk.reports.trial_prose import trial_methods, trial_sentence
from metadesk.reports.trial_tables import (
    design_tables,
    rows_table,
    trial_settings_table,
    trial_tables,
)
from metadesk.reports.workbook import (
    Figure,
    add_styles,
    fill_figures,
    finish,
    saved,
    write_line,
    write_table,
)
from metadesk.saving import save_bytes

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet


def write_trial_results(result: TrialResult, path: Path, figures: Sequence[Figure] = ()) -> Path:
    """Save a trial result as a workbook, whole or not at all."""
    return save_bytes(path, trial_workbook_bytes(result, figures))


def trial_workbook_bytes(result: TrialResult, figures: Sequence[Figure] = ()) -> bytes:
    """The workbook in memory."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    add_styles(book)
    _fill_results(book.create_sheet("Results"), result)
    sheets: list[tuple[str, tuple[Table, ...]]] = []
    if result.series is not None:
        sheets.append(("Subjects", (persons_table(result),)))
    sheets += [
        ("Rows", (rows_table(result),)),
        ("Design", design_tables(result)),
        ("What to report", (outline(result),)),
        ("Settings", (trial_settings_table(result),)),
    ]
    for name, tables in sheets:
        _fill(book.create_sheet(name), tables)
    fill_figures(book.create_sheet("Figures"), figures)
    book.properties.title = result.spec.labels.title or "Trial with repeated measures"
    book.properties.creator = "metadesk"
    return saved(book, [name for name, _ in figures])


def trial_notes(result: TrialResult) -> tuple[Note, ...]:
    """What the reader must know, or why there is no model."""
    return (Note(result.problem, "stop"), *result.notes) if result.problem else result.notes


def _fill_results(sheet: Worksheet, result: TrialResult) -> None:
    row = 1
    placed = []
    for table in trial_tables(result):
        row = write_line(sheet, row, table.title, bold=True)
        placed.append((table, row))
        row = write_table(sheet, table, row) + 1
    finish(sheet, placed)
    paragraphs = [("In words", trial_sentence(result))]
    paragraphs += [("Note", note.text) for note in trial_notes(result)]
    paragraphs += [("Methods", trial_methods(result))]
    for title, words in paragraphs:
        row = write_line(sheet, row, title, bold=True)
        row = write_line(sheet, row, words) + 1


def _fill(sheet: Worksheet, tables: Sequence[Table]) -> None:
    row = 1
    placed = []
    for table in tables:
        if len(tables) > 1:
            row = write_line(sheet, row, table.title, bold=True)
        placed.append((table, row))
        row = write_table(sheet, table, row) + 1
    if not tables:
        write_line(sheet, 1, "The design could not be recognised.")
    finish(sheet, placed)
