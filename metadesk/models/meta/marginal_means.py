"""Estimated marginal means: what the model expects at each level of a factor."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metadesk.document import Cell, Column, Table
from metadesk.errors import SpecProblem
from metadesk.models.meta.design import Continuous, Design, Factor, Interaction, Settled
from metadesk.models.meta.predictions import Predictions, predict
from metadesk.models.result import FitResult
from metadesk.numerics.types import FloatMatrix


@dataclass(frozen=True, eq=False)
class MarginalMeans:
    """One expected effect a level of ``column``; ``held`` says where the other moderators are."""

    column: str
    levels: tuple[str, ...]
    rows: FloatMatrix
    at: Predictions
    held: str

    def table(self) -> Table:
        """One row a level."""
        columns = (
            Column("level", self.column),
            Column("estimate", "Expected effect", "effect", 3),
            Column("se", "SE", "se"),
            Column("ci_lb", "CI lower", "effect", 3),
            Column("ci_ub", "upper", "effect", 3),
            Column("pi_lb", "PI lower", "effect", 3),
            Column("pi_ub", "upper", "effect", 3),
        )
        p = self.at
        numbers = (p.pred, p.se, p.ci_lb, p.ci_ub, p.pi_lb, p.pi_ub)
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (level, *(float(n[i]) for n in numbers)) for i, level in enumerate(self.levels)
        )
        notes = (self.held,) if self.held else ()
        return Table(f"Estimated marginal means of {self.column}", columns, rows, notes)


def marginal_means(
    fit: FitResult, design: Design, column: str, *, prediction: str = "test"
) -> MarginalMeans:
    """Expected effects at the levels of a factor.

    Numeric moderators are held at their mean, other factors averaged evenly over their levels
    (Searle, Speed & Milliken 1980).

    Raises
    ------
    SpecProblem
        Where ``column`` is not a factor of the design.
    """
    factors = _factors(design)
    if column not in factors:
        raise SpecProblem(
            f"{column} is not a factor of the model; its factors: {', '.join(factors) or 'none'}."
        )
    rows, held = averaged_rows(design, column, factors[column])
    keep = [design.names.index(name) for name in fit.coefficients.names]
    at = predict(fit, rows[:, keep], prediction=prediction)
    return MarginalMeans(column, factors[column], rows[:, keep], at, held)


def averaged_rows(design: Design, column: str, values: Sequence[Any]) -> tuple[FloatMatrix, str]:
    """Design rows at values of one moderator, and in words where the others are held.

    Other numbers stand at their mean, other factors are averaged evenly over their levels.
    """
    factors = _factors(design)
    numeric = {
        name: float(np.mean([float(v) for v in cells]))
        for name, cells in design.cells.items()
        if name not in factors and name != column
    }
    others = {name: levels for name, levels in factors.items() if name != column}
    rows = [_averaged(design, {**numeric, column: value}, others) for value in values]
    return np.vstack(rows), _held(numeric, others)


def factors_of(design: Design) -> tuple[str, ...]:
    """The columns that the design reads as categories."""
    return tuple(_factors(design))


def levels_of(design: Design, column: str) -> tuple[str, ...]:
    """The levels of one of them."""
    return _factors(design)[column]


def _averaged(
    design: Design, fixed: dict[str, Any], others: dict[str, tuple[str, ...]]
) -> FloatMatrix:
    grid = list(itertools.product(*others.values()))
    cells = {name: [value] * len(grid) for name, value in fixed.items()}
    for j, name in enumerate(others):
        cells[name] = [combination[j] for combination in grid]
    return np.asarray(design.rows_for(cells).mean(axis=0), dtype=np.float64)


def _factors(design: Design) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}

    def look(settled: Settled) -> None:
        match settled.term:
            case Factor(column=column):
                found.setdefault(column, settled.levels)
            case Interaction():
                for part in settled.parts:
                    look(part)
            case Continuous():
                pass

    for settled in design.settled:
        look(settled)
    return found


def _held(numeric: dict[str, float], others: dict[str, tuple[str, ...]]) -> str:
    parts = [f"{name} at its mean, {value:.4g}" for name, value in numeric.items()]
    parts += [f"{name} averaged evenly over its levels" for name in others]
    return f"Held: {'; '.join(parts)}." if parts else ""
