"""What can be said where a coefficient has no finite maximum-likelihood estimate."""

from __future__ import annotations

import math
from contextlib import suppress
from types import MappingProxyType

import numpy as np

from metadesk.document import Note
from metadesk.errors import NotEstimable
from metadesk.models.mixed.estimates import estimates
from metadesk.models.mixed.generalised.conditional import (
    Conditional,
    ConditionalLikelihood,
    conditional_counts,
    conditional_logistic,
    profile_ends,
)
from metadesk.models.mixed.generalised.exact import ExactDistribution
from metadesk.models.mixed.generalised.families import Binomial, NegativeBinomial, Poisson
from metadesk.models.mixed.generalised.problem import GeneralisedProblem
from metadesk.models.mixed.options import GeneralisedMixed
from metadesk.models.mixed.result import MixedResult
from metadesk.models.mixed.wording import generalised_equation
from metadesk.models.result import Coefficients, Quantity, Status
from metadesk.numerics.progress import Progress


def without_finite_estimate(
    spec: GeneralisedMixed, problem: GeneralisedProblem, progress: Progress
) -> MixedResult:
    """What can be said under separation: penalised estimates and exact P values."""
    frame, design = problem.frame, problem.frame.design
    words = ", ".join(problem.separated)
    message = (
        f"Separation: {words} predicts the outcome without exception, so its maximum-likelihood "
        f"estimate is infinite."
        if words
        else "The likelihood rises without end as the differences between persons grow: nearly all "
        "persons answer alike throughout, and the others follow the terms of the model."
    )
    notes = [Note(message, "strong", "separation")]
    family = problem.family
    if not isinstance(family, Binomial | Poisson | NegativeBinomial):
        way = "Leave the term out, or" if words else "Choose fewer random effects, or"
        raise NotEstimable(
            f"{message} {way} compare the arms with an exact test: of two categories written as 0 "
            f"and 1 it is made here."
        )
    try:
        firth, what = _penalised(problem)
    except NotEstimable as reason:
        raise NotEstimable(f"{message} {reason}") from reason
    notes.append(
        Note(
            "Shown instead: Firth-penalised estimates within persons with P values and intervals "
            f"from their likelihood ({firth.n_strata} persons {what} contribute), and exact "
            f"conditional P values.",
            "caution",
            "firth",
        )
    )
    extra = _exact(problem, firth.names, progress)
    table = estimates(
        firth.names, firth.b, firth.se, np.full(len(firth.b), math.inf), spec.level,
        "normal distribution",
    )  # fmt: skip
    coefficients = Coefficients(
        table.names, table.estimate, table.se, table.statistic, table.df, firth.pval,
        *profile_ends(firth.likelihood, firth, spec.level), np.diag(table.se**2), spec.level,
        "penalised likelihood ratio and profile interval",
    )  # fmt: skip
    kind = "logistic" if isinstance(family, Binomial) else "Poisson"
    return MixedResult(
        model="generalised-mixed",
        title=f"Conditional {kind} regression, Firth-penalised",
        family="mixed",
        k=len(frame.factor(frame.data.roles.subject).levels),
        n=len(frame),
        rows=frame.data.rows[frame.rows],
        excluded=frame.excluded,
        coefficients=coefficients,
        method="Firth-penalised conditional likelihood",
        status=Status(rung="penalised conditional", messages=(message,), aliased=design.aliased),
        notes=(*frame.data.notes, *notes),
        extra=MappingProxyType(extra),
        equation=generalised_equation(problem.frame, problem.groups, spec),
        separated=problem.separated,
    )


def _penalised(problem: GeneralisedProblem) -> tuple[Conditional, str]:
    """Firth's estimates within persons, and which persons contribute."""
    X, names, family = problem.frame.design.X, problem.frame.design.names, problem.family
    if isinstance(family, Binomial):
        found = conditional_logistic(
            X, family.y, problem.person, names, trials=family.m, penalise=True
        )
        return found, "with both outcomes"
    assert isinstance(family, Poisson | NegativeBinomial)
    found = conditional_counts(X, family.y, problem.offset, problem.person, names, penalise=True)
    return found, "with events"


def _exact(
    problem: GeneralisedProblem, names: tuple[str, ...], progress: Progress
) -> dict[str, Quantity]:
    """Exact conditional P values of the terms, where all of them are levels and few enough."""
    family, design = problem.family, problem.frame.design
    X = design.X[:, [design.names.index(n) for n in names]]
    found: dict[str, Quantity] = {}
    with suppress(NotEstimable):
        if isinstance(family, Binomial):
            listed = ConditionalLikelihood.of_successes(X, family.y, family.m, problem.person)
        else:
            assert isinstance(family, Poisson | NegativeBinomial)
            listed = ConditionalLikelihood.of_listed_counts(
                X, family.y, problem.offset, problem.person
            )
        exact = ExactDistribution(listed, progress)
        for j, name in enumerate(names):
            key = f"exact {name}"
            p = exact.test(j)[0]
            found[key] = Quantity(key, f"Exact test of {name}", math.nan, "exact conditional", p=p)
    return found
