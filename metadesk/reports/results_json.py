"""The results as JSON, for other programs: versioned, every number with its method.

``resources/results_json.md`` describes the fields. The version goes up when a field changes its
meaning or goes; new fields may come without it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from metadesk.analysis.result import AnalysisResult, StudyResult, StudyStep
from metadesk.document import Note, Table
from metadesk.models import FitResult
from metadesk.reports.methods import methods_text
from metadesk.reports.model_tables import report_tables
from metadesk.reports.numbers import all_numbers, models_of
from metadesk.reports.prose import result_sentence
from metadesk.reports.sources import citations
from metadesk.saving import save_bytes

FORMAT = "metadesk results"
VERSION = 1


def write_json(result: AnalysisResult, path: Path) -> Path:
    """Save a result as JSON, whole or not at all."""
    return save_bytes(path, json_text(result).encode("utf-8"))


def json_text(result: AnalysisResult) -> str:
    """The result as JSON text; equal results give equal text."""
    plain = plain_numbers(to_plain(result))
    return json.dumps(plain, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def to_plain(result: AnalysisResult) -> dict[str, Any]:
    """The result as nested dictionaries and lists."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "app_version": result.app_version,
        "fingerprint": result.fingerprint,
        "source": Path(result.source).name if result.source else "",
        "sheet": result.sheet,
        "outcome": result.outcome,
        "other_outcomes": dict(result.other_outcomes),
        "spec": result.spec.to_plain(),
        "measure": _measure(result),
        "summary": result_sentence(result),
        "problem": result.problem,
        "models": [
            _model(result, key, title, fit, main=fit is result.main)
            for key, title, fit in models_of(result)
        ],
        "tables": [_table(table) for table in report_tables(result)],
        "studies": [_study(result, i, s) for i, s in enumerate(result.studies) if not s.empty],
        "settings": _settings(result),
        "methods": methods_text(result),
        "notes": [_note(note) for note in result.notes],
    }


def plain_numbers(value: Any) -> Any:
    """Replace what JSON cannot hold: NaN by null, infinities by 'Infinity' and '-Infinity'."""
    if isinstance(value, dict):
        return {key: plain_numbers(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain_numbers(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return None
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _measure(result: AnalysisResult) -> dict[str, Any]:
    if not result.measure:
        return {}
    family, scale = result.family, result.scale
    return {
        "key": family.key,
        "title": family.title,
        "short": family.short,
        "formula": family.formula,
        "source": family.citation.full,
        "scale": {
            "key": scale.key,
            "name": scale.name,
            "axis": scale.axis,
            "null": float(scale.null),
        },
    }


def _model(
    result: AnalysisResult, key: str, title: str, fit: FitResult, *, main: bool
) -> dict[str, Any]:
    status = fit.status
    return {
        "key": key,
        "title": title,
        "main": main,
        "family": fit.family,
        "method": fit.method,
        "test": fit.coefficients.test,
        "level": fit.coefficients.level,
        "k": fit.k,
        "converged": status.converged,
        "iterations": status.iterations,
        "rung": status.rung,
        "boundary": list(status.boundary),
        "aliased": list(status.aliased),
        "weights_meaning": fit.weights_meaning,
        "numbers": [
            {
                "name": n.name,
                "title": n.title,
                "value": float(n.value),
                "method": n.method,
                "scale": n.scale,
            }
            for n in all_numbers(result, fit)
        ],
        "notes": [_note(note) for note in fit.notes],
    }


def _study(result: AnalysisResult, i: int, study: StudyResult) -> dict[str, Any]:
    return {
        "row": study.row_id,
        "label": study.label,
        "study": study.study,
        "year": study.year,
        "subgroup": study.subgroup,
        "used": study.used,
        "by_person": study.by_person,
        "reason": study.reason,
        "yi": study.yi,
        "vi": study.vi,
        "effect": study.effect,
        "lower": study.lower,
        "upper": study.upper,
        "weight": study.weight,
        "weight_fixed": study.weight_fixed,
        "fitted": study.fitted,
        "blup": study.blup,
        "blup_se": study.blup_se,
        "route": study.route,
        "route_title": study.route_title,
        **_way(result, study),
        "notes": list(study.notes),
        "steps": [_step(step) for step in study.steps],
        "data": {column.key: column.values[i] for column in result.data_columns},
    }


def _way(result: AnalysisResult, study: StudyResult) -> dict[str, Any]:
    """The source of a row's way to its effect, and the roles whose cells it read."""
    if not study.route:
        return {"route_source": "", "route_roles": []}
    route = result.family.route(study.route)
    cited = route.citation or result.family.citation
    return {"route_source": cited.full, "route_roles": list(route.roles)}


def _step(step: StudyStep) -> dict[str, Any]:
    return {
        "key": step.key,
        "title": step.title,
        "parameters": [{"title": words, "value": value} for words, value in step.parameters],
        "source": step.citation,
        "cells": [
            {"column": c.column, "role": c.role, "before": c.before, "after": c.after,
             "holds": c.holds, "how": c.how}
            for c in step.cells
        ],
        "told": list(step.told),
    }  # fmt: skip


def _table(table: Table) -> dict[str, Any]:
    return {
        "key": table.key,
        "title": table.title,
        "columns": [{"key": c.key, "title": c.title} for c in table.columns],
        "rows": [dict(zip((c.key for c in table.columns), row, strict=True)) for row in table.rows],
        "notes": list(table.notes),
    }


def _settings(result: AnalysisResult) -> list[dict[str, str]]:
    sources = citations(result)
    return [
        {"name": s.name, "title": s.title, "value": s.value, "source": sources.get(s.name, "")}
        for s in result.settings
    ]


def _note(note: Note) -> dict[str, str]:
    return {
        "severity": note.severity,
        "code": note.code,
        "text": note.text,
        "source": note.source,
    }
