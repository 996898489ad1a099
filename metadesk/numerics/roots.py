"""Roots of functions of one variable inside a bracket."""

from __future__ import annotations

from collections.abc import Callable

_MOST = 200


def bracketed_root(
    f: Callable[[float], float], a: float, b: float, fa: float, fb: float, tolerance: float
) -> float:
    """Find where ``f`` changes sign between ``a`` and ``b``, to an absolute ``tolerance``.

    Chandrupatla's method (1997, Adv. Eng. Software 28, 145): inverse quadratic interpolation
    where the three last points allow it, else bisection. ``fa`` and ``fb`` are the values at the
    ends, of different signs.
    """
    c, fc, share = a, fa, 0.5
    for _ in range(_MOST):
        x = a + share * (b - a)
        fx = f(x)
        if (fx > 0.0) == (fa > 0.0):
            c, fc = a, fa
        else:
            c, b, fc, fb = b, a, fb, fa
        a, fa = x, fx
        best, value = (a, fa) if abs(fa) < abs(fb) else (b, fb)
        least = tolerance / abs(b - a) if b != a else 1.0
        if value == 0.0 or least > 0.5:
            return best
        xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
        share = 0.5
        if phi**2 < xi and (1.0 - phi) ** 2 < 1.0 - xi:
            share = fa / (fb - fa) * fc / (fb - fc)
            share += (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        share = min(1.0 - least, max(least, share))
    return best
