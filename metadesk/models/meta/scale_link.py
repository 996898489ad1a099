"""What is linear in the moderators of the spread: the logarithm of tau², or tau² itself."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from metadesk.numerics.types import FloatVector

LINKS = {
    "log": "ln τ² is linear: moderators multiply τ²",
    "identity": "τ² is linear: moderators add to τ²",
}
SYMBOLS = {"log": "ln τ²", "identity": "τ²"}


class Curve(NamedTuple):
    """tau² at values of the linear part, with two derivatives."""

    tau2: FloatVector
    first: FloatVector
    second: FloatVector


def curve_of(link: str, linear: FloatVector) -> Curve:
    """``exp`` of the linear part, or the linear part; what rounding left below 0 is 0."""
    if link == "log":
        t = np.exp(np.minimum(linear, 700.0))
        return Curve(t, t, t)
    return Curve(np.maximum(linear, 0.0), np.ones_like(linear), np.zeros_like(linear))


def tau2_where(link: str, linear: FloatVector, fitted: FloatVector) -> FloatVector:
    """tau² where it is predicted; NaN where the line lies below 0 by more than rounding.

    ``fitted`` are the tau² of the studies, by whose size rounding is told.
    """
    below = linear < -1e-9 * float(fitted.max())
    return np.where((link == "identity") & below, np.nan, curve_of(link, linear).tau2)
