"""The scales measures are analysed on, with their ways back."""

from __future__ import annotations

import math

import numpy as np

from metadesk.effects.measure import Scale
from metadesk.effects.transforms import (
    abt,
    ahw,
    arcsin,
    iabt,
    iahw,
    iarcsin,
    iirft,
    ilogit,
    ipft,
    iprobit,
    isqrt,
    logit,
    probit,
    r2toz,
    rtoz,
    ztor,
    ztor2_signed,
)  # fmt: skip


def _sqrt(x: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sqrt(np.asarray(x, dtype=float)))


FISHER_Z = Scale("fisher_z", "correlation", ztor, rtoz, lower=-1.0, upper=1.0)
FISHER_Z_R2 = Scale("fisher_z_r2", "R²", ztor2_signed, r2toz, null=math.nan, lower=0.0, upper=1.0)
LOGIT = Scale("logit", "proportion", ilogit, logit, null=math.nan, lower=0.0, upper=1.0)
PROBIT = Scale("probit", "proportion", iprobit, probit, null=math.nan, lower=0.0, upper=1.0)
ARCSINE = Scale("arcsine", "proportion", iarcsin, arcsin, null=math.nan, lower=0.0, upper=1.0)
DOUBLE_ARCSINE = Scale(
    "double_arcsine",
    "proportion",
    iarcsin,
    arcsin,
    null=math.nan,
    lower=0.0,
    upper=1.0,
    with_n=ipft,
)
SQUARE_ROOT = Scale("sqrt", "rate", isqrt, _sqrt, null=math.nan, lower=0.0)
DOUBLE_SQUARE_ROOT = Scale(
    "double_sqrt", "rate", isqrt, _sqrt, null=math.nan, lower=0.0, with_n=iirft
)
HAKSTIAN_WHALEN = Scale("ahw", "coefficient alpha", iahw, ahw, null=math.nan, upper=1.0)
BONETT = Scale("abt", "coefficient alpha", iabt, abt, null=math.nan, upper=1.0)
