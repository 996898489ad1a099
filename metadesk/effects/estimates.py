"""Routes from a reported estimate: with its variance, interval, test statistic or p-value.

With ``est`` the bounds ``lower``/``upper`` are on the natural scale (odds ratios); with ``yi`` they
are on the analysis scale (log odds ratios). A standard error always belongs to the analysis scale,
because that is where papers and software give it for ratios.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from metadesk.effects.measure import Columns, Computed, Context, Need, Remark, Route, RouteFunction
from metadesk.numerics.tails import quantile
from metadesk.numerics.types import FloatVector
from metadesk.references import Reference

ALTMAN_BLAND = Reference(
    "altman2011",
    "Altman & Bland",
    2011,
    "How to obtain the confidence interval from a P value",
    "BMJ, 343, d2090",
    "10.1136/bmj.d2090",
)
HANDBOOK = Reference(
    "handbook2019",
    "Higgins et al.",
    2019,
    "Cochrane Handbook for Systematic Reviews of Interventions, ch. 6",
    "2nd ed., Wiley",
)

# An interval is called lopsided when its middle is off by more than this part of its half-width and
# by more than the rounding of the printed numbers explains.
LOPSIDED = 0.15
DIGITS_FROM = 1000  # numbers from which the digits of a column are told

_CITED: dict[str, Reference] = {
    "est_ci": HANDBOOK,
    "yi_ci": HANDBOOK,
    "ci": HANDBOOK,
    "est_zi": HANDBOOK,
    "yi_zi": HANDBOOK,
    "est_pval": ALTMAN_BLAND,
    "yi_pval": ALTMAN_BLAND,
}
_OPTIONAL = ("ni", "n1i", "n2i", "level", "dfs")
_EST = Need("est", "Estimate", "number")
_YI = Need("yi", "Estimate on the analysis scale", "number")
_BOUNDS = (Need("lower", "Lower bound"), Need("upper", "Upper bound"))


def _size(columns: Columns, like: FloatVector) -> FloatVector:
    """The size of a row that only reports an estimate is taken from wherever it stands."""
    n = columns.get("ni", np.full(len(like), np.nan))
    if "n1i" in columns and "n2i" in columns:
        n = np.where(np.isnan(n), columns["n1i"] + columns["n2i"], n)
    return n


def _degrees(columns: Columns, like: FloatVector) -> FloatVector:
    """Degrees of freedom of each row's intervals and tests; infinite where they are by the normal.

    A row that tells them used Student's t.
    """
    df = columns.get("dfs")
    return np.full(len(like), np.inf) if df is None else np.where(df > 0, df, np.inf)


def _levels(columns: Columns, context: Context, like: FloatVector) -> FloatVector:
    """Critical values of the reported intervals; a row's own ``level`` (0.9 or 90) goes first."""
    df = _degrees(columns, like)
    if "level" not in columns:
        return np.asarray(quantile(context.level, df))
    given = columns["level"]
    share = np.where(given > 1, given / 100.0, given)
    share = np.where(np.isnan(share), context.level, share)
    upper = np.where((share > 0) & (share < 1), 1.0 - (1.0 - share) / 2.0, np.nan)
    finite = np.isfinite(df)
    student = special.stdtrit(np.where(finite, df, 1.0), upper)
    return np.asarray(np.where(finite, student, special.ndtri(upper)))


def _natural(columns: Columns, context: Context) -> tuple[FloatVector, tuple[Remark, ...]]:
    """Bring ``est`` to the analysis scale, saying where it cannot be."""
    est = columns["est"]
    with np.errstate(all="ignore"):
        y = context.scale.from_natural(est)
    bad = ~np.isfinite(y)
    if not bad.any():
        return y, ()
    limits = f"{context.scale.lower:g} and {context.scale.upper:g}"
    say = (
        "must be above 0, as ratios are; a logarithm belongs under the estimate on the log scale."
        if context.scale.key == "log"
        else f"must lie between {limits}."
    )
    return y, (Remark(bad, lambda i: f"The estimate, {est[i]:g}, {say}"),)


def from_variance(columns: Columns, context: Context) -> Computed:
    """Take estimate and variance as they stand."""
    y = columns["yi"]
    return Computed(y, columns["vi"], _size(columns, y))


def from_standard_error(columns: Columns, context: Context) -> Computed:
    """Square the standard error, which is on the analysis scale."""
    y, reasons = (columns["yi"], ()) if "yi" in columns else _natural(columns, context)
    return Computed(y, columns["sei"] ** 2, _size(columns, y), reasons)


def from_interval(columns: Columns, context: Context) -> Computed:
    """Get the variance from a confidence interval: half its width over the critical value, squared.

    Without an estimate the middle of the interval (on the analysis scale) is taken.
    """
    lower, upper = columns["lower"], columns["upper"]
    reasons: tuple[Remark, ...] = ()
    own = columns.get("yi")
    if own is None:
        with np.errstate(all="ignore"):
            lo, hi = context.scale.from_natural(lower), context.scale.from_natural(upper)
        if "est" in columns:
            own, reasons = _natural(columns, context)
    else:
        lo, hi = lower, upper
    critical = _levels(columns, context, lo)
    middle = (lo + hi) / 2.0
    y = middle if own is None else own
    shown = columns.get("est", y)
    bad = ~(np.isfinite(lo) & np.isfinite(hi))
    edge = (
        "0 or less, where no ratio can be"
        if context.scale.key == "log"
        else f"an end of its scale, {context.scale.lower:g} to {context.scale.upper:g}"
    )
    turned = ~bad & (hi <= lo)
    outside = ~bad & ~turned & ((y < lo) | (y > hi))
    no_level = ~np.isfinite(critical)
    # Bounds on a bounded natural scale (0 for a ratio) have no place on the analysis scale.
    reasons += (
        Remark(
            bad,
            lambda i: (
                f"The interval {lower[i]:g} to {upper[i]:g} reaches {edge}; type its bounds with "
                "more digits, or a standard error instead."
            ),
        ),
        Remark(
            turned,
            lambda i: f"The upper bound, {upper[i]:g}, must be above the lower one, {lower[i]:g}.",
        ),
        Remark(
            outside,
            lambda i: (
                f"The estimate, {shown[i]:g}, lies outside its interval, {lower[i]:g} to "
                f"{upper[i]:g}; correct one of the three."
            ),
        ),
        Remark(no_level, "The level of the interval must lie between 0 and 100 percent."),
    )
    with np.errstate(invalid="ignore"):
        v = ((hi - lo) / (2.0 * critical)) ** 2
        off = np.abs(y - middle) - LOPSIDED * (hi - lo) / 2.0
        lopsided = ~bad & ~turned & ~outside & (off > 0)
    if lopsided.any():
        lopsided &= off > _rounding(columns, context, y, lo, hi)
    natural = middle if "yi" in columns else context.scale.to_natural(middle)
    notes = (
        Remark(
            lopsided,
            lambda i: (
                f"The interval {lower[i]:g} to {upper[i]:g} is not symmetric about the estimate, "
                f"{shown[i]:g}, on the analysis scale: its middle is {natural[i]:.4g}."
            ),
        ),
    )
    return Computed(y, v, _size(columns, y), reasons, notes)


def _rounding(
    columns: Columns, context: Context, y: FloatVector, lo: FloatVector, hi: FloatVector
) -> FloatVector:
    """How far rounding of the printed numbers can move an estimate off the middle."""
    own = "yi" if "yi" in columns else "est"
    printed = "yi" not in columns
    moved = np.zeros(len(y))
    for role, at, share in ((own, y, 1.0), ("lower", lo, 0.5), ("upper", hi, 0.5)):
        if role in columns:
            step = np.full(len(y), half_unit(columns[role]))
            if printed:
                with np.errstate(all="ignore"):
                    step = np.abs(context.scale.from_natural(columns[role] + step) - at)
            moved += share * np.where(np.isfinite(step), step, 0.0)
    return moved


def half_unit(values: FloatVector) -> float:
    """Half a unit of the last decimal with which a column's numbers are written."""
    shown = (f"{v:.10g}".partition(".")[2] for v in values[:DIGITS_FROM] if np.isfinite(v))
    return 0.5 * 10.0 ** -max((len(d) for d in shown if "e" not in d), default=0)


def from_statistic(columns: Columns, context: Context) -> Computed:
    """Get the standard error from a z statistic: the distance from no effect divided by it."""
    y, reasons = (columns["yi"], ()) if "yi" in columns else _natural(columns, context)
    z, distance = columns["zi"], y - context.scale.tested
    opposed = (distance * z) < 0
    reasons += (
        Remark(
            distance == 0,
            "An estimate of exactly no effect with a test statistic has no standard error.",
        ),
    )
    notes = (
        Remark(
            opposed,
            lambda i: (
                f"The test statistic, {z[i]:g}, and the estimate, {y[i]:g}, point in opposite "
                "directions; its size alone was used."
            ),
        ),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return Computed(y, (distance / z) ** 2, _size(columns, y), reasons, notes)


def from_p(columns: Columns, context: Context) -> Computed:
    """Get the standard error from a two-sided p-value through its normal quantile, or that of t."""
    y, reasons = (columns["yi"], ()) if "yi" in columns else _natural(columns, context)
    p, df = columns["pval"], _degrees(columns, columns["pval"])
    finite = np.isfinite(df)
    student = special.stdtrit(np.where(finite, df, 1.0), p / 2.0)
    z = -np.where(finite, student, special.ndtri(p / 2.0))
    distance = y - context.scale.tested
    nothing = (z <= 0) | (distance == 0)
    reasons += (
        Remark(
            nothing,
            "A p-value of 1 or an estimate of exactly no effect does not give a standard error.",
        ),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return Computed(y, (distance / z) ** 2, _size(columns, y), reasons)


def estimate_routes() -> tuple[Route, ...]:
    """The routes that every measure shares, best first."""
    vi, sei = Need("vi", "Sampling variance", "variance"), Need("sei", "Standard error", "variance")
    zi, pval = Need("zi", "z statistic", "nonzero"), Need("pval", "P value", "p")

    def route(key: str, title: str, needs: tuple[Need, ...], function: RouteFunction) -> Route:
        return Route(
            key, title, needs, function, _CITED.get(key), "estimate", optional=_OPTIONAL,
            reads_test=zi in needs or pval in needs,
        )  # fmt: skip

    return (
        route("yi_vi", "estimate (analysis scale) and variance", (_YI, vi), from_variance),
        route("yi_sei", "estimate (analysis scale) and SE", (_YI, sei), from_standard_error),
        route("est_ci", "estimate and confidence interval", (_EST, *_BOUNDS), from_interval),
        route("yi_ci", "estimate and interval, analysis scale", (_YI, *_BOUNDS), from_interval),
        route("est_sei", "estimate and standard error", (_EST, sei), from_standard_error),
        route("est_zi", "estimate and z statistic", (_EST, zi), from_statistic),
        route("yi_zi", "estimate (analysis scale) and z statistic", (_YI, zi), from_statistic),
        route("est_pval", "estimate and p-value", (_EST, pval), from_p),
        route("yi_pval", "estimate (analysis scale) and p-value", (_YI, pval), from_p),
        route("ci", "confidence interval alone", _BOUNDS, from_interval),
    )  # fmt: skip


ESTIMATE_ROUTES = estimate_routes()
