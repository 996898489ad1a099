"""Several effects of one study: how their sampling errors go together, or one effect from them.

A request says it in its block ``dependence``. Either each study's effects are combined into one
before anything is pooled, or all are kept and models that read several effects of a study (the
multilevel model) get the covariance matrix of their sampling errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from metadesk.analysis.covariances import Dependence, covariance, typed_variances
from metadesk.analysis.result import StudyResult
from metadesk.effects import EffectSizes
from metadesk.effects.aggregate import aggregate
from metadesk.numerics.types import FloatVector
from metadesk.options import from_plain
from metadesk.table import StudyTable


def dependence_of(spec_block: Mapping[str, Any]) -> Dependence:
    """The request's block as options.

    Raises
    ------
    SpecProblem
        If a name or value in it is unknown.
    """
    return from_plain(Dependence, spec_block, where="dependence")


def with_typed_variances(
    spec_block: Mapping[str, Any], table: StudyTable, columns: Mapping[str, FloatVector]
) -> dict[str, FloatVector]:
    """The columns, with variances from typed covariance matrices where the sheet has no others."""
    chosen = dependence_of(spec_block)
    found = dict(columns)
    if chosen.use != "none" and "matrix" in chosen.parts and not {"vi", "sei"} & found.keys():
        found["vi"] = typed_variances(chosen, table)
    return found


def combined(
    spec_block: Mapping[str, Any],
    table: StudyTable,
    studies: tuple[StudyResult, ...],
    effects: EffectSizes,
    level: float,
) -> tuple[tuple[StudyResult, ...], EffectSizes]:
    """Put one effect a study in the place of several, where the request asks for it.

    The first used row of a study carries the combined effect; its other rows stay in the result,
    left out with that reason.
    """
    chosen = dependence_of(spec_block)
    rows = np.array([i for i, s in enumerate(studies) if s.used], dtype=np.int64)
    if chosen.use != "combine" or len(rows) == 0:
        return studies, effects
    V = covariance(chosen, table, effects.vi, rows)
    found = aggregate(effects.yi[rows], V, weighted=chosen.weighted)
    yi, vi, ni = effects.yi.copy(), effects.vi.copy(), effects.ni.copy()
    done = list(studies)
    for y, v, members in zip(found.yi, found.vi, found.rows, strict=True):
        first, *others = (int(rows[int(m)]) for m in members)
        if not others:
            continue
        yi[first], vi[first], ni[first] = y, v, float(np.max(effects.ni[[first, *others]]))
        for other in others:
            done[other] = replace(
                done[other], used=False,
                reason=f"Combined with the other effects of this study in row {first + 1}.",
            )  # fmt: skip
        parts = effects.yi[[first, *others]]
        outside = not parts.min() <= y <= parts.max()
        done[first] = _carrying(done[first], len(members), chosen, outside=outside)
    changed = replace(effects, yi=yi, vi=vi, ni=ni)
    return _read_again(tuple(done), studies, changed, level), changed


BEYOND = (
    "The combined effect lies outside the effects it was made from: with such correlations the "
    "less precise ones get negative weights. The plain mean of the effects has none."
)


def _carrying(
    study: StudyResult, count: int, chosen: Dependence, *, outside: bool = False
) -> StudyResult:
    how = "weighted" if chosen.weighted else "plain mean"
    by = {
        "outcomes": f"correlation {chosen.rho:g} of two outcomes",
        "times": f"correlation {chosen.phi:g} a unit of time",
        "control": "the group they share",
        "matrix": "the covariances in the sheet",
    }
    told = ", ".join(words for part, words in by.items() if part in chosen.parts)
    note = f"{count} effects of this study were combined into one ({how}; {told})."
    odd = (BEYOND,) if outside and chosen.weighted else ()
    return replace(study, notes=(*study.notes, note, *odd))


def _read_again(
    done: tuple[StudyResult, ...],
    before: tuple[StudyResult, ...],
    effects: EffectSizes,
    level: float,
) -> tuple[StudyResult, ...]:
    """Write the combined effects into the rows that carry them."""
    natural = effects.natural()
    lower, upper = effects.natural_ci(level)
    return tuple(
        replace(
            new, yi=float(effects.yi[i]), vi=float(effects.vi[i]), effect=float(natural[i]),
            lower=float(lower[i]), upper=float(upper[i]),
        )
        if len(new.notes) != len(old.notes)
        else new
        for i, (new, old) in enumerate(zip(done, before, strict=True))
    )  # fmt: skip
