"""Maximum (restricted) likelihood of the covariance parameters, boundaries included.

A full-rank block of random effects is climbed in its variances and covariances, in which the
likelihood is closest to quadratic. Where the climb runs into the edge of what a covariance matrix
can be, the block goes on as ``D = LL'`` with fewer columns in ``L``; the edge is accepted only
where the likelihood falls in every direction that leads back inside.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import linalg

from metadesk.models.mixed.linear.moments import Covariance, Criterion
from metadesk.models.mixed.random_columns import Component
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatMatrix, FloatVector

MOST_STEPS = 200
TINY = 1e-8  # a decrement that moves no printed figure


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where the likelihood is largest.

    ``theta`` holds variances and covariances; ``jacobian`` (K, m) leads from the m free parameters
    of the climb to them, ``hessian`` is the observed −2 log-likelihood Hessian in the free ones.
    ``ranks`` are those of the random-effect covariances.
    """

    theta: FloatVector
    criterion: Criterion
    jacobian: FloatMatrix
    hessian: FloatMatrix
    ranks: tuple[int, ...]
    iterations: int
    converged: bool

    @property
    def loglik(self) -> float:
        """The (restricted) log-likelihood."""
        return -0.5 * float(self.criterion.value)


@dataclass
class _Climb:
    covariance: Covariance
    n: int
    restricted: bool
    fixed: dict[int, float] = field(default_factory=dict)
    factors: dict[int, FloatMatrix] = field(default_factory=dict)
    steps: int = 0
    tolerance: float = 1e-17
    most: int = MOST_STEPS

    def criterion(self, theta: FloatVector) -> Criterion | None:
        m = self.covariance.moments(theta)
        if m is None or not np.isfinite(m.total).all():
            return None
        try:
            found = Criterion(m, self.n, self.restricted)
        except np.linalg.LinAlgError:
            return None
        return found if np.isfinite(found.value) and found.rss >= 0 else None

    def chart(self, theta: FloatVector) -> tuple[FloatMatrix, list[tuple[int, FloatMatrix]]]:
        """Jacobian from the free parameters to theta, and their second derivatives by theta."""
        columns: list[FloatVector] = []
        curves: list[tuple[int, FloatMatrix]] = []
        size = len(theta)
        inside = set()
        for i, c in enumerate(self.covariance.components):
            at = range(c.start, c.start + len(c.pairs))
            inside |= set(at)
            if i not in self.factors:
                columns += [np.eye(size)[k] for k in at if k not in self.fixed]
                continue
            base = len(columns)
            block, second = _factor_chart(c, self.factors[i], size)
            columns += block
            curves += [(k, _placed(H, base)) for k, H in second]
        columns += [np.eye(size)[k] for k in range(size) if k not in inside and k not in self.fixed]
        J = np.array(columns).T if columns else np.zeros((size, 0))
        m = J.shape[1]
        return J, [(k, np.pad(H, (0, m - len(H)))) for k, H in curves]


def _placed(H: FloatMatrix, base: int) -> FloatMatrix:
    return np.asarray(np.pad(H, ((base, 0), (base, 0))))


def _free_cells(L: FloatMatrix) -> list[tuple[int, int]]:
    return [(a, b) for b in range(L.shape[1]) for a in range(b, L.shape[0])]


def _factor_chart(
    c: Component, L: FloatMatrix, size: int
) -> tuple[list[FloatVector], list[tuple[int, FloatMatrix]]]:
    cells = _free_cells(L)
    columns = []
    for a, b in cells:
        step = np.zeros_like(L)
        step[a, b] = 1.0
        change = step @ L.T + L @ step.T
        column = np.zeros(size)
        for k, (i, j) in enumerate(c.pairs):
            column[c.start + k] = change[i, j]
        columns.append(column)
    second = []
    for k, (i, j) in enumerate(c.pairs):
        H = np.zeros((len(cells), len(cells)))
        for s, (a, b) in enumerate(cells):
            for t, (a2, b2) in enumerate(cells):
                if b == b2:
                    H[s, t] = float(a == i and a2 == j) + float(a == j and a2 == i)
        second.append((c.start + k, H))
    return columns, second


def maximise(
    covariance: Covariance,
    n: int,
    restricted: bool,
    *,
    start: FloatVector | None = None,
    fixed: dict[int, float] | None = None,
    tolerance: float = 1e-17,
    most: int = MOST_STEPS,
    progress: Progress = SILENT,
) -> Optimum:
    """Find the covariance parameters with the largest likelihood.

    ``fixed`` holds parameters (by position) at a value, for profiles; ``tolerance`` is the Newton
    decrement at which the climb ends, after at the ``most`` so many steps.

    Raises
    ------
    ArithmeticError
        If no admissible starting value is found.
    """
    climb = _Climb(covariance, n, restricted, dict(fixed or {}), tolerance=tolerance, most=most)
    theta = covariance.start() if start is None else start.copy()
    for k, value in climb.fixed.items():
        theta[k] = value
    here = climb.criterion(theta)
    for _ in range(30):
        if here is not None:
            break
        theta = _tamer(covariance, theta, climb.fixed)
        here = climb.criterion(theta)
    if here is None:
        raise ArithmeticError("no admissible starting value")
    raised: dict[int, int] = {}
    converged = False
    while climb.steps < climb.most:
        theta, here, converged, stuck = _newton(climb, theta, here, progress)
        if stuck >= 0:
            theta, here = _lower_rank(climb, stuck, theta, here)
            continue
        lead = _way_back_inside(climb, theta, here, raised)
        if lead is None:
            break
        theta, here = lead
    return _finished(climb, theta, here, converged)


def _tamer(covariance: Covariance, theta: FloatVector, fixed: dict[int, float]) -> FloatVector:
    """Move the covariances halfway to zero, which leads to a positive-definite start."""
    tamed = theta.copy()
    for c in covariance.components:
        for k, (a, b) in enumerate(c.pairs):
            if a != b and c.start + k not in fixed:
                tamed[c.start + k] *= 0.5
    base = covariance.start()
    return 0.5 * tamed + 0.5 * np.where([k in fixed for k in range(len(theta))], tamed, base)


def _newton(
    climb: _Climb, theta: FloatVector, here: Criterion, progress: Progress
) -> tuple[FloatVector, Criterion, bool, int]:
    """Climb in the present chart; the last value names a block that has hit its edge, or is -1."""
    limited: dict[int, int] = {}
    least, stalled = np.inf, 0
    while climb.steps < climb.most:
        climb.steps += 1
        progress.check()
        if climb.steps % 4 == 0:
            progress.step(climb.steps / MOST_STEPS, "Fitting the covariance")
        J, curves = climb.chart(theta)
        if J.shape[1] == 0:
            return theta, here, True, -1
        slope = here.gradient()
        g = J.T @ slope
        observed, expected = here.hessian()
        H = J.T @ observed @ J
        for k, second in curves:
            H = H + slope[k] * second
        direction = _direction(H, J.T @ expected @ J, g)
        decrement = float(-g @ direction)
        stalled = stalled + 1 if 0.5 * least < decrement < TINY else 0
        least = min(least, decrement)
        # beside a variance at its floor rounding keeps the decrement from falling further
        if decrement < max(1e-18 * abs(here.value), climb.tolerance) or stalled == 3:
            return theta, here, True, -1
        length, blocking = _longest_step(climb, theta, J @ direction)
        if blocking >= 0:
            limited[blocking] = limited.get(blocking, 0) + 1
        moved = _search(climb, theta, here, J, direction, length, decrement)
        if moved is None:
            return theta, here, decrement < TINY, -1
        theta, here = moved
        if _rests_on_floor(climb, theta):
            theta = theta.copy()
            for k, floor in climb.covariance.floors.items():
                if theta[k] < floor + 1e-6 and k not in climb.fixed:
                    theta[k] = climb.fixed[k] = floor
            here = climb.criterion(theta) or here
        if blocking >= 0 and (limited[blocking] >= 3 or _nearly_flat(climb, blocking, theta)):
            return theta, here, False, blocking
        for i, L in climb.factors.items():
            if L.shape[1] and np.linalg.svd(L, compute_uv=False)[-1] < 1e-6 * _unit(climb, i):
                return theta, here, False, i
    return theta, here, False, -1


def _rests_on_floor(climb: _Climb, theta: FloatVector) -> bool:
    floors = climb.covariance.floors.items()
    return any(theta[k] < floor + 1e-6 and k not in climb.fixed for k, floor in floors)


def _unit(climb: _Climb, i: int) -> float:
    """Size of a standard deviation that matters for block i, in the units of its own start."""
    c = climb.covariance.components[i]
    return float(np.sqrt(np.diag(c.matrix(climb.covariance.start())).min()))


def _direction(H: FloatMatrix, expected: FloatMatrix, g: FloatVector) -> FloatVector:
    scale = np.sqrt(np.maximum(np.abs(np.diag(H)), 1e-300))
    for candidate in (H, expected):
        try:
            factor = linalg.cho_factor(candidate / np.outer(scale, scale), check_finite=False)
        except linalg.LinAlgError:
            continue
        return np.asarray(-linalg.cho_solve(factor, g / scale, check_finite=False) / scale)
    values, vectors = np.linalg.eigh(H / np.outer(scale, scale))
    safe = np.maximum(np.abs(values), 1e-6 * np.abs(values).max())
    return np.asarray(-(vectors @ ((vectors.T @ (g / scale)) / safe)) / scale)


def _longest_step(climb: _Climb, theta: FloatVector, change: FloatVector) -> tuple[float, int]:
    """How far the step may go before a full-rank block stops being a covariance matrix."""
    length, blocking = 1.0, -1
    for i, c in enumerate(climb.covariance.components):
        if i in climb.factors:
            continue
        D, step = c.matrix(theta), c.matrix(change)
        try:
            L = np.linalg.cholesky(D)
        except np.linalg.LinAlgError:
            return 0.0, i
        inner = linalg.solve_triangular(L, step, lower=True)
        inner = linalg.solve_triangular(L, inner.T, lower=True)
        lowest = float(np.linalg.eigvalsh((inner + inner.T) / 2)[0])
        if lowest < 0 and -0.98 / lowest < length:
            length, blocking = -0.98 / lowest, i
    return length, blocking


def _search(
    climb: _Climb,
    theta: FloatVector,
    here: Criterion,
    J: FloatMatrix,
    direction: FloatVector,
    length: float,
    decrement: float,
) -> tuple[FloatVector, Criterion] | None:
    """Halve the step until the likelihood rises."""
    for _ in range(40):
        moved, factors = _moved(climb, theta, J, direction * length)
        there = climb.criterion(moved)
        if there is not None:
            slack = 1e-11 * max(1.0, abs(here.value)) if decrement < 1e-6 else 0.0
            if there.value <= here.value - 1e-4 * length * decrement + slack:
                climb.factors.update(factors)
                return moved, there
        length *= 0.5
    return None


def _moved(
    climb: _Climb, theta: FloatVector, J: FloatMatrix, step: FloatVector
) -> tuple[FloatVector, dict[int, FloatMatrix]]:
    if not climb.factors:
        return theta + J @ step, {}
    moved = theta.copy()
    used = 0
    factors: dict[int, FloatMatrix] = {}
    for i, c in enumerate(climb.covariance.components):
        if i in climb.factors:
            L = climb.factors[i].copy()
            for a, b in _free_cells(L):
                L[a, b] += step[used]
                used += 1
            factors[i] = L
            _write(c, L @ L.T, moved)
        else:
            for k in range(c.start, c.start + len(c.pairs)):
                if k not in climb.fixed:
                    moved[k] += step[used]
                    used += 1
    inside = {
        k for c in climb.covariance.components for k in range(*c.positions.indices(len(theta)))
    }
    for k in range(len(theta)):
        if k not in inside and k not in climb.fixed:
            moved[k] += step[used]
            used += 1
    return moved, factors


def _write(c: Component, D: FloatMatrix, theta: FloatVector) -> None:
    for k, (a, b) in enumerate(c.pairs):
        theta[c.start + k] = D[a, b]


def _nearly_flat(climb: _Climb, i: int, theta: FloatVector) -> bool:
    c = climb.covariance.components[i]
    D = c.matrix(theta)
    base = np.sqrt(np.diag(c.matrix(climb.covariance.start())))
    return bool(np.linalg.eigvalsh(D / np.outer(base, base))[0] < 1e-5)


def _lower_rank(
    climb: _Climb, i: int, theta: FloatVector, here: Criterion
) -> tuple[FloatVector, Criterion]:
    """Take one direction out of block i."""
    c = climb.covariance.components[i]
    rank = climb.factors[i].shape[1] if i in climb.factors else c.size
    values, vectors = np.linalg.eigh(c.matrix(theta))
    kept = vectors[:, c.size - (rank - 1) :] * np.sqrt(
        np.maximum(values[c.size - (rank - 1) :], 0.0)
    )
    L = np.linalg.qr(kept.T)[1].T if rank > 1 else np.zeros((c.size, 0))
    climb.factors[i] = L
    moved = theta.copy()
    _write(c, L @ L.T, moved)
    there = climb.criterion(moved)
    return (moved, there) if there is not None else (theta, here)


def _way_back_inside(
    climb: _Climb, theta: FloatVector, here: Criterion, raised: dict[int, int]
) -> tuple[FloatVector, Criterion] | None:
    """A point inside with a larger likelihood, if the edge is not where the maximum lies."""
    slope = here.gradient()
    for i, L in list(climb.factors.items()):
        c = climb.covariance.components[i]
        if raised.get(i, 0) >= 2:
            continue
        G = np.zeros((c.size, c.size))
        for k, (a, b) in enumerate(c.pairs):
            G[a, b] += slope[c.start + k] / 2
            G[b, a] += slope[c.start + k] / 2
        D = L @ L.T
        unit = np.sqrt(np.diag(c.matrix(climb.covariance.start())))
        scaled = G * np.outer(unit, unit)
        values, vectors = np.linalg.eigh(scaled)
        if values[0] >= -1e-7:
            continue
        raised[i] = raised.get(i, 0) + 1
        u = vectors[:, 0] * unit
        for size in (0.3, 0.03, 0.003, 3e-4):
            moved = theta.copy()
            _write(c, D + size * np.outer(u, u) + 0.01 * size * np.diag(unit**2), moved)
            there = climb.criterion(moved)
            if there is not None and there.value < here.value:
                del climb.factors[i]
                return moved, there
    return None


def _finished(climb: _Climb, theta: FloatVector, here: Criterion, converged: bool) -> Optimum:
    J, curves = climb.chart(theta)
    slope = here.gradient()
    H = J.T @ here.hessian()[0] @ J
    for k, second in curves:
        H = H + slope[k] * second
    ranks = tuple(
        climb.factors[i].shape[1] if i in climb.factors else c.size
        for i, c in enumerate(climb.covariance.components)
    )
    return Optimum(theta, here, J, H, ranks, climb.steps, converged)
