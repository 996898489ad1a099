"""Multilevel and multivariate models: effects that depend on each other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from metadesk.document import Note
from metadesk.errors import SpecProblem
from metadesk.models.meta.fit_statistics import EFFECT, NORMAL
from metadesk.models.meta.multilevel.blocks import LOG_2PI
from metadesk.models.meta.multilevel.data import DependentData, Factor
from metadesk.models.meta.multilevel.estimate import Fit, lay_out, maximise
from metadesk.models.meta.multilevel.identified import same_levels
from metadesk.models.meta.multilevel.profile import profile_intervals
from metadesk.models.meta.multilevel.robust import ROBUST, RobustResult, robust_coefficients
from metadesk.models.meta.multilevel.structures import (
    RANGES,
    STRUCTURES,
    InnerOuter,
    Intercepts,
    RandomTerm,
)
from metadesk.models.meta.wald import (
    coefficients_of,
    information_criteria,
    joint_test,
    moderator_positions,
)
from metadesk.models.result import (
    Coefficients,
    FitResult,
    FitStatistics,
    Heterogeneity,
    Interval,
    Omnibus,
    Quantity,
    Status,
    VarianceComponent,
)
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import chi2_sf, quantile
from metadesk.numerics.types import FloatMatrix, FloatVector, IntVector
from metadesk.options import choice, flag, number, text

_RHO_EDGE = 1.0 - 1e-6


@dataclass(frozen=True)
class Multilevel:
    """How dependent effects are modelled.

    ``random`` lists the random effects, separated by semicolons: ``1 | study/effect`` (intercepts,
    nested from the outside in) or ``outcome | study`` (inner | outer, with ``structure``).
    """

    random: str = text(
        "Random effects",
        "1 | study/effect",
        help="1 | study/effect for nested intercepts; outcome | study for outcomes within studies. "
        "A term may name its own structure: outcome | study, UN.",
    )
    structure: str = choice("Structure of inner | outer terms", STRUCTURES, "CS", advanced=True)
    correlations: str = choice("Range of a shared correlation", RANGES, "proper", advanced=True)
    method: str = choice("Estimation", {"REML": "REML", "ML": "ML"}, "REML", advanced=True)
    test: str = choice("Test and interval", {"z": "z", "t": "t"}, "t")
    df: str = choice(
        "Degrees of freedom of t",
        {"residual": "Effects less coefficients", "contain": "Containment"},
        "contain",
        advanced=True,
    )
    robust: str = choice("Cluster-robust errors", {"none": "None", **ROBUST}, "none")
    cluster: str = text("Cluster by", "", help="Empty: the outermost grouping.", advanced=True)
    profile: bool = flag("Profile intervals of the variance components", True, advanced=True)
    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.9999)


def read_random(words: str, structure: str = "CS") -> tuple[RandomTerm, ...]:
    """Read the random effects of a spec.

    An inner | outer piece may end with its own structure: ``outcome | study, UN``.

    Raises
    ------
    SpecProblem
        If a piece is not of the form ``1 | a/b`` or ``inner | outer``.
    """
    terms: list[RandomTerm] = []
    for piece in words.split(";"):
        left, bar, right = (part.strip() for part in piece.strip().lstrip("~").partition("|"))
        if not (left and bar and right):
            raise SpecProblem(
                f"'{piece.strip()}' is not a random effect; write '1 | study/effect' or "
                "'outcome | study'."
            )
        if left == "1":
            terms.append(Intercepts(tuple(name.strip() for name in right.split("/"))))
        else:
            outer, _, own = (part.strip() for part in right.partition(","))
            terms.append(InnerOuter(left, outer, own or structure))
    return tuple(terms)


def estimate_multilevel(spec: Multilevel, data: DependentData, progress: Progress = SILENT) -> Fit:
    """Estimate the variance components; :func:`report_multilevel` makes a result of it."""
    terms = read_random(spec.random, spec.structure)
    machine = lay_out(data, terms, spec.method == "REML", spec.correlations)
    return maximise(machine, progress)


def fit_multilevel(spec: Multilevel, data: DependentData, progress: Progress = SILENT) -> FitResult:
    """Fit a multilevel or multivariate model to dependent effects.

    Parameters
    ----------
    spec : Multilevel
        Random effects, estimation, tests, robust errors.
    data : DependentData
        Effects with sampling (co)variances and the groupings that ``spec`` names.

    Returns
    -------
    FitResult
        ``components`` holds every variance and correlation, ``extra`` the share of each level in
        the total variance (``I2 <component>``).

    References
    ----------
    Konstantopoulos (2011), Res. Synth. Methods 2, 61; van Houwelingen, Arends & Stijnen (2002),
    Statist. Med. 21, 589; Cheung (2014), Psychol. Methods 19, 211 (I² by level).
    """
    fit = estimate_multilevel(spec, data, progress.within(0.0, 0.3))
    intervals: tuple[Interval, ...] = ()
    if spec.profile:
        intervals = profile_intervals(fit, spec.level, progress.within(0.3, 0.9))
    progress.step(0.9, "Cluster-robust errors" if spec.robust != "none" else "Results")
    return report_multilevel(spec, fit, intervals)


def robust_errors(spec: Multilevel, fit: Fit, kind: str, cluster: str = "") -> RobustResult:
    """Cluster-robust errors of a fit, by the named grouping or the outermost one."""
    name = cluster or outermost(read_random(spec.random, spec.structure))
    return robust_coefficients(fit, fit.machine.data.factor(name), kind, spec.level)


def outermost(terms: tuple[RandomTerm, ...]) -> str:
    """Return the grouping that contains the others of the first term."""
    first = terms[0]
    return first.nested[0] if isinstance(first, Intercepts) else first.outer


def containment_df(fit: Fit) -> FloatVector:
    """Degrees of freedom by containment.

    For each coefficient: the fewest levels of a random grouping within whose levels its moderator
    is constant, less the number of coefficients, at least 1.
    """
    data = fit.machine.data
    groupings = _containing(fit)
    df = np.full(data.p, float(data.k))
    for j in range(data.p):
        column = data.X[:, j]
        for codes in groupings:
            n = int(codes.max()) + 1
            low, high = np.full(n, np.inf), np.full(n, -np.inf)
            np.minimum.at(low, codes, column)
            np.maximum.at(high, codes, column)
            if np.all(low[codes] == high[codes]):
                df[j] = min(df[j], float(np.unique(codes).size))
    return np.asarray(np.maximum(df - data.p, 1.0))


def _containing(fit: Fit) -> list[IntVector]:
    """Groupings of all random effects; of inner | outer terms both the pairs and the outer one."""
    covariance = fit.machine.covariance
    groups = list(covariance.groups)
    for entry in covariance.entries:
        if entry.part.table.size > 1 or entry.part.inner.any():
            inner = entry.part.inner
            groups.append(entry.part.group * (int(inner.max()) + 1) + inner)
            break
    return groups


def predict_multilevel(
    result: FitResult, fit: Fit, X: FloatMatrix, level: float = 0.95
) -> dict[str, FloatVector]:
    """Predicted effects at rows of moderator values, with confidence and prediction intervals.

    The prediction interval is for a new effect in a new group: it adds all intercept variances and,
    where the inner levels share one, the variance of the inner | outer term.
    """
    c = result.coefficients
    pred = X @ c.b
    known = np.isfinite(c.se) | (X == 0.0)
    se = np.where(known.all(axis=1), c.standard_errors(X), math.nan)
    df = np.where(X != 0.0, c.df, np.inf).min(axis=1)
    critical = quantile(level, df)
    found = {"pred": pred, "se": se, "ci_lb": pred - critical * se, "ci_ub": pred + critical * se}
    spread = new_effect_variance(fit)
    if math.isfinite(spread):
        wide = critical * np.sqrt(se**2 + spread)
        found |= {"pi_lb": pred - wide, "pi_ub": pred + wide}
    return found


def new_effect_variance(fit: Fit) -> float:
    """Variance of a new true effect about its mean; NaN where it differs between inner levels."""
    covariance = fit.machine.covariance
    total = 0.0
    for name, value in zip(covariance.tau_names, fit.variances, strict=True):
        if "^2." in name and not name.startswith("sigma"):
            return math.nan
        total += float(value)
    return total


def report_multilevel(
    spec: Multilevel, fit: Fit, intervals: tuple[Interval, ...] = ()
) -> FitResult:
    """Turn an estimate into a result."""
    return _Report(spec, fit, intervals).result()


def _variances(terms: tuple[RandomTerm, ...], data: DependentData) -> frozenset[str]:
    """Names of the random effects; the one of single rows has the name that all models give it."""
    found = set()
    for term in terms:
        if isinstance(term, InnerOuter):
            found.add(f"{term.inner} | {term.outer}, {term.structure}")
            continue
        nested: Factor | None = None
        for name in term.nested:
            nested = data.factor(name) if nested is None else data.factor(name).within(nested)
            found.add(EFFECT if nested.n_used == data.k else nested.name)
    return frozenset(found)


def _robust_notes(robust: RobustResult | None) -> tuple[Note, ...]:
    if robust is None or not robust.unknown:
        return ()
    text = (
        f"No cluster-robust error for {', '.join(robust.unknown)}: all that tells of it is one "
        "cluster, within which the residuals add up to nothing. Group these effects with others, "
        "or use the model's own errors."
    )
    return (Note(text, "strong", "robust-one-cluster"),)


@dataclass(frozen=True, eq=False)
class _Report:
    spec: Multilevel
    fit: Fit
    intervals: tuple[Interval, ...]

    @property
    def data(self) -> DependentData:
        return self.fit.machine.data

    def result(self) -> FitResult:
        data, spec = self.data, self.spec
        table, robust = self._coefficients()
        which = moderator_positions(data.names)
        omnibus: tuple[Omnibus, ...] = ()
        if robust is not None and robust.omnibus is not None:
            omnibus = (robust.omnibus,)
        elif which and robust is None:
            omnibus = (joint_test(table, which, "Test of moderators"),)
        plain = data.intercept_only
        blup = data.yi - self._sampling_part()
        return FitResult(
            model="multilevel",
            title=self._title(),
            family="random" if plain else "mixed",
            k=data.k,
            coefficients=table,
            method=spec.method,
            status=self._status(),
            heterogeneity=self._heterogeneity(),
            components=self._components(),
            statistics=self._statistics(),
            omnibus=omnibus,
            weights=self._weights() if plain else None,
            weights_meaning=(
                "Share of the effect in the pooled estimate (row sums of the inverse covariance)."
                if plain
                else "With moderators there is one set of weights per coefficient."
            ),
            prediction=self._prediction(table) if plain else None,
            fitted=data.X @ table.b,
            blup=blup,
            notes=self._notes() + _robust_notes(robust),
            extra=MappingProxyType(self._extra(robust)),
            joint=None if robust is None else robust.joint,
        )

    def _coefficients(self) -> tuple[Coefficients, RobustResult | None]:
        spec, fit = self.spec, self.fit
        if spec.robust != "none":
            robust = robust_errors(spec, fit, spec.robust, spec.cluster)
            return robust.coefficients, robust
        df: float | FloatVector = math.inf
        words = "z"
        if spec.test == "t" and spec.df == "contain":
            df, words = containment_df(fit), "t, containment df"
        elif spec.test == "t":
            df = float(self.data.k - self.data.p)
            words = f"t with k − p = {df:g} df"
        return coefficients_of(self.data.names, fit.basis, df, spec.level, words), None

    def _title(self) -> str:
        terms = read_random(self.spec.random, self.spec.structure)
        if any(isinstance(t, InnerOuter) for t in terms):
            return f"Multivariate model ({self.spec.structure})"
        levels = sum(len(t.nested) for t in terms if isinstance(t, Intercepts))
        return {1: "Two-level model", 2: "Three-level model"}.get(levels, "Multilevel model")

    def _boundary(self) -> tuple[str, ...]:
        covariance = self.fit.machine.covariance
        edges = [
            name
            for name, rho, low in zip(
                covariance.rho_names, self.fit.correlations, covariance.rho_low, strict=True
            )
            if rho > _RHO_EDGE or rho < low + 1e-6
        ]
        return (*self.fit.boundary, *edges)

    def _status(self) -> Status:
        return Status(
            converged=self.fit.converged,
            iterations=self.fit.iterations,
            rung=self.spec.method,
            boundary=self._boundary(),
            messages=tuple(note.text for note in self._notes()),
        )

    def _notes(self) -> tuple[Note, ...]:
        notes = []
        terms = read_random(self.spec.random, self.spec.structure)
        if self.spec.structure != "CS" and not any(isinstance(t, InnerOuter) for t in terms):
            notes.append(
                Note(
                    f"The structure {self.spec.structure} changes nothing here: it is for terms of "
                    "the kind 'outcome | study'; this model has random intercepts alone.",
                    "caution",
                    "structure-idle",
                )
            )
        if self._boundary():
            notes.append(
                Note(
                    "At the edge of the range: "
                    + ", ".join(self._boundary())
                    + ". The data do not "
                    "tell this component from that edge.",
                    "note",
                    "boundary",
                )
            )
        if self.data.singular:
            notes.append(
                Note(
                    "Some sampling errors are assumed to be perfectly correlated, so Q cannot be "
                    "computed; look for rows entered twice or lower the assumed correlation.",
                    "caution",
                    "singular-covariance",
                )
            )
        titles = self.fit.machine.covariance.tau_titles
        for i, j in same_levels(self.fit.machine.covariance):
            text = (
                f"{titles[i]} and {titles[j][:1].lower() + titles[j][1:]}: the levels hold the "
                "same rows, so only the sum of the two variances is estimated; how it is divided "
                "means nothing. Leave one of them out."
            )
            notes.append(Note(text, "caution", "same-levels"))
        if not self.fit.converged:
            notes.append(
                Note(
                    "The likelihood could not be maximised to full precision; a simpler random "
                    "part may be all that the data carry.",
                    "strong",
                    "not-converged",
                )
            )
        return tuple(notes)

    def _residual_q(self) -> float:
        """Q: the weighted residual sum of squares under the sampling covariance alone."""
        data = self.data
        if data.singular:
            return math.nan
        r, X = data.yi.copy(), data.X.copy()
        independent = np.ones(data.k, dtype=bool)
        for rows, block in data.blocks:
            root = np.linalg.cholesky(block)
            r[rows] = np.linalg.solve(root, r[rows])
            X[rows] = np.linalg.solve(root, X[rows])
            independent[rows] = False
        sd = np.sqrt(data.vi[independent])
        r[independent] /= sd
        X[independent] /= sd[:, None]
        residual = r - X @ np.linalg.lstsq(X, r, rcond=None)[0]
        return float(residual @ residual)

    def _heterogeneity(self) -> Heterogeneity:
        data = self.data
        df = float(data.k - data.p)
        total = new_effect_variance(self.fit)
        typical = self._typical_variance()
        q = self._residual_q()
        return Heterogeneity(
            tau2=total,
            tau2_method=f"{self.spec.method}, sum of the components",
            I2=100.0 * total / (total + typical),
            I2_definition="from the variance components",
            QE=q,
            QE_df=df,
            QEp=float(chi2_sf(q, df)) if math.isfinite(q) else math.nan,
            QE_method="Residual Q with the sampling covariance",
        )

    def _typical_variance(self) -> float:
        """(k − p) / tr P for the sampling variances, covariances left out as Cheung (2014) does."""
        data = self.data
        if data.k <= data.p:
            return math.nan
        w = 1.0 / data.vi
        q_factor = np.linalg.qr(data.X * np.sqrt(w)[:, None])[0]
        leverage = np.einsum("ij,ij->i", q_factor, q_factor)
        return float((data.k - data.p) / (w @ (1.0 - leverage)))

    def _components(self) -> tuple[VarianceComponent, ...]:
        fit, covariance = self.fit, self.fit.machine.covariance
        values = np.concatenate([fit.variances, fit.correlations])
        names = (*covariance.tau_names, *covariance.rho_names)
        titles = (*covariance.tau_titles, *covariance.rho_titles)
        levels = (*covariance.tau_levels, *(0 for _ in covariance.rho_names))
        edge = self._boundary()
        return tuple(
            VarianceComponent(
                name=name,
                title=titles[i],
                estimate=float(values[i]),
                n_levels=levels[i],
                at_boundary=name in edge,
                interval=self.intervals[i] if self.intervals else None,
            )
            for i, name in enumerate(names)
        )

    def _statistics(self) -> FitStatistics:
        """Count observations as k − p under restriction; deviance of ML against perfect fit."""
        data, fit = self.data, self.fit
        covariance = fit.machine.covariance
        parameters = data.p + covariance.n_tau + covariance.n_rho
        ll = fit.found.log_likelihood
        restricted = self.spec.method == "REML"
        deviance = -2.0 * ll if restricted else -2.0 * (ll - self._saturated())
        n = data.k - data.p if restricted else data.k
        return information_criteria(
            ll, deviance, parameters, n, restricted,
            likelihood="normal, correlated errors" if data.blocks else NORMAL,
            variances=_variances(read_random(self.spec.random, self.spec.structure), data),
        )  # fmt: skip

    def _saturated(self) -> float:
        data = self.data
        log_det = float(np.log(data.vi).sum())
        for rows, block in data.blocks:
            log_det += float(np.linalg.slogdet(block)[1]) - float(np.log(data.vi[rows]).sum())
        return -0.5 * (data.k * LOG_2PI + log_det)

    def _weights(self) -> FloatVector:
        """Row sums of M⁻¹, in percent."""
        share = self.fit.found.X_weighted[:, 0]
        return np.asarray(100.0 * share / share.sum())

    def _sampling_part(self) -> FloatVector:
        """V M⁻¹ r: what the model takes for sampling error in each effect."""
        weighted = self.fit.found.resid_weighted
        part = self.data.vi * weighted
        for rows, block in self.data.blocks:
            part[rows] = block @ weighted[rows]
        return part

    def _prediction(self, table: Coefficients) -> Interval | None:
        spread = new_effect_variance(self.fit)
        if not math.isfinite(spread):
            return None
        df = float(table.df[0])
        half = float(quantile(self.spec.level, df)) * math.sqrt(float(table.se[0]) ** 2 + spread)
        words = "normal" if math.isinf(df) else f"t with {df:.4g} df"
        centre = float(table.b[0])
        return Interval(centre - half, centre + half, self.spec.level, words)

    def _extra(self, robust: RobustResult | None) -> Mapping[str, Quantity]:
        extra: dict[str, Quantity] = {}
        typical = self._typical_variance()
        total = new_effect_variance(self.fit)
        covariance = self.fit.machine.covariance
        if math.isfinite(total):
            for name, title, value in zip(
                covariance.tau_names, covariance.tau_titles, self.fit.variances, strict=True
            ):
                share = 100.0 * float(value) / (total + typical)
                extra[f"I2 {name}"] = Quantity(
                    f"I2 {name}", f"I²: {title[:1].lower()}{title[1:]}", share,
                    "Share of the total variance", kind="percent",
                )  # fmt: skip
        if robust is not None:
            extra["n_clusters"] = Quantity(
                "n_clusters", "Clusters", float(robust.n_clusters), robust.kind
            )
        return extra
