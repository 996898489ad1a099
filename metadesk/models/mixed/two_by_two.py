"""The 2×2 crossover by hand: t tests of Hills and Armitage, analysis of variance, ranks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metadesk.document import Note
from metadesk.errors import DataProblem
from metadesk.models.mixed.rank_tests import RankTest, rank_sum
from metadesk.models.mixed.trial_data import TrialData
from metadesk.models.result import Interval, Quantity
from metadesk.numerics.tails import f_sf, quantile, two_sided_p
from metadesk.numerics.types import FloatVector

CARRYOVER_SENTENCE = (
    "The carryover (sequence) contrast compares persons, not periods, and has little power; it is "
    "an "
    "assumption check and must not choose the analysis. Whether carryover is plausible is a "
    "question "
    "of the washout."
)


@dataclass(frozen=True, eq=False)
class PairedPeriods:
    """Persons with both periods of an AB/BA trial.

    ``first`` and ``second`` are the outcomes of period 1 and 2; ``active_first`` marks the persons
    who had the active treatment first.
    """

    first: FloatVector
    second: FloatVector
    active_first: np.ndarray
    sequences: tuple[str, str]
    active: str
    control: str
    n_incomplete: int


@dataclass(frozen=True)
class Line:
    """One line of the analysis of variance."""

    source: str
    ss: float
    df: int
    ms: float
    F: float
    p: float


@dataclass(frozen=True, eq=False)
class ClassicalCrossover:
    """Everything the classical analysis of a 2×2 crossover says."""

    pairs: PairedPeriods
    treatment: Quantity
    period: Quantity
    carryover: Quantity
    paired: Quantity
    first_period: Quantity
    anova: tuple[Line, ...]
    within_variance: float
    between_moment: float
    between_variance: float
    icc: float
    ranks: dict[str, RankTest]
    notes: tuple[Note, ...]


def paired_periods(data: TrialData, active: str, control: str) -> PairedPeriods:
    """Arrange a 2×2 crossover as pairs of outcomes.

    Raises
    ------
    DataProblem
        If the trial does not have two periods and two treatments, or an arm of complete pairs is
        empty.
    """
    if not data.roles.period or not data.roles.subject:
        raise DataProblem("A 2×2 crossover needs the subject and the period columns; mark them.")
    period, treatment, subject = data.factor(data.roles.period), data.treatment, data.subject
    for word in (active, control):
        if word not in treatment.levels:
            raise DataProblem(
                f"'{word}' is not a treatment of this sheet; they are "
                f"{', '.join(treatment.levels)}."
            )
    if len(period.levels) != 2:
        raise DataProblem(
            f"The classical analysis is for two periods; this sheet has {len(period.levels)}. Use "
            f"the mixed model."
        )
    n = len(subject.levels)
    values = np.full((n, 2), np.nan)
    given = np.full((n, 2), -1)
    values[subject.codes, period.codes] = data.outcome
    given[subject.codes, period.codes] = treatment.codes
    a, c = treatment.levels.index(active), treatment.levels.index(control)
    complete = ~np.isnan(values).any(axis=1)
    first = complete & (given[:, 0] == a) & (given[:, 1] == c)
    second = complete & (given[:, 0] == c) & (given[:, 1] == a)
    used = first | second
    for group, words in ((first, f"{active} first"), (second, f"{control} first")):
        if not group.any():
            raise DataProblem(f"No person with {words} has both periods; the design is not AB/BA.")
    names = _sequence_names(data, first, second, active, control)
    return PairedPeriods(
        values[used, 0], values[used, 1], first[used], names, active, control, int(n - used.sum())
    )


def _sequence_names(
    data: TrialData, first: np.ndarray, second: np.ndarray, active: str, control: str
) -> tuple[str, str]:
    if not data.roles.sequence:
        return f"{active}{control}", f"{control}{active}"
    sequence = data.factor(data.roles.sequence)
    of_subject = np.full(len(first), -1)
    of_subject[data.subject.codes] = sequence.codes
    names = [sequence.levels[of_subject[np.flatnonzero(g)[0]]] for g in (first, second)]
    return names[0], names[1]


def _t(name: str, title: str, value: float, se: float, df: float, level: float) -> Quantity:
    half = float(quantile(level, df)) * se
    p = float(two_sided_p(value / se, df)) if se > 0 else math.nan
    method = f"t, {df:g} degrees of freedom"
    return Quantity(
        name, title, value, method, se=se, df=df, p=p,
        interval=Interval(value - half, value + half, level, method), kind="effect",
    )  # fmt: skip


def _two_groups(a: FloatVector, b: FloatVector) -> tuple[float, float, int]:
    """Difference of means, its standard error from the pooled variance, degrees of freedom."""
    df = len(a) + len(b) - 2
    if df < 1:
        raise DataProblem("Fewer than three persons have both periods; no error can be estimated.")
    pooled = (((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum()) / df
    return float(a.mean() - b.mean()), math.sqrt(pooled * (1 / len(a) + 1 / len(b))), df


def analyse_two_by_two(
    data: TrialData,
    active: str,
    control: str,
    level: float = 0.95,
    *,
    tie_digits: float = 10,
) -> ClassicalCrossover:
    """Analyse a 2×2 crossover classically; effects are active minus control.

    ``between_moment`` is the moment estimate of the variance between persons, which may be
    negative; ``between_variance`` reports that as zero. ``tie_digits`` are the significant digits
    to which two values must agree to be tied in the rank tests.

    References
    ----------
    Hills & Armitage (1979); Grizzle (1965) for the analysis of variance; Koch (1972) for the ranks.
    Freeman (1989) on why no test of carryover may choose the analysis.
    """
    pairs = paired_periods(data, active, control)
    y1, y2, g = pairs.first, pairs.second, pairs.active_first
    d, s = y1 - y2, y1 + y2
    gap, se, df = _two_groups(d[g], d[~g])
    treatment = _t("treatment", f"{active} - {control}", gap / 2, se / 2, df, level)
    period = _t(
        "period",
        "Period 2 - period 1",
        -(float(d[g].mean()) + float(d[~g].mean())) / 2,
        se / 2,
        df,
        level,
    )
    total, se_total, _ = _two_groups(s[g], s[~g])
    carryover = _t("carryover", "Carryover (sequence), sums", total, se_total, df, level)
    own = np.where(g, d, -d)
    paired = _t(
        "paired",
        "Paired t, period ignored",
        float(own.mean()),
        float(own.std(ddof=1)) / math.sqrt(len(own)),
        len(own) - 1,
        level,
    )
    only, se_only, df_only = _two_groups(y1[g], y1[~g])
    first = _t("first", "First period only", only, se_only, df_only, level)
    anova, between, within = _anova(y1, y2, g)
    moment = (between - within) / 2
    notes = [Note(CARRYOVER_SENTENCE, "note", "carryover-check")]
    if moment < 0:
        notes.append(
            Note(
                "Persons differ no more than their two periods do: the variance between persons is "
                "estimated as zero.",
                "caution",
                "negative-between",
            )
        )
    if pairs.n_incomplete:
        notes.append(
            Note(
                f"{pairs.n_incomplete} persons lack a period and are left out here; the mixed "
                "model "
                f"uses them.",
                "note",
                "incomplete-pairs",
            )
        )
    variance = max(0.0, moment)
    return ClassicalCrossover(
        pairs=pairs,
        treatment=treatment,
        period=period,
        carryover=carryover,
        paired=paired,
        first_period=first,
        anova=anova,
        within_variance=within,
        between_moment=moment,
        between_variance=variance,
        icc=variance / (variance + within) if variance + within > 0 else math.nan,
        ranks={
            "treatment": rank_sum(d[g], d[~g], tie_digits),
            "period": rank_sum(d[g], -d[~g], tie_digits),
            "carryover": rank_sum(s[g], s[~g], tie_digits),
        },
        notes=tuple(notes),
    )


def _anova(
    y1: FloatVector, y2: FloatVector, g: np.ndarray
) -> tuple[tuple[Line, ...], float, float]:
    d, s = y1 - y2, y1 + y2
    n1, n2 = int(g.sum()), int((~g).sum())
    df = n1 + n2 - 2
    harmonic = 1 / (1 / n1 + 1 / n2)
    between = _within_groups(s, g) / 2 / df
    within = _within_groups(d, g) / 2 / df
    sequence = harmonic * float(s[g].mean() - s[~g].mean()) ** 2 / 2
    treatment = harmonic * float(d[g].mean() - d[~g].mean()) ** 2 / 2
    period = harmonic * float(d[g].mean() + d[~g].mean()) ** 2 / 2

    def line(source: str, ss: float, ms: float) -> Line:
        F = ss / ms if ms > 0 else math.nan
        return Line(source, ss, 1, ss, F, float(f_sf(F, 1, df)))

    lines = (
        line("sequence", sequence, between),
        Line("subject within sequence", between * df, df, between, math.nan, math.nan),
        line("period", period, within),
        line("treatment", treatment, within),
        Line("residual", within * df, df, within, math.nan, math.nan),
    )
    return lines, between, within


def _within_groups(x: FloatVector, g: np.ndarray) -> float:
    return float(((x[g] - x[g].mean()) ** 2).sum() + ((x[~g] - x[~g].mean()) ** 2).sum())
