"""What the model says about each person: conditional modes and own treatment effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
