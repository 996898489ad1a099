"""From data and a tau² to a result: the story that fixed, random and mixed effects share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from metadesk.document import Note
from metadesk.errors import NotEstimable, SpecProblem
from metadesk.models.meta import linear, prediction
from metadesk.models.meta.data import INTERCEPT, MetaData
from metadesk.models.meta.fit_statistics import EFFECT, fit_statistics
from metadesk.models.meta.heterogeneity import heterogeneity
from metadesk.models.meta.kernel import Kernel, kernel_of
from metadesk.models.meta.tau2 import METHODS, Q_WEIGHTS, Tau2, estimate_tau2, standard_error
from metadesk.models.meta.tau2_interval import tau2_interval
from metadesk.models.meta.wald import joint_test
from metadesk.models.result import (
    Coefficients,
    Family,
    FitResult,
    Interval,
    Omnibus,
    Status,
    VarianceComponent,
)
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatMatrix, FloatVector

_LEFT = 1e-7
"""Share of a column's length that must be left after projection on those before it."""


@dataclass(frozen=True)
class Request:
    """What a spec asks of the shared machinery; ``tau2_method`` empty means none in the model."""

    model: str
    title: str
    family: Family
    test: str
    level: float
    weighting: str = "inverse-variance"
    tau2_method: str = ""
    tau2_value: float | None = None
    tau2_interval: str = "none"
    prediction: str = "none"
    I2: str = "tau2"
    centred: bool = False
    q_weights: str = "1/sqrt(v)"


@dataclass(frozen=True, eq=False)
class Pooled:
    """A result with the pieces that further inference (R², tests, prediction) builds on."""

    result: FitResult
    kernel: Kernel
    X: FloatMatrix
    tau2: Tau2 | None
    line: linear.Linear


def pool(request: Request, data: MetaData, progress: Progress = SILENT) -> Pooled:
    """Estimate tau² (where the model has one) and the coefficients, test them, describe the rest.

    Raises
    ------
    NotEstimable
        With fewer studies than coefficients.
    SpecProblem
        Where own weights are asked for and none are there.
    """
    X, names, aliased, basis = independent_columns(data.X, data.names)
    k, p = X.shape
    if k < p:
        raise NotEstimable(
            f"{k} studies cannot carry {p} coefficients ({', '.join(names)}); leave out moderators."
        )
    own = _own_weights(request, data)
    # With an intercept centring changes nothing; without one it is metafor's way, on request.
    effects = data.yi - data.yi.mean() if request.centred else data.yi
    kernel = kernel_of(effects, data.vi, X, basis)
    tau2 = _tau2(request, kernel, generalised_q_weights(request, data), progress)
    s = data.vi if tau2 is None else data.vi + tau2.value
    line = linear.least_squares(data.yi, s, X, own)
    known = tau2 is None or request.tau2_value is not None
    if request.test == "kr" and own is not None:
        raise SpecProblem("Kenward–Roger needs inverse-variance weights; choose another test.")
    table, notes = linear.coefficients(
        line,
        X,
        names,
        request.test,
        request.level,
        tau2_is_known=known,
        q=line.rss if own is None else kernel.quadratic(0.0 if tau2 is None else tau2.value)[0],
    )
    interval = _tau2_interval(request, data, X, kernel, tau2, progress)
    spread = heterogeneity(kernel, tau2, request.I2, interval, request.level)
    fitted = data.yi - line.residual
    blup, blup_se = _blups(data, line, X, table, tau2, fitted)
    result = FitResult(
        model=request.model,
        title=request.title,
        family=request.family,
        k=k,
        coefficients=table,
        method=_method_words(request, tau2),
        status=_status(tau2, aliased),
        heterogeneity=spread,
        components=_components(tau2, interval, request, k),
        statistics=fit_statistics(
            line,
            basis,
            data.vi,
            request.tau2_method == "REML",
            int(not known),
            _maximised(request),
        ),
        omnibus=_omnibus_of(table),
        weights=100.0 * line.share / line.share.sum(),
        weights_meaning=_weights_meaning(request, tau2),
        prediction=_prediction(request, table, tau2, k, p),
        fitted=fitted,
        blup=blup,
        blup_se=blup_se,
        notes=data.notes() + notes + _tau2_notes(tau2, interval) + _aliased_notes(aliased),
    )
    return Pooled(result, kernel, X, tau2, line)


class Columns(NamedTuple):
    """Linearly independent columns, the names that went, and an orthonormal basis of the span."""

    X: FloatMatrix
    names: tuple[str, ...]
    dropped: tuple[str, ...]
    basis: FloatMatrix


def independent_columns(X: FloatMatrix, names: tuple[str, ...]) -> Columns:
    """Drop every column that those before it already say.

    A column goes when less than 1e-7 of its length is left after projection on the earlier ones,
    which is what stands on the diagonal of a triangular factor.
    """
    if X.shape[1] == 1 and X[0, 0] != 0.0:
        return Columns(X, names, (), X / math.sqrt(float(X[:, 0].dot(X[:, 0]))))
    if X.shape[0] >= X.shape[1]:
        Q, R = np.linalg.qr(X)
        if (np.abs(R.diagonal()) > _LEFT * np.sqrt(np.einsum("ij,ij->j", X, X))).all():
            return Columns(X, names, (), Q)
    basis: list[FloatVector] = []
    keep: list[int] = []
    for j in range(X.shape[1]):
        column = X[:, j]
        size = float(np.sqrt(column.dot(column)))
        rest = column / size if size > 0.0 else column
        for _ in range(2):
            for q in basis:
                rest = rest - q.dot(rest) * q
        length = float(np.sqrt(rest.dot(rest)))
        if length > _LEFT:
            basis.append(rest / length)
            keep.append(j)
    if not keep:
        raise NotEstimable("Every moderator column is zero; the model has no coefficient.")
    dropped = tuple(names[j] for j in range(len(names)) if j not in keep)
    return Columns(X[:, keep], tuple(names[j] for j in keep), dropped, np.column_stack(basis))


def _own_weights(request: Request, data: MetaData) -> FloatVector | None:
    if request.weighting == "inverse-variance":
        return None
    return np.ones(data.k) if request.weighting == "equal" else _from_the_sheet(data)


def generalised_q_weights(request: Request, data: MetaData) -> FloatVector | None:
    """The weights of a generalised Q, where tau² is estimated from one; None for 1/sqrt(v)."""
    if request.tau2_method not in ("GENQ", "GENQM"):
        return None
    match request.q_weights:
        case "1/v":
            return 1.0 / data.vi
        case "equal":
            return np.ones(data.k)
        case "user":
            return _from_the_sheet(data)
        case _:
            return None


def _from_the_sheet(data: MetaData) -> FloatVector:
    if data.weights is None:
        raise SpecProblem(
            "Own weights are asked for, but no column of the sheet has the role 'User weight'; "
            "give it to the column that holds them."
        )
    return data.weights


def _tau2(
    request: Request, kernel: Kernel, weights: FloatVector | None, progress: Progress
) -> Tau2 | None:
    if not request.tau2_method:
        return None
    if request.tau2_value is not None:
        t = request.tau2_value
        se = standard_error(kernel, request.tau2_method, t, weights)
        return Tau2(t, "fixed by the user", se, rung="given, not estimated")
    return estimate_tau2(kernel, request.tau2_method, weights, progress)


def _tau2_interval(
    request: Request,
    data: MetaData,
    X: FloatMatrix,
    kernel: Kernel,
    tau2: Tau2 | None,
    progress: Progress,
) -> Interval | None:
    """The interval is about the model itself, whatever the point estimate was about."""
    if tau2 is None:
        return None
    own = kernel_of(data.yi, data.vi, X) if request.centred else kernel
    return tau2_interval(own, tau2, request.tau2_interval, request.level, progress)


def _blups(
    data: MetaData,
    line: linear.Linear,
    X: FloatMatrix,
    table: Coefficients,
    tau2: Tau2 | None,
    fitted: FloatVector,
) -> tuple[FloatVector | None, FloatVector | None]:
    """Each study's true effect, drawn from its own estimate towards the model's.

    ``l y + (1 - l) x'b`` with ``l = tau²/(tau² + v)``; variance ``l v + (1 - l)² x' vb x``
    (Raudenbush & Bryk 1985).
    """
    if tau2 is None:
        return None, None
    pull = tau2.value * line.w
    leverage = table.vb[0, 0] if line.of_mean else table.standard_errors(X) ** 2
    variance = pull * data.vi + (1.0 - pull) ** 2 * leverage
    return pull * data.yi + (1.0 - pull) * fitted, np.sqrt(np.maximum(variance, 0.0))


def _prediction(
    request: Request, table: Coefficients, tau2: Tau2 | None, k: int, p: int
) -> Interval | None:
    if tau2 is None or table.names != (INTERCEPT,) or request.prediction not in prediction.CLOSED:
        return None
    return prediction.prediction_interval(
        float(table.b[0]),
        float(table.se[0]),
        tau2.value,
        request.prediction,
        request.level,
        k,
        p,
        float(table.df[0]),
        request.tau2_value is not None,
    )


def _omnibus_of(table: Coefficients) -> tuple[Omnibus, ...]:
    """The joint test of all moderators; of every coefficient where there is no intercept."""
    if table.names == (INTERCEPT,):
        return ()
    which = [i for i, name in enumerate(table.names) if name != INTERCEPT]
    return (joint_test(table, which, "Test of moderators (QM)"),)


def _maximised(request: Request) -> frozenset[str] | None:
    """The variances that maximise the likelihood shown; None where the estimates do not."""
    if request.weighting != "inverse-variance":
        return None
    if not request.tau2_method or request.tau2_value == 0.0:
        return frozenset()
    by_likelihood = request.tau2_method in ("ML", "REML") and request.tau2_value is None
    return frozenset({EFFECT}) if by_likelihood else None


def _components(
    tau2: Tau2 | None, interval: Interval | None, request: Request, k: int
) -> tuple[VarianceComponent, ...]:
    if tau2 is None:
        return ()
    return (
        VarianceComponent(
            "tau2",
            "Between-study variance",
            tau2.value,
            k,
            tau2.se,
            request.tau2_value is not None,
            tau2.boundary,
            interval,
        ),
    )


def _status(tau2: Tau2 | None, aliased: tuple[str, ...]) -> Status:
    if tau2 is None:
        return Status(rung="closed form", aliased=aliased)
    return Status(
        converged=tau2.converged,
        iterations=tau2.iterations,
        rung=tau2.rung,
        boundary=("tau2",) if tau2.boundary else (),
        aliased=aliased,
        messages=tau2.messages,
    )


def _method_words(request: Request, tau2: Tau2 | None) -> str:
    weights = linear.WEIGHTINGS[request.weighting].lower()
    if request.weighting != "user":  # whose words end in 'weights'
        weights = f"{weights} weights"
    if tau2 is None:
        return f"{weights}; test: {linear.TESTS[request.test]}"
    how = METHODS.get(tau2.method, f"{tau2.value:g}, {tau2.method}")
    if tau2.method in ("GENQ", "GENQM"):
        how = f"{how}, weights: {Q_WEIGHTS[request.q_weights].split(' (')[0].lower()}"
    return f"τ²: {how}; {weights}; test: {linear.TESTS[request.test]}"


def _weights_meaning(request: Request, tau2: Tau2 | None) -> str:
    if request.weighting == "equal":
        return "Every study counts the same."
    if request.weighting == "user":
        return "The weights given in the sheet, as percentages."
    if tau2 is None:
        return "1/v: a study weighs as much as its own precision says."
    return "1/(v + τ²): precision about the mean of the true effects; the more τ², the more even."


def _tau2_notes(tau2: Tau2 | None, interval: Interval | None) -> tuple[Note, ...]:
    notes = []
    if tau2 is not None:
        notes += [Note(text, "caution", "tau2-fallback") for text in tau2.messages]
    if interval is not None and "less than chance" in interval.method:
        notes.append(
            Note(
                "The effects vary less than chance alone would have them, so no value of τ² fits "
                "the Q-profile; the interval is shown as 0 to 0.",
                "note",
                "qp-empty",
            )
        )
    return tuple(notes)


def _aliased_notes(aliased: tuple[str, ...]) -> tuple[Note, ...]:
    if not aliased:
        return ()
    return (
        Note(
            f"Dropped because other terms already say the same: {', '.join(aliased)}.",
            "caution",
            "aliased",
        ),
    )
