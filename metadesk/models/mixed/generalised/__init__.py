"""Generalised linear mixed models: families, integration over persons, separation."""

from metadesk.models.mixed.generalised.fit import fit_generalised
from metadesk.models.mixed.generalised.problem import GeneralisedProblem, generalised_problem

__all__ = ["GeneralisedProblem", "fit_generalised", "generalised_problem"]
