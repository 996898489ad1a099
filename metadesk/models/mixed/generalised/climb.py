"""Maximum of a smooth log-likelihood: quasi-Newton, then Newton to full accuracy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatMatrix, FloatVector

Stop = Callable[[FloatVector], bool]
Curvature = Callable[[FloatVector], FloatMatrix]
Evaluate = Callable[[FloatVector], tuple[float, FloatVector]]


@dataclass(frozen=True, eq=False)
class Peak:
    """Where the log-likelihood is largest, with the Hessian of minus the log-likelihood."""

    par: FloatVector
    value: float
    gradient: FloatVector
    hessian: FloatMatrix
    iterations: int
    converged: bool
    exact: bool = False


def numerical_hessian(evaluate: Evaluate, par: FloatVector, step: float = 1e-4) -> FloatMatrix:
    """Hessian of minus the log-likelihood by central differences of its exact gradient."""
    H = np.empty((len(par), len(par)))
    for i in range(len(par)):
        h = step * max(1.0, abs(par[i]))
        up, down = par.copy(), par.copy()
        up[i] += h
        down[i] -= h
        H[i] = -(evaluate(up)[1] - evaluate(down)[1]) / (2 * h)
    return (H + H.T) / 2


def newton(
    evaluate: Evaluate,
    curvature: Curvature,
    start: FloatVector,
    *,
    most: int = 100,
    tolerance: float = 1e-13,
    stop: Stop | None = None,
    progress: Progress = SILENT,
) -> Peak:
    """Climb by Newton steps with the Hessian of minus the log-likelihood at every place.

    Converged when half the Newton decrement is below ``tolerance`` relative to the likelihood;
    ``stop`` says where the climb has left the places of interest and is given up.
    """
    par = start.astype(float).copy()
    value, g = evaluate(par)
    if not math.isfinite(value):
        return Peak(par, value, g, np.eye(len(par)), 0, False)
    for steps in range(1, most + 1):
        progress.step(min(0.95, steps / 40), "Integrating over persons")
        raw = curvature(par)
        B, regular = _regular(raw)
        direction = np.asarray(np.linalg.solve(B, g), dtype=float)
        gain = float(g @ direction)
        if gain / 2 < tolerance * max(1.0, abs(value)):
            return Peak(par, value, g, raw, steps, True, regular)
        moved = _line(evaluate, par, value, direction, gain)
        if moved is None:
            return Peak(par, value, g, raw, steps, gain / 2 < 1e-7, regular)
        change, value, g = moved
        par = par + change
        if stop is not None and stop(par):
            return Peak(par, value, g, raw, steps, False)
    return Peak(par, value, g, curvature(par), most, False)


def _regular(H: FloatMatrix) -> tuple[FloatMatrix, bool]:
    """A positive-definite stand-in for a Hessian, in units of its own diagonal."""
    if not np.isfinite(H).all():
        return np.eye(len(H)), False
    unit = np.sqrt(np.maximum(np.abs(np.diag(H)), 1e-12))
    values, vectors = np.linalg.eigh(H / np.outer(unit, unit))
    if values[0] > 1e-10:
        return H, True
    safe = np.maximum(np.abs(values), 1e-6)
    return np.asarray(((vectors * safe) @ vectors.T) * np.outer(unit, unit)), False


def climb(
    evaluate: Evaluate,
    start: FloatVector,
    H: FloatMatrix | None = None,
    *,
    most: int = 300,
    tolerance: float = 1e-14,
    rough: bool = False,
    stop: Stop | None = None,
    progress: Progress = SILENT,
) -> Peak:
    """Climb from ``start``; ``H`` is a guess of the Hessian of minus the log-likelihood.

    Converged when half the Newton decrement, the likelihood still to be gained, is below
    ``tolerance`` relative to the likelihood; a ``rough`` climb stops where 1e-4 is left to gain,
    any climb where ``stop`` says that it has left the places of interest.
    """
    par = start.astype(float).copy()
    value, g = evaluate(par)
    if not math.isfinite(value):
        return Peak(par, value, g, np.eye(len(par)), 0, False)
    B = _positive(H) if H is not None else _positive(numerical_hessian(evaluate, par))
    exact = False
    steps = 0
    while steps < most:
        steps += 1
        progress.step(min(0.95, steps / 60), "Integrating over persons")
        direction = np.asarray(np.linalg.solve(B, g), dtype=float)
        gain = float(g @ direction)
        enough = tolerance * max(1.0, abs(value))
        if gain / 2 < (enough if exact else 1e-4 if rough else 1e-10):
            if exact or rough:
                return Peak(par, value, g, B, steps, True, exact)
            raw = numerical_hessian(evaluate, par)
            B, exact = _positive(raw), bool((np.linalg.eigvalsh(raw) > 0).all())
            if not exact and gain / 2 < enough:
                return Peak(par, value, g, raw, steps, True)
            if exact:
                continue
        moved = _line(evaluate, par, value, direction, gain)
        if moved is None:
            if exact:
                return Peak(par, value, g, B, steps, gain / 2 < 1e-7)
            raw = numerical_hessian(evaluate, par)
            B, exact = _positive(raw), True
            continue
        change, there, slope = moved
        drop = g - slope
        par, value, g = par + change, there, slope
        if stop is not None and stop(par):
            return Peak(par, value, g, B, steps, False)
        if not exact:
            B = _updated(B, change, drop)
    return Peak(par, value, g, B, steps, False)


def _line(
    evaluate: Evaluate, par: FloatVector, value: float, direction: FloatVector, gain: float
) -> tuple[FloatVector, float, FloatVector] | None:
    longest = float(np.abs(direction).max())
    length = min(1.0, 4.0 / longest) if longest > 0 else 1.0
    slack = 1e-12 * max(1.0, abs(value))
    for _ in range(30):
        change = length * direction
        there, slope = evaluate(par + change)
        if math.isfinite(there) and there >= value + 1e-4 * length * gain - slack:
            return change, there, slope
        length *= 0.4
    return None


def _updated(B: FloatMatrix, s: FloatVector, y: FloatVector) -> FloatMatrix:
    """BFGS, skipped where the curvature is not positive."""
    curvature = float(s @ y)
    Bs = B @ s
    if curvature <= 1e-8 * float(s @ Bs):
        return B
    return np.asarray(B - np.outer(Bs, Bs) / float(s @ Bs) + np.outer(y, y) / curvature)


def _positive(H: FloatMatrix) -> FloatMatrix:
    if not np.isfinite(H).all():
        return np.eye(len(H))
    values, vectors = np.linalg.eigh(H)
    floor = 1e-6 * max(float(np.abs(values).max()), 1e-6)
    if values[0] > floor * 1e-4:
        return H
    return np.asarray((vectors * np.maximum(np.abs(values), floor)) @ vectors.T)
