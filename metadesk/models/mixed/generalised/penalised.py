"""What can be said where a coefficient has no finite maximum-likelihood estimate."""

from __future__ import annotations

import math
from contextlib import suppress
from types import MappingProxyType

import numpy as np

from metadesk.document import Note
from metadesk.errors import NotEstimable
from metadesk.models.mixed.estimates import estimates
from metadesk.models.mixed.generalised.conditional import ExactDistribution, conditional_logistic
from metadesk.models.mixed.generalised.families import Binomial
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
    extra: dict[str, Quantity] = {}
    family = problem.family
    if not isinstance(family, Binomial) or family.m.max() > 1:
        way = "Leave the term out, or" if words else "Choose fewer random effects, or"
        raise NotEstimable(f"{message} {way} compare the arms with an exact test.")
    person = problem.person
    try:
        firth = conditional_logistic(design.X, family.y, person, design.names, penalise=True)
    except NotEstimable as reason:
        raise NotEstimable(f"{message} {reason}") from reason
    notes.append(
        Note(
            "Shown instead: Firth-penalised estimates within persons with penalised-likelihood P "
            f"values ({firth.n_persons} persons with both outcomes contribute), and exact "
            "conditional P values.",
            "caution",
            "firth",
        )
    )
    columns = [design.names.index(n) for n in firth.names]
    X = design.X[:, columns]
    if np.isin(X, (0.0, 1.0)).all():
        with suppress(NotEstimable):
            exact = ExactDistribution(X, family.y, person, progress)
            for j, name in enumerate(firth.names):
                extra[f"exact {name}"] = Quantity(
                    f"exact {name}", f"Exact test of {name}", math.nan, "exact conditional",
                    p=exact.test(j)[0],
                )  # fmt: skip
    table = estimates(
        firth.names, firth.b, firth.se, np.full(len(firth.b), math.inf), spec.level,
        "normal distribution",
    )  # fmt: skip
    coefficients = Coefficients(
        table.names, table.estimate, table.se, table.statistic, table.df, firth.pval,
        table.ci_lb, table.ci_ub, np.diag(table.se**2), spec.level,
        "penalised likelihood ratio (Wald interval)",
    )  # fmt: skip
    return MixedResult(
        model="generalised-mixed",
        title="Conditional logistic regression, Firth-penalised",
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
