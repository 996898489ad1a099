"""Published trials on the same people that report no correlation: what a filled-in one changes.

A crossover trial known from its publication needs the correlation within persons. Where some rows
lack it, the model is fitted again with 0.3, 0.5 and 0.7 in their place and stands beside the main
one, in which these rows have no part.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from metadesk.analysis.fitting import fit_model
from metadesk.analysis.prepare import Prepared, bound_columns
from metadesk.analysis.result import Companion
from metadesk.effects import MEASURES, compute
from metadesk.effects.conversions.crossover import SWEEP
from metadesk.errors import MetadeskError
from metadesk.models.meta import MODELS
from metadesk.models.meta.data import MetaData
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import BoolVector
from metadesk.table.steps import in_force

ASSUMED = "correlation"
"""Key of the adjustment that assumes a correlation."""


def correlation_sweep(prepared: Prepared, progress: Progress = SILENT) -> tuple[Companion, ...]:
    """The main model under each of several correlations where the papers told none.

    Those are the rows that lack an effect without one, and those that were given an assumed one.
    Empty where there are no such rows.

    References
    ----------
    Elbourne et al. (2002); Cochrane Handbook, chapter 23.2.7: a range of plausible correlations.
    """
    spec, columns = prepared.spec, prepared.columns
    if prepared.effects is None or not _is_paired(prepared.measure):
        return ()
    if MODELS[spec.model].reads != "effects":
        return ()
    known = columns.get("ri", np.full(len(prepared.studies), np.nan))
    untold = np.isnan(known) & np.isnan(prepared.effects.yi) | _assumed(prepared)
    routes = [spec.routes.get(study.row_id) for study in prepared.studies]
    taking_part = np.array([s.listed and not s.by_person for s in prepared.studies])
    found = []
    for r in SWEEP:
        filled = {**columns, "ri": np.where(untold, r, known)}
        effects = compute(prepared.measure, filled, spec.measure_options, routes=routes)
        usable = np.array([reason is None for reason in effects.reasons])
        rows = np.flatnonzero(taking_part & usable)
        if not (untold & taking_part & usable).any():
            return ()
        data = MetaData.of(
            effects.yi[rows],
            effects.vi[rows],
            slab=[prepared.studies[i].label for i in rows],
            ni=effects.ni[rows],
        )
        try:
            fit = fit_model(spec.model, spec.model_options, spec.level, data, progress)
        except MetadeskError:
            continue
        label = f"Missing correlations taken as {r:g}"
        found.append(Companion(f"r-{r:g}", label, replace(fit, weights=None)))
    return tuple(found)


def _assumed(prepared: Prepared) -> BoolVector:
    """Rows whose correlation is one that a person assumed."""
    column = bound_columns(prepared.spec, prepared.table).get("ri")
    at = None if column is None else column.id
    steps = in_force(prepared.table)
    rows = {row for (row, of), step in steps.items() if of == at and step.key == ASSUMED}
    return np.array([study.row_id in rows for study in prepared.studies], dtype=bool)


def _is_paired(measure: str) -> bool:
    """Whether a measure compares two values of the same people."""
    if measure not in MEASURES:
        return False
    return any("ri" in {need.role for need in route.needs} for route in MEASURES[measure].routes)
