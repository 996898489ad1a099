"""Columns of the random effects of one grouping."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metadesk.models.mixed.columns import Factor
from metadesk.models.mixed.terms import ModelFrame, RandomTerm
from metadesk.numerics.types import FloatMatrix, FloatVector


@dataclass(frozen=True, eq=False)
class RandomColumns:
    """Random-effect columns of one grouping factor, one row of ``Z`` a row of the model."""

    group: str
    factor: Factor
    terms: tuple[str, ...]
    Z: FloatMatrix


def random_columns(frame: ModelFrame, term: RandomTerm) -> tuple[RandomColumns, ...]:
    """Random-effect columns of one grouping; independent terms become blocks of their own."""
    factor = frame.factor(term.group)
    names: list[str] = []
    columns: list[FloatVector] = []
    for name in term.terms:
        if name == "1":
            names.append("(Intercept)")
            columns.append(np.ones(len(frame)))
            continue
        at = frame.design.position(name)
        if at >= 0 and frame.design.terms[at].kind == "factor":
            for j in frame.design.columns_of(at):
                names.append(frame.design.names[j])
                columns.append(frame.design.X[:, j])
        else:
            names.append(name)
            columns.append(frame.numeric(name))
    Z = np.column_stack(columns)
    if term.correlated or len(names) == 1:
        return (RandomColumns(term.group, factor, tuple(names), Z),)
    return tuple(
        RandomColumns(term.group, factor, (name,), Z[:, [i]]) for i, name in enumerate(names)
    )
