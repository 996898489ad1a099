"""Location-scale models: moderators of the mean effect, and moderators of the heterogeneity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metadesk.document import Cell, Column, Note, Table
from metadesk.errors import NotEstimable
from metadesk.models.meta.data import MetaData
from metadesk.models.meta.design import Design
from metadesk.models.meta.fit_statistics import fit_statistics
from metadesk.models.meta.heterogeneity import heterogeneity
from metadesk.models.meta.kernel import LOG_2PI, kernel_of
from metadesk.models.meta.linear import TESTS, coefficients, least_squares
from metadesk.models.meta.pooling import independent_columns, wald_test
from metadesk.models.meta.tau2 import estimate_tau2
from metadesk.models.result import (
    Coefficients,
    FitResult,
    Omnibus,
    Status,
    VarianceComponent,
)
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import quantile, two_sided_p
from metadesk.numerics.types import FloatMatrix, FloatVector
from metadesk.options import choice, number

_STEPS = 200
# ln tau² so far below ln v that tau² adds nothing a double could see.
_FLAT = 40.0


@dataclass(frozen=True)
class LocationScale:
    """How the two parts are estimated and tested."""

    method: str = choice(
        "Estimation", {"REML": "Restricted maximum likelihood", "ML": "Maximum likelihood"}, "REML"
    )
    test: str = choice("Test and interval", {key: TESTS[key] for key in ("z", "t")}, "z")
    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.9999)


@dataclass(frozen=True, eq=False)
class ScaleFit:
    """The fit of the mean, the coefficients ``alpha`` of ``ln tau²``, and each study's tau²."""

    result: FitResult
    alpha: Coefficients
    tau2: FloatVector
    omnibus: tuple[Omnibus, ...]


@dataclass(frozen=True, eq=False)
class _State:
    """Everything about one value of alpha."""

    ll: float
    gradient: FloatVector
    hessian: FloatMatrix
    tau2: FloatVector


def fit_location_scale(
    spec: LocationScale, data: MetaData, scale: Design, progress: Progress = SILENT
) -> ScaleFit:
    """Estimate ``y_i = x_i'b + u_i + e_i`` with ``u_i ~ N(0, exp(z_i'alpha))``.

    The profile (restricted) likelihood of alpha is maximised by Newton's method with its analytic
    Hessian; standard errors come from that Hessian (Viechtbauer & Lopez-Lopez 2022). Where the
    likelihood keeps rising as tau² of some studies goes to 0, the coefficient has no finite
    estimate; it is stopped where nothing changes any more, and the result says so.

    Raises
    ------
    NotEstimable
        With too few studies for the coefficients of both parts.
    """
    X, names, aliased = independent_columns(data.X, data.names)
    Z, z_names, z_aliased = independent_columns(scale.X, scale.names)
    k, p, q = data.k, X.shape[1], Z.shape[1]
    if k < p + q:
        raise NotEstimable(f"{k} studies cannot carry {p} + {q} coefficients of mean and tau².")
    restricted = spec.method == "REML"
    Q, R = np.linalg.qr(Z)
    problem = _Problem(data.yi, data.vi, X, Q, restricted)
    alpha, state, steps, converged = problem.maximise()
    back = np.linalg.inv(R)
    va = back @ _covariance(state.hessian) @ back.T
    df = math.inf if spec.test == "z" else float(k - q)
    table = _alpha_table(back @ alpha, va, z_names, df, spec.level)
    line = least_squares(data.yi, data.vi + state.tau2, X)
    means, notes = coefficients(
        line, X, names, spec.test, spec.level, tau2_is_known=False, q=line.rss
    )
    runaway = _runaway(state.tau2, data.vi)
    result = FitResult(
        model="scale",
        title="Location–scale model",
        family="mixed",
        k=k,
        coefficients=means,
        method=f"ln tau² linear in {', '.join(z_names)}; {spec.method}; {TESTS[spec.test]}",
        status=Status(
            converged,
            steps,
            "Newton on the profile likelihood",
            boundary=("tau2",) if runaway else (),
            aliased=aliased + z_aliased,
        ),
        heterogeneity=heterogeneity(kernel_of(data.yi, data.vi, X), None, "Q", None, spec.level),
        components=_components(table, state.tau2, Z, z_names),
        statistics=fit_statistics(line, X, data.vi, restricted, q),
        omnibus=_tests(means),
        weights=100.0 * line.share / line.share.sum(),
        weights_meaning="1/(v + tau²) with each study's own tau².",
        fitted=data.yi - line.residual,
        notes=data.notes() + notes + _runaway_note(runaway),
        tables=(_table(table),),
    )
    return ScaleFit(result, table, state.tau2, _tests(table))


class _Problem:
    """The profile log-likelihood of alpha (on an orthonormal basis of Z) with two derivatives."""

    def __init__(
        self, y: FloatVector, v: FloatVector, X: FloatMatrix, Z: FloatMatrix, restricted: bool
    ) -> None:
        self.y, self.v, self.X, self.Z, self.restricted = y, v, np.linalg.qr(X)[0], Z, restricted

    def at(self, alpha: FloatVector) -> _State:
        """Log-likelihood, gradient and Hessian, in time linear in the number of studies.

        With ``P = W - U U'``: gradient ``½ Z' D ((Py)² - diag P)`` for ``D = diag(tau²)``; the
        squares of P's entries expand into products of rows of U.
        """
        t = np.exp(np.minimum(self.Z @ alpha, 700.0))
        w = 1.0 / (self.v + t)
        A = (self.X.T * w) @ self.X
        L = np.linalg.cholesky(A)
        U = np.linalg.solve(L, (self.X * w[:, None]).T).T
        Py = w * self.y - U @ (U.T @ self.y)
        h = np.einsum("ij,ij->i", U, U)
        ll = 0.5 * (float(np.log(w).sum()) - float(self.y @ Py) - self.y.size * LOG_2PI)
        diagonal = w - h if self.restricted else w
        if self.restricted:
            ll += 0.5 * self.X.shape[1] * LOG_2PI - float(np.log(np.diag(L)).sum())
        slope = 0.5 * (Py * Py - diagonal) * t
        DZ, PyDZ = t[:, None] * self.Z, (t * Py)[:, None] * self.Z
        UP = U.T @ PyDZ
        H = (self.Z.T * slope) @ self.Z - ((PyDZ.T * w) @ PyDZ - UP.T @ UP)
        if self.restricted:
            K = (U[:, :, None] * U[:, None, :]).reshape(self.y.size, -1)
            KZ = K.T @ DZ
            H += 0.5 * ((DZ.T * (w * w - 2.0 * w * h)) @ DZ + KZ.T @ KZ)
        else:
            H += 0.5 * (DZ.T * (w * w)) @ DZ
        return _State(ll, self.Z.T @ slope, 0.5 * (H + H.T), t)

    def maximise(self) -> tuple[FloatVector, _State, int, bool]:
        """The best of the maxima reached from several starts: the likelihood can have many."""
        found = [self._climb(alpha) for alpha in self._starts()]
        return max(found, key=lambda one: one[1].ll)

    def _starts(self) -> list[FloatVector]:
        """Even heterogeneity at four sizes, and ln of the squared residuals regressed on Z."""
        method = "REML" if self.restricted else "ML"
        t = estimate_tau2(kernel_of(self.y, self.v, self.X), method).value
        t = max(t, 0.01 * float(np.median(self.v)))
        even = [self.Z.T @ np.full(self.y.size, math.log(t * c)) for c in (1.0, 8.0, 0.1, 64.0)]
        r = least_squares(self.y, self.v + t, self.X).residual
        excess = np.log(np.maximum(r * r - self.v, 0.1 * self.v))
        return [*even, self.Z.T @ excess]

    def _climb(self, alpha: FloatVector) -> tuple[FloatVector, _State, int, bool]:
        """Newton with the Hessian made negative definite where it is not, steps halved."""
        floor = math.log(float(self.v.min())) - _FLAT
        state = self.at(alpha)
        for step in range(1, _STEPS + 1):
            values, vectors = np.linalg.eigh(state.hessian)
            size = np.maximum(np.abs(values), 1e-10)
            move = vectors @ ((vectors.T @ state.gradient) / size)
            widest = float(np.abs(self.Z @ move).max())
            move *= min(1.0, 5.0 / widest) if widest > 0 else 1.0
            alpha, state, gained = self._step(alpha, state, move)
            done = float(np.abs(state.gradient / np.sqrt(size)).max()) < 1e-9
            if done or gained <= 0.0 or float((self.Z @ alpha).min()) < floor:
                return alpha, state, step, done or gained <= 1e-10
        return alpha, state, _STEPS, False

    def _step(
        self, alpha: FloatVector, state: _State, move: FloatVector
    ) -> tuple[FloatVector, _State, float]:
        for _ in range(40):
            trial = self.at(alpha + move)
            if trial.ll >= state.ll:
                return alpha + move, trial, trial.ll - state.ll
            move = 0.5 * move
        return alpha, state, 0.0


def _covariance(hessian: FloatMatrix) -> FloatMatrix:
    """Inverse of the negative Hessian; pseudo-inverse with huge variances along flat directions."""
    values, vectors = np.linalg.eigh(-hessian)
    safe = np.maximum(values, 1e-12 * max(float(values.max()), 1e-300))
    return np.asarray((vectors / safe) @ vectors.T, dtype=np.float64)


def _alpha_table(
    alpha: FloatVector, va: FloatMatrix, names: tuple[str, ...], df: float, level: float
) -> Coefficients:
    se = np.sqrt(np.diag(va))
    stat = alpha / se
    dfs = np.full(alpha.size, df)
    half = quantile(level, dfs) * se
    test = TESTS["z"] if math.isinf(df) else TESTS["t"]
    return Coefficients(
        names, alpha, se, stat, dfs, two_sided_p(stat, dfs), alpha - half, alpha + half, va, level,
        test,
    )  # fmt: skip


def _tests(table: Coefficients) -> tuple[Omnibus, ...]:
    which = [i for i, name in enumerate(table.names) if name != "intrcpt"]
    if not which:
        return ()
    title = "Test of moderators (QM)"
    return (wald_test(table.names, table.b, table.vb, table.df, which, title),)


def _components(
    table: Coefficients, tau2: FloatVector, Z: FloatMatrix, names: tuple[str, ...]
) -> tuple[VarianceComponent, ...]:
    """One component a distinct row of Z, up to a handful; else the range."""
    rows, first = np.unique(Z, axis=0, return_index=True)
    if len(rows) <= 6:
        return tuple(
            VarianceComponent(
                f"tau2.{j + 1}", f"tau² where {_words(row, names)}", float(tau2[i]), len(tau2)
            )
            for j, (row, i) in enumerate(zip(rows, first, strict=True))
        )
    ends = (("smallest", tau2.min()), ("median", np.median(tau2)), ("largest", tau2.max()))
    return tuple(
        VarianceComponent(f"tau2.{word}", f"tau², {word} over studies", float(value), len(tau2))
        for word, value in ends
    )


def _words(row: FloatVector, names: tuple[str, ...]) -> str:
    pairs = zip(names, row.tolist(), strict=True)
    return ", ".join(f"{n} = {v:g}" for n, v in pairs if n != "intrcpt") or "all studies"


def _runaway(tau2: FloatVector, v: FloatVector) -> bool:
    return bool((tau2 < 1e-6 * v).any())


def _runaway_note(runaway: bool) -> tuple[Note, ...]:
    if not runaway:
        return ()
    return (
        Note(
            "For some studies tau² runs to 0: a coefficient of ln tau² has no finite estimate, and "
            "its standard error says nothing.",
            "caution",
            "scale-boundary",
        ),
    )


def _table(alpha: Coefficients) -> Table:
    columns = (
        Column("term", "Term of ln tau²"),
        Column("estimate", "Estimate", "effect", 3),
        Column("se", "SE", "se"),
        Column("stat", "z" if math.isinf(alpha.df[0]) else "t", "statistic"),
        Column("pval", "P", "p"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (name, *(float(c[i]) for c in (alpha.b, alpha.se, alpha.stat, alpha.pval)))
        for i, name in enumerate(alpha.names)
    )
    return Table("Moderators of heterogeneity", columns, rows, key="scale")
