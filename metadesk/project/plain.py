"""A project as JSON text and back, exact to the last digit and type; nothing in it is ever run.

What a newer metadesk wrote is refused with a sentence, what an older one wrote is brought up to
date step by step (:data:`MIGRATIONS`), and a request that cannot be read costs only the request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from metadesk.analysis.presets import default_spec
from metadesk.analysis.trial_spec import AnySpec, spec_from_plain
from metadesk.errors import FileProblem, SpecProblem
from metadesk.project.project import PROJECT_VERSION, Project, ProjectSheet, Source
from metadesk.table import ROLES, KeptStep, StudyTable, TableColumn, Value, WrittenCell

Plain = dict[str, Any]
Migration = Callable[[Plain], Plain]
MIGRATIONS: Mapping[int, Migration] = MappingProxyType({})
"""How the form of version n becomes that of version n + 1; the first form is the present one."""


class Damaged(FileProblem):
    """What was written about the sheets cannot be read any more."""


def project_text(project: Project) -> str:
    """The project as JSON text of plain ASCII letters."""
    return in_pieces(project_plain(project))


def project_plain(project: Project) -> Plain:
    """The project as JSON can hold it."""
    source = project.source
    return {
        "version": PROJECT_VERSION,
        "app_version": project.app_version,
        "active": project.active,
        "source": {"name": source.name, "sha256": source.sha256} if source else None,
        "sheets": [_sheet_plain(sheet) for sheet in project.sheets],
    }


def in_pieces(value: Any, depth: int = 6) -> str:
    """JSON text made column by column, so that a window beside it is not held up.

    The encoder lets no other thread run while it is at work; the cells of a column take it a few
    milliseconds, a whole large sheet would take half a second.
    """
    if depth and isinstance(value, dict):
        parts = (f"{json.dumps(k)}:{in_pieces(v, depth - 1)}" for k, v in value.items())
        return "{" + ",".join(parts) + "}"
    if depth and isinstance(value, list) and value and isinstance(value[0], dict):
        return "[" + ",".join(in_pieces(v, depth - 1) for v in value) + "]"
    return json.dumps(value, separators=(",", ":"))


def read_project_text(text: str) -> Project:
    """Read what :func:`project_text` wrote.

    Raises
    ------
    FileProblem
        If a newer metadesk wrote it.
    Damaged
        If it is no such text.
    """
    try:
        given = json.loads(text)
    except ValueError as reason:
        raise Damaged("What metadesk wrote about the sheets is damaged.") from reason
    return project_from_plain(given)


def project_from_plain(given: Any) -> Project:
    """Read what :func:`project_plain` gave; raises as :func:`read_project_text`."""
    try:
        plain = migrated(dict(given))
        read = [_sheet_from(sheet) for sheet in plain["sheets"]]
        sheets = tuple(sheet for sheet, _ in read)
        source = Source(**plain["source"]) if plain["source"] else None
        active, app_version = int(plain["active"]), str(plain["app_version"])
    except (KeyError, TypeError, ValueError, AttributeError) as reason:
        raise Damaged("What metadesk wrote about the sheets is damaged.") from reason
    if not 0 <= active < len(sheets):
        raise Damaged("What metadesk wrote about the sheets is damaged.")
    remark = " ".join(words for _, words in read if words)
    return Project(sheets, active, source, app_version, PROJECT_VERSION, remark)


def migrated(
    plain: Plain, steps: Mapping[int, Migration] = MIGRATIONS, current: int = PROJECT_VERSION
) -> Plain:
    """Bring an older form up to date, one version after the other."""
    version = int(plain["version"])
    if version > current:
        raise FileProblem(
            f"This project was saved by metadesk {plain.get('app_version', '')}, which is newer "
            "than this one. Update metadesk to open it."
        )
    for step in range(version, current):
        plain = {**steps[step](plain), "version": step + 1}
    return plain


def _sheet_plain(sheet: ProjectSheet) -> Plain:
    table = sheet.table
    return {
        "name": table.name,
        "source": table.source,
        "remarks": list(table.remarks),
        "row_ids": list(table.row_ids),
        "excluded": {str(row_id): reason for row_id, reason in table.excluded.items()},
        "steps": {
            str(row_id): [_step_plain(step) for step in steps]
            for row_id, steps in table.steps.items()
        },
        "columns": [
            {
                "id": column.id,
                "name": column.name,
                "role": column.role,
                "guessed": column.guessed,
                "cells": list(column.cells),
            }
            for column in table.columns
        ],
        "kind": sheet.spec.kind,
        "spec": _bare(sheet.spec.to_plain()),
        "figures": _bare(sheet.figure_options),
    }


def _sheet_from(plain: Plain) -> tuple[ProjectSheet, str]:
    """One sheet, and what could not be read of it."""
    columns = tuple(_column_from(column) for column in plain["columns"])
    row_ids = tuple(int(row_id) for row_id in plain["row_ids"])
    if len({c.id for c in columns}) < len(columns) or len(set(row_ids)) < len(row_ids):
        raise ValueError("an id stands twice")
    excluded = {int(row_id): str(reason) for row_id, reason in plain["excluded"].items()}
    if not excluded.keys() <= set(row_ids):
        raise ValueError("a row that is not there is excluded")
    steps = {  # sheets that were saved before steps were kept have none
        int(row_id): tuple(_step_from(step) for step in of_row)
        for row_id, of_row in plain.get("steps", {}).items()
    }
    if not steps.keys() <= set(row_ids):
        raise ValueError("a row that is not there has a step")
    table = StudyTable(
        columns, row_ids, MappingProxyType(excluded), str(plain["name"]), str(plain["source"]),
        tuple(str(remark) for remark in plain.get("remarks", ())), MappingProxyType(steps),
    )  # fmt: skip
    spec, remark = _spec_from(plain, table.name)
    figures = {str(plot): _tupled(chosen) for plot, chosen in plain["figures"].items()}
    return ProjectSheet(table, spec, figures), remark


def _step_plain(step: KeptStep) -> Plain:
    return {
        "id": step.id,
        "key": step.key,
        "title": step.title,
        "parameters": [list(pair) for pair in step.parameters],
        "citation": step.citation,
        "cells": [[c.column_id, c.before, c.after, c.typed, c.how] for c in step.cells],
        "told": list(step.told),
        "left_out": list(step.left_out),
    }


def _step_from(plain: Plain) -> KeptStep:
    return KeptStep(
        int(plain["id"]),
        str(plain["key"]),
        str(plain["title"]),
        tuple((str(words), _cell(value)) for words, value in plain["parameters"]),
        str(plain["citation"]),
        tuple(
            WrittenCell(int(column_id), _cell(before), _cell(after), bool(typed), str(how))
            for column_id, before, after, typed, how in plain["cells"]
        ),
        tuple(str(sentence) for sentence in plain["told"]),
        tuple(int(row_id) for row_id in plain["left_out"]),
    )


def _cell(value: Any) -> Value:
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError("a cell holds neither text nor a number")


def _column_from(plain: Plain) -> TableColumn:
    cells = tuple(_cell(value) for value in plain["cells"])
    role = plain["role"] if plain["role"] in ROLES else None
    return TableColumn(int(plain["id"]), str(plain["name"]), cells, role, bool(plain["guessed"]))


def _spec_from(plain: Plain, sheet: str) -> tuple[AnySpec, str]:
    """The request of a sheet; where it cannot be read the usual one, and a sentence."""
    try:
        return spec_from_plain({**_tupled(plain["spec"]), "kind": plain["kind"]}), ""
    except SpecProblem as problem:
        usual = replace(default_spec(), sheet=sheet)
        return usual, f"The analysis of sheet '{sheet}' starts anew: {problem}"


def _bare(value: Any) -> Any:
    """Mappings as dicts, for JSON."""
    if isinstance(value, Mapping):
        return {str(k): _bare(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_bare(v) for v in value]
    return value


def _tupled(value: Any) -> Any:
    """Lists as the tuples that they were."""
    if isinstance(value, Mapping):
        return {k: _tupled(v) for k, v in value.items()}
    if isinstance(value, list):
        return tuple(_tupled(v) for v in value)
    return value
