"""Two groups, a measured outcome, told as a correlation, an odds ratio or a probability."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from metadesk.effects.estimates import ESTIMATE_ROUTES
from metadesk.effects.generic import NoOptions
from metadesk.effects.measure import (
    Columns,
    Computed,
    Context,
    Inputs,
    Measure,
    Need,
    Remark,
    Route,
    log_scale,
    plain_scale,
)
from metadesk.effects.scales import FISHER_Z
from metadesk.effects.sources import CHINN, COX, JACOBS, NEWCOMBE2006
from metadesk.effects.two_by_two import to_fisher_z
from metadesk.effects.two_means import UNEQUAL_VARIANCES, unequal_variance
from metadesk.effects.two_means_ways import D_ROUTES, D_TESTS, MEANS_AND_TEST, TWO_ARMS, pooled_sd
from metadesk.numerics.types import FloatVector
from metadesk.options import choice

_VTYPE = "Variance"


@dataclass(frozen=True)
class PointBiserialOptions:
    """Sampling scheme of the point-biserial correlation."""

    vtype: str = choice(
        _VTYPE,
        {"LS": "two groups of fixed size", "ST": "the same (stratified)",
         "CS": "one sample, group sizes by chance (cross-sectional)"},
        "LS",
        advanced=True,
    )  # fmt: skip


@dataclass(frozen=True)
class SuperiorityOptions:
    """Variance of a reported probability of superiority."""

    vtype: str = choice(
        _VTYPE,
        {"LS": "Newcombe's method 4", "LS2": "Hanley and McNeil", "H0": "under no difference",
         "MAX": "largest possible"},
        "LS",
        advanced=True,
    )  # fmt: skip


@dataclass(frozen=True)
class SuperiorityFromMeansOptions:
    """Variance of a probability of superiority that follows from means and SDs."""

    vtype: str = choice(
        _VTYPE, {**UNEQUAL_VARIANCES, "HO": "one SD for both groups"}, "LS", advanced=True
    )


def _point_biserial(columns: Columns) -> tuple[FloatVector, FloatVector]:
    """Point-biserial correlation of d, and the constant h = m/n1 + m/n2."""
    d, n1, n2 = columns["di"], columns["n1i"], columns["n2i"]
    h = (n1 + n2 - 2.0) * (1.0 / n1 + 1.0 / n2)
    return d / np.sqrt(d**2 + h), h


def point_biserial(columns: Columns, options: PointBiserialOptions) -> Computed:
    """Correlation of the outcome with belonging to group 1.

    Variance by the delta method from d for fixed groups; ``CS``: Tate (1954).
    """
    d, n1, n2 = columns["di"], columns["n1i"], columns["n2i"]
    n = n1 + n2
    r, h = _point_biserial(columns)
    if options.vtype == "CS":
        vi = (1.0 - r**2) ** 2 * (n * r**2 / (4.0 * n1 * n2) + (2.0 - 3.0 * r**2) / (2.0 * n))
    else:
        vi = h**2 / (h + d**2) ** 3 * (1.0 / n1 + 1.0 / n2 + d**2 / (2.0 * n))
    return Computed(r, vi, n)


def point_biserial_z(columns: Columns, options: PointBiserialOptions) -> Computed:
    """Point-biserial correlation on Fisher's z scale."""
    return to_fisher_z(point_biserial(columns, options))


def biserial(columns: Columns, options: NoOptions) -> Computed:
    """Correlation of the outcome with the normal trait behind the groups.

    Variance by Soper (1914), as in Jacobs & Viechtbauer (2017), eq. 19; estimates beyond ±1 are
    held there in the variance.
    """
    n1, n2 = columns["n1i"], columns["n2i"]
    n = n1 + n2
    p, q = n1 / n, n2 / n
    z = special.ndtri(q)
    density = np.exp(-(z**2) / 2.0) / math.sqrt(2.0 * math.pi)
    r = np.sqrt(p * q) / density * _point_biserial(columns)[0]
    held = np.clip(r, -1.0, 1.0)
    middle = 1.5 + (1.0 - p * z / density) * (1.0 + q * z / density)
    vi = (p * q / density**2 - middle * held**2 + held**4) / (n - 1.0)
    return Computed(r, vi, n)


def biserial_z(columns: Columns, options: NoOptions) -> Computed:
    """Biserial correlation on Fisher's z scale."""
    return to_fisher_z(biserial(columns, options))


def _d_times(columns: Columns, factor: float) -> Computed:
    d, n1, n2 = columns["di"], columns["n1i"], columns["n2i"]
    vi = factor**2 * (1.0 / n1 + 1.0 / n2 + d**2 / (2.0 * (n1 + n2)))
    return Computed(factor * d, vi, n1 + n2)


def log_odds_ratio_logistic(columns: Columns, options: NoOptions) -> Computed:
    """Log odds ratio of a logistic trait cut anywhere: d·π/√3."""
    return _d_times(columns, math.pi / math.sqrt(3.0))


def log_odds_ratio_normal(columns: Columns, options: NoOptions) -> Computed:
    """Log odds ratio of a normal trait cut anywhere: 1.65·d (Cox)."""
    return _d_times(columns, 1.65)


def superiority(columns: Columns, options: SuperiorityOptions) -> Computed:
    """Reported probability of superiority (area under the ROC curve) with its variance.

    ``LS`` Newcombe (2006), method 4, and ``LS2`` Hanley & McNeil (1982), both with (n1 − 1)(n2 − 1)
    in the denominator (Cho et al. 2019); ``ties`` is the part of pairs that are tied. ``MAX``:
    Bamber (1975), eq. 7.
    """
    a, n1, n2 = columns["ai"], columns["n1i"], columns["n2i"]
    first, second = a / (2.0 - a), 2.0 * a**2 / (1.0 + a)
    pairs = (n1 - 1.0) * (n2 - 1.0)
    match options.vtype:
        case "LS2":
            vi = a * (1.0 - a) - columns["ties"] / 4.0
            vi = vi + (n1 - 1.0) * (first - a**2) + (n2 - 1.0) * (second - a**2)
            vi = vi / pairs
        case "H0":
            vi = (n1 + n2 + 1.0) / (12.0 * n1 * n2)
        case "MAX":
            vi = a * (1.0 - a) / (np.minimum(n1, n2) - 1.0)
        case _:
            star = (n1 + n2) / 2.0 - 1.0
            share = 1.0 + star * (1.0 - a) / (2.0 - a) + star * a / (1.0 + a)
            vi = a * (1.0 - a) * share / pairs
    return Computed(a, vi, n1 + n2)


def superiority_from_means(columns: Columns, options: SuperiorityFromMeansOptions) -> Computed:
    """Probability of superiority of two normal distributions, Φ(d/√2).

    ``average`` is d by the root mean variance, ``pooled`` by the pooled SD, ``share1`` the part of
    group 1 in the sum of both variances, unknown (NaN) where the SDs are; then one SD is assumed.
    Variance by the delta method: φ(d/√2)²/2 times that of d.
    """
    n1, n2, share1 = columns["n1i"], columns["n2i"], columns["share1"]
    one_sd = np.isnan(share1) | (options.vtype == "HO")
    d = np.where(one_sd, columns["pooled"], columns["average"])
    z = d / math.sqrt(2.0)
    density = np.exp(-(z**2) / 2.0) / math.sqrt(2.0 * math.pi)
    equal = 1.0 / n1 + 1.0 / n2 + d**2 / (2.0 * (n1 + n2))
    of_d = np.where(one_sd, equal, unequal_variance(d, share1, n1, n2, options.vtype))
    return Computed(special.ndtr(z), density**2 / 2.0 * of_d, n1 + n2)


def _area(columns: Columns, context: Context) -> Inputs:
    ties = columns.get("mi", np.zeros(len(columns["ai"])))
    values = {role: columns[role] for role in ("ai", "n1i", "n2i")}
    impossible = Remark(
        (ties < 0) | (ties > 1),
        lambda i: f"The part of tied pairs, {ties[i]:g}, must lie between 0 and 1.",
    )
    return Inputs({**values, "ties": np.where(np.isnan(ties), 0.0, ties)}, (impossible,))


def _binormal_from_d(columns: Columns, got: Inputs) -> Inputs:
    d, unknown = got.values["di"], np.full(len(got.values["di"]), np.nan)
    values = {"average": d, "pooled": d, "share1": unknown, "n1i": columns["n1i"],
              "n2i": columns["n2i"]}  # fmt: skip
    return Inputs(values, got.reasons, got.notes)


@dataclass(frozen=True)
class _ToBinormal:
    """A route to means and SDs, or to d, taken on to the two distances and the share."""

    route: Route

    def __call__(self, columns: Columns, context: Context) -> Inputs:
        got = self.route.function(columns, context)
        assert isinstance(got, Inputs)
        if "di" in got.values:
            return _binormal_from_d(columns, got)
        v = got.values
        v1, v2, apart = v["sd1i"] ** 2, v["sd2i"] ** 2, v["m1i"] - v["m2i"]
        values = {
            "average": apart / np.sqrt((v1 + v2) / 2.0), "pooled": apart / pooled_sd(v),
            "share1": v1 / (v1 + v2), "n1i": v["n1i"], "n2i": v["n2i"],
        }  # fmt: skip
        return Inputs(values, got.reasons, got.notes)


def _binormal_from_area(columns: Columns, context: Context) -> Inputs:
    """The distance that a reported area would have between normal distributions: √2·Φ⁻¹(a)."""
    a = columns["ai"]
    d = math.sqrt(2.0) * special.ndtri(a)
    edge = Remark(
        ~np.isfinite(d),
        "A probability of superiority of 0 or 1 has no distance between normal distributions.",
    )
    return _binormal_from_d(columns, Inputs({"di": d}, (edge,)))


_AREA_NEEDS = (
    Need("ai", "Probability of superiority", "proportion"),
    Need("n1i", "Total, group 1", "size2"),
    Need("n2i", "Total, group 2", "size2"),
)
_AREA_TITLE = "probability of superiority and totals"
_AREA = Route("area", _AREA_TITLE, _AREA_NEEDS, _area, optional=("mi",))
_BINORMAL = (
    *(
        Route(r.key, r.title, r.needs, _ToBinormal(r), r.citation, r.source, r.approximate)
        for r in (*TWO_ARMS, *MEANS_AND_TEST, *D_TESTS)
    ),
    Route("area", _AREA_TITLE, _AREA_NEEDS, _binormal_from_area, source="test"),
)
_FROM_D = (*D_ROUTES, *ESTIMATE_ROUTES)
_FAMILY = "Two groups, measured outcome, told otherwise"
_R = plain_scale("correlation", lower=-1.0, upper=1.0)
_AUC = plain_scale("probability of superiority", 0.5, 0.0, 1.0)

DICHOTOMIES = (
    Measure("RPB", "Point-biserial correlation", "r", _FAMILY,
            "The correlation of the outcome with belonging to group 1.",
            "d/√(d² + h), h = m/n1 + m/n2", PointBiserialOptions, _R, JACOBS, point_biserial,
            _FROM_D),
    Measure("ZPB", "Point-biserial correlation, Fisher's z", "r", _FAMILY,
            "The correlation of the outcome with belonging to group 1, on Fisher's z scale.",
            "artanh(r); v = v(r)/(1 − r²)²", PointBiserialOptions, FISHER_Z, JACOBS,
            point_biserial_z, _FROM_D),
    Measure("RBIS", "Biserial correlation", "r", _FAMILY,
            "The correlation of the outcome with the trait that was cut into the two groups.",
            "√(p·q)/φ(z)·r_pb", NoOptions, _R, JACOBS, biserial, _FROM_D),
    Measure("ZBIS", "Biserial correlation, Fisher's z", "r", _FAMILY,
            "The biserial correlation on Fisher's z scale.",
            "artanh(r); v = v(r)/(1 − r²)²", NoOptions, FISHER_Z, JACOBS, biserial_z, _FROM_D),
    Measure("D2ORL", "Standardised mean difference as odds ratio (logistic)", "OR", _FAMILY,
            "The odds ratio that a cut of the outcome would give, if the outcome is logistic.",
            "d·π/√3; v = π²/3·(1/n1 + 1/n2 + d²/(2N))", NoOptions, log_scale("odds ratio"), CHINN,
            log_odds_ratio_logistic, _FROM_D),
    Measure("D2ORN", "Standardised mean difference as odds ratio (normal)", "OR", _FAMILY,
            "The odds ratio that a cut of the outcome would give, if the outcome is normal.",
            "1.65·d; v = 1.65²·(1/n1 + 1/n2 + d²/(2N))", NoOptions, log_scale("odds ratio"), COX,
            log_odds_ratio_normal, _FROM_D),
    Measure("CLES", "Probability of superiority, as reported", "AUC", _FAMILY,
            "How likely a person of group 1 is above one of group 2; the area under a ROC curve.",
            "as reported; v by Newcombe's method 4", SuperiorityOptions, _AUC, NEWCOMBE2006,
            superiority, (_AREA, *ESTIMATE_ROUTES)),
    Measure("CLESN", "Probability of superiority, from means", "AUC", _FAMILY,
            "How likely a person of group 1 is above one of group 2, if the outcome is normal.",
            "Φ((m1 − m2)/√(s1² + s2²))", SuperiorityFromMeansOptions, _AUC, NEWCOMBE2006,
            superiority_from_means, (*_BINORMAL, *ESTIMATE_ROUTES)),
)  # fmt: skip
