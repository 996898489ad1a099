"""What the main model expects: at typed places, at levels of a factor, along a moderator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from metadesk.analysis.result import AnalysisResult
from metadesk.errors import SpecProblem
from metadesk.models.meta.marginal_means import averaged_rows, factors_of, levels_of
from metadesk.models.meta.prediction import CLOSED
from metadesk.models.meta.predictions import Predictions, predict
from metadesk.numerics.types import FloatMatrix


def has_moderators(result: AnalysisResult) -> bool:
    """Whether the main model explains anything."""
    fit = result.main
    return fit is not None and result.design is not None and len(fit.coefficients.names) > 1


def moderator_columns(result: AnalysisResult) -> tuple[str, ...]:
    """The sheet's columns that the main model reads, in its order."""
    if result.design is None:
        return ()
    return tuple(dict.fromkeys(c for term in result.design.terms for c in term.columns))


def factor_columns(result: AnalysisResult) -> tuple[str, ...]:
    """Those of them that are categories."""
    return () if result.design is None else factors_of(result.design)


def factor_levels(result: AnalysisResult, column: str) -> tuple[str, ...]:
    """The levels of a factor, in the order of its coding."""
    assert result.design is not None
    return levels_of(result.design, column)


def number_columns(result: AnalysisResult) -> tuple[str, ...]:
    """Those of them that are numbers."""
    factors = factor_columns(result)
    return tuple(name for name in moderator_columns(result) if name not in factors)


def expected_at(result: AnalysisResult, places: Sequence[Mapping[str, Any]]) -> Predictions:
    """Expected effects at places that name a value for every moderator.

    Raises
    ------
    SpecProblem
        If a place lacks a moderator, names another, or a value is not of the moderator's kind.
    """
    design = result.design
    if design is None:
        raise SpecProblem("The model has no moderators, so there is no place to name.")
    names = moderator_columns(result)
    for place in places:
        stray = [name for name in place if name not in names]
        if stray:
            raise SpecProblem(
                f"The model has no moderator '{stray[0]}'; its moderators are {', '.join(names)}."
            )
    numbers = number_columns(result)
    cells = {name: [_typed(name, place, name in numbers) for place in places] for name in names}
    return _predicted(result, design.rows_for(cells))


def expected_along(
    result: AnalysisResult, column: str, values: Sequence[Any]
) -> tuple[Predictions, str]:
    """Expected effects at values of one moderator, and in words where the others are held."""
    assert result.design is not None
    rows, held = averaged_rows(result.design, column, values)
    return _predicted(result, rows), held


def expected_of_studies(result: AnalysisResult) -> Predictions:
    """Expected effects of the studies in the model, from their own moderators."""
    assert result.design is not None
    return _predicted(result, result.design.X)


def _typed(name: str, place: Mapping[str, Any], number: bool) -> Any:
    if name not in place:
        raise SpecProblem(f"A prediction needs a value of {name}.")
    value = place[name]
    if not number:
        return value
    try:
        return float(str(value).replace(",", "."))
    except ValueError:
        raise SpecProblem(f"{name} is a number in this model; '{value}' is not one.") from None


def _predicted(result: AnalysisResult, rows: FloatMatrix) -> Predictions:
    fit, design = result.main, result.design
    assert fit is not None
    assert design is not None
    keep = [design.names.index(name) for name in fit.coefficients.names]
    chosen = str(result.spec.model_options.get("prediction", "t(k-1)"))
    rule = chosen if chosen in CLOSED and fit.model == "mixed" else "test"
    at = predict(fit, np.atleast_2d(rows)[:, keep], prediction=rule)
    if chosen != "none":
        return at
    nothing = np.full(at.pred.size, np.nan)
    return replace(at, pi_lb=nothing, pi_ub=nothing)
