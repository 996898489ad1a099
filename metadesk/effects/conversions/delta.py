"""Another scale for an estimate: its transformation with the variance by the delta method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metadesk.numerics.types import FloatVector


def by_delta_method(
    yi: FloatVector, vi: FloatVector, transform: Callable[[Any], FloatVector]
) -> tuple[FloatVector, FloatVector]:
    """Transform estimates; variances are multiplied by the squared slope of the transformation.

    The slope is found by central differences extrapolated twice (Ridders), exact to about ten
    digits for smooth transformations.

    Parameters
    ----------
    yi, vi : (k,) arrays
        Estimates and sampling variances on the scale that ``transform`` takes.
    transform : callable
        Elementwise.

    Returns
    -------
    yt, vt : (k,) arrays
        Transformed estimates and their variances.
    """
    y = np.asarray(yi, dtype=float)
    return transform(y), slope(y, transform) ** 2 * np.asarray(vi, dtype=float)


def slope(y: FloatVector, transform: Callable[[Any], FloatVector]) -> FloatVector:
    """Derivative of an elementwise transformation."""
    h = 1e-2 * np.maximum(np.abs(y), 1e-2)
    with np.errstate(all="ignore"):
        coarse, middle, fine = (
            (transform(y + h * s) - transform(y - h * s)) / (2.0 * h * s) for s in (1.0, 0.5, 0.25)
        )
    first, second = (4.0 * middle - coarse) / 3.0, (4.0 * fine - middle) / 3.0
    return np.asarray((16.0 * second - first) / 15.0)
