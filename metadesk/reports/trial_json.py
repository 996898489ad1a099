"""A trial result as JSON, in the shape of the results of studies where the two have the same."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from metadesk.analysis.trial_result import TrialResult, TrialRow
from metadesk.document import Note, Table
from metadesk.models.mixed.patient_series import SeriesResult
from metadesk.models.result import Quantity
from metadesk.reports.results_json import FORMAT, VERSION, plain_numbers
from metadesk.reports.trial_outline import outline
from metadesk.reports.trial_prose import trial_methods, trial_sentence
from metadesk.reports.trial_tables import design_tables, trial_tables
from metadesk.reports.trial_workbook import trial_notes
from metadesk.saving import save_bytes


def write_trial_json(result: TrialResult, path: Path) -> Path:
    """Save a trial result as JSON, whole or not at all."""
    return save_bytes(path, trial_json_text(result).encode("utf-8"))


def trial_json_text(result: TrialResult) -> str:
    """The result as JSON text; equal results give equal text."""
    plain = plain_numbers(trial_to_plain(result))
    return json.dumps(plain, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def trial_to_plain(result: TrialResult) -> dict[str, Any]:
    """The result as nested dictionaries and lists."""
    main = result.main
    return {
        "format": FORMAT,
        "version": VERSION,
        "kind": result.kind,
        "app_version": result.app_version,
        "fingerprint": result.fingerprint,
        "source": Path(result.source).name if result.source else "",
        "sheet": result.sheet,
        "spec": result.spec.to_plain(),
        "summary": trial_sentence(result),
        "problem": result.problem,
        "analysis": result.analysis,
        "outcome_type": result.outcome_type,
        "scale": {"key": result.scale.key, "title": result.scale.title, "log": result.scale.ratio},
        "contrast": {"active": result.active, "reference": result.reference},
        "effect": _quantity(result.effect) if result.effect else None,
        "beside": [
            {"key": c.key, "label": c.label, **_quantity(c.effect)} for c in result.companions
        ],
        "series": None if result.series is None else _series(result.series),
        "model": None
        if main is None
        else {
            "title": main.title,
            "method": main.method,
            "equation": main.equation,
            "converged": main.status.converged,
            "rung": main.status.rung,
            "boundary": list(main.status.boundary),
            "aliased": list(main.status.aliased),
            "loglik": main.statistics.logLik if main.statistics else None,
        },
        "tables": [_table(t) for t in (*trial_tables(result), *design_tables(result))],
        "report": _table(outline(result)),
        "rows": [_row(r) for r in result.rows if not r.empty],
        "settings": [{"name": s.name, "title": s.title, "value": s.value} for s in result.settings],
        "methods": trial_methods(result),
        "notes": [_note(n) for n in trial_notes(result)],
    }


def _series(series: SeriesResult) -> dict[str, Any]:
    """How effects differ between persons, and what to expect in the next one."""
    test, ahead = series.between_test, series.prediction
    return {
        "between_sd": _quantity(series.between_sd),
        "between_test": {"statistic": test.statistic, "p": test.p, "method": test.method},
        "prediction": {"lower": ahead.lower, "upper": ahead.upper, "level": ahead.level},
    }


def _quantity(q: Quantity) -> dict[str, Any]:
    ends = q.interval
    return {
        "value": float(q.value),
        "se": float(q.se),
        "df": float(q.df),
        "p": float(q.p),
        "lower": float(ends.lower) if ends else None,
        "upper": float(ends.upper) if ends else None,
        "level": ends.level if ends else None,
        "method": q.method,
    }


def _table(table: Table) -> dict[str, Any]:
    return {
        "key": table.key,
        "title": table.title,
        "columns": [c.key for c in table.columns],
        "headings": [c.title for c in table.columns],
        "rows": [list(row) for row in table.rows],
        "notes": list(table.notes),
    }


def _row(row: TrialRow) -> dict[str, Any]:
    return {f.name: getattr(row, f.name) for f in fields(row) if f.name != "empty"}


def _note(note: Note) -> dict[str, str]:
    return {"severity": note.severity, "code": note.code, "text": note.text, "source": note.source}
