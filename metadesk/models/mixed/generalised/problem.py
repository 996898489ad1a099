"""A generalised mixed model bound to its rows, and what the outcomes allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metadesk.errors import DataProblem, NotEstimable, SpecProblem
from metadesk.models.mixed.blocks import Blocks, block_columns, find_blocks
from metadesk.models.mixed.generalised.families import (
    Binomial,
    Family,
    NegativeBinomial,
    Ordinal,
    Poisson,
)
from metadesk.models.mixed.generalised.quadrature import Persons, collapse, factor_cells
from metadesk.models.mixed.generalised.separation import separated_columns
from metadesk.models.mixed.options import GeneralisedMixed
from metadesk.models.mixed.random_columns import (
    Component,
    RandomColumns,
    components_of,
    random_columns,
)
from metadesk.models.mixed.terms import ModelFrame, build_frame
from metadesk.models.mixed.trial_data import TrialData
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector

MOST_CATEGORIES = 25
LARGEST_TENSOR = 100_000_000


@dataclass(frozen=True, eq=False)
class GeneralisedProblem:
    """The data of a generalised mixed model, persons with identical rows collapsed."""

    frame: ModelFrame
    family: Family
    offset: FloatVector
    groups: tuple[RandomColumns, ...]
    blocks: Blocks
    persons: Persons
    separated: tuple[str, ...] = ()

    @property
    def person(self) -> IntVector:
        """Which unit each row belongs to, all groupings joined: as a rule the person."""
        return self.blocks.of_row

    @property
    def components(self) -> tuple[Component, ...]:
        """The blocks of random effects and their parameters."""
        return components_of(self.groups)


def generalised_problem(spec: GeneralisedMixed, data: TrialData) -> GeneralisedProblem:
    """Bind a spec to data and check the outcome.

    Raises
    ------
    DataProblem
        An outcome that the family cannot have, or outcomes that are all equal.
    """
    fixed, random = spec.terms(data), spec.groups(data)
    if not random:
        raise SpecProblem(
            "A model for such outcomes needs random effects; give each person a level of their own."
        )
    needed = [c for t in random for c in (*t.group.split(":"), *t.terms)]
    needed += [c for c in (data.roles.trials, data.roles.offset) if c]
    frame = build_frame(data, fixed, tuple(needed), intercept=spec.family != "ordinal")
    family, outcome = _family(spec, frame)
    offset = np.zeros(len(frame))
    if data.roles.offset and spec.family in ("poisson", "nbinom1", "nbinom2"):
        offset = frame.numeric(data.roles.offset)
    groups = tuple(c for t in random for c in random_columns(frame, t))
    for g in groups:
        if len(g.factor.levels) < 2:
            raise DataProblem(
                f"There is only one level of '{g.group}'; a single person has no variation "
                f"between persons, so use the N-of-1 analysis."
            )
        _check_rows(g, family)
    blocks = find_blocks(groups, len(frame))
    Z = block_columns(groups, blocks, len(frame))
    _check_size(Z, frame)
    cells = factor_cells(components_of(groups), blocks.most)
    persons = collapse(frame.design.X, Z, offset, outcome, family, blocks.of_row, cells)
    return GeneralisedProblem(frame, family, offset, groups, blocks, persons)


def _check_size(Z: FloatMatrix, frame: ModelFrame) -> None:
    """Refuse random terms that reach across so many levels that nothing can be computed."""
    q = Z.shape[1]
    if q * q * len(Z) * (len(frame.design.names) + q) > LARGEST_TENSOR:
        raise DataProblem(
            f"The random terms reach across {q} levels at once, too many for a model of such "
            f"outcomes; nest them in persons (for example 'subject:cycle') or make the crossed "
            f"factor a fixed term."
        )


def _check_rows(random: RandomColumns, family: Family) -> None:
    """Refuse more random effects than the rows of a person can tell apart."""
    q = random.Z.shape[1]
    most = int(np.bincount(random.factor.codes).max())
    single = isinstance(family, Ordinal) or (isinstance(family, Binomial) and family.m.max() == 1)
    if q > 1 and (q > most or (single and q == most)):
        raise NotEstimable(
            f"No level of '{random.group}' has more than {most} rows, too few for {q} random "
            f"effects; a random treatment effect needs each treatment more than once in a person."
        )
    if single and most == 1:
        raise NotEstimable(
            f"Every row is its own level of '{random.group}', so its variation cannot be told from "
            f"chance; choose a grouping with repeated rows."
        )


def _family(spec: GeneralisedMixed, frame: ModelFrame) -> tuple[Family, FloatMatrix]:
    data = frame.data
    if spec.family == "ordinal":
        factor = data.outcome_levels.at(frame.rows)
        if len(factor.levels) < 2:
            raise DataProblem("All outcomes are equal, so there is nothing to explain.")
        if len(factor.levels) > MOST_CATEGORIES:
            raise DataProblem(
                f"The outcome has {len(factor.levels)} different values, more than the "
                f"{MOST_CATEGORIES} ordered categories that can be fitted; analyse it as a number, "
                f"or join neighbouring categories."
            )
        return Ordinal(factor.codes, factor.levels), factor.codes.astype(float)[:, None]
    y = frame.y
    if spec.family == "binomial":
        m = frame.numeric(data.roles.trials) if data.roles.trials else np.ones(len(y))
        wrong = np.flatnonzero((y < 0) | (y > m) | (y != np.round(y)) | (m < 1))
        if len(wrong):
            raise DataProblem(
                f"Row {_sheet_row(frame, wrong[0])}: {y[wrong[0]]:g} of {m[wrong[0]]:g} is not a "
                f"number of successes; a binary outcome is 0 or 1, or mark the column of trials."
            )
        if y.sum() in (0, m.sum()):
            raise DataProblem("All outcomes are equal, so there is nothing to explain.")
        return Binomial(y, m), np.column_stack([y, m])
    wrong = np.flatnonzero((y < 0) | (y != np.round(y)))
    if len(wrong):
        raise DataProblem(
            f"Row {_sheet_row(frame, wrong[0])}: {y[wrong[0]]:g} is not a count; counts are whole "
            f"and not negative."
        )
    if y.max() == 0:
        raise DataProblem("All counts are zero, so there is nothing to explain.")
    if spec.family == "poisson":
        return Poisson(y), y[:, None]
    return NegativeBinomial(y, spec.family == "nbinom2"), y[:, None]


def _sheet_row(frame: ModelFrame, i: int) -> int:
    return int(frame.data.rows[frame.rows[i]]) + 1


def separated_terms(family: Family, frame: ModelFrame) -> tuple[str, ...]:
    """Names of the coefficients along which the likelihood rises for ever."""
    X, names = frame.design.X, frame.design.names
    match family:
        case Binomial():
            columns = separated_columns(X, family.y == 0, family.y == family.m)
        case Poisson() | NegativeBinomial():
            zero = family.y == 0
            columns = separated_columns(X, zero, ~zero, one_sided=True)
        case _:
            columns = _separated_cuts(family, X)
    return tuple(names[j] for j in columns)


def _separated_cuts(family: Family, X: FloatMatrix) -> tuple[int, ...]:
    """Columns separated at every cut of an ordered outcome."""
    assert isinstance(family, Ordinal)
    cuts = len(family.levels) - 1
    design = np.column_stack([np.ones(len(X)), X])
    found: set[int] | None = None
    for c in range(cuts):
        high = family.category > c
        here = {j - 1 for j in separated_columns(design, ~high, high) if j > 0}
        found = here if found is None else found & here
    return tuple(sorted(found or ()))
