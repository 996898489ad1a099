"""What the main model expects: at typed places, at levels of a factor, along a moderator."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from metadesk.analysis.result import AnalysisResult
from metadesk.errors import SpecProblem
from metadesk.models import Coefficients
from metadesk.models.meta.design import Design
from metadesk.models.meta.marginal_means import averaged_rows, factors_of, levels_of
from metadesk.models.meta.prediction import CLOSED
from metadesk.models.meta.predictions import (
    Predictions,
    linear_combinations,
    pairwise,
    predict,
)
from metadesk.models.meta.scale_link import tau2_where
from metadesk.numerics.types import FloatMatrix, FloatVector


def has_moderators(result: AnalysisResult) -> bool:
    """Whether the main model explains anything."""
    fit = result.main
    return fit is not None and result.design is not None and not fit.has_pooled


def moderator_columns(result: AnalysisResult) -> tuple[str, ...]:
    """The sheet's columns that the main model's mean reads, in its order."""
    return _columns_of(result.design)


def asked_columns(result: AnalysisResult) -> tuple[str, ...]:
    """The columns that a place must give: those of the mean, then those of the spread alone."""
    both = (*_columns_of(result.design), *_columns_of(result.scale_design))
    return tuple(dict.fromkeys(both))


def _columns_of(design: Design | None) -> tuple[str, ...]:
    if design is None:
        return ()
    return tuple(dict.fromkeys(c for term in design.terms for c in term.columns))


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
    names = asked_columns(result)
    if not names:
        raise SpecProblem("The model has no moderators, so there is no place to name.")
    for place in places:
        stray = [name for name in place if name not in names]
        if stray:
            raise SpecProblem(
                f"The model has no moderator '{stray[0]}'; its moderators are {', '.join(names)}."
            )
    factors = {
        f for d in (result.design, result.scale_design) if d is not None for f in factors_of(d)
    }
    cells = {name: [_typed(name, place, name not in factors) for place in places] for name in names}
    many = len(places)
    rows = np.ones((many, 1)) if result.design is None else result.design.rows_for(cells)
    Z = None if result.scale_design is None else result.scale_design.rows_for(cells)
    return _predicted(result, rows, Z)


def expected_along(
    result: AnalysisResult, column: str, values: Sequence[Any]
) -> tuple[Predictions, str]:
    """Expected effects at values of one moderator, and in words where the others are held."""
    assert result.design is not None
    rows, held = averaged_rows(result.design, column, values)
    scale = result.scale_design
    if scale is None:
        return _predicted(result, rows), held
    if column in _columns_of(scale):
        return _predicted(result, rows, averaged_rows(scale, column, values)[0]), held
    return _predicted(result, rows, scale.X.mean(axis=0)[None, :]), held


def differences_between(result: AnalysisResult, column: str) -> Coefficients:
    """Differences of every two levels of a factor, other moderators held alike."""
    assert result.main is not None
    assert result.design is not None
    levels = factor_levels(result, column)
    rows, _ = averaged_rows(result.design, column, levels)
    names, L = pairwise(levels)
    keep = [result.design.names.index(name) for name in result.main.coefficients.names]
    return replace(linear_combinations(result.main, L @ rows[:, keep]), names=names)


def expected_of_studies(result: AnalysisResult) -> Predictions:
    """Expected effects of the studies in the model, from their own moderators."""
    assert result.design is not None
    Z = None if result.scale_design is None else result.scale_design.X
    return _predicted(result, result.design.X, Z)


def _typed(name: str, place: Mapping[str, Any], number: bool) -> Any:
    if name not in place:
        raise SpecProblem(f"A prediction needs a value of {name}.")
    value = place[name]
    if not number:
        return value
    try:
        read = float(str(value).replace(",", "."))
    except ValueError:
        read = math.nan
    if not math.isfinite(read):
        raise SpecProblem(f"{name} is a number in this model; '{value}' is not one.")
    return read


def _predicted(
    result: AnalysisResult, rows: FloatMatrix, scale_rows: FloatMatrix | None = None
) -> Predictions:
    """Predictions at rows of the design; with moderators of the spread, at rows of theirs too."""
    fit = result.main
    assert fit is not None
    X = np.atleast_2d(rows)
    if result.design is not None:
        X = X[:, [result.design.names.index(name) for name in fit.coefficients.names]]
    chosen = str(result.spec.model_options.get("prediction", "t(k-1)"))
    rule = chosen if chosen in CLOSED and fit.model == "mixed" else "test"
    tau2 = _tau2_at(result, scale_rows)
    at = predict(fit, X, prediction=rule, tau2=tau2)
    if tau2 is not None and np.isnan(tau2).any():
        at = replace(at, method=f"{at.method}; no prediction interval where τ² would be below 0")
    if chosen != "none":
        return at
    nothing = np.full(at.pred.size, np.nan)
    return replace(at, pi_lb=nothing, pi_ub=nothing)


def _tau2_at(result: AnalysisResult, scale_rows: FloatMatrix | None) -> FloatVector | None:
    """tau² where the spread has moderators; None where the model has one for all.

    NaN where a line of tau² lies below 0, so that no prediction interval is given there.
    """
    spread, scale = None if result.main is None else result.main.spread, result.scale_design
    if spread is None or scale is None or scale_rows is None:
        return None
    alpha = spread.coefficients
    Z = scale_rows[:, [scale.names.index(name) for name in alpha.names]]
    return tau2_where(spread.link, Z @ alpha.b, spread.tau2)
