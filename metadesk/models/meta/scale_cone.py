"""The highest maximum of the likelihood of ``tau² = Z alpha`` where every tau² is at least 0.

The alpha allowed are a cone. Newton's method moves inside it and along its faces; what the
gradient wants at a face is its projection onto the directions that stay allowed (Moreau 1962),
which non-negative least squares gives, however many faces meet there.
"""

from __future__ import annotations

import math

import numpy as np

from metadesk.errors import NotEstimable
from metadesk.models.meta.kernel import kernel_of
from metadesk.models.meta.linear import least_squares
from metadesk.models.meta.scale_likelihood import ScaleLikelihood, State
from metadesk.models.meta.tau2 import estimate_tau2
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import BoolVector, FloatMatrix, FloatVector

_STEPS = 300
# A tau² this small beside the least variance of a study lies at 0; so does what is rounding.
_ZERO, _ROUNDING = 1e-11, 1e-15
# A gain of likelihood, beside its size, that rounding hides.
_GAINED = 1e-14
_MOST_TILTS = 8

Climbed = tuple[FloatVector, State, int, bool]


class Cone:
    """Maximises a likelihood whose link is the identity; Z of the likelihood is orthonormal."""

    def __init__(self, likelihood: ScaleLikelihood) -> None:
        self.likelihood = likelihood
        self.moved: BoolVector = np.abs(likelihood.Z).max(axis=1) > 0.0
        self.faces: FloatMatrix = np.unique(likelihood.Z[self.moved], axis=0)
        self.size, self.least = float(np.median(likelihood.v)), float(likelihood.v.min())

    def maximise(self, progress: Progress = SILENT) -> Climbed:
        """The best of the maxima reached from several starts.

        Raises
        ------
        NotEstimable
            Where no alpha makes every tau² positive.
        """
        found: list[Climbed] = []
        starts = self._starts()
        for alpha in starts:
            progress.step(0.1 + 0.8 * len(found) / len(starts), "Moderators of the spread")
            found.append(self._climb(alpha, progress))
        return max(found, key=lambda one: one[1].ll)

    def at_edge(self, tau2: FloatVector) -> BoolVector:
        """Which studies have a tau² of 0 that their moderators could have made larger."""
        return np.asarray(self.moved & self._is_zero(tau2))

    def _is_zero(self, tau2: FloatVector) -> BoolVector:
        limit = max(_ZERO * self.least, _ROUNDING * float(np.abs(tau2).max(initial=0.0)))
        return np.asarray(tau2 <= limit)

    def _starts(self) -> list[FloatVector]:
        """Heterogeneity as even as can be at four sizes; from it towards every edge."""
        one, Z = self.likelihood, self.likelihood.Z
        t = estimate_tau2(kernel_of(one.y, one.v, one.X), "REML" if one.restricted else "ML").value
        t = max(t, 0.01 * self.size)
        inside = self._inside()
        even = t * inside
        excess = least_squares(one.y, one.v + t, one.X).residual ** 2 - one.v
        towards = Z.T @ np.maximum(excess, 0.1 * one.v) - even
        starts = [c * even for c in (1.0, 8.0, 0.1, 64.0)]
        starts.append(even + 0.9 * min(self._room(even, towards), 1.0) * towards)
        flat = inside / float(np.linalg.norm(inside))
        for column in np.eye(Z.shape[1])[:_MOST_TILTS]:
            tilt = column - flat * float(flat @ column)
            rooms = [(tilt * sign, self._room(even, tilt * sign)) for sign in (1.0, -1.0)]
            starts += [even + 0.9 * room * move for move, room in rooms if 0.0 < room < math.inf]
        return starts

    def _inside(self) -> FloatVector:
        """An alpha for which tau² is positive everywhere, 1 on average; 1 everywhere if it can."""
        even = self.likelihood.Z.T @ np.ones(self.likelihood.y.size)
        if float((self.faces @ even).min()) <= 1e-6:
            # Gordan's alternative: what is left of 1 beside 0 by non-negative sums of the rows
            rows = self.faces / np.linalg.norm(self.faces, axis=1)[:, None]
            target = np.append(np.zeros(rows.shape[1]), 1.0)
            sums = np.vstack((rows.T, np.ones(len(rows))))
            even = -(target - sums @ _nnls(sums, target))[:-1]
            if float((rows @ even).min()) <= 1e-10:
                raise NotEstimable(
                    "No coefficients make τ² of every study positive; leave the intercept of the "
                    "spread in, or let the logarithm of τ² be linear."
                )
        return np.asarray(even / float((self.faces @ even).mean()))

    def _room(self, alpha: FloatVector, move: FloatVector) -> float:
        """How many times ``move`` can be taken before some tau² is 0."""
        t, change = self.faces @ alpha, self.faces @ move
        # along a face that is held nothing changes but rounding
        falls = change < np.where(self._is_zero(t), -1e-9, 0.0) * float(np.abs(change).max())
        return float((np.maximum(t[falls], 0.0) / -change[falls]).min(initial=np.inf))

    def _climb(self, alpha: FloatVector, progress: Progress) -> Climbed:
        state = self.likelihood.at(alpha)
        for step in range(1, _STEPS + 1):
            progress.check()
            move, slope = self._direction(alpha, state)
            if slope == 0.0:
                return alpha, state, step, True
            room = self._room(alpha, move)
            if slope < _GAINED * (1.0 + abs(state.ll)):  # one step more is exact
                alpha = alpha + min(1.0, room) * move
                return alpha, self.likelihood.at(alpha), step, True
            widest = float(np.abs(self.faces @ move).max())
            most = 4.0 * (float(state.tau2.max()) + self.size)
            reach = min(1.0, room, most / widest)
            better = self._step(alpha, state, reach * move, blocked=reach == room)
            if better is None:
                return alpha, state, step, slope < 1e-9
            alpha, state = better
        return alpha, state, _STEPS, False

    def _direction(self, alpha: FloatVector, state: State) -> tuple[FloatVector, float]:
        """Where to go within the cone, and twice what Newton's quadratic would gain there."""
        held = self.faces[self._is_zero(self.faces @ alpha)]
        wish = state.gradient
        if len(held):
            wish = wish + held.T @ _nnls(held.T, -wish)
            small = 1e-9 * float(np.linalg.norm(state.gradient))
            if float(np.linalg.norm(wish)) <= small:
                return np.zeros_like(alpha), 0.0
            kept = held[held @ wish <= small * np.linalg.norm(held, axis=1)]
        else:
            kept = held
        N = _free(kept, alpha.size)
        values, vectors = np.linalg.eigh(N.T @ state.hessian @ N)
        along = vectors.T @ (N.T @ state.gradient)
        # where the likelihood is flat a step is long, but not beyond all numbers
        longest = 1e6 * math.sqrt(self.likelihood.y.size) * (float(state.tau2.max()) + self.size)
        bend = float(np.abs(values).max(initial=0.0))
        flat = max(1e-12 * bend, float(np.abs(along).max(initial=0.0)) / longest)
        size = np.maximum(np.abs(values), max(flat, 1e-300))
        move = N @ (vectors @ (along / size))
        widest = float(np.abs(self.faces @ move).max())
        if float((held @ move).min(initial=0.0)) < -1e-9 * widest:  # Newton would leave the cone
            wish = N @ (N.T @ wish)
            rise, bend = float(wish @ wish), abs(float(wish @ state.hessian @ wish))
            return wish * (rise / max(bend, 1e-300)), rise * rise / max(bend, 1e-300)
        return move, float((along * along / size).sum())

    def _step(
        self, alpha: FloatVector, state: State, move: FloatVector, *, blocked: bool
    ) -> tuple[FloatVector, State] | None:
        """The first of halved steps that gains; up to an edge close by, one that loses nothing."""
        enough = state.ll - (_GAINED * (1.0 + abs(state.ll)) if blocked else 0.0)
        for _ in range(40):
            trial = self.likelihood.at(alpha + move)
            if trial.ll > enough:
                return alpha + move, trial
            enough = state.ll
            move = 0.5 * move
        return None


def _free(held: FloatMatrix, q: int) -> FloatMatrix:
    """An orthonormal basis of the directions along which the rows of ``held`` do not change."""
    if not len(held):
        return np.eye(q)
    rows = held / np.linalg.norm(held, axis=1)[:, None]
    _, size, right = np.linalg.svd(rows)
    return np.asarray(right[int((size > 1e-9 * size[0]).sum()) :].T)


def _nnls(A: FloatMatrix, b: FloatVector) -> FloatVector:
    from scipy.optimize import nnls  # only fits at an edge need it

    scale = float(np.linalg.norm(b))
    if scale == 0.0:
        return np.zeros(A.shape[1])
    return np.asarray(nnls(A, b / scale)[0] * scale, dtype=np.float64)
