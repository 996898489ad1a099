"""A linear mixed model bound to its rows: which rows, which design, which covariance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metadesk.errors import DataProblem, NotEstimable, SpecProblem
from metadesk.models.mixed.columns import Factor
from metadesk.models.mixed.linear.marginal import CompoundSymmetryCovariance, UnstructuredCovariance
from metadesk.models.mixed.linear.newton import Optimum
from metadesk.models.mixed.linear.random_intercept import RandomInterceptCovariance
from metadesk.models.mixed.linear.residuals import Autoregressive, ByStratum
from metadesk.models.mixed.linear.rows import Rows, orthonormal
from metadesk.models.mixed.linear.whitened import WhitenedCovariance
from metadesk.models.mixed.linear.woodbury import RandomEffectsCovariance
from metadesk.models.mixed.options import LinearMixed
from metadesk.models.mixed.random_columns import RandomColumns, random_columns
from metadesk.models.mixed.terms import ModelFrame, build_frame
from metadesk.models.mixed.trial_data import TrialData, same_value
from metadesk.numerics.types import FloatMatrix, FloatVector

AnyCovariance = (
    RandomEffectsCovariance
    | WhitenedCovariance
    | CompoundSymmetryCovariance
    | UnstructuredCovariance
)


@dataclass(frozen=True, eq=False)
class LinearProblem:
    """The data of a linear mixed model, orthonormalised and in units of the residual spread.

    ``y = X offset + scale · r``, ``X = QR``; ``covariance`` has seen Q and r.
    """

    frame: ModelFrame
    y: FloatVector
    covariance: AnyCovariance
    R: FloatMatrix
    scale: float
    offset: FloatVector
    groups: tuple[RandomColumns, ...]

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def p(self) -> int:
        """Number of fixed-effect columns."""
        return len(self.offset)

    def loglik(self, optimum: Optimum, restricted: bool) -> float:
        """Log-likelihood in the sheet's own units."""
        logs = math.log(self.scale)
        if not restricted:
            return optimum.loglik - self.n * logs
        turned = float(np.log(np.abs(np.diag(self.R))).sum())
        return optimum.loglik - (self.n - self.p) * logs - turned


def linear_problem(spec: LinearMixed, data: TrialData) -> LinearProblem:
    """Bind a spec to data: choose rows, build the design, gather cross-products.

    Raises
    ------
    DataProblem
        One person only, one treatment only, all outcomes equal, fewer rows than coefficients.
    """
    fixed, random = spec.terms(data), spec.groups(data)
    needed = [c for t in random for c in (*t.group.split(":"), *t.terms)]
    needed += _residual_columns(spec, data)
    frame = build_frame(data, fixed, tuple(needed))
    y = _transformed(spec, frame)
    n, p = len(frame), len(frame.design.names)
    if n <= p:
        raise DataProblem(
            f"{n} rows cannot carry {p} coefficients; leave out terms or add observations."
        )
    if same_value(y):
        raise DataProblem(
            "All outcomes are equal, so there is nothing to explain; check the outcome column."
        )
    groups = tuple(c for t in random for c in random_columns(frame, t))
    for g in groups:
        if len(g.factor.levels) < 2:
            raise DataProblem(
                f"There is only one level of '{g.group}', from which no variation between levels "
                f"can be learnt; analyse a single person with the N-of-1 analysis instead."
            )
        if len(g.factor.levels) >= n:
            raise NotEstimable(
                f"Every row is its own level of '{g.group}', so its variation cannot be told from "
                f"the residual; choose a grouping with repeated rows."
            )
    _check_identified(spec, frame, groups)
    unit = orthonormal(frame.design, y)
    if unit.scale <= 1e-12 * max(1.0, float(np.abs(y).max())):
        raise DataProblem(
            "The fixed terms explain the outcome without any rest, so no error can be estimated; "
            "leave out terms or check for copied rows."
        )
    covariance = _covariance(spec, frame, groups, unit.rows)
    return LinearProblem(frame, y, covariance, unit.R, unit.scale, unit.offset, groups)


def _check_identified(
    spec: LinearMixed, frame: ModelFrame, groups: tuple[RandomColumns, ...]
) -> None:
    """Refuse random effects that the residual can stand in for, row by row."""
    for g in groups:
        most = int(np.bincount(g.factor.codes).max())
        m = len(g.factor.levels)
        if len(frame.design.names) >= m:
            levels = (g.factor.codes[:, None] == np.arange(m)).astype(float)
            Q, _ = np.linalg.qr(frame.design.X)
            if np.abs(levels - Q @ (Q.T @ levels)).max() < 1e-8:
                raise NotEstimable(
                    f"The fixed terms already tell the {m} levels of '{g.group}' apart, so no "
                    f"variation between them is left to estimate; leave out the sequence or other "
                    f"terms that differ between persons."
                )
        if 1 < g.Z.shape[1] >= most:
            raise NotEstimable(
                f"No level of '{g.group}' has more than {most} rows, so {g.Z.shape[1]} random "
                f"effects cannot be told from the residual; a random treatment effect needs each "
                f"treatment more than once in a person."
            )
        if spec.residual in ("ar1", "car1") and most <= 2:
            raise NotEstimable(
                f"No level of '{g.group}' has more than two rows, so autocorrelation cannot be "
                f"told from a level for each of them; leave one of the two out."
            )
    if groups and spec.residual in ("cs", "un"):
        raise SpecProblem(
            "Compound symmetric or unstructured residuals already hold the differences between "
            "persons; choose no random effects with them."
        )


def _residual_columns(spec: LinearMixed, data: TrialData) -> list[str]:
    match spec.residual:
        case "treatment":
            return [spec.stratum or data.roles.treatment]
        case "ar1" | "car1":
            return [_time_column(spec, data)]
        case "un":
            return [_position_column(spec, data)]
        case _:
            return []


def _time_column(spec: LinearMixed, data: TrialData) -> str:
    column = spec.time or data.roles.time or data.roles.period
    if not column:
        raise SpecProblem(
            "Autocorrelated residuals need a time; mark the column that says when each value was "
            "measured."
        )
    return column


def _position_column(spec: LinearMixed, data: TrialData) -> str:
    column = spec.position or data.roles.period or data.roles.time
    if not column:
        raise SpecProblem("Unstructured residuals need a period; mark the period column.")
    return column


def _transformed(spec: LinearMixed, frame: ModelFrame) -> FloatVector:
    if spec.transform == "none":
        return frame.y
    wrong = np.flatnonzero(frame.y <= 0)
    if len(wrong):
        row = int(frame.data.rows[frame.rows[wrong[0]]])
        raise DataProblem(
            f"Row {row + 1}: the outcome {frame.y[wrong[0]]:g} has no logarithm; correct it or "
            f"analyse the outcome as it stands."
        )
    return np.asarray(np.log(frame.y))


def _covariance(
    spec: LinearMixed, frame: ModelFrame, groups: tuple[RandomColumns, ...], rows: Rows
) -> AnyCovariance:
    if spec.residual == "independent" and RandomInterceptCovariance.fits(groups):
        return RandomInterceptCovariance(groups, rows)
    if spec.residual == "independent" and groups:
        return RandomEffectsCovariance(groups, rows)
    X = rows.dense
    persons = frame.factor(_subject(frame))
    match spec.residual:
        case "cs":
            return CompoundSymmetryCovariance(persons, X)
        case "un":
            return UnstructuredCovariance(persons, _positions(spec, frame, persons), X)
        case "treatment":
            stratum = frame.factor(spec.stratum or frame.data.roles.treatment)
            return WhitenedCovariance(groups, ByStratum(stratum), persons, X)
        case "ar1" | "car1":
            return WhitenedCovariance(groups, _autoregressive(spec, frame), persons, X)
        case _:
            return WhitenedCovariance(groups, ByStratum(_one_stratum(len(frame))), persons, X)


def _subject(frame: ModelFrame) -> str:
    return frame.data.roles.subject


def _positions(spec: LinearMixed, frame: ModelFrame, persons: Factor) -> Factor:
    """The periods of unstructured residuals."""
    position = frame.factor(_position_column(spec, frame.data))
    _check_distinct(frame, position.codes.astype(float))
    n_persons = len(np.unique(persons.codes))
    if n_persons <= len(position.levels):
        raise NotEstimable(
            f"{n_persons} persons cannot determine an unstructured covariance of "
            f"{len(position.levels)} periods; choose a simpler residual structure."
        )
    return position


def _one_stratum(n: int) -> Factor:
    return Factor(np.zeros(n, dtype=np.int64), ("",))


def _autoregressive(spec: LinearMixed, frame: ModelFrame) -> Autoregressive:
    time = frame.numeric(_time_column(spec, frame.data))
    _check_distinct(frame, time)
    whole = bool(np.array_equal(time, np.round(time)))
    if spec.residual == "ar1" and not whole:
        raise SpecProblem(
            "First-order autoregressive residuals need times in whole steps; choose the form in "
            "continuous time."
        )
    return Autoregressive(time, spec.residual == "car1")


def _check_distinct(frame: ModelFrame, time: FloatVector) -> None:
    pairs = np.column_stack([frame.factor(_subject(frame)).codes, time])
    if len(np.unique(pairs, axis=0)) < len(pairs):
        raise DataProblem(
            "A person has two rows at the same time, which correlated residuals cannot tell apart; "
            "give each row its own time or average the two."
        )
