"""A project as an ordinary workbook: clean worksheets, and one hidden one that remembers the rest.

Excel shows the data as they were typed. Roles, reasons for leaving rows out, ids, requests and the
looks of figures stand as JSON text in the sheet ``metadesk``, which Excel does not offer to show.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from metadesk.analysis.presets import default_spec
from metadesk.errors import FileProblem
from metadesk.formats import guess_roles, read_workbook
from metadesk.formats.workbook import Sheet, Workbook
from metadesk.project.changes import reconciled, same_header
from metadesk.project.plain import Damaged, project_text, read_project_text
from metadesk.project.project import HIDDEN, Project, ProjectSheet
from metadesk.project.worksheets import add_styles, add_worksheet, titles_of
from metadesk.saving import save_atomically

MARK = "metadesk project"
NOTE = "Roles, exclusions and analyses of the other sheets. Leave this sheet to metadesk."
CHUNK = 30_000  # Excel holds 32,767 characters a cell


def write_project(project: Project, path: Path) -> Path:
    """Save a project as a workbook (.xlsx), whole or not at all.

    Raises
    ------
    FileProblem
        If the file cannot be written; an older one is unharmed.
    """
    return save_atomically(Path(path), lambda temporary: _write(project, temporary))


def read_project(path: Path) -> Project | None:
    """Read a project from a workbook; None if metadesk did not save it.

    Raises
    ------
    FileProblem
        If the file cannot be read, or was saved by a newer metadesk.
    """
    if path.is_file() and not _may_hold_project(path):
        return None
    return project_in(read_workbook(path))


def project_in(book: Workbook) -> Project | None:
    """The project that a workbook holds, with what was changed in its worksheets since.

    ``remark`` says in one sentence what was changed, or that what metadesk wrote is damaged.
    """
    text = _hidden_text(book)
    if text is None:
        return None
    try:
        project = read_project_text(text)
    except Damaged:
        sheets = tuple(_new_sheet(sheet) for sheet in _shown(book))
        return Project(sheets, remark=_damaged(book)) if sheets else None
    return _with_changes(project, book)


def sheet_in(project: Project, name: str | None, path: Path) -> ProjectSheet:
    """The sheet of this name, capitals and outer spaces aside; the one in front without a name."""
    if name is None:
        return project.sheets[project.active]
    for sheet in project.sheets:
        if sheet.table.name.strip().lower() == name.strip().lower():
            return sheet
    known = ", ".join(f"'{sheet.table.name}'" for sheet in project.sheets)
    raise FileProblem(f"'{path.name}' has no sheet '{name}'; it has {known}.")


def _write(project: Project, path: Path) -> None:
    from openpyxl import Workbook as NewBook

    book = NewBook(write_only=True)
    add_styles(book)
    titles = titles_of([sheet.table.name for sheet in project.sheets])
    for sheet, title in zip(project.sheets, titles, strict=True):
        add_worksheet(book, sheet.table, title)
    hidden = book.create_sheet(HIDDEN)
    hidden.sheet_state = "veryHidden"
    for line in (MARK, NOTE, *_chunks(project_text(project))):
        hidden.append([line])
    book.active = project.active
    book.properties.creator = "metadesk"
    book.save(str(path))


def _chunks(text: str) -> list[str]:
    """The text in pieces that fit a cell, with guards that keep outer blanks and first signs."""
    safe = text.replace("_x", "\\u005fx")  # '_x0041_' is a letter to a spreadsheet
    return [f":{safe[at : at + CHUNK]}:" for at in range(0, len(safe), CHUNK)]


def _may_hold_project(path: Path) -> bool:
    """Whether a file has a sheet of our name, without reading its sheets."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as package:
        place = "xl/workbook.xml"
        return place in package.namelist() and f'"{HIDDEN}"'.encode() in package.read(place)


def _hidden_text(book: Workbook) -> str | None:
    """The text of the hidden sheet, None where there is none."""
    for sheet in book.sheets:
        if sheet.name == HIDDEN and sheet.grid and sheet.grid[0][0] == MARK:
            pieces = [str(row[0]) for row in sheet.grid[2:] if row[0] is not None]
            return "".join(piece[1:-1] for piece in pieces)
    return None


def _shown(book: Workbook) -> list[Sheet]:
    """The worksheets of a person."""
    return [sheet for sheet in book.visible if sheet.name != HIDDEN]


def _with_changes(project: Project, book: Workbook) -> Project:
    """Bring together what was saved and what the worksheets hold now."""
    titles = titles_of([sheet.table.name for sheet in project.sheets])
    there = {sheet.name: sheet for sheet in book.sheets if sheet.name != HIDDEN}
    new = [sheet for sheet in _shown(book) if sheet.name not in titles]
    kept: list[ProjectSheet] = []
    said: list[str] = []
    active = 0
    for at, (sheet, title) in enumerate(zip(project.sheets, titles, strict=True)):
        now, words = _found_again(sheet, there.get(title), new)
        said += words
        if now is not None:
            active = len(kept) if at == project.active else active
            kept.append(now)
    for extra in new:
        kept.append(_new_sheet(extra))
        said.append(f"sheet '{extra.name}' is new")
    if not kept:
        return replace(project, remark=_join(project.remark, ["all sheets are gone, as saved"]))
    return replace(project, sheets=tuple(kept), active=active, remark=_join(project.remark, said))


def _found_again(
    saved: ProjectSheet, sheet: Sheet | None, new: list[Sheet]
) -> tuple[ProjectSheet | None, Sequence[str]]:
    """A saved sheet as it is now, None if it is gone; and what is to be said of it."""
    table, said = saved.table, []
    if sheet is None:
        sheet = next((s for s in new if same_header(table, s)), None)
        if sheet is None:
            return None, [f"sheet '{table.name}' is gone"]
        new.remove(sheet)
        said.append(f"sheet '{table.name}' is now called '{sheet.name}'")
        table = replace(table, name=sheet.name)
        saved = replace(saved, spec=replace(saved.spec, sheet=sheet.name))
    made, changes = reconciled(table, sheet)
    if changes is not None:
        said.append(f"in '{made.name}' {changes}")
    return replace(saved, table=made), said


def _new_sheet(sheet: Sheet) -> ProjectSheet:
    """A worksheet that metadesk has not seen, with guessed roles."""
    table = guess_roles(sheet.table()).table
    return ProjectSheet(table, replace(default_spec(), sheet=table.name))


def _join(remark: str, said: Sequence[str]) -> str:
    """What was changed as one sentence, after what was said before."""
    if not said:
        return remark
    changed = (
        f"The workbook was changed after metadesk saved it: {'; '.join(said)}. "
        "Roles, exclusions and analyses were kept where they still fit."
    )
    return f"{remark} {changed}".strip()


def _damaged(book: Workbook) -> str:
    return (
        f"What metadesk wrote into '{book.path.name}' is damaged: the sheets are read anew, look "
        "at the roles of their columns and at rows that were left out."
    )
