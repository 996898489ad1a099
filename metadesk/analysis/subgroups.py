"""Subgroups of the main model: the column's words for every row, and one fit a group."""

from __future__ import annotations

from typing import Any

import numpy as np

from metadesk.analysis.fitting import fit_model, model_options
from metadesk.analysis.prepare import Prepared
from metadesk.analysis.readers import ModelInput
from metadesk.document.words import inside
from metadesk.errors import SpecProblem
from metadesk.models.meta import MODELS
from metadesk.models.meta.fixed_effect import FixedEffect
from metadesk.models.meta.random_effects import RandomEffects
from metadesk.models.meta.subgroups import SubgroupAnalysis, analyse_subgroups, separate_subgroups
from metadesk.numerics.progress import Progress

NOT_STATED = "(not stated)"


def subgroup_words(prepared: Prepared) -> tuple[str, ...]:
    """The subgroup of every row, in the sheet's own words.

    Raises
    ------
    SpecProblem
        If the sheet has no such column.
    """
    name = prepared.spec.subgroup
    try:
        column = prepared.table.column(name)
    except KeyError:
        names = ", ".join(f"'{c.name}'" for c in prepared.table.columns)
        raise SpecProblem(
            f"There is no column '{name}' to form subgroups; the sheet has {names}."
        ) from None
    return tuple(word.strip() or NOT_STATED for word in prepared.table.texts(column))


def analysed_subgroups(
    prepared: Prepared, read: ModelInput, progress: Progress
) -> SubgroupAnalysis:
    """Fit the main model in every subgroup and test their difference."""
    spec = prepared.spec
    words = subgroup_words(prepared)
    groups = [words[int(i)] for i in read.rows]
    entry = MODELS[spec.model]
    if entry.reads == "levels":
        raise SpecProblem(
            f"The model '{inside(entry.title)}' compares groups by a moderator, not by subgroups: "
            f"take the subgroups off and choose '{spec.subgroup}' as moderator."
        )
    model = model_options(spec.model, spec.model_options, spec.level)
    if isinstance(model, RandomEffects | FixedEffect):
        common = spec.subgroup_tau2 == "common"
        return analyse_subgroups(model, read.data, groups, spec.subgroup, common_tau2=common)

    counts = entry.reads == "counts"  # which ask for a mark a study, the others for positions

    def fit(data: Any) -> Any:
        progress.step(0.5, "Subgroups")
        return fit_model(spec.model, spec.model_options, spec.level, data, progress)

    def take(data: Any, rows: Any) -> Any:
        return data.take(np.isin(np.arange(len(groups)), rows) if counts else rows)

    return separate_subgroups(fit, read.data, take, groups, spec.subgroup)
