"""Covariances without random effects: compound symmetric, and unstructured by period."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metadesk.errors import SpecProblem
from metadesk.models.mixed.blocks import Blocks, find_blocks
from metadesk.models.mixed.columns import Factor
from metadesk.models.mixed.linear.moments import Moments
from metadesk.models.mixed.linear.random_intercept import RandomInterceptCovariance
from metadesk.models.mixed.linear.rows import Rows
from metadesk.models.mixed.random_columns import Component, RandomColumns
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector


class _NoRandomEffects:
    """What a covariance without random effects has none of."""

    groups: tuple[RandomColumns, ...] = ()
    components: tuple[Component, ...] = ()
    linear = True
    blocks: Blocks
    P: int

    def block_covariance(self, theta: FloatVector) -> FloatMatrix:
        """D is empty."""
        return np.zeros((0, 0))

    def block_products(self, theta: FloatVector) -> tuple[FloatMatrix, FloatMatrix]:
        """Z is empty."""
        return np.zeros((self.blocks.count, 0, self.P)), np.zeros((self.blocks.count, 0, 0))


class CompoundSymmetryCovariance(_NoRandomEffects):
    """One variance and one covariance within a person; the covariance may be negative."""

    parameters: tuple[str, ...] = ("Covariance", "Own variance")

    def __init__(self, subject: Factor, X: FloatMatrix) -> None:
        ones = np.ones((len(X), 1))
        persons = RandomColumns("subject", subject, ("(Intercept)",), ones)
        self._levels = RandomInterceptCovariance((persons,), Rows(X))
        self.n, self.P = X.shape
        self.blocks = self._levels.blocks
        self.floors: dict[int, float] = {}

    def start(self) -> FloatVector:
        """A moderate correlation."""
        return np.array([0.3, 0.7])

    def moments(self, theta: FloatVector) -> Moments | None:
        """All sums at ``theta``: a level for each person, whose variance may be negative."""
        return self._levels.moments(theta)

    def residual_words(self, theta: FloatVector, scale: float) -> dict[str, float]:
        """The correlation within a person and the standard deviation."""
        total = float(theta.sum())
        return {"correlation": float(theta[0]) / total, "sd": scale * math.sqrt(total)}


@dataclass(frozen=True, eq=False)
class _Pattern:
    """Persons with outcomes in the same periods; ``X`` is (periods, persons, P)."""

    codes: IntVector
    X: FloatMatrix


MOST_POSITIONS = 15
"""Beyond them the variances and covariances are more than 120, each pair of which has its sums."""


class UnstructuredCovariance(_NoRandomEffects):
    """A variance for each position (period) and a covariance for each pair of positions.

    Raises
    ------
    SpecProblem
        With more positions than :data:`MOST_POSITIONS`.
    """

    def __init__(self, subject: Factor, position: Factor, X: FloatMatrix) -> None:
        self.n, self.P = X.shape
        self.position = position
        m = len(position.levels)
        if m > MOST_POSITIONS:
            raise SpecProblem(
                f"An unstructured covariance of {m} periods has {m * (m + 1) // 2} variances and "
                f"covariances; up to {MOST_POSITIONS} periods can have one. Choose a residual "
                "correlation that falls with time (AR(1)) or random effects of the person."
            )
        self.pairs = tuple((a, b) for b in range(m) for a in range(b, m))
        names = position.levels
        self.parameters: tuple[str, ...] = tuple(
            f"Residual {names[a]}, {names[b]}" for a, b in self.pairs
        )
        self.floors: dict[int, float] = {}
        persons = RandomColumns("subject", subject, ("1",), np.ones((self.n, 1)))
        self.blocks = find_blocks((persons,), self.n)
        order = np.lexsort((position.codes, subject.codes))
        starts = np.flatnonzero(np.diff(subject.codes[order], prepend=-1))
        found: dict[bytes, list[IntVector]] = {}
        for rows in np.split(order, starts[1:]):
            found.setdefault(position.codes[rows].tobytes(), []).append(rows)
        self.patterns = [
            _Pattern(position.codes[rows[0]], X[np.array(rows)].transpose(1, 0, 2))
            for rows in found.values()
        ]

    def start(self) -> FloatVector:
        """Moderate correlations."""
        return np.array([1.0 if a == b else 0.3 for a, b in self.pairs])

    def matrix(self, theta: FloatVector) -> FloatMatrix:
        """The covariance of all positions."""
        m = len(self.position.levels)
        V = np.zeros((m, m))
        for (a, b), value in zip(self.pairs, theta, strict=True):
            V[a, b] = V[b, a] = value
        return V

    def residual_words(self, theta: FloatVector, scale: float) -> dict[str, float]:
        """Standard deviations of the positions and correlations of their pairs."""
        V, names = self.matrix(theta), self.position.levels
        sds = np.sqrt(np.diag(V))
        found = {f"sd {w}": float(v * scale) for w, v in zip(names, sds, strict=True)}
        for a, b in self.pairs:
            if a != b:
                found[f"correlation {names[a]}, {names[b]}"] = float(V[a, b] / sds[a] / sds[b])
        return found

    def moments(self, theta: FloatVector) -> Moments | None:
        """All sums at ``theta``, pattern by pattern."""
        if not np.isfinite(theta).all():
            return None
        K, P = len(theta), self.P
        full = self.matrix(theta)
        logdet = 0.0
        total, first = np.zeros((P, P)), np.zeros((K, P, P))
        trace, trace2 = np.zeros(K), np.zeros((K, K))
        second = np.zeros((K, K, P, P))
        for p in self.patterns:
            try:
                L = np.linalg.cholesky(full[np.ix_(p.codes, p.codes)])
            except np.linalg.LinAlgError:
                return None
            persons = p.X.shape[1]
            logdet += 2 * persons * float(np.log(np.diag(L)).sum())
            inverse = np.linalg.inv(L).T @ np.linalg.inv(L)
            flat = p.X.reshape(len(L), -1)
            U = inverse @ flat
            dV = self._derivatives(p.codes)
            Y = dV @ U
            solved = inverse @ Y
            B = inverse @ dV
            total += _products(flat, U, P)
            trace += persons * np.einsum("kii->k", B)
            trace2 += persons * np.einsum("kij,lji->kl", B, B)
            for a in range(K):
                first[a] += _products(U, Y[a], P)
                for b in range(K):
                    second[a, b] += _products(Y[a], solved[b], P)
        return Moments(logdet, total, trace, first, trace2, second)

    def _derivatives(self, codes: IntVector) -> FloatMatrix:
        found = np.zeros((len(self.pairs), len(codes), len(codes)))
        for k, (a, b) in enumerate(self.pairs):
            hit = np.outer(codes == a, codes == b)
            found[k] = hit | hit.T
        return found


def _products(left: FloatMatrix, right: FloatMatrix, P: int) -> FloatMatrix:
    """Sum over rows and persons of left' right."""
    return np.asarray(left.reshape(-1, P).T @ right.reshape(-1, P))
