"""Series of N-of-1 trials with yes/no, counted or ordered outcomes; all effects are logarithms."""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from scipy import special

from metadesk.document import Note
from metadesk.errors import DataProblem
from metadesk.models.mixed.generalised import fit_generalised
from metadesk.models.mixed.generalised.fit import Fitted, climb_generalised, summary_of
from metadesk.models.mixed.generalised.problem import GeneralisedProblem
from metadesk.models.mixed.generalised.spread_profile import (
    NOTHING,
    SpreadProfile,
    spread_interval,
)
from metadesk.models.mixed.linear.components import RatioTest
from metadesk.models.mixed.options import GeneralisedMixed
from metadesk.models.mixed.patient_series import PatientSummaries, SeriesResult, unweighted_mean
from metadesk.models.mixed.random_effects import IndividualEffects
from metadesk.models.mixed.result import MixedResult
from metadesk.models.mixed.trial_data import TrialData
from metadesk.models.result import Interval, Quantity
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import chi2_sf, quantile
from metadesk.numerics.types import BoolVector, FloatVector

APPROXIMATE = Note(
    "The persons' own effects and their standard errors are approximations (conditional modes at "
    "the estimated variances), good where each person has many rows.",
    "note",
    "approximate-persons",
)

NO_INTERVAL = Note(
    "The likelihood could not be followed to the ends of an interval for the spread between "
    "persons; read it with the test and with the persons' own effects.",
    "caution",
    "no-spread-interval",
)
NO_OWN = (
    "The persons' own effects cannot be estimated from these outcomes; the effect for all persons "
    "stands alone."
)
NO_OWN_EFFECT = {"slope": "intercept", "slope-cycle": "cycle"}


def generalised_series(
    model: GeneralisedMixed,
    data: TrialData,
    active: str,
    control: str,
    *,
    relevant: float | None = None,
    lower_is_better: bool = False,
    progress: Progress = SILENT,
) -> SeriesResult:
    """Effect in the population, spread between persons and each person's effect, on the log scale.

    ``model`` has a treatment effect for each person; ``relevant`` is a positive logarithm. The
    spread is tested against the model with one effect for all, both by the same approximation.

    Raises
    ------
    DataProblem
        If the likelihood has no finite maximum with own effects.
    """
    name = f"{data.roles.treatment}[{active}]"
    fitted = climb_generalised(model, data, progress)
    if isinstance(fitted, GeneralisedProblem):
        raise DataProblem(NO_OWN)
    fit = summary_of(model, fitted)
    if not fit.random or name not in fit.random[0].terms:
        raise DataProblem(NO_OWN)
    term = fit.random[0].terms.index(name)
    effect = fit.coefficients.at(name)
    variance = float(fit.covariances[fit.random[0].group][term, term])
    without = fit_generalised(
        replace(model, random=NO_OWN_EFFECT.get(model.random, "intercept"), integration="laplace"),
        data,
        progress,
    )
    test = _test(without, fit)
    progress.step(0.6, "Interval of the spread between persons")
    ends = spread_interval(fitted, term, model.level, _gain(fitted, term, test), progress)
    own = _individual(fit, term, effect, variance)
    half = float(quantile(model.level)) * math.hypot(own.between_sd, effect.se)
    method = "normal, on the log scale"
    return SeriesResult(
        fit=fit,
        effect=effect,
        between_sd=Quantity(
            "between_sd", "Between-person SD of the log effect", own.between_sd, fit.method,
            p=test.p, interval=ends,
        ),
        between_test=test,
        prediction=Interval(effect.value - half, effect.value + half, model.level, method),
        individual=own,
        raw=own_log_ratios(model, data, active, control),
        exceeds=_exceeds(own, relevant, lower_is_better),
        notes=(*fit.notes, APPROXIMATE, *([] if ends else [NO_INTERVAL])),
        extra=MappingProxyType({}),
    )  # fmt: skip


def _gain(fitted: Fitted, term: int, test: RatioTest) -> float:
    """How far the likelihood is below its maximum where one own effect has no spread.

    With two treatments that is the model without own effects, else the limit of a small spread.
    """
    if fitted.problem.components[0].size == 2:
        return test.statistic
    profile = SpreadProfile(fitted, term)
    return profile.root(NOTHING) ** 2


def _test(without: MixedResult, fit: MixedResult) -> RatioTest:
    """That all persons have one effect: a mixture of chi-squares at the boundary."""
    assert fit.statistics is not None
    assert without.statistics is not None
    gain = max(0.0, 2 * (fit.statistics.logLik - without.statistics.logLik))
    gap = fit.statistics.n_parameters - without.statistics.n_parameters
    mixture = ((0.5, float(gap - 1)), (0.5, float(gap)))
    p = sum(w * (float(chi2_sf(gain, df)) if df > 0 else float(gain <= 0)) for w, df in mixture)
    words = f"mixture ½χ²({gap - 1}) + ½χ²({gap}) (variance at its boundary)"
    return RatioTest(gain, mixture, min(1.0, p), words)


def _individual(
    fit: MixedResult, term: int, effect: Quantity, variance: float
) -> IndividualEffects:
    """Own effects with conditional variance and that of the population effect added."""
    random = fit.random[0]
    own = random.covariance[:, term, term]
    weight = 1 - own / variance if variance > 0 else np.zeros(len(own))
    return IndividualEffects(
        contrast=random.terms[term],
        levels=random.levels,
        estimate=effect.value + random.modes[:, term],
        se=np.sqrt(np.maximum(own, 0.0) + (1 - weight) ** 2 * effect.se**2),
        population=effect.value,
        between_sd=math.sqrt(max(variance, 0.0)),
        shrinkage=np.asarray(weight),
    )


def own_log_ratios(
    model: GeneralisedMixed, data: TrialData, active: str, control: str
) -> PatientSummaries:
    """Each person's own log odds or rate ratio from the totals on both treatments.

    Half a success (event) is added to all cells of a person where one is empty. Ordered outcomes
    are split at their middle category. Persons without both treatments are left out by name.
    """
    a, c = data.treatment.is_level(active), data.treatment.is_level(control)
    patients, yi, vi, ni, left_out = [], [], [], [], []
    for code, who in enumerate(data.subject.levels):
        here = data.subject.codes == code
        if not (here & a).any() or not (here & c).any():
            left_out.append(who)
            continue
        y, v = _log_ratio(model, data, here & a, here & c)
        patients.append(who)
        yi.append(y)
        vi.append(v)
        ni.append(int(min((here & a).sum(), (here & c).sum())))
    if not patients:
        raise DataProblem("No person has both treatments.")
    means = np.array(yi)
    return PatientSummaries(
        tuple(patients), means, np.array(vi), np.array(ni, dtype=np.int64), math.nan, 0,
        unweighted_mean(means, model.level), tuple(left_out),
    )  # fmt: skip


def _log_ratio(
    model: GeneralisedMixed, data: TrialData, a: BoolVector, c: BoolVector
) -> tuple[float, float]:
    if model.family in ("poisson", "nbinom1", "nbinom2"):
        time = np.exp(data.numeric(data.roles.offset)) if data.roles.offset else np.ones(len(data))
        events = np.array([data.outcome[a].sum(), data.outcome[c].sum()])
        events = events + 0.5 if (events == 0).any() else events
        rates = events / np.array([time[a].sum(), time[c].sum()])
        return float(np.log(rates[0] / rates[1])), float((1 / events).sum())
    if model.family == "ordinal":
        middle = (len(data.outcome_levels.levels) - 1) // 2
        y, m = (data.outcome_levels.codes > middle).astype(float), np.ones(len(data))
    else:
        y = data.outcome
        m = data.numeric(data.roles.trials) if data.roles.trials else np.ones(len(data))
    cells = np.array([y[a].sum(), (m - y)[a].sum(), y[c].sum(), (m - y)[c].sum()])
    cells = cells + 0.5 if (cells == 0).any() else cells
    return float(np.log(cells[0] * cells[3] / (cells[1] * cells[2]))), float((1 / cells).sum())


def _exceeds(
    own: IndividualEffects, relevant: float | None, lower_is_better: bool
) -> FloatVector | None:
    if relevant is None:
        return None
    sign = -1.0 if lower_is_better else 1.0
    return np.asarray(
        special.ndtr((sign * own.estimate - abs(relevant)) / np.maximum(own.se, 1e-300))
    )
