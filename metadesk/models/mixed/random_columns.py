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


@dataclass(frozen=True)
class Component:
    """A block of random effects: ``size`` terms of a group with ``n_levels`` levels.

    Its covariance is ``vech`` (lower triangle, column by column) of the parameters from ``start``
    on.
    """

    group: str
    terms: tuple[str, ...]
    n_levels: int
    start: int

    @property
    def size(self) -> int:
        """Number of terms."""
        return len(self.terms)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Row and column of each parameter in the covariance."""
        q = self.size
        return tuple((a, b) for b in range(q) for a in range(b, q))

    @property
    def positions(self) -> slice:
        """Where the parameters of the block stand."""
        return slice(self.start, self.start + len(self.pairs))

    def matrix(self, theta: FloatVector) -> FloatMatrix:
        """The covariance matrix of the block."""
        D = np.zeros((self.size, self.size))
        for (a, b), value in zip(self.pairs, theta[self.positions], strict=True):
            D[a, b] = D[b, a] = value
        return D


def components_of(groups: tuple[RandomColumns, ...]) -> tuple[Component, ...]:
    """Lay the covariance parameters of the groups one after another."""
    found: list[Component] = []
    start = 0
    for g in groups:
        c = Component(g.group, g.terms, len(g.factor.levels), start)
        found.append(c)
        start += len(c.pairs)
    return tuple(found)


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
