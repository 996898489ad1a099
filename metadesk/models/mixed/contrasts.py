"""Means of treatments, contrasts between them, and joint tests of whole terms."""

from __future__ import annotations

import numpy as np

from metadesk.models.mixed.estimates import DfRule, Estimates, JointTest
from metadesk.models.mixed.fixed_effects import FixedEffects
from metadesk.models.mixed.terms import INTERCEPT, DesignMatrix, ModelFrame
from metadesk.numerics.types import FloatMatrix, FloatVector


def terms_tested(
    effects: FixedEffects, design: DesignMatrix, rule: DfRule
) -> tuple[JointTest, ...]:
    """Test each term given all others (type III; there are no interactions)."""
    found = []
    for i, term in enumerate(design.terms):
        columns = design.columns_of(i)
        if len(columns):
            found.append(effects.joint(term.column, np.eye(len(design.names))[columns], rule))
    return tuple(found)


def treatment_rows(frame: ModelFrame) -> tuple[tuple[str, ...], FloatMatrix] | None:
    """Treatments (the reference first) and the row of coefficients that each adds."""
    design = frame.design
    at = design.position(frame.data.roles.treatment)
    if at < 0 or design.terms[at].kind != "factor":
        return None
    columns = design.columns_of(at)
    levels = design.levels[at]
    if len(columns) != len(levels) - 1 or len(levels) < 2:
        return None
    reference = design.terms[at].reference or levels[0]
    order = (reference, *(w for w in levels if w != reference))
    rows = np.zeros((len(order), len(design.names)))
    for i, j in enumerate(columns, start=1):
        rows[i, j] = 1.0
    return order, rows


def mean_row(frame: ModelFrame) -> FloatVector | None:
    """Coefficients of the mean over all other terms: factors equally, covariates at their mean.

    None where a carryover term or aliased columns make such a mean ambiguous.
    """
    design = frame.design
    if design.aliased or INTERCEPT not in design.names:
        return None
    row = np.zeros(len(design.names))
    row[0] = 1.0
    for i, term in enumerate(design.terms):
        columns = design.columns_of(i)
        if term.kind == "carryover":
            return None
        if term.kind == "numeric":
            row[columns] = design.X[:, columns].mean(axis=0)
        elif term.column != frame.data.roles.treatment:
            row[columns] = 1.0 / len(design.levels[i])
    return row


def least_squares_means(
    effects: FixedEffects, frame: ModelFrame, rule: DfRule, level: float
) -> Estimates | None:
    """Least-squares means of the treatments."""
    treatments, base = treatment_rows(frame), mean_row(frame)
    if treatments is None or base is None:
        return None
    order, rows = treatments
    return effects.combine(order, rows + base, rule, level)


def pairwise(
    effects: FixedEffects, frame: ModelFrame, rule: DfRule, level: float
) -> Estimates | None:
    """All differences between treatments, the later minus the earlier."""
    treatments = treatment_rows(frame)
    if treatments is None:
        return None
    order, rows = treatments
    pairs = [(a, b) for a in range(len(order)) for b in range(a + 1, len(order))]
    names = tuple(f"{order[b]} - {order[a]}" for a, b in pairs)
    L = np.array([rows[b] - rows[a] for a, b in pairs])
    return effects.combine(names, L, rule, level)
