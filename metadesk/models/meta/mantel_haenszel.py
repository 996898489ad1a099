"""Mantel-Haenszel pooling of two-by-two tables and of person-time, without a model of the rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metadesk.document import Note
from metadesk.effects.compute import compute
from metadesk.errors import NotEstimable, SpecProblem
from metadesk.models.meta.data import INTERCEPT
from metadesk.models.meta.kernel import LOG_2PI
from metadesk.models.meta.two_arms import TwoArms
from metadesk.models.result import (
    Coefficients,
    FitResult,
    FitStatistics,
    Heterogeneity,
    Quantity,
    Status,
)
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import chi2_sf, quantile, two_sided_p
from metadesk.numerics.types import FloatVector
from metadesk.options import choice, flag, number

MEASURES = ("OR", "RR", "RD", "IRR", "IRD")
WHERE = {
    "only0": "Studies with a zero cell",
    "all": "All studies",
    "if0all": "All studies, if any has a zero cell",
    "none": "No study",
}
RD_VARIANCES = {
    "sato": "Sato 1989 (right for few large and for many small studies)",
    "greenland": "Greenland & Robins 1985 (RevMan)",
}


@dataclass(frozen=True)
class MantelHaenszel:
    """What is added to zero cells, for the studies' own estimates and for pooling, and the test."""

    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.9999)
    add: float = number("Added for the studies' own estimates", 0.5, minimum=0.0, maximum=1.0)
    to: str = choice("Added to (studies' own estimates)", WHERE, "only0")
    add_pooled: float = number(
        "Added for pooling",
        0.0,
        minimum=0.0,
        maximum=1.0,
        help="Mantel–Haenszel needs no correction; RevMan 5 adds ½.",
    )
    to_pooled: str = choice("Added to (pooling)", WHERE, "none")
    drop00: bool = flag("Leave out own estimates of studies without events", True, advanced=True)
    correct: bool = flag("Continuity correction of the Mantel–Haenszel test", True, advanced=True)
    rd_variance: str = choice(
        "Standard error of the risk difference", RD_VARIANCES, "sato", advanced=True
    )


def fit_mantel_haenszel(
    spec: MantelHaenszel, data: TwoArms, progress: Progress = SILENT
) -> FitResult:
    """Pool OR, RR, RD, IRR or IRD by Mantel-Haenszel weights.

    Log odds ratio with the Robins-Breslow-Greenland (1986) variance, log risk ratio with that of
    Greenland & Robins (1985), risk difference with that of Sato (1989) or of Greenland & Robins
    (1985); rates as in Rothman, Greenland & Lash (2008), ch. 15. Cochran's Q is taken about the
    pooled value with inverse-variance weights.

    Raises
    ------
    SpecProblem
        For a measure that has no Mantel-Haenszel estimate.
    NotEstimable
        Where a ratio's numerator or denominator sums to zero.
    """
    if data.measure not in MEASURES:
        raise SpecProblem(
            f"Mantel–Haenszel pools {', '.join(MEASURES)}, not {data.measure}; choose another "
            "measure or inverse variance."
        )
    pooled = with_constant(data, spec.add_pooled, spec.to_pooled)
    b, se, share = _ESTIMATORS[data.measure](pooled)
    if data.measure == "RD" and spec.rd_variance == "greenland":
        se = _greenland_robins(pooled)
    yi, vi = study_effects(spec, data)
    tests = {} if data.measure in ("RD", "IRD") else _tests(pooled, b, spec.correct)
    dropped = tuple(s for s, y in zip(data.slab, yi, strict=True) if math.isnan(y))
    return pooled_counts(
        model="mh",
        title="Mantel–Haenszel",
        data=data,
        b=b,
        se=se,
        share=share,
        q_about=(yi, vi),
        level=spec.level,
        extra=tests,
        notes=_notes(dropped, pooled),
        method=_method(spec, data.measure),
    )


def study_effects(spec: MantelHaenszel, data: TwoArms) -> tuple[FloatVector, FloatVector]:
    """The studies' own estimates and variances, for display and for Q; NaN where left out."""
    options = {"add": spec.add, "to": spec.to, "drop00": spec.drop00}
    found = compute(data.measure, data.columns, options)
    return found.yi, found.vi


def pooled_counts(
    *,
    model: str,
    title: str,
    data: TwoArms,
    b: float,
    se: float,
    share: FloatVector,
    q_about: tuple[FloatVector, FloatVector],
    level: float,
    extra: dict[str, Quantity],
    notes: tuple[Note, ...],
    method: str,
    q: float | None = None,
) -> FitResult:
    """The result of a count method: z test, Cochran's Q, fit statistics about the pooled value.

    ``q`` is Cochran's Q where the method has one of its own.
    """
    good = np.isfinite(q_about[0]) & np.isfinite(q_about[1])
    yi, vi = q_about[0][good], q_about[1][good]
    about = float((((yi - b) ** 2) / vi).sum())
    df = float(yi.size - 1)
    stat = b / se if se > 0.0 else math.nan  # a difference where no study has an event
    half = float(quantile(level)) * se
    one = np.array
    table = Coefficients(
        (INTERCEPT,), one([b]), one([se]), one([stat]), one([math.inf]), two_sided_p([stat]),
        one([b - half]), one([b + half]), one([[se * se]]), level, "Wald (z)",
    )  # fmt: skip
    return FitResult(
        model=model,
        title=title,
        family="fixed",
        k=data.k,
        coefficients=table,
        method=method,
        status=Status(rung="closed form"),
        heterogeneity=_heterogeneity(about if q is None else q, df),
        statistics=_statistics(yi, vi, about),
        weights=100.0 * share / share.sum(),
        weights_meaning=f"{title} weights: how much each table moves the pooled value.",
        fitted=np.full(data.k, b),
        notes=notes,
        extra=extra,
    )


def _heterogeneity(q: float, df: float) -> Heterogeneity:
    I2 = 100.0 * max(0.0, (q - df) / q) if df > 0 and q > 0 else 0.0
    return Heterogeneity(
        tau2=0.0,
        tau2_method="none: the model holds τ² at 0",
        I2=I2,
        I2_definition="from Q",
        I2_Q=I2,
        H2=q / df if df > 0 else 1.0,
        QE=q if df > 0 else 0.0,
        QE_df=max(df, 0.0),
        QEp=float(chi2_sf(q, df)) if df > 0 else 1.0,
        QE_method="Cochran's Q about the pooled value, inverse-variance weights",
    )


def _statistics(yi: FloatVector, vi: FloatVector, q: float) -> FitStatistics:
    """Normal log-likelihood of the studies' own estimates at the pooled value."""
    k = yi.size
    ll = -0.5 * (k * LOG_2PI + float(np.log(vi).sum()) + q)
    m = max(k, 3)
    return FitStatistics(
        ll, q, -2 * ll + 2, -2 * ll + math.log(max(k, 1)), -2 * ll + 2 * m / (m - 2), False, 1
    )


def with_constant(data: TwoArms, add: float, to: str) -> TwoArms:
    """Tables with ``add`` in every cell (in the counts, for person-time) where ``to`` says so."""
    if add == 0.0 or to == "none":
        return data
    zero = (data.x1i == 0) | (data.x2i == 0)
    if not data.rates:
        zero |= (data.x1i == data.n1i) | (data.x2i == data.n2i)
    if to == "all" or (to == "if0all" and zero.any()):
        zero = np.ones(data.k, dtype=bool)
    plus = np.where(zero, add, 0.0)
    size = np.zeros(data.k) if data.rates else 2.0 * plus
    return TwoArms(
        data.measure,
        data.x1i + plus,
        data.n1i + size,
        data.x2i + plus,
        data.n2i + size,
        data.slab,
    )


def _method(spec: MantelHaenszel, measure: str) -> str:
    words = f"Mantel–Haenszel; added for pooling: {added(spec.add_pooled, spec.to_pooled)}"
    if measure != "RD":
        return words
    return f"{words}; standard error by {RD_VARIANCES[spec.rd_variance].split(' (')[0]}"


def added(constant: float, where: str) -> str:
    """What is added for pooling, in words."""
    if constant == 0.0 or where == "none":
        return "nothing"
    return f"{constant:g} to {WHERE[where].lower()}"


def _ratio(data: TwoArms, R: float, S: float, what: str) -> float:
    if R > 0.0 and S > 0.0:
        return math.log(R / S)
    raise NotEstimable(
        f"The Mantel–Haenszel {what} cannot be formed: one of the groups has no event in any study "
        "that the other group could be compared in. A difference of risks can still be pooled."
    )


def _odds_ratio(d: TwoArms) -> tuple[float, float, FloatVector]:
    N = d.n1i + d.n2i
    bi, di = d.n1i - d.x1i, d.n2i - d.x2i
    Ri, Si = d.x1i * di / N, bi * d.x2i / N
    Pi, Qi = (d.x1i + di) / N, (bi + d.x2i) / N
    R, S = float(Ri.sum()), float(Si.sum())
    b = _ratio(d, R, S, "odds ratio")
    var = 0.5 * (
        (Pi * Ri).sum() / R**2 + (Pi * Si + Qi * Ri).sum() / (R * S) + (Qi * Si).sum() / S**2
    )
    return b, math.sqrt(float(var)), Si


def _risk_ratio(d: TwoArms) -> tuple[float, float, FloatVector]:
    N = d.n1i + d.n2i
    Si = d.x2i * d.n1i / N
    R, S = float((d.x1i * d.n2i / N).sum()), float(Si.sum())
    b = _ratio(d, R, S, "risk ratio")
    top = (d.n1i / N * (d.n2i / N) * (d.x1i + d.x2i) - d.x1i / N * d.x2i).sum()
    return b, math.sqrt(float(top) / (R * S)), Si


def _risk_difference(d: TwoArms) -> tuple[float, float, FloatVector]:
    N = d.n1i + d.n2i
    share = d.n1i / N * d.n2i
    total = float(share.sum())
    f1, f2 = d.n1i / N, d.n2i / N
    b = float((d.x1i * f2 - d.x2i * f1).sum()) / total
    first = d.x2i * f1**2 - d.x1i * f2**2 + f1 * f2 * (d.n2i - d.n1i) / 2.0
    second = d.x1i * (d.n2i - d.x2i) / N + d.x2i * (d.n1i - d.x1i) / N
    var = (b * float(first.sum()) + float(second.sum()) / 2.0) / total**2
    return b, math.sqrt(var), share


def _greenland_robins(d: TwoArms) -> float:
    """Standard error of the risk difference: each arm's binomial variance, weighted (eq. 14)."""
    share = d.n1i / (d.n1i + d.n2i) * d.n2i
    arms = sum(x * (n - x) / n**3 for x, n in ((d.x1i, d.n1i), (d.x2i, d.n2i)))
    return math.sqrt(float((share**2 * arms).sum())) / float(share.sum())


def _rate_ratio(d: TwoArms) -> tuple[float, float, FloatVector]:
    T = d.n1i + d.n2i
    Si = d.x2i * d.n1i / T
    R, S = float((d.x1i * d.n2i / T).sum()), float(Si.sum())
    b = _ratio(d, R, S, "rate ratio")
    top = float((d.n1i / T * (d.n2i / T) * (d.x1i + d.x2i)).sum())
    return b, math.sqrt(top / (R * S)), Si


def _rate_difference(d: TwoArms) -> tuple[float, float, FloatVector]:
    T = d.n1i + d.n2i
    share = d.n1i / T * d.n2i
    total = float(share.sum())
    b = float((d.x1i * (d.n2i / T) - d.x2i * (d.n1i / T)).sum()) / total
    var = float((share**2 * (d.x1i / d.n1i**2 + d.x2i / d.n2i**2)).sum()) / total**2
    return b, math.sqrt(var), share


_ESTIMATORS = {
    "OR": _odds_ratio,
    "RR": _risk_ratio,
    "RD": _risk_difference,
    "IRR": _rate_ratio,
    "IRD": _rate_difference,
}


# --------------------------------------------------------------------------- tests


def _tests(d: TwoArms, b: float, correct: bool) -> dict[str, Quantity]:
    """The test of no effect; for odds ratios also those of a common odds ratio."""
    if d.measure == "IRR":
        T, total = d.n1i + d.n2i, d.x1i + d.x2i
        gap = d.x1i - total * (d.n1i / T)
        spread = total * (d.n1i / T) * (d.n2i / T)
        return {"MH": _chi2("MH", "Mantel–Haenszel test", gap, spread, correct)}
    if d.measure != "OR":
        return {}
    N = d.n1i + d.n2i
    events = d.x1i + d.x2i
    gap = d.x1i - d.n1i / N * events
    spread = d.n1i / N * (d.n2i / N) * events * ((N - events) / (N - 1.0))
    found = {"CMH": _chi2("CMH", "Cochran–Mantel–Haenszel test", gap, spread, correct)}
    return found | _common_odds_ratio(d, math.exp(b))


def _chi2(name: str, title: str, gap: FloatVector, spread: FloatVector, correct: bool) -> Quantity:
    """``(|sum gap| - 1/2)² / sum spread`` on 1 degree of freedom."""
    size = abs(float(gap.sum())) - (0.5 if correct else 0.0)
    total = float(spread.sum())
    value = max(size, 0.0) ** 2 / total if total > 0.0 else math.nan
    how = "chi-square, continuity-corrected" if correct else "chi-square"
    return Quantity(name, title, value, how, df=1.0, p=float(chi2_sf(value, 1.0)), kind="statistic")


def _common_odds_ratio(d: TwoArms, odds: float) -> dict[str, Quantity]:
    """Breslow-Day's test and Tarone's correction of it (Breslow & Day 1980; Tarone 1985).

    The expected number of events in group 1 solves the quadratic that gives every table the pooled
    odds ratio; tables without events (or without non-events) say nothing and are left out.
    """
    use = ~d.without_events
    x1, n1, x2, n2 = d.x1i[use], d.n1i[use], d.x2i[use], d.n2i[use]
    total = x1 + x2
    A, B, C = 1.0 - odds, n2 - total + odds * (total + n1), -odds * n1 * total
    # The root that does not cancel; it lies between the margins, and holds for odds = 1 too.
    expected = -2.0 * C / (B + np.sqrt(np.maximum(B * B - 4.0 * A * C, 0.0)))
    var = 1.0 / (
        1.0 / expected
        + 1.0 / (n1 - expected)
        + 1.0 / (total - expected)
        + 1.0 / (n2 - total + expected)
    )
    bd = float(((x1 - expected) ** 2 / var).sum())
    tarone = bd - float((x1 - expected).sum()) ** 2 / float(var.sum())
    df = float(x1.size - 1)
    return {
        name: Quantity(
            name,
            title,
            value,
            "chi-square",
            df=df,
            p=float(chi2_sf(value, df)) if df > 0 else math.nan,
            kind="statistic",
        )
        for name, title, value in (
            ("breslow_day", "Breslow–Day test of a common odds ratio", bd),
            ("tarone", "Breslow–Day test, Tarone's correction", tarone),
        )
    }


def _notes(dropped: tuple[str, ...], pooled: TwoArms) -> tuple[Note, ...]:
    notes = []
    empty = pooled.without_events
    if empty.any() and pooled.measure not in ("RD", "IRD"):
        names = [s for s, e in zip(pooled.slab, empty, strict=True) if e]
        notes.append(
            Note(
                f"Without information about a ratio (no events, or nothing but events, in both "
                f"groups), so with weight 0: {', '.join(names)}.",
                "note",
                "double-zero",
            )
        )
    if dropped:
        notes.append(
            Note(
                f"Not counted in Q and not drawn, as they have no estimate of their own: "
                f"{', '.join(dropped)}.",
                "note",
                "no-own-estimate",
            )
        )
    return tuple(notes)
