"""Structures of persons and residuals beside each other, each fitted to the same rows by REML.

The choice belongs into the protocol; the ladder shows what it rests on and what it changes.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, replace

from metadesk.analysis.trial_models import Comparison, data_of, linear_options, without_intervals
from metadesk.analysis.trial_prepare import PreparedTrial
from metadesk.analysis.trial_result import LadderLine
from metadesk.errors import MetadeskError
from metadesk.models.mixed import LinearMixed, MixedResult, fit_linear
from metadesk.models.mixed.linear.components import likelihood_ratio
from metadesk.numerics.progress import SILENT, Progress

MOST_PERIODS = 10  # beyond them an unstructured covariance takes long and tells little


@dataclass(frozen=True)
class Rung:
    """A structure and the simpler one it is tested against ('' where none lies inside it)."""

    key: str
    label: str
    random: str
    residual: str
    against: str = ""
    needs: tuple[str, ...] = ()


CROSSOVER = (
    Rung("intercept", "A level for each person", "intercept", "independent"),
    Rung("treatment", "… and a variance for each treatment", "intercept", "treatment", "intercept"),
    Rung("ar1", "Autocorrelated over the periods", "none", "ar1", needs=("period",)),
    Rung("un", "Unstructured by period", "none", "un", "intercept", ("period",)),
)
SERIES = (
    Rung("intercept", "One effect for all persons", "intercept", "independent"),
    Rung("slope", "An own effect for each person", "slope", "independent", "intercept"),
    Rung("slope-cycle", "… and a level for each cycle", "slope-cycle", "independent", "slope",
         ("cycle",)),
    Rung("slope-treatment", "Own effects, a variance for each treatment", "slope", "treatment",
         "slope"),
    Rung("slope-ar1", "Own effects, autocorrelated residuals", "slope", "ar1", "slope", ("time",)),
)  # fmt: skip


def ladder_of(
    prepared: PreparedTrial, analysis: str, against: Comparison, progress: Progress = SILENT
) -> tuple[LadderLine, ...]:
    """Fit every structure that the sheet has the columns for."""
    asked = linear_options(prepared, analysis, against)
    base = replace(without_intervals(asked), method="REML")
    roles = prepared.roles
    fits: dict[str, MixedResult] = {}
    lines = []
    for rung in SERIES if analysis == "series" else CROSSOVER:
        if any(not getattr(roles, role) for role in rung.needs):
            continue
        progress.step(0.8, "Other structures beside it")
        model = replace(base, random=rung.random, residual=rung.residual)
        chosen = (asked.random, asked.residual) == (rung.random, rung.residual)
        crowded = _too_many_periods(prepared) if rung.residual == "un" and not chosen else ""
        if crowded:
            lines.append(LadderLine(rung.key, rung.label, remark=crowded))
            continue
        try:
            fits[rung.key] = fit_linear(model, data_of(prepared), progress)
        except (MetadeskError, ArithmeticError) as reason:
            lines.append(LadderLine(rung.key, rung.label, chosen, remark=str(reason)))
            continue
        lines.append(_line(rung, chosen, fits, model, f"{roles.treatment}[{against.active}]"))
    return tuple(lines)


def _too_many_periods(prepared: PreparedTrial) -> str:
    """Why an unstructured covariance is not tried beside the model; '' where it is."""
    count = len(data_of(prepared).factor(prepared.roles.period).levels)
    if count <= MOST_PERIODS:
        return ""
    own = count * (count + 1) // 2
    return f"{count} periods would need {own} variances and covariances; it was not tried."


def _line(
    rung: Rung, chosen: bool, fits: dict[str, MixedResult], model: LinearMixed, name: str
) -> LadderLine:
    fit = fits[rung.key]
    assert fit.statistics is not None
    test = None
    if rung.against in fits:
        with suppress(MetadeskError):
            test = likelihood_ratio(fits[rung.against], fit)
    known = name in fit.coefficients.names
    return LadderLine(
        key=rung.key,
        label=rung.label,
        chosen=chosen,
        loglik=fit.statistics.logLik,
        n_parameters=fit.statistics.n_parameters,
        aicc=fit.statistics.AICc,
        bic=fit.statistics.BIC,
        effect=fit.coefficients.at(name) if known else None,
        test=test if test is None or math.isfinite(test.p) else None,
        against=rung.against if test is not None else "",
        remark="at the boundary" if fit.singular else "",
    )
