"""Residuals that differ in variance or are correlated within a person: dense blocks, one a pattern.

``V_i = Z_iDZ_i' + R_i``. Persons with the same plan (times, positions, strata, random columns)
share one matrix and are worked on together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from metadesk.errors import DataProblem
from metadesk.models.mixed.columns import Factor
from metadesk.models.mixed.linear.blocks import (
    block_columns,
    components_of,
    derivative_blocks,
    find_blocks,
)
from metadesk.models.mixed.linear.moments import Moments
from metadesk.models.mixed.random_columns import RandomColumns
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector

LONGEST_SERIES = 3000


class ResidualStructure(Protocol):
    """How residuals of one person vary together, in units of a residual variance of one."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of its parameters."""
        ...

    @property
    def linear(self) -> bool:
        """Whether the covariance is linear in them."""
        ...

    @property
    def floors(self) -> dict[int, float]:
        """Lowest values of parameters that have one and may rest on it."""
        ...

    def start(self) -> FloatVector:
        """First values."""
        ...

    def label(self, rows: IntVector) -> bytes:
        """Equal for rows of two persons whose residual covariance is the same function."""
        ...

    def evaluate(
        self, rows: IntVector, theta: FloatVector
    ) -> tuple[FloatMatrix, FloatMatrix, FloatMatrix | None] | None:
        """R (n, n), its derivatives (k, n, n) and second derivatives (k, k, n, n) unless linear."""
        ...


@dataclass(frozen=True, eq=False)
class ByStratum:
    """Independent residuals with a variance for each level (each treatment)."""

    stratum: Factor
    key: str = "by treatment"
    linear: bool = True

    @property
    def floors(self) -> dict[int, float]:
        """Nothing is bounded below but by positive definiteness."""
        return {}

    @property
    def parameters(self) -> tuple[str, ...]:
        """One variance a level."""
        return tuple(f"Residual {w}" for w in self.stratum.levels)

    def start(self) -> FloatVector:
        """Equal variances."""
        return np.full(len(self.stratum.levels), 0.6)

    def label(self, rows: IntVector) -> bytes:
        """The levels in order."""
        return self.stratum.codes[rows].tobytes()

    def evaluate(
        self, rows: IntVector, theta: FloatVector
    ) -> tuple[FloatMatrix, FloatMatrix, FloatMatrix | None] | None:
        """Diagonal matrices."""
        if not (theta > 0).all():
            return None
        codes = self.stratum.codes[rows]
        derivatives = np.zeros((len(theta), len(rows), len(rows)))
        derivatives[codes, np.arange(len(rows)), np.arange(len(rows))] = 1.0
        return np.diag(theta[codes]), derivatives, None


@dataclass(frozen=True, eq=False)
class Autoregressive:
    """Correlation φ^distance between two times: AR(1), or with φ in (0, 1) its continuous form."""

    time: FloatVector
    continuous: bool
    key: str = "autoregressive"
    parameters: tuple[str, ...] = ("Residual", "phi")
    linear: bool = False

    @property
    def floors(self) -> dict[int, float]:
        """In continuous time a correlation cannot be negative."""
        return {1: 0.0} if self.continuous else {}

    def start(self) -> FloatVector:
        """A moderate correlation."""
        return np.array([0.7, 0.3])

    def label(self, rows: IntVector) -> bytes:
        """The distances from the first time."""
        return bytes((self.time[rows] - self.time[rows[0]]).tobytes())

    def evaluate(
        self, rows: IntVector, theta: FloatVector
    ) -> tuple[FloatMatrix, FloatMatrix, FloatMatrix | None] | None:
        """Powers of φ and their derivatives."""
        s2, phi = float(theta[0]), float(theta[1])
        lowest = 0.0 if self.continuous else -1.0
        if not (s2 > 0 and lowest <= phi < 1) or (phi == -1.0):
            return None
        d = np.abs(self.time[rows][:, None] - self.time[rows][None, :])
        C = _power(phi, d)
        C1 = d * _power(phi, d - 1)
        C2 = d * (d - 1) * _power(phi, d - 2)
        second = np.zeros((2, 2, len(rows), len(rows)))
        second[0, 1] = second[1, 0] = C1
        second[1, 1] = s2 * C2
        return s2 * C, np.stack([C, s2 * C1]), second


def _power(base: float, exponent: FloatMatrix) -> FloatMatrix:
    """Power that is 0 where base and a negative or fractional exponent do not go together."""
    if base == 0.0:
        return np.where(exponent == 0, 1.0, 0.0)
    return np.asarray(np.sign(base) ** np.round(exponent) * np.abs(base) ** exponent)


@dataclass(frozen=True, eq=False)
class CompoundSymmetry:
    """One variance and one covariance within a person; the covariance may be negative."""

    key: str = "compound symmetry"
    parameters: tuple[str, ...] = ("Covariance", "Own variance")
    linear: bool = True

    @property
    def floors(self) -> dict[int, float]:
        """Bounded by positive definiteness only."""
        return {}

    def start(self) -> FloatVector:
        """A moderate correlation."""
        return np.array([0.3, 0.7])

    def label(self, rows: IntVector) -> bytes:
        """All persons with as many rows are alike."""
        return b""

    def evaluate(
        self, rows: IntVector, theta: FloatVector
    ) -> tuple[FloatMatrix, FloatMatrix, FloatMatrix | None] | None:
        """``cJ + dI``."""
        n = len(rows)
        parts = np.stack([np.ones((n, n)), np.eye(n)])
        if theta[1] <= 0:
            return None
        return np.tensordot(theta, parts, axes=1), parts, None


@dataclass(frozen=True, eq=False)
class Unstructured:
    """A variance for each position (period) and a covariance for each pair of positions."""

    position: Factor
    key: str = "unstructured"
    linear: bool = True

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Lower triangle, column by column."""
        m = len(self.position.levels)
        return tuple((a, b) for b in range(m) for a in range(b, m))

    @property
    def floors(self) -> dict[int, float]:
        """Bounded by positive definiteness only."""
        return {}

    @property
    def parameters(self) -> tuple[str, ...]:
        """Variances and covariances by position."""
        names = self.position.levels
        return tuple(f"Residual {names[a]}, {names[b]}" for a, b in self.pairs)

    def start(self) -> FloatVector:
        """Moderate correlations."""
        return np.array([1.0 if a == b else 0.3 for a, b in self.pairs])

    def label(self, rows: IntVector) -> bytes:
        """The positions in order."""
        return self.position.codes[rows].tobytes()

    def evaluate(
        self, rows: IntVector, theta: FloatVector
    ) -> tuple[FloatMatrix, FloatMatrix, FloatMatrix | None] | None:
        """The rows and columns of the full matrix that the person has."""
        codes = self.position.codes[rows]
        derivatives = np.zeros((len(theta), len(rows), len(rows)))
        for k, (a, b) in enumerate(self.pairs):
            hit = np.outer(codes == a, codes == b)
            derivatives[k] = hit | hit.T
        return np.tensordot(theta, derivatives, axes=1), derivatives, None


@dataclass(frozen=True, eq=False)
class _Pattern:
    rows: IntVector
    Z: FloatMatrix
    X: FloatMatrix
    persons: IntVector


class ResidualCovariance:
    """``V = ZDZ' + R`` with a residual structure; parameters of D first, then those of R."""

    def __init__(
        self,
        groups: tuple[RandomColumns, ...],
        structure: ResidualStructure,
        subject: Factor,
        X: FloatMatrix,
    ) -> None:
        n, P = X.shape
        self.components = components_of(groups)
        names = [
            f"{c.group}: {c.terms[a]}" + ("" if a == b else f", {c.terms[b]}")
            for c in self.components
            for a, b in c.pairs
        ]
        self.groups, self.structure, self.n, self.P = groups, structure, n, P
        self.parameters = (*names, *structure.parameters)
        self.linear = structure.linear
        self.floors = {len(names) + k: v for k, v in structure.floors.items()}
        persons = RandomColumns("subject", subject, ("1",), np.ones((n, 1)))
        self.blocks = find_blocks((*groups, persons), n)
        q = sum(g.Z.shape[1] * m for g, m in zip(groups, self.blocks.most, strict=False))
        self.Z = block_columns(groups, self.blocks, n) if groups else np.zeros((n, q))
        self.E = np.array(derivative_blocks(self.components, self.blocks.most[: len(groups)]))
        self.person = subject
        self._gather(X)

    def _gather(self, X: FloatMatrix) -> None:
        found: dict[bytes, list[IntVector]] = {}
        ends = np.append(self.blocks.starts[1:], self.n)
        longest = int((ends - self.blocks.starts).max())
        if longest > LONGEST_SERIES:
            raise DataProblem(
                f"One person has {longest} rows, more than the {LONGEST_SERIES} that correlated "
                f"residuals are computed for; average the measurements of a day, for example."
            )
        for first, end in zip(self.blocks.starts, ends, strict=True):
            rows = self.blocks.order[first:end]
            label = b"|".join(
                (
                    str(len(rows)).encode(),
                    self.Z[rows].tobytes(),
                    self.structure.label(rows),
                    np.unique(self.person.codes[rows], return_inverse=True)[1].tobytes(),
                )
            )
            found.setdefault(label, []).append(rows)
        self.patterns = []
        for members in found.values():
            rows = np.array(members)
            persons = np.unique(self.person.codes[rows[0]], return_inverse=True)[1].reshape(-1)
            stacked = X[rows].transpose(1, 0, 2)
            self.patterns.append(_Pattern(rows, self.Z[rows[0]], stacked, persons))

    def start(self) -> FloatVector:
        """First values of both parts."""
        theta = []
        for c, g in zip(self.components, self.groups, strict=True):
            size = np.maximum(np.mean(g.Z**2, axis=0), 1e-12)
            theta += [0.4 / size[a] if a == b else 0.0 for a, b in c.pairs]
        return np.concatenate([np.array(theta, dtype=float), self.structure.start()])

    def block_covariance(self, theta: FloatVector) -> FloatMatrix:
        """D of a whole block."""
        return np.asarray(np.tensordot(theta[: len(self.E)], self.E, axes=1))

    def block_matrix(self, pattern: _Pattern, theta: FloatVector) -> FloatMatrix:
        """V of the persons of a pattern (assumes admissible ``theta``)."""
        built = self._build(pattern, theta)
        assert built is not None
        return built[0]

    def _build(
        self, p: _Pattern, theta: FloatVector
    ) -> tuple[FloatMatrix, FloatMatrix, FloatMatrix | None] | None:
        k = len(self.E)
        part = self.structure.evaluate(p.rows[0], theta[k:])
        if part is None:
            return None
        R, dR, d2R = part
        if len(np.unique(p.persons)) > 1:
            same = p.persons[:, None] == p.persons[None, :]
            R, dR = R * same, dR * same
            d2R = None if d2R is None else d2R * same
        if not k:
            return R, dR, d2R
        V = R + p.Z @ self.block_covariance(theta) @ p.Z.T
        dV = np.concatenate([p.Z @ self.E @ p.Z.T, dR])
        if d2R is None:
            return V, dV, None
        d2V = np.zeros((len(dV), len(dV), *V.shape))
        d2V[k:, k:] = d2R
        return V, dV, d2V

    def moments(self, theta: FloatVector) -> Moments | None:
        """All sums at ``theta``, pattern by pattern."""
        if not np.isfinite(theta).all():
            return None
        K, P = len(theta), self.P
        logdet = 0.0
        total, first = np.zeros((P, P)), np.zeros((K, P, P))
        trace, trace2 = np.zeros(K), np.zeros((K, K))
        second = np.zeros((K, K, P, P))
        curve = None if self.linear else np.zeros((K, K, P, P))
        curve_trace = None if self.linear else np.zeros((K, K))
        for p in self.patterns:
            built = self._build(p, theta)
            if built is None:
                return None
            V, dV, d2V = built
            try:
                L = np.linalg.cholesky(V)
            except np.linalg.LinAlgError:
                return None
            m = p.X.shape[1]
            logdet += 2 * m * float(np.log(np.diag(L)).sum())
            inverse = np.linalg.inv(V)
            flat = p.X.reshape(len(V), -1)
            U = inverse @ flat
            Y = dV @ U
            solved = inverse @ Y
            B = inverse @ dV
            total += _products(flat, U, P)
            trace += m * np.einsum("kii->k", B)
            trace2 += m * np.einsum("kij,lji->kl", B, B)
            for a in range(K):
                first[a] += _products(U, Y[a], P)
                for b in range(K):
                    second[a, b] += _products(Y[a], solved[b], P)
            if d2V is not None and curve is not None and curve_trace is not None:
                curve_trace += m * np.einsum("ij,klji->kl", inverse, d2V)
                for a in range(K):
                    for b in range(K):
                        curve[a, b] += _products(U, d2V[a, b] @ U, P)
        return Moments(logdet, total, trace, first, trace2, second, curve_trace, curve)

    def block_products(self, theta: FloatVector) -> tuple[FloatMatrix, FloatMatrix]:
        """Z'V⁻¹X̃ and Z'V⁻¹Z of every block."""
        q = self.Z.shape[1]
        at = np.empty(self.n, dtype=np.int64)
        at[self.blocks.order] = np.repeat(
            np.arange(self.blocks.count), np.diff(np.append(self.blocks.starts, self.n))
        )
        ZX = np.zeros((self.blocks.count, q, self.P))
        ZZ = np.zeros((self.blocks.count, q, q))
        for p in self.patterns:
            solved = np.linalg.solve(self.block_matrix(p, theta), p.Z)
            members = at[p.rows[:, 0]]
            ZX[members] = np.einsum("iq,imp->mqp", solved, p.X)
            ZZ[members] = p.Z.T @ solved
        return ZX, ZZ


def _products(left: FloatMatrix, right: FloatMatrix, P: int) -> FloatMatrix:
    """Sum over rows and persons of left' right."""
    return np.asarray(left.reshape(-1, P).T @ right.reshape(-1, P))
