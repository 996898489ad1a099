"""Ways to two means: from means and SDs in many forms, from tests, from d itself.

``m = n1 + n2 − 2``; ``d = (m1 − m2)/s_p`` with the pooled SD.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from metadesk.effects.arms import two_arm_routes
from metadesk.effects.conversions.spread import sd_from_t, t_from_p
from metadesk.effects.conversions.standardised import d_from_r
from metadesk.effects.estimates import ESTIMATE_ROUTES, HANDBOOK
from metadesk.effects.measure import Columns, Context, Inputs, Need, Remark, Route, RouteFunction
from metadesk.effects.sources import BORENSTEIN
from metadesk.numerics.types import FloatVector


def too_few(m: FloatVector) -> Remark:
    """Rows whose groups together leave no degree of freedom for their spread."""
    return Remark(m <= 1.0, "The groups are too small; together they need at least 4 people.")


def pooled_sd(columns: Columns) -> FloatVector:
    """SD within groups, pooled over both."""
    n1, n2 = columns["n1i"], columns["n2i"]
    squares = (n1 - 1.0) * columns["sd1i"] ** 2 + (n2 - 1.0) * columns["sd2i"] ** 2
    return np.sqrt(squares / (n1 + n2 - 2.0))


@dataclass(frozen=True)
class _ToD:
    """A route to means and SDs, taken one step further to d."""

    route: Route

    def __call__(self, columns: Columns, context: Context) -> Inputs:
        got = self.route.function(columns, context)
        assert isinstance(got, Inputs)
        v = got.values
        d = (v["m1i"] - v["m2i"]) / pooled_sd(v)
        return Inputs({"di": d, "n1i": v["n1i"], "n2i": v["n2i"]}, got.reasons, got.notes)


def _with_d(columns: Columns, d: FloatVector, *reasons: Remark, note: str = "") -> Inputs:
    notes = (Remark(np.ones(len(d), dtype=bool), note),) if note else ()
    return Inputs({"di": d, "n1i": columns["n1i"], "n2i": columns["n2i"]}, reasons, notes)


def _from_d(columns: Columns, context: Context) -> Inputs:
    return _with_d(columns, columns["di"], note="The typed d was taken as not bias-corrected.")


def _from_t(columns: Columns, context: Context) -> Inputs:
    """The identity d = t·√(1/n1 + 1/n2)."""
    return _with_d(columns, columns["ti"] * np.sqrt(1.0 / columns["n1i"] + 1.0 / columns["n2i"]))


def _from_p(columns: Columns, context: Context) -> Inputs:
    """Through t: its two-sided quantile with the sign of the p-value."""
    n1, n2 = columns["n1i"], columns["n2i"]
    m = n1 + n2 - 2.0
    return _with_d(columns, _t_of_p(columns) * np.sqrt(1.0 / n1 + 1.0 / n2), too_few(m))


def _from_r(columns: Columns, context: Context) -> Inputs:
    """The identity d = √h·r/√(1 − r²), h = m/n1 + m/n2, of a point-biserial correlation."""
    return _with_d(columns, d_from_r(columns["ri"], columns["n1i"], columns["n2i"]))


def _from_f(columns: Columns, context: Context) -> Inputs:
    """F of two groups is t²; its direction is lost and taken as positive."""
    d = np.sqrt(columns["Fi"]) * np.sqrt(1.0 / columns["n1i"] + 1.0 / columns["n2i"])
    return _with_d(columns, d, note="F has no direction; group 1 was taken as the higher one.")


@dataclass(frozen=True)
class _ByTest:
    """Means with one SD for both groups, as the t-test of their difference implies it."""

    t_of: Callable[[Columns], FloatVector]

    def __call__(self, columns: Columns, context: Context) -> Inputs:
        """SD = |m1 − m2|/(|t|·√(1/n1 + 1/n2)) (Handbook 6.5.2.3)."""
        n1, n2 = columns["n1i"], columns["n2i"]
        apart, t = columns["m1i"] - columns["m2i"], self.t_of(columns)
        sd = sd_from_t(apart, t, n1, n2)
        silent = ~(np.isfinite(sd) & (sd > 0))
        reasons = (
            Remark(n1 + n2 <= 2, "The groups are too small; together they need at least 3 people."),
            Remark(
                silent,
                "Equal means, or a test that found no difference at all, say nothing about the SD.",
            ),
        )
        opposed = ~silent & (t * apart < 0)
        notes = (
            Remark(~silent, lambda i: f"One SD for both groups, {sd[i]:.4g}, as the test implies."),
            Remark(
                opposed,
                "The test and the means point in opposite directions; only the size of the test "
                "was used.",
            ),
        )
        values = {role: columns[role] for role in ("m1i", "n1i", "m2i", "n2i")}
        return Inputs({**values, "sd1i": sd, "sd2i": sd}, reasons, notes)


def _t_of_p(columns: Columns) -> FloatVector:
    p, df = columns["pi"], columns["n1i"] + columns["n2i"] - 2.0
    return np.asarray(t_from_p(np.abs(p), np.maximum(df, 1.0)) * np.sign(p))


def _t_of_pval(columns: Columns) -> FloatVector:
    """The p-value has no sign; the means tell the direction."""
    df = columns["n1i"] + columns["n2i"] - 2.0
    apart = columns["m1i"] - columns["m2i"]
    t = t_from_p(columns["pval"], np.maximum(df, 1.0))
    return np.asarray(t * np.where(apart < 0, -1.0, 1.0))


def _t_of_f(columns: Columns) -> FloatVector:
    """F of two groups is t²; the means tell the direction."""
    apart = columns["m1i"] - columns["m2i"]
    return np.asarray(np.sqrt(columns["Fi"]) * np.where(apart < 0, -1.0, 1.0))


_SIZES = (Need("n1i", "Total, group 1", "size"), Need("n2i", "Total, group 2", "size"))
_P = Need("pval", "P value of the t-test", "p")
_SIGNED_P = Need("pi", "P value with the sign of the difference", "signed_p")


def _test(key: str, title: str, need: Need, function: RouteFunction) -> Route:
    return Route(key, title, (need, *_SIZES), function, BORENSTEIN, "test")


TWO_ARMS = two_arm_routes()
_BOTH_MEANS = (Need("m1i", "Mean, group 1"), Need("m2i", "Mean, group 2"))
_T, _F = Need("ti", "t statistic", "nonzero"), Need("Fi", "F statistic", "positive")


def _means_and(key: str, title: str, need: Need, t_of: Callable[[Columns], FloatVector]) -> Route:
    needs = (*_BOTH_MEANS, *_SIZES, need)
    return Route(f"means_{key}", title, needs, _ByTest(t_of), HANDBOOK, "test")


MEANS_AND_TEST = (
    _means_and("t", "means, totals and t statistic", _T, lambda columns: columns["ti"]),
    _means_and("F", "means, totals and F of two groups", _F, _t_of_f),
    _means_and("p", "means, totals and signed p-value of the t-test", _SIGNED_P, _t_of_p),
    _means_and("pval", "means, totals and p-value of the t-test", _P, _t_of_pval),
)
"""Ways to means and one SD for both groups; of no use where the SDs themselves are compared."""
D_TESTS: tuple[Route, ...] = (
    _test("t", "t statistic and totals", Need("ti", "t statistic"), _from_t),
    _test("d", "standardised difference d and totals", Need("di", "Cohen's d"), _from_d),
    _test("p", "p-value (signed) and totals", _SIGNED_P, _from_p),
    _test(
        "r",
        "point-biserial correlation and totals",
        Need("ri", "Point-biserial correlation", "correlation"),
        _from_r,
    ),
    _test("F", "F of two groups and totals", Need("Fi", "F statistic", "nonnegative"), _from_f),
)
D_ROUTES: tuple[Route, ...] = (
    *(
        Route(r.key, r.title, r.needs, _ToD(r), r.citation, r.source, r.approximate)
        for r in (*TWO_ARMS, *MEANS_AND_TEST)
    ),
    *D_TESTS,
)
MEANS_ROUTES = (*TWO_ARMS, *MEANS_AND_TEST, *ESTIMATE_ROUTES)
