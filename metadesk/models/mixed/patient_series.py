"""Series of N-of-1 trials: the effect in the population, between persons, and for each person."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from scipy import special

from metadesk.document import Note
from metadesk.errors import DataProblem
from metadesk.models.mixed.linear import fit_linear
from metadesk.models.mixed.linear.components import RatioTest, likelihood_ratio
from metadesk.models.mixed.one_patient import cycle_differences
from metadesk.models.mixed.options import LinearMixed
from metadesk.models.mixed.random_effects import IndividualEffects
from metadesk.models.mixed.result import MixedResult
from metadesk.models.mixed.terms import RandomTerm, Term
from metadesk.models.mixed.trial_data import TrialData
from metadesk.models.result import Interval, Quantity
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import quantile, two_sided_p
from metadesk.numerics.types import FloatVector, IntVector
from metadesk.options import flag, number, text


@dataclass(frozen=True)
class PatientSeries:
    """Analysis of several N-of-1 trials together."""

    active: str = text("Active treatment", "")
    control: str = text("Control treatment", "")
    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.999)
    relevant: float | None = number("Smallest relevant difference", None)
    lower_is_better: bool = flag("Lower values are better", False)
    cycle_levels: bool = flag("A level for each cycle within a person", False)
    cycle_effects: bool = flag("Cycle as a fixed effect", False)
    trend: bool = flag("Linear trend over time", False)


@dataclass(frozen=True, eq=False)
class PatientSummaries:
    """One effect and variance a person, ready for a random-effects meta-analysis.

    ``yi`` are the means of the cycle differences, ``vi`` the pooled within-person variance over the
    number of cycles ``ni``. ``unweighted`` is the t test of the means. For other than measured
    outcomes they are log ratios with variances of their own; the pooled variance is then NaN.
    """

    patients: tuple[str, ...]
    yi: FloatVector
    vi: FloatVector
    ni: IntVector
    pooled_variance: float
    df_within: int
    unweighted: Quantity
    left_out: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class SeriesResult:
    """What a series says.

    ``between_sd`` has a profile interval; ``prediction`` is for the true effect in the next person;
    ``exceeds`` is each person's probability that the own effect exceeds the relevant difference.
    """

    fit: MixedResult
    effect: Quantity
    between_sd: Quantity
    between_test: RatioTest
    prediction: Interval
    individual: IndividualEffects
    raw: PatientSummaries
    exceeds: FloatVector | None
    notes: tuple[Note, ...]
    extra: MappingProxyType[str, float] = field(default_factory=lambda: MappingProxyType({}))


def patient_summaries(
    data: TrialData, active: str, control: str, level: float = 0.95
) -> PatientSummaries:
    """Reduce each person to a mean cycle difference with its variance.

    Raises
    ------
    DataProblem
        If no cycle column is marked, no person has a complete cycle, or none has two.

    References
    ----------
    Araujo, Julious & Senn (2016), the summary-measures approach.
    """
    if not data.roles.cycle:
        raise DataProblem("Mark the column of the cycles (pairs of periods) first.")
    cycle = data.factor(data.roles.cycle)
    a, c = data.treatment.is_level(active), data.treatment.is_level(control)
    patients, means, counts, left_out = [], [], [], []
    squares, df = 0.0, 0
    for code, name in enumerate(data.subject.levels):
        here = data.subject.codes == code
        _, d = cycle_differences(data.outcome, a & here, c & here, cycle)
        if len(d) == 0:
            left_out.append(name)
            continue
        patients.append(name)
        means.append(float(d.mean()))
        counts.append(len(d))
        squares += float(((d - d.mean()) ** 2).sum())
        df += len(d) - 1
    if not patients:
        raise DataProblem("No person has a cycle with both treatments.")
    if df == 0:
        raise DataProblem(
            "No person has two complete cycles, so the variation within persons is not known."
        )
    pooled = squares / df
    yi, ni = np.array(means), np.array(counts, dtype=np.int64)
    return PatientSummaries(
        tuple(patients),
        yi,
        pooled / ni,
        ni,
        pooled,
        df,
        unweighted_mean(yi, level),
        tuple(left_out),
    )


def unweighted_mean(yi: FloatVector, level: float) -> Quantity:
    """The mean of the persons' own effects with its t test."""
    k = len(yi)
    if k < 2:
        return Quantity("unweighted", "Mean of the persons' means", float(yi[0]), "one person")
    se = float(yi.std(ddof=1)) / math.sqrt(k)
    mean = float(yi.mean())
    half = float(quantile(level, k - 1)) * se
    method = "t test of the persons' means"
    p = float(two_sided_p(mean / se, k - 1)) if se > 0 else math.nan
    return Quantity(
        "unweighted", "Mean of the persons' means", mean, method, se=se, df=k - 1, p=p,
        interval=Interval(mean - half, mean + half, level, method), kind="effect",
    )  # fmt: skip


def analyse_series(
    spec: PatientSeries, data: TrialData, progress: Progress = SILENT
) -> SeriesResult:
    """Analyse a series of N-of-1 trials by a mixed model with a treatment effect for each person.

    The prediction interval is ``τ̂ ± t √(σ² + SE²)`` with σ the between-person SD of the effect.

    Raises
    ------
    DataProblem
        If there is one person only, or a treatment is missing.
    """
    if data.n_subjects < 2:
        raise DataProblem("There is one person only; use the analysis of a single N-of-1 trial.")
    levels = data.treatment.levels
    if len(levels) < 2:
        raise DataProblem(
            f"Only one treatment, {levels[0]}, occurs; a comparison needs two treatments."
        )
    control = spec.control or levels[0]
    active = spec.active or next(w for w in levels if w != control)
    r = data.roles
    fixed = []
    if r.period and not r.cycle:
        fixed.append(Term(r.period))
    if spec.cycle_effects and r.cycle:
        fixed.append(Term(r.cycle))
    if spec.trend and r.time:
        fixed.append(Term(r.time, "numeric"))
    fixed.append(Term(r.treatment, "factor", control))
    random = [RandomTerm(r.subject, ("1", r.treatment))]
    if spec.cycle_levels and r.cycle:
        random.append(RandomTerm(f"{r.subject}:{r.cycle}"))
    model = LinearMixed(
        fixed=tuple(fixed), random_terms=tuple(random), level=spec.level, intervals="profile"
    )
    fit = fit_linear(model, data, progress)
    plain = replace(model, random_terms=(RandomTerm(r.subject), *random[1:]), intervals="none")
    without = fit_linear(plain, data, progress)
    name = f"{r.treatment}[{active}]"
    effect = fit.coefficients.at(name)
    own = next(e for e in fit.individual if e.contrast == name)
    component = next(c for c in fit.components if c.name.endswith(f": {name}"))
    test = likelihood_ratio(without, fit)
    return SeriesResult(
        fit=fit,
        effect=effect,
        between_sd=_between(component.estimate, component.interval, test, fit.method),
        between_test=test,
        prediction=_prediction(effect, own.between_sd, spec.level),
        individual=own,
        raw=patient_summaries(data, active, control, spec.level)
        if r.cycle
        else _by_person(data, active, control, spec.level),
        exceeds=_exceeds(spec, own),
        notes=(
            *fit.notes,
            Note(
                "With few cycles a person, a test that effects do not differ between persons is "
                "weak: the interval of their SD says more than its P value.",
                "note",
                "weak-test",
            ),
        ),
    )


def _by_person(data: TrialData, active: str, control: str, level: float) -> PatientSummaries:
    """Raw differences of means where no cycles are marked; variances from within treatments."""
    a, c = data.treatment.is_level(active), data.treatment.is_level(control)
    patients, yi, vi, ni, left_out = [], [], [], [], []
    squares, df = 0.0, 0
    sizes = []
    for code, name in enumerate(data.subject.levels):
        here = data.subject.codes == code
        x, y = data.outcome[here & a], data.outcome[here & c]
        if len(x) == 0 or len(y) == 0:
            left_out.append(name)
            continue
        patients.append(name)
        yi.append(float(x.mean() - y.mean()))
        sizes.append(1 / len(x) + 1 / len(y))
        ni.append(min(len(x), len(y)))
        squares += float(((x - x.mean()) ** 2).sum() + ((y - y.mean()) ** 2).sum())
        df += len(x) + len(y) - 2
    if not patients or df == 0:
        raise DataProblem("No person has both treatments more than once.")
    vi = [squares / df * s for s in sizes]
    means = np.array(yi)
    return PatientSummaries(
        tuple(patients), means, np.array(vi), np.array(ni, dtype=np.int64), squares / df, df,
        unweighted_mean(means, level), tuple(left_out),
    )  # fmt: skip


def _between(variance: float, interval: Interval | None, test: RatioTest, method: str) -> Quantity:
    ends = None
    if interval is not None:
        low, high = math.sqrt(max(interval.lower, 0.0)), math.sqrt(max(interval.upper, 0.0))
        ends = Interval(low, high, interval.level, interval.method)
    return Quantity(
        "between_sd", "Between-person SD of the effect", math.sqrt(max(variance, 0.0)), method,
        p=test.p, interval=ends,
    )  # fmt: skip


def _prediction(effect: Quantity, between_sd: float, level: float) -> Interval:
    half = float(quantile(level, effect.df)) * math.hypot(between_sd, effect.se)
    method = "t with the degrees of freedom of the effect"
    return Interval(effect.value - half, effect.value + half, level, method)


def _exceeds(spec: PatientSeries, own: IndividualEffects) -> FloatVector | None:
    if spec.relevant is None:
        return None
    sign = -1.0 if spec.lower_is_better else 1.0
    gap = sign * own.estimate - abs(spec.relevant)
    return np.asarray(special.ndtr(gap / np.maximum(own.se, 1e-300)))
