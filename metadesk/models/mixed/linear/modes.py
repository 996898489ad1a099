"""Conditional modes of the random effects at the optimum of a linear mixed model."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from metadesk.models.mixed.linear.blocks import Blocks
from metadesk.models.mixed.linear.moments import Component
from metadesk.models.mixed.linear.newton import Optimum
from metadesk.models.mixed.random_columns import RandomColumns
from metadesk.models.mixed.random_effects import RandomEffects
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
        block_of[g.factor.codes] = blocks.of_row
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
