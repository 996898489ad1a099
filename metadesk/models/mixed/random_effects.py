"""What the model says about each person: conditional modes and own treatment effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from metadesk.models.mixed.moments import Component
from metadesk.models.mixed.newton import Optimum
from metadesk.models.mixed.woodbury import Blocks, RandomColumns
from metadesk.numerics.types import FloatMatrix, FloatVector


class BlockCovariance(Protocol):
    """A covariance that can give the products of each block with its random columns."""

    groups: tuple[RandomColumns, ...]
    components: tuple[Component, ...]
    blocks: Blocks

    def block_covariance(self, theta: FloatVector) -> FloatMatrix:
        """D of a whole block."""
        ...

    def block_products(self, theta: FloatVector) -> tuple[FloatMatrix, FloatMatrix]:
        """Z'V⁻¹X̃ and Z'V⁻¹Z of every block."""
        ...


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


def random_effects(
    covariance: BlockCovariance, optimum: Optimum, R: FloatMatrix, scale: float
) -> tuple[RandomEffects, ...]:
    """Conditional modes of all groupings, in the sheet's own units.

    References
    ----------
    Henderson (1975); Robinson (1991).
    """
    if not covariance.groups:
        return ()
    theta, c = optimum.theta, optimum.criterion
    D = covariance.block_covariance(theta)
    products, ZVZ = covariance.block_products(theta)
    modes = products @ c.e @ D.T
    spread = D - D @ ZVZ @ D
    p = c.p
    leverage = np.einsum("ab,mbp->map", D, products[:, :, :p]) @ R
    found = []
    offset = 0
    blocks = covariance.blocks
    for g, component, local, most in zip(
        covariance.groups, covariance.components, blocks.local, blocks.most, strict=False
    ):
        block_of = np.zeros(component.n_levels, dtype=np.int64)
        number = np.empty(len(blocks.of_row), dtype=np.int64)
        lengths = np.diff(np.append(blocks.starts, len(blocks.order)))
        number[blocks.order] = np.repeat(np.arange(blocks.count), lengths)
        block_of[g.factor.codes] = number
        size = component.size
        at = offset + local[:, None] * size + np.arange(size)
        here = spread[block_of[:, None, None], at[:, :, None], at[:, None, :]] * scale**2
        diagonal = np.einsum("mii->mi", here)
        found.append(
            RandomEffects(
                group=component.group,
                levels=g.factor.levels,
                terms=component.terms,
                modes=modes[block_of[:, None], at] * scale,
                sd=np.sqrt(np.maximum(diagonal, 0.0)),
                covariance=here,
                leverage=leverage[block_of[:, None], at],
            )
        )
        offset += size * most
    return tuple(found)


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
