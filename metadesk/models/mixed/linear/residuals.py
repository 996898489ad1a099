"""How residuals vary together: as a whitening of rows, which costs as much as there are rows.

A structure turns rows ``A`` into ``WA`` with ``WRW' = I``, and applies the derivatives of ``R``
seen through it, ``S_k = WR_kW'``. Neither is ever formed as a matrix of rows by rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from metadesk.models.mixed.columns import Factor
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector

LEAST = 1e-9  # of the residual variance: as good as none, and still a covariance


class Whitening(Protocol):
    """A residual covariance at one value of its ``k`` parameters."""

    logdet: float
    trace: FloatVector
    trace2: FloatMatrix
    curve_trace: FloatMatrix | None

    def whiten(self, rows: FloatMatrix) -> FloatMatrix:
        """``W`` times the rows."""
        ...

    def derivative(self, k: int, rows: FloatMatrix) -> FloatMatrix:
        """``S_k`` times whitened rows."""
        ...

    def curve(self, k: int, j: int, rows: FloatMatrix) -> FloatMatrix | None:
        """``WR_kjW'`` times whitened rows; None where the second derivative is zero."""
        ...


class Residuals(Protocol):
    """A structure of residuals, in units of a residual variance of one."""

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

    def order(self) -> IntVector | FloatVector | None:
        """How the rows of one person are sorted for :meth:`at`; None where that does not matter."""
        ...

    def sorted_by(self, rows: IntVector, first: IntVector) -> Residuals:
        """The structure with the rows in this order; ``first`` are the first rows of persons."""
        ...

    def at(self, theta: FloatVector) -> Whitening | None:
        """The whitening at these parameters; None where they are out of range."""
        ...

    def words(self, theta: FloatVector, scale: float) -> dict[str, float]:
        """Standard deviations and correlations by name, in the sheet's own units."""
        ...


@dataclass(frozen=True, eq=False)
class ByStratum:
    """Independent residuals with a variance for each level (each treatment)."""

    stratum: Factor
    linear: bool = True

    @property
    def floors(self) -> dict[int, float]:
        """Beside another one, a variance may vanish where a treatment was given once a person."""
        several = len(self.stratum.levels) > 1
        return dict.fromkeys(range(len(self.stratum.levels)), LEAST) if several else {}

    @property
    def parameters(self) -> tuple[str, ...]:
        """One variance a level."""
        if len(self.stratum.levels) == 1:
            return ("Residual",)
        return tuple(f"Residual {w}" for w in self.stratum.levels)

    def start(self) -> FloatVector:
        """Equal variances."""
        return np.full(len(self.stratum.levels), 0.6)

    def order(self) -> IntVector | FloatVector | None:
        """Rows may stand in any order."""
        return None

    def sorted_by(self, rows: IntVector, first: IntVector) -> ByStratum:
        """The same with the rows in another order."""
        return ByStratum(Factor(self.stratum.codes[rows], self.stratum.levels))

    def at(self, theta: FloatVector) -> Whitening | None:
        """Every row over its standard deviation."""
        return _Scaled(self.stratum.codes, theta) if (theta > 0).all() else None

    def words(self, theta: FloatVector, scale: float) -> dict[str, float]:
        """One standard deviation a level."""
        sds = np.sqrt(theta) * scale
        if len(theta) == 1:
            return {"sd": float(sds[0])}
        return {f"sd {w}": float(v) for w, v in zip(self.stratum.levels, sds, strict=True)}


class _Scaled:
    """Diagonal ``R``: each row has the variance of its stratum."""

    curve_trace: FloatMatrix | None = None

    def __init__(self, codes: IntVector, theta: FloatVector) -> None:
        counts = np.bincount(codes, minlength=len(theta))
        self.codes, self.theta = codes, theta
        self.root = (1 / np.sqrt(theta))[codes][:, None]
        self.logdet = float(counts @ np.log(theta))
        self.trace = counts / theta
        self.trace2 = np.diag(counts / theta**2)

    def whiten(self, rows: FloatMatrix) -> FloatMatrix:
        """Rows over their standard deviations."""
        return np.asarray(rows * self.root)

    def derivative(self, k: int, rows: FloatMatrix) -> FloatMatrix:
        """Rows of the stratum over its variance, nothing elsewhere."""
        return np.asarray(np.where((self.codes == k)[:, None], rows / self.theta[k], 0.0))

    def curve(self, k: int, j: int, rows: FloatMatrix) -> FloatMatrix | None:
        """A linear structure has none."""
        return None


@dataclass(frozen=True, eq=False)
class Autoregressive:
    """Correlation φ^distance between two times: AR(1), or with φ in (0, 1) its continuous form.

    ``first`` marks the first row of each person once the rows are sorted by person and time.
    """

    time: FloatVector
    continuous: bool
    first: np.ndarray | None = None
    parameters: tuple[str, ...] = ("Residual", "phi")
    linear: bool = False

    @property
    def floors(self) -> dict[int, float]:
        """In continuous time a correlation cannot be negative."""
        return {1: 0.0} if self.continuous else {}

    def start(self) -> FloatVector:
        """A moderate correlation."""
        return np.array([0.7, 0.3])

    def order(self) -> IntVector | FloatVector | None:
        """By time."""
        return self.time

    def sorted_by(self, rows: IntVector, first: IntVector) -> Autoregressive:
        """The same with the rows in another order."""
        starts = np.zeros(len(rows), dtype=bool)
        starts[first] = True
        return Autoregressive(self.time[rows], self.continuous, starts)

    def at(self, theta: FloatVector) -> Whitening | None:
        """Each row less what the one before foretells, over the spread of what is left."""
        variance, phi = float(theta[0]), float(theta[1])
        lowest = 0.0 if self.continuous else -1.0
        if not (variance > 0 and lowest <= phi < 1) or phi == -1.0:
            return None
        assert self.first is not None
        gap = np.where(self.first, 1.0, np.diff(self.time, prepend=0.0))
        return _Chain(variance, phi, gap, self.first)

    def words(self, theta: FloatVector, scale: float) -> dict[str, float]:
        """φ and the standard deviation."""
        return {"phi": float(theta[1]), "sd": scale * math.sqrt(float(theta[0]))}


class _Chain:
    """``R = σ²C`` of a Markov chain: given the row before, a row depends on nothing earlier.

    With ``ρ = φ^gap`` and ``v = 1 − ρ²`` the inverse is ``L'diag(1/v)L/σ²`` with ones on the
    diagonal of L and −ρ below it. Through ``W = diag(v)^−½L/σ`` the derivative in φ is
    ``G + G'`` with ``G = diag(v'/2v) − N``, ``N = diag(v)^−½L'_φ L⁻¹diag(v)^½`` (L'_φ: −ρ' below
    the diagonal), the second one ``H + H' + 2GG'`` with ``H = GG + ∂G/∂φ``.
    """

    def __init__(self, variance: float, phi: float, gap: FloatVector, first: np.ndarray) -> None:
        self.variance = variance
        self.sd = math.sqrt(variance)
        self.rho = np.where(first, 0.0, _power(phi, gap))
        self.rho1 = np.where(first, 0.0, gap * _power(phi, gap - 1))
        self.rho2 = np.where(first, 0.0, gap * (gap - 1) * _power(phi, gap - 2))
        v = 1 - self.rho**2
        self.root = np.sqrt(v)[:, None]
        self.bend = (-2 * self.rho * self.rho1 / v)[:, None]
        v2 = -2 * (self.rho1**2 + self.rho * self.rho2)
        n = len(gap)
        bend = self.bend[:, 0]
        own = float(bend @ bend + 2 * np.sum(self.rho1**2 / v))
        twice = float(np.sum(v2 / v) - bend @ bend)
        self.bend1 = (v2 / v)[:, None] - self.bend**2
        self.logdet = n * math.log(variance) + float(np.log(v).sum())
        self.trace = np.array([n / variance, bend.sum()])
        self.trace2 = np.array(
            [[n / variance**2, bend.sum() / variance], [bend.sum() / variance, own]]
        )
        self.curve_trace: FloatMatrix | None = np.array(
            [[0.0, bend.sum() / variance], [bend.sum() / variance, twice + own]]
        )

    def whiten(self, rows: FloatMatrix) -> FloatMatrix:
        """``W`` times the rows."""
        return np.asarray(_less_before(rows, self.rho) / (self.root * self.sd))

    def derivative(self, k: int, rows: FloatMatrix) -> FloatMatrix:
        """``S_k`` times whitened rows."""
        if k == 0:
            return np.asarray(rows / self.variance)
        return np.asarray(self._g(rows) + self._g_turned(rows))

    def curve(self, k: int, j: int, rows: FloatMatrix) -> FloatMatrix | None:
        """Second derivatives."""
        if k == j == 0:
            return None
        if k != j:
            return np.asarray(self.derivative(1, rows) / self.variance)
        left, right = self._g(rows), self._g_turned(rows)
        return np.asarray(
            self._g(left)
            + self._g_turned(right)
            + 2 * self._g(right)
            + self._g1(rows)
            + self._g1_turned(rows)
        )

    def _g(self, rows: FloatMatrix) -> FloatMatrix:
        return np.asarray(self.bend / 2 * rows - self._n(rows, self.rho1))

    def _g_turned(self, rows: FloatMatrix) -> FloatMatrix:
        return np.asarray(self.bend / 2 * rows - self._n_turned(rows, self.rho1))

    def _g1(self, rows: FloatMatrix) -> FloatMatrix:
        """∂G/∂φ times the rows."""
        half = self.bend / 2
        turned = self._n(rows, self.rho1)
        change = self._n(half * rows, self.rho1) - half * turned
        return np.asarray(
            self.bend1 / 2 * rows - change - self._n(rows, self.rho2) + self._n(turned, self.rho1)
        )

    def _g1_turned(self, rows: FloatMatrix) -> FloatMatrix:
        half = self.bend / 2
        turned = self._n_turned(rows, self.rho1)
        change = half * turned - self._n_turned(half * rows, self.rho1)
        return np.asarray(
            self.bend1 / 2 * rows
            - change
            - self._n_turned(rows, self.rho2)
            + self._n_turned(turned, self.rho1)
        )

    def _n(self, rows: FloatMatrix, slope: FloatVector) -> FloatMatrix:
        levels = _solve(self.rho, self.root * rows, turned=False)
        found = np.zeros_like(rows)
        found[1:] = -slope[1:, None] * levels[:-1] / self.root[1:]
        return found

    def _n_turned(self, rows: FloatMatrix, slope: FloatVector) -> FloatMatrix:
        inner = np.zeros_like(rows)
        inner[:-1] = -slope[1:, None] * (rows / self.root)[1:]
        return np.asarray(_solve(self.rho, inner, turned=True) * self.root)


def _less_before(rows: FloatMatrix, rho: FloatVector) -> FloatMatrix:
    found = rows.copy()
    found[1:] -= rho[1:, None] * rows[:-1]
    return found


def _solve(rho: FloatVector, rows: FloatMatrix, *, turned: bool) -> FloatMatrix:
    """Solve with L (ones on the diagonal, −ρ below it) or with its transpose."""
    from scipy.linalg import solve_banded

    band = np.ones((2, len(rho)))
    if turned:
        band[0, 0] = 0.0
        band[0, 1:] = -rho[1:]
        return np.asarray(solve_banded((0, 1), band, rows, check_finite=False))
    band[1, :-1] = -rho[1:]
    band[1, -1] = 0.0
    return np.asarray(solve_banded((1, 0), band, rows, check_finite=False))


def _power(base: float, exponent: FloatVector) -> FloatVector:
    """Power that is 0 where base and a negative or fractional exponent do not go together."""
    if base == 0.0:
        return np.where(exponent == 0, 1.0, 0.0)
    return np.asarray(np.sign(base) ** np.round(exponent) * np.abs(base) ** exponent)
