"""One person's values in time: least squares, AR(1), and the effect at fixed autocorrelations."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from metadesk.errors import MetadeskError
from metadesk.models.mixed.linear import fit_linear
from metadesk.models.mixed.linear.residuals import Autoregressive
from metadesk.models.mixed.options import LinearMixed
from metadesk.models.mixed.result import MixedResult
from metadesk.models.mixed.terms import ModelFrame, Term, build_frame
from metadesk.models.mixed.trial_data import TrialData
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import BoolVector, IntVector

Held = tuple[float, float, float]
"""An autocorrelation with the effect and its standard error there."""


def time_models(
    data: TrialData,
    keep: BoolVector,
    active: str,
    control: str,
    *,
    trend: bool,
    level: float,
    phis: tuple[float, ...],
    progress: Progress = SILENT,
) -> tuple[dict[str, MixedResult], tuple[Held, ...]]:
    """Least squares ('ols') and AR(1) ('ar1') with the time column, and the effect at each φ.

    Nothing where no time is marked; without AR(1) where two rows have the same time.
    """
    time = data.roles.time
    if not time:
        return {}, ()
    columns = {name: [cells[i] for i in data.rows[keep]] for name, cells in data.cells.items()}
    rows = TrialData.from_columns(columns, data.roles, repeated=True)
    terms = (Term(time, "numeric"),) if trend else ()
    base = LinearMixed(
        fixed=(*terms, Term(data.roles.treatment, "factor", control)),
        random_terms=(),
        level=level,
        intervals="none",
        df="residual",
    )
    fits = {"ols": fit_linear(base, rows, progress)}
    whole = np.array_equal(rows.numeric(time), np.round(rows.numeric(time)))
    structured = replace(base, residual="ar1" if whole else "car1", df="kenward-roger")
    try:
        fits["ar1"] = fit_linear(structured, rows, progress)
    except MetadeskError:
        return fits, ()
    return fits, at_fixed_phi(structured, rows, active, phis)


def at_fixed_phi(
    model: LinearMixed, rows: TrialData, active: str, phis: tuple[float, ...]
) -> tuple[Held, ...]:
    """Effect and standard error with the autocorrelation held at each value."""
    frame = build_frame(rows, model.terms(rows), (rows.roles.time,))
    column = frame.design.names.index(f"{rows.roles.treatment}[{active}]")
    return tuple((phi, *_held(frame, phi, column)) for phi in phis)


def _held(frame: ModelFrame, phi: float, column: int) -> tuple[float, float]:
    t = frame.numeric(frame.data.roles.time)
    order = np.argsort(t, kind="stable")
    chain = Autoregressive(t, True).sorted_by(order, np.zeros(1, dtype=np.int64))
    white = chain.at(np.array([1.0, phi]))
    assert white is not None
    rows = white.whiten(np.column_stack([frame.design.X, frame.y])[order])
    X, y = rows[:, :-1], rows[:, -1]
    C = np.linalg.inv(X.T @ X)
    b = C @ (X.T @ y)
    variance = float(np.sum((y - X @ b) ** 2)) / (len(y) - len(b))
    return float(b[column]), math.sqrt(variance * C[column, column])


def effective_number(n: int, phi: float) -> float:
    """How many independent values the mean of a long AR(1) series is worth: n(1 − φ)/(1 + φ)."""
    return n * (1 - phi) / (1 + phi)


def in_time(data: TrialData) -> IntVector:
    """Positions of the rows in the order of their times; as they stand where none is marked."""
    if not data.roles.time:
        return np.arange(len(data))
    return np.argsort(data.numeric(data.roles.time), kind="stable")
