"""Checks of what a generalised mixed model takes for granted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import special

from metadesk.errors import MetadeskError
from metadesk.models.mixed.generalised.families import Binomial, Family, NegativeBinomial, Poisson
from metadesk.models.mixed.generalised.fit import Fitted, fit_generalised
from metadesk.models.mixed.options import GeneralisedMixed
from metadesk.models.mixed.trial_data import TrialData
from metadesk.models.result import Quantity
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import chi2_sf
from metadesk.numerics.types import FloatVector


def overdispersion(fitted: Fitted) -> Quantity | None:
    """Pearson's χ² over its degrees of freedom, residuals taken given the random effects.

    About one where the counts vary as the family says; the P value is of the χ² distribution with
    as many degrees of freedom as rows less parameters. None for yes/no and ordered outcomes, whose
    single rows cannot vary more than they do.

    References
    ----------
    McCullagh & Nelder (1989), section 4.5, for the statistic.
    """
    family = fitted.likelihood.persons.family
    if not isinstance(family, Binomial | Poisson | NegativeBinomial):
        return None
    if isinstance(family, Binomial) and family.m.max() == 1:
        return None
    P = fitted.likelihood.persons
    psi, L, beta = fitted.likelihood.parts(fitted.peak.par)
    fitted.likelihood.evaluate(fitted.peak.par)
    u = fitted.likelihood.modes @ L.T
    eta = P.X @ beta + P.offset + np.einsum("nq,nq->n", P.Z, u[P.of_row])
    mean, variance = _moments(family, eta, psi)
    chi2 = float(P.counts[P.of_row] @ ((family.y - mean) ** 2 / variance))
    df = len(fitted.problem.frame) - fitted.likelihood.size
    if df < 1:
        return None
    return Quantity(
        "overdispersion", "Pearson χ² / df given the persons", chi2 / df,
        "about 1 where the variance is as the model says", df=float(df),
        p=float(chi2_sf(chi2, df)),
    )  # fmt: skip


def _moments(family: Family, eta: FloatVector, psi: FloatVector) -> tuple[FloatVector, FloatVector]:
    """Mean and variance of each row."""
    if isinstance(family, Binomial):
        p = special.expit(eta)
        return family.m * p, family.m * p * (1 - p)
    mean = np.exp(np.minimum(eta, 600.0))
    if isinstance(family, NegativeBinomial):
        own = float(np.exp(psi[0]))
        return mean, mean + mean**2 / own if family.quadratic else mean * (1 + own)
    return mean, mean


def effects_by_cut(
    spec: GeneralisedMixed, data: TrialData, name: str, progress: Progress = SILENT
) -> tuple[Quantity, ...]:
    """The log odds ratio ``name`` at every cut of an ordered outcome, each cut fitted by itself.

    Proportional odds take them to be equal. Cuts without an answer (separation, too few persons)
    are left out.
    """
    levels = data.outcome_levels
    binary = replace(spec, family="binomial")
    found = []
    for cut, word in enumerate(levels.levels[:-1]):
        progress.step(0.1 + 0.8 * cut / len(levels.levels), "Odds ratios cut by cut")
        try:
            fit = fit_generalised(binary, above(data, cut), progress)
        except MetadeskError:
            continue
        if name in fit.coefficients.names and not fit.separated:
            effect = fit.coefficients.at(name)
            found.append(replace(effect, name=f"cut {word}", title=f"Above {word}"))
    return tuple(found)


def above(data: TrialData, cut: int) -> TrialData:
    """The same rows with a yes/no outcome: whether the category lies above a cut."""
    name = f"{data.roles.outcome} above {data.outcome_levels.levels[cut]}"
    cells: list[float | None] = [None] * data.n_rows
    for row, code in zip(data.rows.tolist(), data.outcome_levels.codes.tolist(), strict=True):
        cells[row] = float(code > cut)
    roles = replace(data.roles, outcome=name, trials="", offset="")
    return TrialData.from_columns({**data.cells, name: cells}, roles, repeated=True)
