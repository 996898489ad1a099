"""Adaptive Gauss–Hermite quadrature over the random effects of every study at once.

The random effects are standardised: row r of study i has linear predictor
``eta_ri + Σ_q s_q z_qri v_qi`` with v ~ N(0, I), so that a standard deviation ``s_q`` of zero is an
ordinary point. Nodes sit at the mode of each study's integrand, scaled by its curvature
(Pinheiro & Bates 1995, eq. 2.7); one node is Laplace's approximation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from metadesk.models.meta.glmm.families import Likelihood
from metadesk.numerics.types import FloatMatrix, FloatVector

FEWEST_NODES_FOR_EXACT_SLOPES = 5
"""Below this the integrand's own derivatives are not the derivatives of the rule."""


@dataclass(frozen=True, eq=False)
class Local:
    """Each study's log-likelihood with derivatives in its own arguments (etas, then SDs).

    ``value`` (k,), ``slope`` (k, R + q), ``curvature`` (k, R + q, R + q), ``mode`` (q, k) in
    standardised units.
    """

    value: FloatVector
    slope: FloatMatrix
    curvature: FloatMatrix
    mode: FloatMatrix


@cache
def hermite_nodes(n: int, dimensions: int) -> tuple[FloatMatrix, FloatVector]:
    """Nodes (q, N) of the product rule for the standard normal weight, and their log weights."""
    x, w = np.polynomial.hermite_e.hermegauss(n)
    with np.errstate(divide="ignore"):
        log_w = np.log(w / np.sqrt(2.0 * np.pi))
    if dimensions == 1:
        return x[None, :], log_w
    first, second = np.meshgrid(x, x, indexing="ij")
    nodes = np.stack([first.ravel(), second.ravel()])
    return nodes, (log_w[:, None] + log_w[None, :]).ravel()


_LAST_STEP = 1e-6
"""Newton's error after a step is of the order of the step squared."""


def find_modes(
    family: Likelihood, eta: FloatMatrix, loading: FloatMatrix, start: FloatMatrix
) -> tuple[FloatMatrix, FloatMatrix]:
    """Mode (q, k) of each study's integrand and the inverse's Cholesky factor (q, q, k).

    Newton on a concave function; a step may not move a linear predictor by more than 1.5, because
    the curvature far from the mode says little about it.
    """
    v = start.copy()
    reach = np.maximum(np.abs(loading).sum(axis=0).max(axis=0), 1e-8)
    for _ in range(200):
        gradient, precision = _integrand(family, eta, loading, v)
        step = _solve_small(precision, gradient)
        size = np.abs(step).max(axis=0)
        step *= np.minimum(1.0, 1.5 / np.maximum(size * reach, 1e-300))
        v += step
        if float(np.max(np.abs(step))) < _LAST_STEP:
            break
    _, precision = _integrand(family, eta, loading, v)
    return v, _root_of_inverse(precision)


def _integrand(
    family: Likelihood, eta: FloatMatrix, loading: FloatMatrix, v: FloatMatrix
) -> tuple[FloatMatrix, FloatMatrix]:
    """Gradient (q, k) and negative Hessian (q, q, k) of the log integrand."""
    q = v.shape[0]
    _, d1, d2 = family.terms(eta + (loading * v[:, None, :]).sum(axis=0))
    gradient = (loading * d1).sum(axis=1) - v
    bent = loading * d2
    precision = np.empty((q, q, v.shape[1]))
    for a in range(q):
        for b in range(q):
            precision[a, b] = float(a == b) - (loading[a] * bent[b]).sum(axis=0)
    return gradient, precision


def _solve_small(a: FloatMatrix, b: FloatMatrix) -> FloatMatrix:
    """Solve the 1×1 or 2×2 systems ``a`` (q, q, k) for ``b`` (q, k)."""
    if b.shape[0] == 1:
        return np.asarray(b / a[0])
    determinant = a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]
    return np.stack(
        [
            (a[1, 1] * b[0] - a[0, 1] * b[1]) / determinant,
            (a[0, 0] * b[1] - a[1, 0] * b[0]) / determinant,
        ]
    )


def _root_of_inverse(a: FloatMatrix) -> FloatMatrix:
    """Lower Cholesky factor of the inverses of ``a`` (q, q, k)."""
    root = np.zeros_like(a)
    if a.shape[0] == 1:
        root[0, 0] = 1.0 / np.sqrt(a[0, 0])
        return root
    determinant = a[0, 0] * a[1, 1] - a[0, 1] ** 2
    root[0, 0] = np.sqrt(a[1, 1] / determinant)
    root[1, 0] = -a[0, 1] / determinant / root[0, 0]
    root[1, 1] = np.sqrt(1.0 / a[1, 1])
    return root


def integrate(
    family: Likelihood,
    eta: FloatMatrix,
    z: FloatMatrix,
    scales: FloatVector,
    nodes: int,
    start: FloatMatrix | None = None,
    *,
    exact: bool = True,
) -> Local:
    """Integrate every study's likelihood over its random effects.

    Parameters
    ----------
    eta : (R, k) array
        Linear predictors without random effects, offsets included.
    z : (q, R, k) array
        Loadings of the q standardised random effects; q is 0, 1 or 2.
    scales : (q,) array
        Their standard deviations.
    nodes : int
        Nodes a dimension.
    start : (q, k) array, optional
        Modes of a neighbouring evaluation.
    exact : bool
        Take derivatives of the integral (true) or, by central differences, of the rule itself.
    """
    q, k = z.shape[0], eta.shape[1]
    if q == 0:
        return _without_random_effects(family, eta)
    begin = np.zeros((q, k)) if start is None else start
    if exact and nodes >= FEWEST_NODES_FOR_EXACT_SLOPES:
        return _posterior_moments(family, eta, z, scales, nodes, begin)
    return _differences(family, eta, z, scales, nodes, begin)


def _without_random_effects(family: Likelihood, eta: FloatMatrix) -> Local:
    ll, d1, d2 = family.terms(eta)
    rows, k = eta.shape
    curvature = np.zeros((k, rows, rows))
    index = np.arange(rows)
    curvature[:, index, index] = d2.T
    return Local(ll.sum(axis=0), d1.T, curvature, np.zeros((0, k)))


Rule = tuple[FloatVector, FloatMatrix, FloatMatrix, FloatMatrix, FloatMatrix, FloatMatrix]


def _rule(
    family: Likelihood, eta: FloatMatrix, z: FloatMatrix, scales: FloatVector, nodes: int,
    start: FloatMatrix,
) -> Rule:  # fmt: skip
    """Evaluate the rule: values (k,), posterior weights (N, k), v (q, N, k), d1 and d2, modes."""
    loading = z * scales[:, None, None]
    mode, root = find_modes(family, eta, loading, start)
    x, log_w = hermite_nodes(nodes, z.shape[0])
    v = mode[:, None, :] + (root[:, :, None, :] * x[None, :, :, None]).sum(axis=1)
    shift = (loading[:, None] * v[:, :, None, :]).sum(axis=0)
    ll, d1, d2 = family.terms(eta + shift)
    half = 0.5 * ((x * x).sum(axis=0)[:, None] - (v * v).sum(axis=0))
    term = ll.sum(axis=1) + half + log_w[:, None]
    largest = term.max(axis=0)
    weight = np.exp(term - largest)
    total = weight.sum(axis=0)
    log_determinant = np.log(np.diagonal(root).T).sum(axis=0)
    return largest + np.log(total) + log_determinant, weight / total, v, d1, d2, mode


def _posterior_moments(
    family: Likelihood, eta: FloatMatrix, z: FloatMatrix, scales: FloatVector, nodes: int,
    start: FloatMatrix,
) -> Local:  # fmt: skip
    """Derivatives by Louis' identity: posterior E[Hessian] + Var[score]."""
    value, weight, v, d1, d2, mode = _rule(family, eta, z, scales, nodes, start)
    rows, q = eta.shape[0], z.shape[0]
    per_scale = z[:, None] * v[:, :, None, :]
    score = np.concatenate([d1.transpose(1, 0, 2), (per_scale * d1).sum(axis=2)], axis=0)
    weighted = score * weight
    slope = weighted.sum(axis=1).T
    curvature = weighted.transpose(2, 0, 1) @ score.transpose(2, 1, 0)
    curvature -= slope[:, :, None] * slope[:, None, :]
    for r in range(rows):
        bent = d2[:, r] * weight
        curvature[:, r, r] += bent.sum(axis=0)
        moved = per_scale[:, :, r] * bent
        cross = moved.sum(axis=1).T
        curvature[:, r, rows:] += cross
        curvature[:, rows:, r] += cross
        for a in range(q):
            for b in range(q):
                curvature[:, rows + a, rows + b] += (moved[a] * per_scale[b, :, r]).sum(axis=0)
    return Local(value, slope, curvature, mode)


def _differences(
    family: Likelihood, eta: FloatMatrix, z: FloatMatrix, scales: FloatVector, nodes: int,
    start: FloatMatrix,
) -> Local:  # fmt: skip
    """Central differences of the rule in the few arguments a study has of its own."""
    rows, q = eta.shape[0], z.shape[0]
    centre = _rule(family, eta, z, scales, nodes, start)
    value, mode = centre[0], centre[5]
    many = rows + q

    def at(shift: FloatVector) -> FloatVector:
        return _rule(family, eta + shift[:rows, None], z, scales + shift[rows:], nodes, mode)[0]

    slope = np.zeros((value.size, many))
    curvature = np.zeros((value.size, many, many))
    near, far = 1e-4 * np.eye(many), 1e-3 * np.eye(many)
    for a in range(many):
        slope[:, a] = (at(near[a]) - at(-near[a])) / 2e-4
        curvature[:, a, a] = (at(far[a]) - 2.0 * value + at(-far[a])) / 1e-6
        for b in range(a):
            mixed = at(far[a] + far[b]) - at(far[a] - far[b]) - at(far[b] - far[a])
            mixed += at(-far[a] - far[b])
            curvature[:, a, b] = curvature[:, b, a] = mixed / 4e-6
    return Local(value, slope, curvature, mode)


def posterior_of_effects(
    family: Likelihood, eta: FloatMatrix, z: FloatMatrix, scales: FloatVector, nodes: int
) -> tuple[FloatVector, FloatVector]:
    """Posterior mean and SD (k,) of the last standardised random effect."""
    start = np.zeros((z.shape[0], eta.shape[1]))
    _, weight, v, _, _, _ = _rule(family, eta, z, scales, nodes, start)
    mean = (weight * v[-1]).sum(axis=0)
    return mean, np.sqrt(np.maximum((weight * (v[-1] - mean) ** 2).sum(axis=0), 0.0))
