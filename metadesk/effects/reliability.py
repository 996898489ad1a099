"""Coefficient alpha of a scale: ``ai`` alpha, ``mi`` number of items, ``ni`` size."""

from __future__ import annotations

import math

import numpy as np

from metadesk.effects.estimates import ESTIMATE_ROUTES
from metadesk.effects.generic import NoOptions
from metadesk.effects.measure import (
    Columns,
    Computed,
    Context,
    Inputs,
    Measure,
    Need,
    Route,
    plain_scale,
)
from metadesk.effects.scales import BONETT, HAKSTIAN_WHALEN
from metadesk.effects.sources import BONETT2002, BONETT2010, HAKSTIAN


def raw_alpha(columns: Columns, options: NoOptions) -> Computed:
    """Coefficient alpha as it stands."""
    a, m, n = columns["ai"], columns["mi"], columns["ni"]
    return Computed(a, 2.0 * m * (1.0 - a) ** 2 / ((m - 1.0) * (n - 2.0)), n)


def hakstian_whalen(columns: Columns, options: NoOptions) -> Computed:
    """1 − (1 − α)^⅓, which grows with alpha."""
    a, m, n = columns["ai"], columns["mi"], columns["ni"]
    root = np.cbrt(1.0 - a)
    vi = 18.0 * m * (n - 1.0) * root**2 / ((m - 1.0) * (9.0 * n - 11.0) ** 2)
    return Computed(1.0 - root, vi, n)


def bonett(columns: Columns, options: NoOptions) -> Computed:
    """−ln(1 − α), which grows with alpha."""
    a, m, n = columns["ai"], columns["mi"], columns["ni"]
    return Computed(-np.log(1.0 - a), 2.0 * m / ((m - 1.0) * (n - 2.0)), n)


def _as_they_stand(columns: Columns, context: Context) -> Inputs:
    return Inputs({role: columns[role] for role in ("ai", "mi", "ni")})


_ROUTES = (
    Route(
        "alpha",
        "alpha, number of items and total",
        (
            Need("ai", "Coefficient alpha", "alpha"),
            Need("mi", "Number of items", "items"),
            Need("ni", "Total", "size3"),
        ),
        _as_they_stand,
    ),
    *ESTIMATE_ROUTES,
)
_FAMILY = "Reliability"
RELIABILITY = (
    Measure("ARAW", "Coefficient alpha", "α", _FAMILY,
            "How consistently the items of a scale measure the same thing.",
            "α; v = 2m(1 − α)²/((m − 1)(n − 2))", NoOptions,
            plain_scale("coefficient alpha", math.nan, upper=1.0), BONETT2010, raw_alpha, _ROUTES),
    Measure("AHW", "Coefficient alpha, Hakstian–Whalen", "α", _FAMILY,
            "Coefficient alpha on the cube-root scale.",
            "1 − (1 − α)^⅓; v = 18m(n − 1)(1 − α)^⅔/((m − 1)(9n − 11)²)", NoOptions,
            HAKSTIAN_WHALEN, HAKSTIAN, hakstian_whalen, _ROUTES),
    Measure("ABT", "Coefficient alpha, Bonett", "α", _FAMILY,
            "Coefficient alpha on the log scale; the usual choice.",
            "−ln(1 − α); v = 2m/((m − 1)(n − 2))", NoOptions, BONETT, BONETT2002, bonett, _ROUTES),
)  # fmt: skip
