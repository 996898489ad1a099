"""Linear mixed models for trials with repeated measures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

import numpy as np

from metadesk.document import Note
from metadesk.errors import DataProblem, NotEstimable, SpecProblem
from metadesk.models.mixed.columns import Factor
from metadesk.models.mixed.components import (
    MOST_PROFILED,
    component_quantities,
    variance_components,
)
from metadesk.models.mixed.contrasts import least_squares_means, pairwise, terms_tested
from metadesk.models.mixed.inference import DfRule, Estimates, fixed_effects, stratum_df
from metadesk.models.mixed.moments import Criterion
from metadesk.models.mixed.multiplicity import ADJUSTMENTS, adjusted_p, critical_t
from metadesk.models.mixed.newton import Optimum, maximise
from metadesk.models.mixed.options import LinearMixed
from metadesk.models.mixed.random_effects import (
    IndividualEffects,
    RandomEffects,
    individual_effects,
    random_effects,
)
from metadesk.models.mixed.random_intercept import RandomInterceptCovariance, maximise_intercept
from metadesk.models.mixed.residual import (
    Autoregressive,
    ByStratum,
    CompoundSymmetry,
    ResidualCovariance,
    ResidualStructure,
    Unstructured,
)
from metadesk.models.mixed.result import (
    MixedResult,
    estimates_table,
    individual_table,
    type3_table,
)
from metadesk.models.mixed.terms import ModelFrame, RandomTerm, build_frame
from metadesk.models.mixed.trial_data import TrialData, same_value
from metadesk.models.mixed.woodbury import RandomColumns, RandomEffectsCovariance
from metadesk.models.mixed.wording import linear_equation, singular_note
from metadesk.models.result import Coefficients, FitStatistics, Omnibus, Status
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatMatrix, FloatVector

AnyCovariance = RandomEffectsCovariance | ResidualCovariance


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
    X = frame.design.X
    n, p = X.shape
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
    _check_identified(spec, groups, X)
    Q, R = frame.design.orthonormal()
    first = Q.T @ y
    r = y - Q @ first
    again = Q.T @ r
    r, first = r - Q @ again, first + again
    scale = math.sqrt(float(r @ r) / (n - p))
    if scale <= 1e-12 * max(1.0, float(np.abs(y).max())):
        raise DataProblem(
            "The fixed terms explain the outcome without any rest, so no error can be estimated; "
            "leave out terms or check for copied rows."
        )
    augmented = np.column_stack([Q, r / scale])
    offset = np.linalg.solve(R, first)
    return LinearProblem(
        frame, y, _covariance(spec, frame, groups, augmented), R, scale, np.asarray(offset), groups
    )


def _check_told_apart(problem: LinearProblem, restricted: bool) -> None:
    """Refuse variance parameters that say the same about the data."""
    covariance = problem.covariance
    if isinstance(covariance, RandomInterceptCovariance):
        return
    moments = covariance.moments(covariance.start())
    if moments is None:
        return
    expected = Criterion(moments, problem.n, restricted).hessian()[1]
    size = np.sqrt(np.diag(expected))
    if (size > 0).all() and np.linalg.eigvalsh(expected / np.outer(size, size))[0] > 1e-9:
        return
    raise NotEstimable(
        "The variances of this model cannot be told apart with these rows: some of them say the "
        "same about the data; choose fewer random effects or a simpler residual structure."
    )


def _check_identified(spec: LinearMixed, groups: tuple[RandomColumns, ...], X: FloatMatrix) -> None:
    """Refuse random effects that the residual can stand in for, row by row."""
    for g in groups:
        most = int(np.bincount(g.factor.codes).max())
        m = len(g.factor.levels)
        if X.shape[1] >= m:
            levels = (g.factor.codes[:, None] == np.arange(m)).astype(float)
            Q, _ = np.linalg.qr(X)
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


def random_columns(frame: ModelFrame, term: RandomTerm) -> tuple[RandomColumns, ...]:
    """Random-effect columns of one grouping; independent terms become blocks of their own."""
    factor = frame.factor(term.group)
    names: list[str] = []
    columns: list[FloatVector] = []
    for name in term.terms:
        if name == "1":
            names.append("(Intercept)")
            columns.append(np.ones(len(frame)))
            continue
        at = frame.design.position(name)
        if at >= 0 and frame.design.terms[at].kind == "factor":
            for j in frame.design.columns_of(at):
                names.append(frame.design.names[j])
                columns.append(frame.design.X[:, j])
        else:
            names.append(name)
            columns.append(frame.numeric(name))
    Z = np.column_stack(columns)
    if term.correlated or len(names) == 1:
        return (RandomColumns(term.group, factor, tuple(names), Z),)
    return tuple(
        RandomColumns(term.group, factor, (name,), Z[:, [i]]) for i, name in enumerate(names)
    )


def _covariance(
    spec: LinearMixed, frame: ModelFrame, groups: tuple[RandomColumns, ...], X: FloatMatrix
) -> AnyCovariance:
    if spec.residual == "independent" and RandomInterceptCovariance.fits(groups):
        return RandomInterceptCovariance(groups, X)
    if spec.residual == "independent" and groups:
        return RandomEffectsCovariance(groups, X)
    return ResidualCovariance(groups, _structure(spec, frame), frame.factor(_subject(frame)), X)


def _subject(frame: ModelFrame) -> str:
    return frame.data.roles.subject


def _structure(spec: LinearMixed, frame: ModelFrame) -> ResidualStructure:
    data = frame.data
    match spec.residual:
        case "treatment":
            return ByStratum(frame.factor(spec.stratum or data.roles.treatment))
        case "ar1" | "car1":
            return _autoregressive(spec, frame)
        case "cs":
            return CompoundSymmetry()
        case "un":
            position = frame.factor(_position_column(spec, data))
            _check_distinct(frame, position.codes.astype(float))
            persons = len(np.unique(frame.factor(_subject(frame)).codes))
            if persons <= len(position.levels):
                raise NotEstimable(
                    f"{persons} persons cannot determine an unstructured covariance of "
                    f"{len(position.levels)} periods; choose a simpler residual structure."
                )
            return Unstructured(position)
        case _:
            return ByStratum(_one_stratum(len(frame)))


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


def fit_linear(spec: LinearMixed, data: TrialData, progress: Progress = SILENT) -> MixedResult:
    """Fit a linear mixed model to trial rows.

    Parameters
    ----------
    spec : LinearMixed
        Terms, residual structure, estimation, degrees of freedom.
    data : TrialData
        The rows.
    progress : Progress
        Told how far the fit is.

    Returns
    -------
    MixedResult
        Coefficients with their tests, variance components, means, contrasts, effects by person.

    Raises
    ------
    DataProblem, SpecProblem, NotEstimable
        With one sentence on what stands in the way.

    References
    ----------
    Laird & Ware (1982); Patterson & Thompson (1971); Kenward & Roger (1997).
    """
    problem = linear_problem(spec, data)
    restricted = spec.method == "REML"
    _check_told_apart(problem, restricted)
    optimum = largest(problem, restricted, progress)
    _check_vanishing(problem, optimum)
    return summarise(spec, problem, optimum, progress)


def _check_vanishing(problem: LinearProblem, optimum: Optimum) -> None:
    """Refuse residual variances that shrink to nothing, where the likelihood has no maximum."""
    structure = getattr(problem.covariance, "structure", None)
    if not isinstance(structure, ByStratum) or len(structure.stratum.levels) < 2:
        return
    variances = optimum.theta[_residual_start(problem) :]
    lowest = int(np.argmin(variances))
    if variances[lowest] < 1e-9 * variances.max():
        raise NotEstimable(
            f"The residual variance of {structure.stratum.levels[lowest]} shrinks to nothing, "
            f"because the terms of the model can follow its few rows exactly; choose equal "
            f"residual variances or fewer terms."
        )


def largest(problem: LinearProblem, restricted: bool, progress: Progress) -> Optimum:
    """The largest likelihood: by its one score where there is one, else by the general climb."""
    if isinstance(problem.covariance, RandomInterceptCovariance):
        found = maximise_intercept(problem.covariance, problem.n, restricted)
        if found is not None:
            return found
    return maximise(problem.covariance, problem.n, restricted, progress=progress)


def summarise(
    spec: LinearMixed, problem: LinearProblem, optimum: Optimum, progress: Progress = SILENT
) -> MixedResult:
    """Everything that is reported about a fitted model."""
    frame, design = problem.frame, problem.frame.design
    restricted = spec.method == "REML"
    rule = _rule(spec)
    codes = tuple(g.factor.codes for g in problem.groups)
    by_size = sorted(range(len(codes)), key=lambda i: int(codes[i].max()))

    def strata() -> tuple[FloatVector, FloatVector]:
        slopes = tuple(problem.groups[i].Z[:, 1:] for i in by_size)
        return stratum_df(design.X, tuple(codes[i] for i in by_size), slopes)

    effects = fixed_effects(optimum, problem.R, problem.scale, problem.offset, strata, problem.n)
    table = effects.combine(design.names, np.eye(problem.p), rule, spec.level)
    tests = terms_tested(effects, design, rule)
    means = least_squares_means(effects, frame, rule, spec.level)
    pairs = pairwise(effects, frame, rule, spec.level)
    adjusted = None
    if pairs is not None and spec.adjust != "none" and len(pairs.names) > 1:
        pairs, adjusted = _adjusted(spec, pairs, len(frame.data.treatment.levels))
    random = random_effects(problem.covariance, optimum, problem.R, problem.scale)
    components = variance_components(problem, optimum, spec, progress)
    own = _individual(problem, optimum, random, effects.beta, effects.C)
    fitted = design.X @ effects.beta
    shrunken = fitted + _random_part(problem, random)
    loglik = problem.loglik(optimum, restricted)
    boundary = tuple(c.title for c in components if c.at_boundary)
    notes = [*frame.data.notes]
    if not optimum.converged:
        notes.append(
            Note(
                "The fit did not converge; do not use its numbers. Choose fewer random effects "
                "or a simpler residual structure.",
                "strong",
                "not-converged",
            )
        )
    if spec.intervals == "profile" and len(optimum.theta) > MOST_PROFILED:
        notes.append(
            Note(
                f"No intervals of the variances: the model has {len(optimum.theta)} of them and "
                f"their covariances, more than the {MOST_PROFILED} that are profiled.",
                code="no-variance-intervals",
            )
        )
    if boundary:
        notes.append(singular_note(boundary, rule))
    if design.aliased:
        notes.append(_aliased_note(design.aliased))
    if frame.design.position(frame.data.roles.treatment) >= 0 and means is None:
        notes.append(
            Note(
                "With a carryover term (or aliased terms) the mean of a treatment depends on what "
                "came before it, so contrasts are shown and no means.",
                code="no-lsmeans",
            )
        )
    tables = [type3_table(tests)] if tests else []
    if means is not None:
        tables.append(estimates_table("Least-squares means", "lsmeans", means, None))
    if pairs is not None:
        tables.append(estimates_table("Treatment contrasts", "contrasts", pairs, adjusted))
    tables += [individual_table(e) for e in own]
    return MixedResult(
        model="linear-mixed",
        title="Linear mixed model",
        family="mixed",
        k=len(frame.factor(_subject(frame)).levels),
        n=problem.n,
        rows=frame.data.rows[frame.rows],
        excluded=frame.excluded,
        coefficients=_coefficients(
            table, effects.adjusted if rule == "kenward-roger" else effects.C
        ),
        method=f"{spec.method}; degrees of freedom: {table.rule}",
        status=Status(
            converged=optimum.converged,
            iterations=optimum.iterations,
            rung="Newton on the restricted likelihood"
            if restricted
            else "Newton on the likelihood",
            boundary=boundary,
            aliased=design.aliased,
        ),
        components=components,
        statistics=_statistics(problem, optimum, loglik, restricted),
        omnibus=tuple(
            Omnibus(t.title, t.F, "F", t.num_df, t.den_df, t.p, (t.title,), t.rule) for t in tests
        ),
        fitted=shrunken,
        notes=tuple(notes),
        extra=MappingProxyType(component_quantities(problem, optimum, spec)),
        tables=tuple(tables),
        effects=effects,
        type3=tests,
        lsmeans=means,
        contrasts=pairs,
        adjusted=adjusted,
        adjustment=spec.adjust,
        random=random,
        individual=own,
        covariances=MappingProxyType(_covariances(problem, optimum)),
        residual=MappingProxyType(_residual_parameters(problem, optimum)),
        sigma=_sigma(problem, optimum),
        residuals=problem.y - shrunken,
        rule=rule,
        equation=linear_equation(frame, spec),
    )


def _rule(spec: LinearMixed) -> DfRule:
    if spec.method == "ML" and spec.df == "kenward-roger":
        return "satterthwaite"
    return cast(DfRule, spec.df)


def _coefficients(e: Estimates, vb: FloatMatrix) -> Coefficients:
    return Coefficients(
        names=e.names,
        b=e.estimate,
        se=e.se,
        stat=e.statistic,
        df=e.df,
        pval=e.pval,
        ci_lb=e.ci_lb,
        ci_ub=e.ci_ub,
        vb=vb,
        level=e.level,
        test=("z" if e.rule == "normal distribution" else f"t, {e.rule}"),
    )


def _adjusted(spec: LinearMixed, e: Estimates, k: int) -> tuple[Estimates, FloatVector]:
    p = adjusted_p(e.pval, spec.adjust, e.statistic, e.df, k)
    m = len(e.names)
    half = e.se * np.array([critical_t(spec.level, spec.adjust, float(d), m, k) for d in e.df])
    rule = f"{e.rule}; intervals adjusted by {ADJUSTMENTS[spec.adjust]}"
    wide = Estimates(
        e.names, e.estimate, e.se, e.df, e.statistic, e.pval,
        e.estimate - half, e.estimate + half, e.level, rule,
    )  # fmt: skip
    return wide, p


def _individual(
    problem: LinearProblem,
    optimum: Optimum,
    random: tuple[RandomEffects, ...],
    beta: FloatVector,
    C: FloatMatrix,
) -> tuple[IndividualEffects, ...]:
    """Effects by person for every random slope that has a fixed effect of the same name."""
    names = problem.frame.design.names
    found = []
    for effects, component in zip(random, problem.covariance.components, strict=True):
        D = component.matrix(optimum.theta) * problem.scale**2
        for t, name in enumerate(effects.terms):
            if name in names and name != "(Intercept)":
                between = float(D[t, t])
                found.append(individual_effects(effects, t, names.index(name), beta, C, between))
    return tuple(found)


def _random_part(problem: LinearProblem, random: tuple[RandomEffects, ...]) -> FloatVector:
    part = np.zeros(problem.n)
    for g, effects in zip(problem.groups, random, strict=True):
        part += np.einsum("it,it->i", g.Z, effects.modes[g.factor.codes])
    return part


def _covariances(problem: LinearProblem, optimum: Optimum) -> dict[str, FloatMatrix]:
    found: dict[str, FloatMatrix] = {}
    for c in problem.covariance.components:
        D = c.matrix(optimum.theta) * problem.scale**2
        if c.group in found:
            old = found[c.group]
            both = np.zeros((len(old) + len(D), len(old) + len(D)))
            both[: len(old), : len(old)], both[len(old) :, len(old) :] = old, D
            D = both
        found[c.group] = D
    return found


def _residual_start(problem: LinearProblem) -> int:
    return sum(len(c.pairs) for c in problem.covariance.components)


def _sigma(problem: LinearProblem, optimum: Optimum) -> float:
    """Residual standard deviation; of the first stratum or position where there are several."""
    theta = optimum.theta[_residual_start(problem) :]
    structure = getattr(problem.covariance, "structure", None)
    total = theta.sum() if isinstance(structure, CompoundSymmetry) else theta[0]
    return problem.scale * math.sqrt(float(total))


def _residual_parameters(problem: LinearProblem, optimum: Optimum) -> dict[str, float]:
    """Correlations and standard deviations of the residual structure, by name."""
    theta = optimum.theta[_residual_start(problem) :]
    structure = getattr(problem.covariance, "structure", None)
    s = problem.scale
    match structure:
        case ByStratum() if len(theta) > 1:
            sds = np.sqrt(theta) * s
            return {f"sd {w}": float(v) for w, v in zip(structure.stratum.levels, sds, strict=True)}
        case Autoregressive():
            return {"phi": float(theta[1]), "sd": s * math.sqrt(float(theta[0]))}
        case CompoundSymmetry():
            total = float(theta.sum())
            return {"correlation": float(theta[0]) / total, "sd": s * math.sqrt(total)}
        case Unstructured():
            m = len(structure.position.levels)
            V = np.zeros((m, m))
            for (a, b), v in zip(structure.pairs, theta, strict=True):
                V[a, b] = V[b, a] = v
            sds = np.sqrt(np.diag(V))
            names = structure.position.levels
            found = {f"sd {w}": float(v * s) for w, v in zip(names, sds, strict=True)}
            for a, b in structure.pairs:
                if a != b:
                    found[f"correlation {names[a]}, {names[b]}"] = float(V[a, b] / sds[a] / sds[b])
            return found
        case _:
            return {"sd": s * math.sqrt(float(theta[0]))}


def _statistics(
    problem: LinearProblem, optimum: Optimum, loglik: float, restricted: bool
) -> FitStatistics:
    n, p = problem.n, problem.p
    m = len(optimum.theta) + p
    size = n - p if restricted else n
    correction = 2 * m * (m + 1) / (size - m - 1) if size > m + 1 else math.nan
    aic = -2 * loglik + 2 * m
    bic = -2 * loglik + m * math.log(n)
    return FitStatistics(loglik, -2 * loglik, aic, bic, aic + correction, restricted, m)


def _aliased_note(names: tuple[str, ...]) -> Note:
    words = ", ".join(names)
    return Note(
        f"Left out because earlier terms say the same: {words}.", "caution", "aliased-terms"
    )
