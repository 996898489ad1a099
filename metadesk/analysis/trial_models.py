"""From the choices of a trial request to the models of the house."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from metadesk.analysis.trial_prepare import PreparedTrial
from metadesk.analysis.trial_spec import TrialSpec
from metadesk.errors import SpecProblem
from metadesk.models.mixed import (
    GeneralisedMixed,
    LinearMixed,
    MixedResult,
    RandomTerm,
    Term,
    TrialData,
    fit_generalised,
    fit_linear,
)
from metadesk.models.mixed.columns import RawCell, as_number
from metadesk.numerics.progress import SILENT, Progress

FAMILIES = {
    "binary": "binomial",
    "binomial": "binomial",
    "count": "poisson",
    "count-nb": "nbinom2",
    "ordinal": "ordinal",
}
CONTROL = re.compile(
    r"(placebo|plac|pbo|control|ctrl|kontroll|usual|sham|reference|standard|vehicle|none|nothing"
    r"|baseline|dummy|off)"
    r"|(no|kein|keine|ohne|sans)[ -](?=[^\W\d])"  # 'No tea', but not 'No 1'
    r"|(un|not |non-?)(treated|behandelt)|unbehandelt"
)
"""How the name of a control begins."""
CONTROL_LETTERS: Mapping[str, frozenset[str]] = {
    "P": frozenset("ADNTVEFGHI"),
    "R": frozenset("T"),
    "C": frozenset("TEI"),
}
"""A single letter that stands for the control beside these letters."""


@dataclass(frozen=True)
class Comparison:
    """Which treatment is compared with which."""

    active: str
    reference: str


def comparison(spec: TrialSpec, levels: Sequence[str]) -> Comparison:
    """Choose what is compared: as the spec says, else the first treatment against the control.

    Raises
    ------
    SpecProblem
        If the spec names a treatment that does not occur, or the same one twice.
    """
    for word in (spec.reference, spec.active):
        if word and word not in levels:
            raise SpecProblem(
                f"'{word}' is not a treatment of this sheet; they are {', '.join(levels)}."
            )
    reference = spec.reference or _control(levels, spec.active)
    active = spec.active or next((w for w in levels if w != reference), reference)
    if active == reference:
        raise SpecProblem(
            f"'{active}' cannot be compared with itself; choose another treatment or reference."
        )
    return Comparison(active, reference)


def _control(levels: Sequence[str], active: str) -> str:
    """The level that is named like a control, else the first one."""
    others = [w for w in levels if w != active]
    for word in others:
        name = word.strip().casefold()
        if CONTROL.match(name) or "without" in name.split():
            return word
    for word in others:
        beside = {w for w in levels if w != word}
        if word in CONTROL_LETTERS and beside <= CONTROL_LETTERS[word]:
            return word
    return others[0]


def random_choice(prepared: PreparedTrial, analysis: str) -> str:
    """The random effects asked for; a series has an own treatment effect for each person."""
    spec = prepared.spec
    if spec.random != "auto":
        return spec.random
    if spec.residual in ("cs", "un") and prepared.outcome_type == "continuous":
        return "none"
    return "slope" if analysis == "series" else "intercept"


def wants_trend(spec: TrialSpec, analysis: str) -> bool:
    """Whether a straight trend over time is among the terms."""
    return spec.trend == "yes" or (spec.trend == "auto" and analysis == "one-patient")


def linear_options(prepared: PreparedTrial, analysis: str, against: Comparison) -> LinearMixed:
    """The linear mixed model that the request asks for."""
    spec = prepared.spec
    return LinearMixed(
        **_fixed_part(prepared, analysis, against),
        transform=spec.transform,
        residual=spec.residual,
        method=spec.method,
        df=spec.df,
        level=spec.level,
        adjust=spec.adjust,
    )


def generalised_options(
    prepared: PreparedTrial, analysis: str, against: Comparison
) -> GeneralisedMixed:
    """The generalised linear mixed model that the request asks for."""
    spec = prepared.spec
    return GeneralisedMixed(
        **_fixed_part(prepared, analysis, against),
        family=FAMILIES[prepared.outcome_type],
        integration=spec.integration,
        level=spec.level,
        df="between-within" if spec.df == "between-within" else "z",
    )


def _fixed_part(prepared: PreparedTrial, analysis: str, against: Comparison) -> dict[str, Any]:
    spec, roles = prepared.spec, prepared.roles
    given: dict[str, Any] = {
        "sequence": spec.sequence,
        "carryover": spec.carryover,
        "baseline": spec.baseline,
        "cycle": spec.cycle,
        "trend": wants_trend(spec, analysis),
        "reference": against.reference,
        "random": random_choice(prepared, analysis),
    }
    if analysis == "series" and roles.period and roles.cycle:
        given["fixed"] = _series_terms(prepared, against)
    return given


def _series_terms(prepared: PreparedTrial, against: Comparison) -> tuple[Term, ...]:
    """In a series the period counts within a cycle and says no more than the treatment does."""
    spec, r = prepared.spec, prepared.roles
    terms = []
    if spec.baseline and r.baseline:
        terms.append(Term(r.baseline, "numeric"))
    if spec.cycle:
        terms.append(Term(r.cycle))
    if spec.trend == "yes" and r.time:
        terms.append(Term(r.time, "numeric"))
    terms.append(Term(r.treatment, "factor", against.reference))
    if spec.carryover:
        terms.append(Term("carry", "carryover", against.reference))
    return tuple(terms)


def fit_main(
    prepared: PreparedTrial, analysis: str, against: Comparison, progress: Progress = SILENT
) -> MixedResult:
    """Fit the model that the request asks for."""
    data = data_of(prepared)
    if prepared.outcome_type == "continuous":
        return fit_linear(linear_options(prepared, analysis, against), data, progress)
    return fit_generalised(generalised_options(prepared, analysis, against), data, progress)


def fit_persons_fixed(
    prepared: PreparedTrial, against: Comparison, progress: Progress = SILENT
) -> MixedResult:
    """The same linear model with persons as fixed effects: comparisons within persons only."""
    data = data_of(prepared)
    base = linear_options(prepared, "crossover", against)
    kept = tuple(t for t in base.terms(data) if t.column != data.roles.sequence)
    model = replace(
        base,
        fixed=(Term(data.roles.subject), *kept),
        random_terms=(),
        residual="independent",
        df="residual",
        intervals="none",
        adjust="none",
    )
    return fit_linear(model, data, progress)


def without_intervals(model: LinearMixed) -> LinearMixed:
    """The model without the slow intervals of its variance components."""
    return replace(model, intervals="none", adjust="none")


def with_cycles(prepared: PreparedTrial, model: LinearMixed) -> LinearMixed:
    """The model with a level for each cycle of a person."""
    r = prepared.roles
    groups = model.groups(data_of(prepared))
    return replace(model, random_terms=(*groups, RandomTerm(f"{r.subject}:{r.cycle}")))


def relevant_size(prepared: PreparedTrial, *, as_difference: bool = False) -> float | None:
    """The smallest effect that matters on the scale of the model: for ratios its logarithm.

    Raises
    ------
    SpecProblem
        If a ratio is asked for and the number given is none.
    """
    given = prepared.spec.relevant
    if given is None or as_difference or not prepared.scale.ratio:
        return given
    if given <= 0 or given == 1:
        raise SpecProblem(
            f"The effect is a ratio, so the smallest one that matters is a ratio too, such as "
            f"1.25, not {given:g}."
        )
    return abs(math.log(given))


def data_of(prepared: PreparedTrial) -> TrialData:
    """The checked rows, which are there unless the sheet has a problem."""
    if prepared.data is None:
        raise SpecProblem(prepared.problem)
    return prepared.data


def as_analysed(prepared: PreparedTrial) -> TrialData:
    """The rows with the outcome as it is analysed, for the analyses that take no logarithms."""
    data = data_of(prepared)
    if prepared.scale.key != "ratio":
        return data
    name = f"log({prepared.roles.outcome})"
    logs = [_log(c) for c in data.cells[prepared.roles.outcome]]
    return TrialData.from_columns({**data.cells, name: logs}, replace(prepared.roles, outcome=name))


def _log(cell: RawCell) -> float | None:
    value = as_number(cell)
    return math.log(value) if value > 0 else None
