"""The exact small-sample factor of standardised differences."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from metadesk.numerics.types import FloatVector

# Above this the series is exact to rounding, while the difference of two log-gammas is not.
_LARGE = 300.0


def small_sample_factor(m: ArrayLike) -> FloatVector:
    """Hedges's J(m) = Γ(m/2) / (√(m/2)·Γ((m−1)/2)), NaN for m ≤ 1.

    Equation 6e of Hedges (1981), not its approximation 1 − 3/(4m − 1). Computed once per different
    ``m``; for large ``m`` by the series of Γ(x + ½)/Γ(x) in 1/x.
    """
    degrees = np.asarray(m, dtype=float)
    flat = degrees.ravel()
    known, where = _unique(flat)
    with np.errstate(all="ignore"):
        small = np.exp(
            special.gammaln(known / 2.0)
            - 0.5 * np.log(known / 2.0)
            - special.gammaln((known - 1.0) / 2.0)
        )
        x = (known - 1.0) / 2.0
        u = 1.0 / x
        series = 1.0 + u * (
            -1 / 8 + u * (1 / 128 + u * (5 / 1024 + u * (-21 / 32768 - u * 399 / 262144)))
        )
        large = np.sqrt(x / (known / 2.0)) * series
    factor = np.where(known > _LARGE, large, small)
    factor[~(known > 1.0)] = np.nan
    return factor[where].reshape(degrees.shape)


def _unique(m: FloatVector) -> tuple[FloatVector, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Different values and where they stand; whole numbers of usual size without sorting."""
    whole = np.isfinite(m)
    index = np.where(whole, m, 0.0).astype(np.int64)
    if (
        len(m)
        and bool(whole.all())
        and bool((index == m).all())
        and index.min() >= 0
        and index.max() < 10**6
    ):
        return np.arange(float(index.max() + 1)), index
    known, where = np.unique(m, return_inverse=True)
    return known, where
