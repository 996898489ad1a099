"""Conditional modes of the random effects at the optimum of a linear mixed model."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from metadesk.models.mixed.blocks import Blocks
from metadesk.models.mixed.linear.newton import Optimum
from metadesk.models.mixed.random_columns import Component, RandomColumns
from metadesk.models.mixed.random_effects import RandomEffects, by_level
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
    return by_level(
        covariance.groups, covariance.blocks, modes * scale, spread * scale**2, leverage
    )
