"""Profile-likelihood intervals of covariance parameters.

An end of the interval solves two things at once: the likelihood has dropped by the chi-square
quantile, and all other parameters are at their best given this one. Both are solved together by
Newton steps; where the others come to rest on an edge, the parameter is walked and the rest is
climbed anew each time.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from metadesk.models.mixed.linear.moments import Covariance, Criterion
from metadesk.models.mixed.linear.newton import Optimum, maximise
from metadesk.models.mixed.random_columns import Component
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatVector

WORDS = "Intervals of the variance components"


class Profile:
    """The profile of one parameter around the optimum of a linear mixed model.

    ``drop`` is how much −2 log-likelihood rises at the ends.

    References
    ----------
    Venzon & Moolgavkar (1988).
    """

    def __init__(
        self,
        covariance: Covariance,
        n: int,
        restricted: bool,
        optimum: Optimum,
        at: int,
        drop: float,
        progress: Progress = SILENT,
    ) -> None:
        self.covariance, self.n, self.restricted = covariance, n, restricted
        self.optimum, self.at, self.drop, self.progress = optimum, at, drop, progress
        self.value = float(optimum.theta[at])
        resting = self._resting()
        self.resting = [k for k in resting or () if k != at]
        self.solvable = resting is not None
        self.others = np.delete(np.arange(len(optimum.theta)), [at, *self.resting])
        self._warm = optimum.theta
        self._lost = False

    def _resting(self) -> list[int] | None:
        """Parameters that lie on an edge of their own; None where a larger block has lost rank."""
        floors = self.covariance.floors.items()
        found = [k for k, floor in floors if self.optimum.theta[k] <= floor]
        for c, rank in zip(self.covariance.components, self.optimum.ranks, strict=True):
            if rank < c.size:
                if c.size > 1:
                    return None
                found.append(c.start)
        return found

    def ends(self, floor: float, ceiling: float) -> tuple[float, float]:
        """Lower and upper end; ``floor`` or ``ceiling`` where the likelihood allows them.

        NaN for an end that cannot be found.
        """
        return self._lower(floor), self._upper(ceiling)

    def _lower(self, floor: float) -> float:
        if floor == 0.0 and self.value <= 1e-8:
            return 0.0
        solved = self._together(-1.0)
        if solved is not None and floor < solved < self.value:
            return solved
        self._warm = self.optimum.theta
        return self._walked(floor, down=True)

    def _upper(self, ceiling: float) -> float:
        solved = self._together(1.0)
        if solved is not None and self.value < solved < ceiling:
            return solved
        self._warm = self.optimum.theta
        return self._walked(ceiling, down=False)

    def _criterion(self, theta: FloatVector) -> Criterion | None:
        moments = self.covariance.moments(theta)
        if moments is None or not np.isfinite(moments.total).all():
            return None
        try:
            found = Criterion(moments, self.n, self.restricted)
        except np.linalg.LinAlgError:
            return None
        return found if math.isfinite(found.value) and found.rss >= 0 else None

    def _together(self, side: float) -> float | None:
        """Newton steps on the end and the other parameters at once; None where they fail.

        A variance is stepped in its logarithm. Parameters at rest on an edge stay there, if the
        likelihood does not call them back at the end.
        """
        if not self.solvable:
            return None
        theta = self.optimum.theta.copy()
        goal = self.optimum.criterion.value + self.drop
        at, others = self.at, self.others
        here: Criterion | None = self.optimum.criterion
        is_phi = self.covariance.parameters[at] == "phi"
        for step in range(25):
            self.progress.step(0.9, WORDS)
            if here is None:
                return None
            g, H = here.gradient(), here.hessian()[0]
            inner = H[np.ix_(others, others)]
            rate = -np.linalg.lstsq(inner, H[others, at], rcond=None)[0]
            correction = -np.linalg.lstsq(inner, g[others], rcond=None)[0]
            total = float(g[at] + g[others] @ rate)
            gap = here.value - goal + float(g[others] @ correction) / 2
            if step == 0:
                curve = float(H[at, at] + H[at, others] @ rate)
                inside = total**2 + 2 * self.drop * curve
                if curve <= 0 or inside <= 0:
                    return None
                change = (side * math.sqrt(inside) - total) / curve
            else:
                if total * side <= 0:
                    return None
                if abs(here.value - goal) < 1e-9 and np.abs(correction).max(initial=0.0) < 1e-7:
                    called_back = (g[self.resting] < -1e-6).any()
                    return None if called_back else float(theta[at])
                change = -gap / total
            if not is_phi and theta[at] > 1e-8:
                change = theta[at] * math.expm1(np.clip(change / theta[at], -1.2, 1.2))
            move = np.zeros(len(theta))
            move[at] = change
            move[others] = correction + change * rate
            theta, here = self._inside(theta, move)
        return None

    def _inside(
        self, theta: FloatVector, move: FloatVector
    ) -> tuple[FloatVector, Criterion | None]:
        """Shorten a step until it ends where all blocks are covariance matrices."""
        for _ in range(8):
            moved = theta + move
            if all(np.linalg.eigvalsh(c.matrix(moved))[0] > 0 for c in self.covariance.components):
                found = self._criterion(moved)
                if found is not None:
                    return moved, found
            move = move / 2
        return theta, None

    def _admissible(self, c: Component, theta: FloatVector) -> bool:
        if c.size == 1:
            return bool(theta[c.start] > 0 or c.start in self.resting)
        return bool(np.linalg.eigvalsh(c.matrix(theta))[0] > 0)

    def _excess(self, x: float) -> float:
        self.progress.step(0.9, WORDS)
        start = self._warm.copy()
        start[self.at] = x
        try:
            found = maximise(
                self.covariance,
                self.n,
                self.restricted,
                start=start,
                fixed={self.at: x},
                tolerance=1e-9,
                most=40,
                progress=self.progress,
            )
        except ArithmeticError:
            return math.inf
        if not math.isfinite(found.loglik):
            return math.inf
        if abs(found.theta[self.at] - x) > 1e-9 * max(1.0, abs(x)):
            self._lost = True
            return math.inf
        self._warm = found.theta
        return -2 * (found.loglik - self.optimum.loglik) - self.drop

    def _walked(self, limit: float, *, down: bool) -> float:
        """Walk away from the estimate until the likelihood has dropped, then solve."""
        seen: dict[float, float] = {self.value: -self.drop}

        def known(x: float) -> float:
            if x not in seen:
                seen[x] = self._excess(x)
            return seen[x]

        self._lost = False
        if down and limit == 0.0 and (self.value <= 1e-8 or known(1e-7 * self.value) <= 0):
            return 0.0
        inner = self.value
        for outer in _steps(self.value, limit, down):
            if known(outer) > 0:
                break
            inner = outer
        else:
            return limit
        end = _solved(known, inner, outer)
        return math.nan if self._lost else end


def _steps(value: float, limit: float, down: bool) -> list[float]:
    if limit == 0.0 and down:
        return [value * 3.0**-k for k in range(1, 15)]
    if math.isinf(limit):
        return [max(value, 1e-3) * 3.0**k for k in range(1, 15)]
    return [value + share * (limit - value) for share in (0.25, 0.5, 0.75, 0.9, 0.98, 1.0)]


def _solved(known: Callable[[float], float], inner: float, outer: float) -> float:
    """Where the excess crosses zero between two places (regula falsi, Illinois)."""
    for _ in range(20):
        if math.isfinite(known(outer)):
            break
        middle = 0.5 * (inner + outer)
        inner, outer = (inner, middle) if known(middle) > 0 else (middle, outer)
    else:
        return math.nan
    a, b = inner, outer
    fa, fb = known(a), known(b)
    for _ in range(60):
        if abs(b - a) <= 1e-6 * max(abs(b), abs(a)) or fa == fb:
            break
        x = b - fb * (b - a) / (fb - fa)
        fx = known(x)
        if fx * fb < 0:
            a, fa = b, fb
        else:
            fa *= 0.5
        b, fb = x, fx
        if abs(fx) < 1e-7:
            break
    return float(b)
