"""Writing up a result of either kind, studies or trial rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from metadesk.analysis.engine import AnyResult
from metadesk.analysis.trial_result import TrialResult
from metadesk.reports.prose import result_sentence
from metadesk.reports.results_json import write_json
from metadesk.reports.trial_json import write_trial_json
from metadesk.reports.trial_prose import trial_sentence
from metadesk.reports.trial_workbook import write_trial_results
from metadesk.reports.workbook import Figure, write_results


def write_workbook(result: AnyResult, path: Path, figures: Sequence[Figure] = ()) -> Path:
    """Save the results workbook of any result."""
    if isinstance(result, TrialResult):
        return write_trial_results(result, path, figures)
    return write_results(result, path, figures)


def write_any_json(result: AnyResult, path: Path) -> Path:
    """Save any result as JSON."""
    if isinstance(result, TrialResult):
        return write_trial_json(result, path)
    return write_json(result, path)


def sentence_of(result: AnyResult) -> str:
    """Any result in one sentence."""
    if isinstance(result, TrialResult):
        return trial_sentence(result)
    return result_sentence(result)
