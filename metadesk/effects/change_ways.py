"""Ways to the means of the same people under two conditions, with what tells their correlation."""

from __future__ import annotations

import numpy as np
from scipy import special

from metadesk.effects.conversions.crossover import correlation_of_change, sd_of_change
from metadesk.effects.estimates import ESTIMATE_ROUTES, HANDBOOK
from metadesk.effects.measure import (
    Columns,
    Computed,
    Context,
    Inputs,
    Need,
    Remark,
    Route,
    RouteFunction,
)
from metadesk.effects.sources import BORENSTEIN, ELBOURNE
from metadesk.numerics.types import FloatVector


def difference_sd(columns: Columns) -> FloatVector:
    """SD of the differences of two correlated measurements."""
    return sd_of_change(columns["sd1i"], columns["sd2i"], columns["ri"])


def _take(*roles: str) -> RouteFunction:
    """A route that hands these roles on as they stand."""
    return lambda columns, context: Inputs({role: columns[role] for role in roles})


def _with_d(columns: Columns, d: FloatVector, *reasons: Remark) -> Inputs:
    return Inputs({"di": d, "ni": columns["ni"]}, reasons)


def _d_from_means(columns: Columns, context: Context) -> Inputs:
    sd = difference_sd(columns)
    still = Remark(sd <= 0, "With this correlation the changes would not vary at all.")
    return _with_d(columns, (columns["m1i"] - columns["m2i"]) / sd, still)


def _d_from_t(columns: Columns, context: Context) -> Inputs:
    """The paired t statistic over √n."""
    return _with_d(columns, columns["ti"] / np.sqrt(columns["ni"]))


def _d_from_p(columns: Columns, context: Context) -> Inputs:
    """Through the paired t statistic, with the sign of the p-value."""
    p, n = columns["pi"], columns["ni"]
    t = -special.stdtrit(np.maximum(n - 1.0, 1.0), np.abs(p) / 2.0) * np.sign(p)
    return _with_d(columns, t / np.sqrt(n))


def _implied_r(columns: Columns, t: FloatVector) -> Inputs:
    """The correlation that a paired t statistic implies beside both SDs."""
    sd1, sd2 = columns["sd1i"], columns["sd2i"]
    sd = np.abs((columns["m1i"] - columns["m2i"]) / t) * np.sqrt(columns["ni"])
    r = (sd1**2 + sd2**2 - sd**2) / (2.0 * sd1 * sd2)
    values = {role: columns[role] for role in _FULL_ROLES if role != "ri"}
    bad = ~(np.abs(r) < 1.0)
    reasons = (
        Remark(
            bad,
            lambda i: (
                f"The paired test implies a correlation of {r[i]:.3g}, which is not possible; a "
                "mean, an SD or the statistic is wrong."
            ),
        ),
    )
    notes = (Remark(~bad, lambda i: f"Correlation {r[i]:.3g}, as the paired test implies."),)
    return Inputs({**values, "ri": r}, reasons, notes)


def _r_from_t(columns: Columns, context: Context) -> Inputs:
    return _implied_r(columns, columns["ti"])


def _r_from_p(columns: Columns, context: Context) -> Inputs:
    n = columns["ni"]
    return _implied_r(columns, special.stdtrit(n - 1.0, np.abs(columns["pi"]) / 2.0))


def _r_from_sd(columns: Columns, context: Context) -> Inputs:
    """The correlation that the SD of the differences implies beside both SDs."""
    sd1, sd2, sd = columns["sd1i"], columns["sd2i"], columns["sdi"]
    r = correlation_of_change(sd1, sd2, sd)
    values = {role: columns[role] for role in _FULL_ROLES if role in columns and role != "ri"}
    bad = ~(np.abs(r) < 1.0)
    reasons = (
        Remark(
            bad,
            lambda i: (
                f"SDs of {sd1[i]:g} and {sd2[i]:g} do not go with {sd[i]:g} as the SD of the "
                f"differences; their correlation would be {r[i]:.3g}."
            ),
        ),
    )
    notes = (Remark(~bad, lambda i: f"Correlation {r[i]:.3g}, as the SDs imply."),)
    return Inputs({**values, "ri": r}, reasons, notes)


def _change_by_its_sd(columns: Columns, context: Context) -> Computed:
    """Mean change with the SD of the differences: v = s_d²/n."""
    n = columns["ni"]
    return Computed(columns["m1i"] - columns["m2i"], columns["sdi"] ** 2 / n, n)


def _d_by_its_sd(columns: Columns, context: Context) -> Inputs:
    return _with_d(columns, (columns["m1i"] - columns["m2i"]) / columns["sdi"])


def _typed_d(columns: Columns, context: Context) -> Inputs:
    return _with_d(columns, columns["di"])


_M1, _M2 = Need("m1i", "Mean, condition 1"), Need("m2i", "Mean, condition 2")
_SD1, _SD2 = Need("sd1i", "SD, condition 1", "sd"), Need("sd2i", "SD, condition 2", "sd")
_N = Need("ni", "People (pairs)", "size2")
_R = Need("ri", "Correlation of the two conditions", "correlation")
_FULL = (_M1, _SD1, _M2, _SD2, _N, _R)
_FULL_ROLES = tuple(need.role for need in _FULL)

_D = Need("di", "Mean change over SD of changes")
_P = Need("pi", "P value with the sign of the change", "signed_p")


def _test(key: str, title: str, need: Need, function: RouteFunction) -> Route:
    return Route(key, title, (need, _N), function, BORENSTEIN, "test")


_TITLE = "means, SDs, correlation and people"
PAIRED_MEANS = Route("paired_means", _TITLE, _FULL, _take(*_FULL_ROLES))
_PAIRED_T = Need("ti", "Paired t statistic", "nonzero")
FROM_PAIRED_TEST = (
    Route(
        "paired_t",
        "means, SDs, paired t statistic and people",
        (*_FULL[:-1], _PAIRED_T),
        _r_from_t,
        ELBOURNE,
    ),
    Route(
        "paired_p",
        "means, SDs, p-value of the paired test and people",
        (*_FULL[:-1], _P),
        _r_from_p,
        ELBOURNE,
    ),
)
_SD_CHANGE = Need("sdi", "SD of the differences", "sd")
FROM_SD_OF_CHANGE = Route(
    "paired_sd",
    "means, SDs, SD of the differences and people",
    (*_FULL[:-1], _SD_CHANGE),
    _r_from_sd,
    HANDBOOK,
)
_CHANGE_TITLE = "means, SD of the differences and people"
_CHANGE_NEEDS = (_M1, _M2, _SD_CHANGE, _N)
PAIRED_ROUTES = (PAIRED_MEANS, FROM_SD_OF_CHANGE, *FROM_PAIRED_TEST, *ESTIMATE_ROUTES)
BY_MEANS = (
    *PAIRED_ROUTES[:2],
    Route("change_sd", _CHANGE_TITLE, _CHANGE_NEEDS, _change_by_its_sd, HANDBOOK),
    *PAIRED_ROUTES[2:],
)
BY_CHANGE = (
    Route("paired_means", _TITLE, _FULL, _d_from_means),
    Route("change_sd", _CHANGE_TITLE, _CHANGE_NEEDS, _d_by_its_sd, HANDBOOK),
    _test("t", "paired t statistic and people", Need("ti", "Paired t statistic"), _d_from_t),
    _test("d", "standardised change and people", _D, _typed_d),
    _test("p", "p-value (signed) and people", _P, _d_from_p),
    *ESTIMATE_ROUTES,
)  # fmt: skip
BY_RAW = (
    Route("means_sd1", "means, SD of condition 1, correlation and people", (_M1, _SD1, _M2, _N, _R),
          _take("m1i", "sd1i", "m2i", "ni", "ri")),
    FROM_SD_OF_CHANGE,
    *FROM_PAIRED_TEST,
    *ESTIMATE_ROUTES,
)  # fmt: skip
BY_SDS = (
    Route("paired_sds", "SDs, correlation and people", (_SD1, _SD2, _N, _R),
          _take("sd1i", "sd2i", "ni", "ri")),
    Route("paired_sds_sd", "SDs, SD of the differences and people", (_SD1, _SD2, _SD_CHANGE, _N),
          _r_from_sd, HANDBOOK),
    *ESTIMATE_ROUTES,
)  # fmt: skip
