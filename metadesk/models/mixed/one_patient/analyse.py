"""The analysis of one person: as randomised first, models beside it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from scipy import special

from metadesk.document import Note
from metadesk.errors import DataProblem
from metadesk.models.mixed.one_patient.cycles import (
    CycleTest,
    FreeTest,
    cycle_differences,
    cycle_test,
    free_test,
)
from metadesk.models.mixed.one_patient.outcomes import (
    OutcomeAnswer,
    Values,
    analyse_outcome,
    strata_of,
)
from metadesk.models.mixed.one_patient.samples import TwoSamples, two_samples
from metadesk.models.mixed.one_patient.time_models import (
    Held,
    effective_number,
    in_time,
    time_models,
)
from metadesk.models.mixed.result import MixedResult
from metadesk.models.mixed.trial_data import TrialData
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import BoolVector, FloatVector, IntVector
from metadesk.options import choice, flag, integer, number, numbers, text

OUTCOMES = {
    "continuous": "measured",
    "binary": "yes or no, or successes out of several trials",
    "count": "counts",
    "ordinal": "ordered categories",
}
FEW_VALUES = 25


@dataclass(frozen=True)
class OnePatient:
    """Analysis of a single person's repeated treatment periods."""

    active: str = text("Active treatment", "")
    control: str = text("Control treatment", "")
    outcome: str = choice("Kind of outcome", OUTCOMES, "continuous")
    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.999)
    relevant: float | None = number("Smallest relevant difference", None)
    lower_is_better: bool = flag("Lower values are better", False)
    washout: int = integer(
        "Rows to leave out after a change of treatment", 0, minimum=0, help="Transition days."
    )
    trend: bool = flag("Linear trend over time", True)
    phis: tuple[float, ...] = numbers("Autocorrelations to try", (0.0, 0.2, 0.4, 0.6))


@dataclass(frozen=True, eq=False)
class OnePatientResult:
    """Everything about one person; ``fits`` holds OLS and AR(1) models by name.

    ``free`` is the randomisation test for an order drawn freely, where no cycles are marked.
    ``outcome`` holds what the analyses of yes/no, counted and ordered outcomes say.
    ``n_effective`` is how many independent values the rows are worth, by the AR(1) model.
    """

    n: int
    n_left_out: int
    cycles: CycleTest | None
    samples: TwoSamples
    fits: MappingProxyType[str, MixedResult]
    sensitivity: tuple[Held, ...] = ()
    probability: MappingProxyType[str, float] = field(default_factory=lambda: MappingProxyType({}))
    free: FreeTest | None = None
    outcome: OutcomeAnswer | None = None
    n_effective: float | None = None
    notes: tuple[Note, ...] = ()


def analyse_one_patient(
    spec: OnePatient, data: TrialData, progress: Progress = SILENT
) -> OnePatientResult:
    """Analyse the rows of one person.

    The randomisation test over the cycles is the primary answer; least squares and the AR(1) model
    are shown side by side, with fixed autocorrelations as a sensitivity analysis, because few
    values do not tell the autocorrelation well. Yes/no, counted and ordered outcomes have exact
    comparisons within cycles and regressions with cycles instead of models in time.

    Raises
    ------
    DataProblem
        If there are several persons, or a treatment has fewer than two values.
    """
    if data.n_subjects > 1:
        raise DataProblem(
            f"There are {data.n_subjects} persons; choose one of them, or analyse the series."
        )
    active, control = _two_treatments(spec, data)
    data = _scored(spec, data)
    order = in_time(data)
    keep = _after_washout(spec.washout, data, order)
    a = data.treatment.is_level(active) & keep
    c = data.treatment.is_level(control) & keep
    samples = two_samples(data.outcome[order], a[order], c[order], spec.level)
    cycles = _by_cycle(spec, data, a, c)
    free = None if cycles is not None else _freely(spec, data, order, a, c)
    measured = spec.outcome == "continuous"
    fits: dict[str, MixedResult] = {}
    sensitivity: tuple[Held, ...] = ()
    if measured:
        fits, sensitivity = time_models(
            data, keep & (a | c), active, control,
            trend=spec.trend, level=spec.level, phis=spec.phis, progress=progress,
        )  # fmt: skip
    outcome = None if measured else analyse_outcome(_values(spec, data, a, c), spec.level)
    n = int((a | c).sum())
    worth = effective_number(n, fits["ar1"].residual["phi"]) if "ar1" in fits else None
    left_out = int((~keep).sum())
    return OnePatientResult(
        n=n,
        n_left_out=left_out,
        cycles=cycles,
        samples=samples,
        fits=MappingProxyType(fits),
        sensitivity=sensitivity,
        probability=MappingProxyType(_probabilities(spec, cycles)),
        free=free,
        outcome=outcome,
        n_effective=worth,
        notes=_notes(spec, cycles, free, n, left_out, "ar1" in fits, outcome),
    )


def _two_treatments(spec: OnePatient, data: TrialData) -> tuple[str, str]:
    levels = data.treatment.levels
    if len(levels) < 2:
        raise DataProblem(
            f"Only one treatment, {levels[0]}, occurs; a comparison needs two treatments."
        )
    control = spec.control or levels[0]
    active = spec.active or next(w for w in levels if w != control)
    for word in (active, control):
        if word not in levels:
            raise DataProblem(f"'{word}' is not a treatment; they are {', '.join(levels)}.")
    return active, control


def _scored(spec: OnePatient, data: TrialData) -> TrialData:
    """Ordered categories as scores 0, 1, 2 …; proportions of several trials as proportions."""
    if spec.outcome == "ordinal":
        return replace(data, outcome=data.outcome_levels.codes.astype(float))
    return data


def _proportions(spec: OnePatient, data: TrialData) -> FloatVector:
    """The values that differences are taken of: proportions and rates where rows have a size."""
    if spec.outcome == "binary" and data.roles.trials:
        return np.asarray(data.outcome / data.numeric(data.roles.trials))
    if spec.outcome == "count" and data.roles.offset:
        return np.asarray(data.outcome / np.exp(data.numeric(data.roles.offset)))
    return data.outcome


def _after_washout(washout: int, data: TrialData, order: IntVector) -> BoolVector:
    """Rows that are not among the first ones, in time, after a change of treatment."""
    keep = np.ones(len(data), dtype=bool)
    if washout:
        codes = data.treatment.codes[order]
        for i in np.flatnonzero(np.diff(codes) != 0) + 1:
            keep[order[i : i + washout]] = False
    return keep


def _by_cycle(spec: OnePatient, data: TrialData, a: BoolVector, c: BoolVector) -> CycleTest | None:
    if not data.roles.cycle:
        return None
    names, differences = cycle_differences(
        _proportions(spec, data), a, c, data.factor(data.roles.cycle)
    )
    return cycle_test(differences, names, spec.level) if len(differences) >= 2 else None


def _freely(
    spec: OnePatient, data: TrialData, order: IntVector, a: BoolVector, c: BoolVector
) -> FreeTest | None:
    """Test over free orders of the periods; of stretches of a treatment where none are marked."""
    used = order[(a | c)[order]]
    active = a[used]
    if data.roles.period:
        unit = data.factor(data.roles.period).codes[used]
    else:
        unit = np.cumsum(np.diff(active.astype(int), prepend=0) != 0)
    values = _proportions(spec, data)[used]
    sides = [
        np.array([values[who & (unit == u)].mean() for u in np.unique(unit[who])])
        for who in (active, ~active)
    ]
    if min(len(s) for s in sides) < 1 or sum(len(s) for s in sides) < 3:
        return None
    return free_test(*sides)


def _values(spec: OnePatient, data: TrialData, a: BoolVector, c: BoolVector) -> Values:
    """The rows on both treatments for the analyses of the outcome's own kind."""
    used = a | c
    n = len(data)
    m = data.numeric(data.roles.trials) if data.roles.trials else np.ones(n)
    offset = data.numeric(data.roles.offset) if data.roles.offset else np.zeros(n)
    _check_values(spec, data, m)
    cycle = data.factor(data.roles.cycle) if data.roles.cycle else None
    codes = data.outcome[used]
    levels: tuple[str, ...] = ()
    if spec.outcome == "ordinal":
        kept, recoded = np.unique(codes, return_inverse=True)
        levels = tuple(data.outcome_levels.levels[int(i)] for i in kept)
        codes = recoded.reshape(-1).astype(float)
    trend = None
    if spec.trend and data.roles.time:
        t = data.numeric(data.roles.time)[used]
        trend = (t - t.mean()) / (t.std() or 1.0)
    return Values(
        kind=spec.outcome,
        y=codes,
        m=m[used] if spec.outcome == "binary" else np.ones(int(used.sum())),
        offset=offset[used] if spec.outcome == "count" else np.zeros(int(used.sum())),
        active=a[used],
        stratum=strata_of(cycle, n)[used],
        levels=levels,
        trend=trend,
    )


def _check_values(spec: OnePatient, data: TrialData, m: FloatVector) -> None:
    y = data.outcome
    if spec.outcome == "ordinal":
        return
    top = m if spec.outcome == "binary" else np.full(len(y), np.inf)
    wrong = np.flatnonzero((y < 0) | (y > top) | (y != np.round(y)))
    if len(wrong):
        row = int(data.rows[wrong[0]]) + 1
        what = "a number of successes" if spec.outcome == "binary" else "a count"
        raise DataProblem(f"Row {row}: {y[wrong[0]]:g} is not {what}; correct it.")


def _notes(
    spec: OnePatient,
    cycles: CycleTest | None,
    free: FreeTest | None,
    n: int,
    left_out: int,
    in_time: bool,
    outcome: OutcomeAnswer | None,
) -> tuple[Note, ...]:
    found = []
    if cycles is not None:
        found.append(
            Note(
                f"With {len(cycles.differences)} randomised cycles the smallest possible two-sided "
                f"P value of the randomisation test is {cycles.floor:.3g}.",
                "note",
                "p-floor",
            )
        )
    if free is not None:
        found.append(
            Note(
                f"No cycles are marked, so the randomisation test takes the order of "
                f"{free.n_active + free.n_control} periods (stretches of one treatment) as drawn "
                f"freely; its smallest possible two-sided P value is {free.floor:.3g}. Mark the "
                f"column of the pairs, or of the periods, if it was otherwise.",
                "caution",
                "free-order",
            )
        )
    if left_out:
        found.append(
            Note(f"{left_out} rows after a change of treatment are left out.", code="washout")
        )
    if in_time and n < FEW_VALUES:
        found.append(
            Note(
                f"{n} values do not tell the autocorrelation well; see how the effect changes with "
                f"fixed values of it.",
                "caution",
                "few-values",
            )
        )
    if spec.outcome == "ordinal":
        found.append(
            Note(
                "Differences and the randomisation test take the categories as 0, 1, 2 and so on.",
                "note",
                "scores",
            )
        )
    return (*found, *(outcome.notes if outcome is not None else ()))


def _probabilities(spec: OnePatient, cycles: CycleTest | None) -> dict[str, float]:
    """Probability that the true effect points the right way and exceeds the relevant difference."""
    if cycles is None or cycles.se <= 0:
        return {}
    sign = -1.0 if spec.lower_is_better else 1.0
    found = {"benefit": float(special.stdtr(cycles.df, sign * cycles.mean / cycles.se))}
    if spec.relevant is not None:
        gap = (sign * cycles.mean - abs(spec.relevant)) / cycles.se
        found["relevant"] = float(special.stdtr(cycles.df, gap))
    return found
