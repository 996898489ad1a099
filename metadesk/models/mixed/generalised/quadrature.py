"""The likelihood of a generalised mixed model: each person's random effects integrated out.

Persons with identical rows (same design, same outcomes) are one pattern that counts several times,
so that a binary crossover of thousands costs as much as its few dozen distinct persons.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from metadesk.models.mixed.columns import combined, first_of_each
from metadesk.models.mixed.generalised.families import Family
from metadesk.models.mixed.random_columns import Component
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector


@dataclass(frozen=True, eq=False)
class Rule:
    """Nodes and weights of ∫ f(t) dt, used around a person's mode in units of its spread."""

    name: str
    nodes: FloatVector
    weights: FloatVector

    @property
    def is_laplace(self) -> bool:
        """Whether the rule is the single point of Laplace's approximation."""
        return len(self.nodes) == 1


@lru_cache(maxsize=32)
def gauss_hermite(points: int) -> Rule:
    """Gauss–Hermite rule for functions near a normal density; one point is Laplace's method."""
    x, w = np.polynomial.hermite_e.hermegauss(points)
    name = "Laplace" if points == 1 else f"adaptive Gauss–Hermite, {points} points"
    nodes = np.array(x.tolist())
    weights = np.array((w * np.exp(x**2 / 2)).tolist())
    return Rule(name, nodes, weights)


def trapezoid(step: float, reach: float) -> Rule:
    """Equal steps: converges faster than any power where the integrand is smooth and dies out."""
    half = math.ceil(reach / step)
    nodes = np.array([step * i for i in range(-half, half + 1)])
    name = f"trapezoidal rule, {len(nodes)} points"
    return Rule(name, nodes, np.full(len(nodes), step, dtype=np.float64))


Cells = tuple[tuple[int, int], ...]
"""Where one parameter stands in a Cholesky factor: once for every level of a person."""


def factor_cells(components: tuple[Component, ...], most: tuple[int, ...]) -> tuple[Cells, ...]:
    """Lay out the Cholesky factor of a person's random effects, level by level.

    ``most`` are the most levels of each grouping that a person has.
    """
    found: list[Cells] = []
    offset = 0
    for c, levels in zip(components, most, strict=True):
        starts = [offset + i * c.size for i in range(levels)]
        found += [tuple((at + a, at + b) for at in starts) for a, b in c.pairs]
        offset += c.size * levels
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Persons:
    """Rows of all distinct persons, sorted by person.

    ``counts`` says how many persons each stands for, ``pattern_of`` which one stands for a person.
    ``factor`` says where each parameter stands in the Cholesky factor of the random effects.
    """

    X: FloatMatrix
    Z: FloatMatrix
    offset: FloatVector
    family: Family
    starts: IntVector
    of_row: IntVector
    counts: FloatVector
    pattern_of: IntVector
    factor: tuple[Cells, ...]


def collapse(
    X: FloatMatrix,
    Z: FloatMatrix,
    offset: FloatVector,
    outcome: FloatMatrix,
    family: Family,
    person: IntVector,
    factor: tuple[Cells, ...],
) -> Persons:
    """Sort rows by person and keep one of all persons with the same rows."""
    signature = np.column_stack([X, Z, offset, outcome])
    codes = [np.unique(c, return_inverse=True)[1].reshape(-1) for c in signature.T]
    kind, kinds = combined(codes, [int(c.max()) + 1 for c in codes], len(person))
    order = np.lexsort((kind, person))
    of = person[order]
    starts = np.flatnonzero(np.diff(of, prepend=-1))
    ends = np.append(starts[1:], len(of))
    longest = int((ends - starts).max())
    table = np.full((len(starts), longest), kinds)
    number = np.repeat(np.arange(len(starts)), ends - starts)
    table[number, np.arange(len(of)) - starts[number]] = kind[order]
    pattern_of, count = combined(list(table.T), [kinds + 1] * longest, len(starts))
    kept = first_of_each(pattern_of, count)
    rows = np.concatenate([order[starts[i] : ends[i]] for i in kept])
    lengths = np.array([ends[i] - starts[i] for i in kept])
    return Persons(
        X=X[rows],
        Z=Z[rows],
        offset=offset[rows],
        family=family.at(rows),
        starts=np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64),
        of_row=np.repeat(np.arange(len(kept)), lengths),
        counts=np.bincount(pattern_of).astype(float),
        pattern_of=pattern_of,
        factor=factor,
    )


class MarginalLikelihood:
    """Log-likelihood with the random effects integrated out, and its gradient.

    Parameters are stacked as the family's own, the lower triangles of the Cholesky factors of the
    random-effect covariances (column by column), and the fixed effects.

    References
    ----------
    Pinheiro & Bates (1995) for the adaptive rule; the gradient is that of the rule itself, nodes
    moving with the parameters.
    """

    def __init__(self, persons: Persons, rule: Rule) -> None:
        self.persons, self.rule = persons, rule
        self.q = persons.Z.shape[1]
        self.cells = persons.factor
        self.k = len(persons.family.names)
        self.m = len(self.cells)
        self.p = persons.X.shape[1]
        self.modes = np.zeros((len(persons.starts), self.q))
        self.smallest_spread = 1.0
        size = np.sqrt(np.mean(persons.Z**2, axis=0))
        self.unit = 1.0 / float(size.max(initial=0.0)) if size.any() else 1.0

    @property
    def size(self) -> int:
        """Number of parameters."""
        return int(self.k + self.m + self.p)

    def parts(self, par: FloatVector) -> tuple[FloatVector, FloatMatrix, FloatVector]:
        """Own parameters, Cholesky factor, fixed effects."""
        L = np.zeros((self.q, self.q))
        for cells, value in zip(self.cells, par[self.k : self.k + self.m], strict=True):
            for a, b in cells:
                L[a, b] = value
        return par[: self.k], L, par[self.k + self.m :]

    def _sum(self, rows: FloatMatrix) -> FloatMatrix:
        return np.asarray(np.add.reduceat(rows, self.persons.starts, axis=0))

    def _find_modes(
        self, base: FloatVector, A: FloatMatrix, psi: FloatVector
    ) -> tuple[FloatMatrix, FloatMatrix]:
        """Modes of the random effects given the outcomes, and the curvature there."""
        P, f = self.persons, self.persons.family
        u = self.modes if np.isfinite(self.modes).all() else np.zeros_like(self.modes)
        eye = np.eye(self.q)

        def height(v: FloatMatrix) -> FloatVector:
            eta = base + np.einsum("nq,nq->n", A, v[P.of_row])
            return np.asarray(self._sum(f.logs(eta, psi)) - 0.5 * (v**2).sum(axis=1))

        before = height(u)
        for _ in range(100):
            eta = base + np.einsum("nq,nq->n", A, u[P.of_row])
            s1, s2, _ = f.slopes(eta, psi)
            g = self._sum(A * s1[:, None]) - u
            weight = np.maximum(-s2, 0.0)
            H = eye + self._sum(weight[:, None, None] * A[:, :, None] * A[:, None, :])
            step = g / H[:, :, 0] if self.q == 1 else np.linalg.solve(H, g[:, :, None])[:, :, 0]
            size = float(np.abs(step).max())
            if size < 1e-13:
                break
            length = np.minimum(1.0, 3.0 / np.maximum(np.abs(step).max(axis=1), 1e-300))
            if size < 1e-5:
                u = u + step
                if size < 1e-7:
                    break
                continue
            for _ in range(30):
                moved = u + length[:, None] * step
                after = height(moved)
                worse = ~(after >= before - 1e-10 * np.abs(before))
                if not worse.any():
                    break
                length = np.where(worse, length / 2, length)
            u, before = moved, after
        self.modes = u
        eta = base + np.einsum("nq,nq->n", A, u[P.of_row])
        _, s2, _ = f.slopes(eta, psi)
        H = eye + self._sum(-s2[:, None, None] * A[:, :, None] * A[:, None, :])
        return u, H

    def mode_covariance(self, par: FloatVector) -> FloatMatrix:
        """Inverse curvature of each person's standardised random effects at their modes.

        With the Cholesky factor on both sides, the conditional covariance of the random effects.
        """
        psi, L, beta = self.parts(par)
        base = self.persons.X @ beta + self.persons.offset
        self.modes, H = self._find_modes(base, self.persons.Z @ L, psi)
        return np.asarray(np.linalg.inv(H))

    def evaluate(self, par: FloatVector, *, gradient: bool = True) -> tuple[float, FloatVector]:
        """Log-likelihood and gradient; −inf where the parameters are out of range."""
        P = self.persons
        psi, L, beta = self.parts(par)
        nothing = np.zeros(self.size)
        if not np.isfinite(par).all() or not P.family.admissible(psi):
            return -math.inf, nothing
        base = P.X @ beta + P.offset
        if np.abs(base).max(initial=0.0) > 500:
            return -math.inf, nothing
        A = P.Z @ L
        u, H = self._find_modes(base, A, psi)
        sign, logdet = np.linalg.slogdet(H)
        if (sign <= 0).any():
            return -math.inf, nothing
        if self.rule.is_laplace:
            return self._laplace(base, A, u, H, logdet, psi, gradient)
        value = self._tensor(base, A, u, H, logdet, psi)
        if not gradient:
            return value, nothing
        return value, self._differences(par)

    def _differences(self, par: FloatVector) -> FloatVector:
        found = np.empty(self.size)
        for i in range(self.size):
            step = 1e-5 * max(1.0, abs(par[i]))
            up, down = par.copy(), par.copy()
            up[i] += step
            down[i] -= step
            high, _ = self.evaluate(up, gradient=False)
            low, _ = self.evaluate(down, gradient=False)
            found[i] = (high - low) / (2 * step)
        return found

    def _tensor(
        self,
        base: FloatVector,
        A: FloatMatrix,
        u: FloatMatrix,
        H: FloatMatrix,
        logdet: FloatVector,
        psi: FloatVector,
    ) -> float:
        P = self.persons
        back = np.linalg.inv(np.linalg.cholesky(H)).transpose(0, 2, 1)
        logs = []
        for chosen in itertools.product(range(len(self.rule.nodes)), repeat=self.q):
            index = list(chosen)
            v = u + back @ self.rule.nodes[index]
            eta = base + np.einsum("nq,nq->n", A, v[P.of_row])
            height = self._sum(P.family.logs(eta, psi)) - 0.5 * (v**2).sum(axis=1)
            logs.append(height + float(np.log(self.rule.weights[index]).sum()))
        total = np.logaddexp.reduce(np.array(logs), axis=0)
        norm = 0.5 * self.q * math.log(2 * math.pi)
        return float(P.counts @ (total - 0.5 * logdet - norm))

    def _mode_slopes(
        self,
        eta: FloatVector,
        A: FloatMatrix,
        u: FloatMatrix,
        H: FloatMatrix,
        psi: FloatVector,
    ) -> tuple[FloatMatrix, FloatMatrix, FloatMatrix, FloatVector]:
        """How modes and curvature move with each parameter.

        Returns the explicit slopes of eta (n, d), the slopes of the modes (g, q, d), those of the
        curvature (g, q, q, d), and the first derivative of the rows.
        """
        P, f = self.persons, self.persons.family
        s1, s2, s3 = f.slopes(eta, psi)
        _, own2, own3 = f.own(eta, psi)
        n, d, q = len(eta), self.size, self.q
        E = np.zeros((n, d))
        dA = np.zeros((n, q, d))
        for i, cells in enumerate(self.cells):
            for a, b in cells:
                E[:, self.k + i] += P.Z[:, a] * u[P.of_row, b]
                dA[:, b, self.k + i] += P.Z[:, a]
        E[:, self.k + self.m :] = P.X
        inner = s2[:, None] * E
        inner[:, : self.k] += own2.T
        pull = self._sum(dA * s1[:, None, None] + A[:, :, None] * inner[:, None, :])
        du = np.asarray(np.linalg.solve(H, pull), dtype=float)
        deta = E + np.einsum("nq,nqd->nd", A, du[P.of_row])
        dw = -s3[:, None] * deta
        dw[:, : self.k] -= own3.T
        turned = dA[:, :, None, :] * A[:, None, :, None]
        dH = self._sum(
            dw[:, None, None, :] * (A[:, :, None] * A[:, None, :])[..., None]
            - s2[:, None, None, None] * (turned + turned.transpose(0, 2, 1, 3))
        )
        return E, du, dH, s1

    def _laplace(
        self,
        base: FloatVector,
        A: FloatMatrix,
        u: FloatMatrix,
        H: FloatMatrix,
        logdet: FloatVector,
        psi: FloatVector,
        gradient: bool,
    ) -> tuple[float, FloatVector]:
        P = self.persons
        eta = base + np.einsum("nq,nq->n", A, u[P.of_row])
        height = self._sum(P.family.logs(eta, psi)) - 0.5 * (u**2).sum(axis=1)
        value = float(P.counts @ (height - 0.5 * logdet))
        if not gradient:
            return value, np.zeros(self.size)
        E, _, dH, s1 = self._mode_slopes(eta, A, u, H, psi)
        own1, _, _ = P.family.own(eta, psi)
        rows = s1[:, None] * E
        rows[:, : self.k] += own1.T
        slope = self._sum(rows) - 0.5 * np.einsum("gab,gbad->gd", np.linalg.inv(H), dH)
        return value, np.asarray(P.counts @ slope)
