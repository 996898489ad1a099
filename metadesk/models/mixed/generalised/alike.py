"""The fit in which all persons are alike: where climbs start, and whether they need to look out."""

from __future__ import annotations

import math

import numpy as np

from metadesk.models.mixed.generalised.climb import Peak, Stop, newton
from metadesk.models.mixed.generalised.quadrature import Persons
from metadesk.numerics.types import FloatMatrix, FloatVector


def fit_alike(persons: Persons, stop: Stop | None = None, tolerance: float = 1e-9) -> Peak:
    """Maximum likelihood of the family's own parameters and the fixed effects, nothing random."""
    P, f = persons, persons.family
    k, p = len(f.names), P.X.shape[1]
    weight = P.counts[P.of_row]

    def eta_of(b: FloatVector) -> FloatVector:
        return np.asarray(P.X @ b[k:] + P.offset)

    def evaluate(b: FloatVector) -> tuple[float, FloatVector]:
        psi, eta = b[:k], eta_of(b)
        if not np.isfinite(b).all() or not f.admissible(psi) or np.abs(eta).max(initial=0.0) > 500:
            return -math.inf, np.zeros(k + p)
        value = float(weight @ f.logs(eta, psi))
        (s1,) = f.slopes(eta, psi, 1)
        slope = np.empty(k + p)
        slope[:k] = f.own(eta, psi, 1)[0] @ weight
        slope[k:] = (weight * s1) @ P.X
        return value, slope

    def curvature(b: FloatVector) -> FloatMatrix:
        psi, eta = b[:k], eta_of(b)
        H = np.empty((k + p, k + p))
        _, s2 = f.slopes(eta, psi, 2)
        H[k:, k:] = -(P.X.T * (weight * s2)) @ P.X
        if k:
            H[:k, :k] = -f.own_curvature(eta, psi) @ weight
            cross = -(f.own(eta, psi, 2)[1] * weight) @ P.X
            H[:k, k:], H[k:, :k] = cross, cross.T
        return H

    start = np.concatenate([f.start(), np.zeros(p)])
    return newton(evaluate, curvature, start, most=50, tolerance=tolerance, stop=stop)
