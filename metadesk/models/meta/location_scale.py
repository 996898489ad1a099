"""Location-scale models: moderators of the mean effect, and moderators of the heterogeneity."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from metadesk.errors import NotEstimable
from metadesk.models.meta.data import INTERCEPT, MetaData
from metadesk.models.meta.design import Design
from metadesk.models.meta.fit_statistics import EFFECT, fit_statistics
from metadesk.models.meta.heterogeneity import heterogeneity
from metadesk.models.meta.kernel import kernel_of
from metadesk.models.meta.likelihood_ratio import Refits, ratio_test
from metadesk.models.meta.linear import TESTS, Linear, coefficients, least_squares
from metadesk.models.meta.pooling import independent_columns
from metadesk.models.meta.scale_cone import Cone
from metadesk.models.meta.scale_likelihood import ScaleLikelihood, covariance
from metadesk.models.meta.scale_link import LINKS, SYMBOLS
from metadesk.models.meta.scale_words import edge_note, scale_table
from metadesk.models.meta.wald import coefficient_table, joint_test, moderator_positions
from metadesk.models.result import (
    Coefficients,
    FitResult,
    Heterogeneity,
    Omnibus,
    Spread,
    Status,
    VarianceComponent,
)
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import BoolVector, FloatMatrix, FloatVector, IntVector
from metadesk.options import choice, number

MEAN_TEST = "Test of moderators (QM)"
SPREAD_TEST = "Test of moderators of the spread"


@dataclass(frozen=True)
class LocationScale:
    """How the two parts are estimated and tested."""

    method: str = choice(
        "Estimation", {"REML": "Restricted maximum likelihood", "ML": "Maximum likelihood"}, "REML"
    )
    test: str = choice("Test and interval", {key: TESTS[key] for key in ("z", "t")}, "z")
    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.9999)
    link: str = choice(
        "Moderators of the spread",
        LINKS,
        "log",
        help="With the first, τ² is positive whatever the moderators are. With the second, a step "
        "of a moderator adds the same everywhere, and no τ² may fall below 0.",
    )


@dataclass(frozen=True, eq=False)
class ScaleData:
    """Effects with the moderators of their mean, and the moderators ``Z`` of their spread.

    ``scale`` holds the terms that ``Z`` was made from, if there are any beside the intercept.
    """

    effects: MetaData
    Z: FloatMatrix
    names: tuple[str, ...]
    scale: Design | None = None

    @classmethod
    def of(cls, effects: MetaData, scale: Design | None) -> ScaleData:
        """Put both parts together; without a design of the spread it is the same everywhere."""
        if scale is None:
            return cls(effects, np.ones((effects.k, 1)), (INTERCEPT,))
        return cls(effects, scale.X, scale.names, scale)

    @property
    def k(self) -> int:
        """Number of studies."""
        return self.effects.k

    @property
    def design(self) -> Design | None:
        """The terms of the mean."""
        return self.effects.design

    @property
    def X(self) -> FloatMatrix:
        """The moderators of the mean."""
        return self.effects.X

    def take(self, rows: IntVector | BoolVector | Sequence[int]) -> ScaleData:
        """The same data restricted to ``rows`` (positions or a mask)."""
        index = np.arange(self.k)[np.asarray(rows)]
        scale = None if self.scale is None else self.scale.take(index)
        return replace(self, effects=self.effects.take(index), Z=self.Z[index], scale=scale)

    def without_columns(self, names: Collection[str]) -> ScaleData:
        """The same studies without these moderators of the mean."""
        return replace(self, effects=self.effects.without_columns(names))

    def without_scale(self, names: Collection[str]) -> ScaleData:
        """The same studies without these moderators of the spread."""
        keep = [i for i, name in enumerate(self.names) if name not in names]
        kept = tuple(self.names[i] for i in keep)
        return replace(self, Z=self.Z[:, keep], names=kept, scale=None)


def fit_location_scale(
    spec: LocationScale, data: ScaleData, progress: Progress = SILENT
) -> FitResult:
    """Estimate ``y_i = x_i'b + u_i + e_i`` with ``u_i ~ N(0, tau²_i)``, ``tau²_i`` by its link.

    ``tau²_i = exp(z_i'alpha)`` (log), or ``z_i'alpha`` with every ``tau²_i >= 0`` (identity). The
    profile (restricted) likelihood of alpha is maximised by Newton's method with its analytic
    Hessian; standard errors come from that Hessian (Viechtbauer & Lopez-Lopez 2022).

    Where the likelihood keeps rising as tau² of some studies goes to 0, a coefficient of ln tau²
    has no finite estimate; it is stopped where nothing changes any more. With the identity link
    tau² is 0 there and alpha has no standard errors (NaN). The result says so.

    Returns
    -------
    FitResult
        ``coefficients`` are those of the mean, ``spread`` holds alpha and each study's tau².

    Raises
    ------
    NotEstimable
        With too few studies for the coefficients of both parts; with the identity link where no
        alpha makes every tau² positive.
    """
    effects = data.effects
    X, names, aliased, basis = independent_columns(effects.X, effects.names)
    Z, z_names, z_aliased, _ = independent_columns(data.Z, data.names)
    k, p, q = data.k, X.shape[1], Z.shape[1]
    if k < p + q:
        raise NotEstimable(
            f"{k} studies cannot carry {p} coefficients of the mean and {q} of the spread; leave "
            "out moderators."
        )
    restricted = spec.method == "REML"
    Q, R = np.linalg.qr(Z)
    likelihood = ScaleLikelihood(effects.yi, effects.vi, X, Q, restricted, spec.link)
    alpha, tau2, C, edge, status = _estimated(likelihood, progress)
    back = np.linalg.inv(R)
    va, b = back @ C @ back.T, back @ alpha
    if edge and spec.link == "identity":  # what is held at 0 is 0, not what rounding left
        b = np.where(np.abs(b) * np.abs(Z).max(axis=0) <= 1e-12 * tau2.max(), 0.0, b)
    df = math.inf if spec.test == "z" else float(k - q)
    table = coefficient_table(z_names, b, va, df, spec.level, TESTS[spec.test])
    tested = spec.link == "log" or not edge
    line = least_squares(effects.yi, effects.vi + tau2, X)
    means, notes = coefficients(
        line, X, names, spec.test, spec.level, tau2_is_known=False, q=line.rss
    )
    fitted = effects.yi - line.residual
    blup, blup_se = _blups(effects, line, X, means.vb, tau2, fitted)
    linear = f"{SYMBOLS[spec.link]} linear in {', '.join(z_names)}"
    return FitResult(
        model="scale",
        title="Location–scale model",
        family="mixed",
        k=k,
        coefficients=means,
        method=f"{linear}; {spec.method}; {TESTS[spec.test]}",
        status=replace(status, aliased=aliased + tuple(f"spread: {name}" for name in z_aliased)),
        heterogeneity=_heterogeneity(effects, X, tau2, q, spec),
        components=_components(tau2, Z, z_names),
        statistics=fit_statistics(
            line, basis, effects.vi, restricted, q, _variances(z_names, spec.link)
        ),
        omnibus=(*_test(means, MEAN_TEST), *(_test(table, SPREAD_TEST) if tested else ())),
        weights=100.0 * line.share / line.share.sum(),
        weights_meaning="1/(v + τ²) with each study's own τ².",
        fitted=fitted,
        blup=blup,
        blup_se=blup_se,
        notes=effects.notes() + notes + edge_note(spec.link, edge),
        tables=(scale_table(table, spec.link),),
        spread=Spread(table, tau2, spec.link),
    )


def _estimated(
    likelihood: ScaleLikelihood, progress: Progress
) -> tuple[FloatVector, FloatVector, FloatMatrix, int, Status]:
    """alpha, tau² and the covariance of alpha at the maximum; how many tau² are 0 or run there."""
    if likelihood.link == "log":
        alpha, state, steps, converged = likelihood.maximise(progress)
        tau2, C = state.tau2, covariance(state.hessian)
        edge = int((tau2 < 1e-6 * likelihood.v).sum())
    else:
        cone = Cone(likelihood)
        alpha, state, steps, converged = cone.maximise(progress)
        zero = cone.at_edge(state.tau2)
        tau2, edge = np.where(zero, 0.0, state.tau2), int(zero.sum())
        alpha = alpha if tau2.any() else np.zeros_like(alpha)
        C = np.full_like(state.hessian, np.nan) if edge else covariance(state.hessian)
    rung = "Newton on the profile likelihood"
    status = Status(converged, steps, rung, boundary=("tau2",) if edge else ())
    return alpha, tau2, C, edge, status


def _heterogeneity(
    effects: MetaData, X: FloatMatrix, tau2: FloatVector, q: int, spec: LocationScale
) -> Heterogeneity:
    """Q and I² from it; one tau² only where the spread has no moderators."""
    found = heterogeneity(kernel_of(effects.yi, effects.vi, X), None, "Q", None, spec.level)
    if q == 1 and float(np.ptp(tau2)) <= 1e-12 * float(tau2.max()):
        return replace(
            found, tau2=float(tau2[0]), tau2_method=f"likelihood of {SYMBOLS[spec.link]}"
        )
    words = "a number for every study: see the moderators of heterogeneity"
    return replace(found, tau2=math.nan, tau2_method=words)


def _variances(names: tuple[str, ...], link: str) -> frozenset[str]:
    """With an intercept the model contains the one with one tau² for all."""
    return frozenset(EFFECT if name == INTERCEPT else f"{SYMBOLS[link]}: {name}" for name in names)


def _test(table: Coefficients, title: str) -> tuple[Omnibus, ...]:
    which = moderator_positions(table.names)
    return (joint_test(table, which, title),) if which else ()


def _blups(
    effects: MetaData,
    line: Linear,
    X: FloatMatrix,
    vb: FloatMatrix,
    tau2: FloatVector,
    fitted: FloatVector,
) -> tuple[FloatVector, FloatVector]:
    """Each study's true effect, drawn to the model's by its own tau² (Raudenbush & Bryk 1985)."""
    pull = tau2 * line.w
    leverage = np.einsum("ij,jk,ik->i", X, vb, X)
    variance = pull * effects.vi + (1.0 - pull) ** 2 * leverage
    return pull * effects.yi + (1.0 - pull) * fitted, np.sqrt(np.maximum(variance, 0.0))


def _components(
    tau2: FloatVector, Z: FloatMatrix, names: tuple[str, ...]
) -> tuple[VarianceComponent, ...]:
    """One component a distinct row of Z, up to a handful; else the range."""
    rows, first, count = np.unique(Z, axis=0, return_index=True, return_counts=True)
    if len(rows) <= 6:
        return tuple(
            VarianceComponent(
                f"tau2.{j + 1}", f"τ² where {_words(row, names)}", float(tau2[i]), int(n)
            )
            for j, (row, i, n) in enumerate(zip(rows, first, count, strict=True))
        )
    ends = (("smallest", tau2.min()), ("median", np.median(tau2)), ("largest", tau2.max()))
    return tuple(
        VarianceComponent(f"tau2.{word}", f"τ², {word} over studies", float(value), len(tau2))
        for word, value in ends
    )


def _words(row: FloatVector, names: tuple[str, ...]) -> str:
    pairs = zip(names, row.tolist(), strict=True)
    return ", ".join(f"{n} = {v:g}" for n, v in pairs if n != INTERCEPT) or "all studies"


def _tests_of_spread(
    spec: LocationScale, data: ScaleData, progress: Progress
) -> tuple[Omnibus, ...]:
    """Likelihood ratio of all moderators of the spread; restricted ones are fine for that."""
    names = [name for name in data.names if name != INTERCEPT]
    if not names or INTERCEPT not in data.names:
        return ()
    whole = fit_location_scale(spec, data, progress)
    even = fit_location_scale(spec, data.without_scale(names), progress)
    if whole.statistics is None or even.statistics is None or whole.spread is None:
        return ()
    kept = tuple(n for n in whole.spread.coefficients.names if n != INTERCEPT)
    test = ratio_test(
        whole.statistics,
        replace(even.statistics, variances=whole.statistics.variances),
        SPREAD_TEST,
        kept,
    )
    return (test,)


def _by_ml(spec: LocationScale) -> LocationScale:
    return replace(spec, method="ML", test="z")


RATIOS = Refits(_by_ml, _tests_of_spread)
