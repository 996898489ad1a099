"""What the model says about each person: conditional modes and own treatment effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metadesk.models.mixed.blocks import Blocks
from metadesk.models.mixed.random_columns import Component, RandomColumns
from metadesk.numerics.types import FloatMatrix, FloatVector


@dataclass(frozen=True, eq=False)
class RandomEffects:
    """Conditional modes (BLUPs) of one grouping.

    ``modes`` and ``sd`` are (levels, terms); ``sd`` is conditional on the covariance parameters and
    the fixed effects. ``covariance`` (levels, terms, terms) is its full matrix and ``leverage``
    (levels, terms, p) says how the modes move with the fixed effects, both for prediction errors.
    """

    group: str
    levels: tuple[str, ...]
    terms: tuple[str, ...]
    modes: FloatMatrix
    sd: FloatMatrix
    covariance: FloatMatrix
    leverage: FloatMatrix


def by_level(
    groups: tuple[RandomColumns, ...],
    blocks: Blocks,
    modes: FloatMatrix,
    spread: FloatMatrix,
    leverage: FloatMatrix,
) -> tuple[RandomEffects, ...]:
    """Tell the random effects of whole blocks apart by grouping and level.

    Parameters
    ----------
    modes : (blocks, q) array
        Conditional modes of the columns of each block.
    spread : (blocks, q, q) array
        Their conditional covariances.
    leverage : (blocks, q, p) array
        How they move with the fixed effects.
    """
    found = []
    offset = 0
    for g, local, most in zip(groups, blocks.local, blocks.most, strict=False):
        size = len(g.terms)
        block_of = np.zeros(len(g.factor.levels), dtype=np.int64)
        block_of[g.factor.codes] = blocks.of_row
        at = offset + local[:, None] * size + np.arange(size)
        here = spread[block_of[:, None, None], at[:, :, None], at[:, None, :]]
        found.append(
            RandomEffects(
                group=g.group,
                levels=g.factor.levels,
                terms=g.terms,
                modes=modes[block_of[:, None], at],
                sd=np.sqrt(np.maximum(np.einsum("mii->mi", here), 0.0)),
                covariance=here,
                leverage=leverage[block_of[:, None], at],
            )
        )
        offset += size * most
    return tuple(found)


def by_group(
    components: tuple[Component, ...], matrices: Sequence[FloatMatrix]
) -> dict[str, FloatMatrix]:
    """Covariances by grouping; independent terms of one grouping stand side by side."""
    found: dict[str, FloatMatrix] = {}
    for c, D in zip(components, matrices, strict=True):
        old = found.get(c.group, np.zeros((0, 0)))
        both = np.zeros((len(old) + len(D), len(old) + len(D)))
        both[: len(old), : len(old)], both[len(old) :, len(old) :] = old, D
        found[c.group] = both
    return found


@dataclass(frozen=True, eq=False)
class IndividualEffects:
    """A treatment effect for each person: population effect plus the person's own deviation.

    ``se`` is the standard error of prediction, the uncertainty of the population effect included.
    """

    contrast: str
    levels: tuple[str, ...]
    estimate: FloatVector
    se: FloatVector
    population: float
    between_sd: float
    shrinkage: FloatVector


def individual_effects(
    effects: RandomEffects,
    term: int,
    column: int,
    beta: FloatVector,
    C: FloatMatrix,
    between: float,
) -> IndividualEffects:
    """Predict ``beta[column] + u[term]`` for every level.

    Parameters
    ----------
    effects : RandomEffects
        Conditional modes of the persons.
    term, column : int
        The random slope and the fixed effect that it varies around.
    beta, C : arrays
        Fixed effects and their model-based covariance.
    between : float
        Variance of the slope between persons.
    """
    row = np.zeros(len(beta))
    row[column] = 1.0
    direction = row[None, :] - effects.leverage[:, term, :]
    own = effects.covariance[:, term, term]
    variance = own + np.einsum("mp,pq,mq->m", direction, C, direction)
    shrinkage = 1 - own / between if between > 0 else np.zeros(len(own))
    return IndividualEffects(
        contrast=effects.terms[term],
        levels=effects.levels,
        estimate=beta[column] + effects.modes[:, term],
        se=np.sqrt(np.maximum(variance, 0.0)),
        population=float(beta[column]),
        between_sd=float(np.sqrt(max(between, 0.0))),
        shrinkage=np.asarray(shrinkage),
    )
