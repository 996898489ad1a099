"""Generalised linear mixed models for meta-analysis: likelihoods of the counts, no ½ added."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from metadesk.document import Note
from metadesk.errors import NotEstimable, SpecProblem
from metadesk.models.meta.glmm.data import CountData, as_counts
from metadesk.models.meta.glmm.estimate import (
    Rule,
    typical_variance,
    with_heterogeneity,
    without_heterogeneity,
)
from metadesk.models.meta.glmm.heterogeneity import (
    HeterogeneityTests,
    conditional_deviance,
    posterior_effects,
    tests_of_heterogeneity,
)
from metadesk.models.meta.glmm.newton import Optimum, Problem
from metadesk.models.meta.glmm.problems import GROUP_CODING, CountModel, build
from metadesk.models.meta.glmm.profile import profile_interval
from metadesk.models.meta.likelihood_ratio import SPREAD, Refits, ratio_test
from metadesk.models.meta.two_arms import TwoArms
from metadesk.models.meta.wald import (
    coefficient_table,
    information_criteria,
    joint_test,
    moderator_positions,
)
from metadesk.models.result import (
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
from metadesk.numerics.tails import quantile
from metadesk.numerics.types import FloatVector
from metadesk.options import choice, integer, number

MODELS: Mapping[str, str] = MappingProxyType(
    {
        "UM.FS": "Arms, fixed study effects (UM.FS)",
        "UM.RS": "Arms, random study effects (UM.RS)",
        "CM.EL": "Conditional, exact likelihood (CM.EL)",
        "CM.AL": "Conditional, approximate likelihood (CM.AL)",
    }
)
CODINGS: Mapping[str, str] = MappingProxyType(
    {
        "half": "Half in each group (±½)",
        "group 1": "In group 1 only",
        "group 2": "In group 2 only",
    }
)
MAXIMA: Mapping[str, str] = MappingProxyType(
    {
        "highest": "The highest",
        "spread": "The one reached from much heterogeneity (as lme4 does)",
    }
)
_SUITS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"OR": ("UM.FS", "UM.RS", "CM.EL", "CM.AL"), "IRR": ("UM.FS", "UM.RS", "CM.EL")}
)
INTERVALS: Mapping[str, str] = MappingProxyType({"PL": "Profile likelihood", "none": "None"})
LARGEST_PLAUSIBLE_SE = 50.0


@dataclass(frozen=True)
class CountMixed:
    """How a generalised linear mixed model is fitted to counts.

    ``n_quadrature`` None refines the adaptive quadrature until the log-likelihood is stable; 1 is
    Laplace's approximation, which is too small for the heterogeneity of sparse data.
    """

    model: str = choice("Model of two arms", MODELS, "UM.FS")
    method: str = choice("True effects", {"ML": "Random (maximum likelihood)", "EE": "Equal"}, "ML")
    test: str = choice("Test and interval", {"z": "z", "t": "t, k − p df"}, "z")
    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.9999)
    tau2_interval: str = choice("Interval of τ²", INTERVALS, "PL", advanced=True)
    n_quadrature: int | None = integer(
        "Quadrature nodes",
        None,
        minimum=1,
        maximum=127,
        help="Empty: refined until the likelihood is stable. 1: Laplace.",
        advanced=True,
    )
    coding: str = choice(
        "Where the random treatment effect acts",
        CODINGS,
        "half",
        help="Models on the arms only.",
        advanced=True,
    )
    maximum: str = choice(
        "Where the likelihood has several maxima",
        MAXIMA,
        "highest",
        help="Sparse data can have one maximum without heterogeneity and one with it.",
        advanced=True,
    )


def fit_counts(
    spec: CountMixed, data: CountData | TwoArms, progress: Progress = SILENT
) -> FitResult:
    """Fit a generalised linear mixed model to the counts of the studies.

    Parameters
    ----------
    spec : CountMixed
        Model, method, test.
    data : CountData or TwoArms
        Events and denominators. For two arms, studies without events in both (or, for risks, with
        events only) are left out and named: they say nothing about a ratio.

    Returns
    -------
    FitResult
        Coefficients are log odds ratios, log rate ratios, log odds or log rates. What is told of
        single studies is NaN for those that cannot inform the model. The statistics are
        those of the marginal log-likelihood with every constant; ``extra`` holds the tests of
        heterogeneity, the saturated log-likelihood and the deviance given the estimated effects.

    Raises
    ------
    NotEstimable
        If one arm of the whole table has no event (the estimate is infinite).
    SpecProblem
        If the model does not suit the measure.

    References
    ----------
    Stijnen, Hamza & Özdemir (2010), Statist. Med. 29, 3046; Jackson et al. (2018), Statist. Med.
    37, 1059 (models 2 and 4 to 7); Turner et al. (2000) for UM.FS.
    """
    counts = as_counts(data)
    model = suited_model(spec.model, counts)
    used = counts.informative()
    refuse_infinite(used)
    if used.k < used.p:
        raise NotEstimable(
            f"{used.k} studies cannot carry {used.p} coefficients; leave out moderators."
        )
    problem = build(used, model, spec.coding)
    rule = Rule(spec.n_quadrature)
    progress.step(0.0, "Fitting equal effects")
    equal, stable = without_heterogeneity(problem, used, rule, progress.within(0.0, 0.15))
    found = equal
    random = spec.method == "ML" and used.k > 1
    typical = typical_variance(used)
    if random:
        spread, part = _spread(used), progress.within(0.15, 0.5)
        highest = spec.maximum == "highest"
        found, stable = with_heterogeneity(problem, equal, spread, rule, part, highest=highest)
    interval = None
    if random and spec.tau2_interval == "PL" and found.converged and used.k > used.p:
        zero = equal.log_likelihood
        part = progress.within(0.5, 0.9)
        interval = profile_interval(problem, found, zero, spec.level, rule, part)
    progress.step(0.9, "Testing heterogeneity")
    part = progress.within(0.9, 1.0)
    tests = tests_of_heterogeneity(used, model, problem, equal, rule, part)
    result = _Report(
        spec, model, used, problem, found, random, tests, typical, stable, interval, equal
    ).result()
    return replace(
        result,
        fitted=counts.over_all(result.fitted),
        blup=counts.over_all(result.blup),
        blup_se=counts.over_all(result.blup_se),
    )


def suited_model(model: str, data: CountData) -> CountModel:
    """Return the model for this measure; with one arm there is only one.

    Raises
    ------
    SpecProblem
        If the model exists, but not for this measure.
    """
    if data.measure in ("PLO", "IRLN"):
        return "one-arm"
    if model not in _SUITS[data.measure]:
        raise SpecProblem(
            f"Model {model} does not exist for {data.measure}; "
            f"choose one of {', '.join(_SUITS[data.measure])}. "
            "For rates the conditional likelihood is exact: CM.EL."
        )
    known: dict[str, CountModel] = {
        "UM.FS": "UM.FS", "UM.RS": "UM.RS", "CM.EL": "CM.EL", "CM.AL": "CM.AL"
    }  # fmt: skip
    return known[model]


def refuse_infinite(data: CountData) -> None:
    """Refuse data whose maximum-likelihood estimate is infinite, saying what can be done."""
    arms = ("group 1", "group 2") if data.events.shape[0] == 2 else ("the studies",)
    mend = "A penalised (Firth) model gives a finite estimate."
    for arm, events, totals in zip(arms, data.events, data.totals, strict=True):
        if events.sum() == 0:
            raise NotEstimable(
                f"There is no event in {arm} of any study, so the estimate is infinite. {mend}"
            )
        if data.measure in ("OR", "PLO") and events.sum() == totals.sum():
            raise NotEstimable(
                f"Everyone in {arm} of every study has the event: the estimate is infinite. {mend}"
            )


def _spread(data: CountData) -> float:
    """Starting value of tau: DerSimonian–Laird on the approximate effects."""
    yi, vi = data.approximate_effects()
    w = 1.0 / vi
    mean = (w @ yi) / w.sum()
    c = w.sum() - (w @ w) / w.sum()
    excess = float(w @ (yi - mean) ** 2) - (data.k - 1)
    return math.sqrt(max(excess / c, 0.0)) if c > 0 else 0.0


@dataclass(frozen=True, eq=False)
class _Report:
    """What was found, turned into a result."""

    spec: CountMixed
    model: CountModel
    data: CountData
    problem: Problem
    found: Optimum
    random: bool
    tests: HeterogeneityTests
    typical: float
    stable: bool
    interval: Interval | None
    equal: Optimum

    def result(self) -> FitResult:
        data, spec, p = self.data, self.spec, self.data.p
        df = float(data.k - p) if spec.test == "t" else math.inf
        words = "z" if spec.test == "z" else f"t with k − p = {df:g} df"
        vb = self.found.covariance(p)
        table = coefficient_table(data.names, self.found.point.beta[:p], vb, df, spec.level, words)
        separated = bool((~np.isfinite(table.se) | (table.se > LARGEST_PLAUSIBLE_SE)).any())
        which = moderator_positions(data.names)
        statistics = self._statistics(self.found, self.random)
        omnibus: tuple[Omnibus, ...] = (*self.tests.as_omnibus(), *self._test_of_tau2(statistics))
        if which:
            omnibus = (joint_test(table, which, "Test of moderators"), *omnibus)
        blup, blup_se = self._effects()
        return FitResult(
            model="glmm",
            title=self._title(),
            family="mixed" if not data.intercept_only else ("random" if self.random else "fixed"),
            k=data.k,
            coefficients=table,
            method=self._method(),
            status=self._status(separated),
            heterogeneity=self._heterogeneity(),
            components=self._components(),
            statistics=statistics,
            omnibus=omnibus,
            weights=None,
            weights_meaning="A model of the counts themselves has no study weights.",
            prediction=self._prediction(float(table.b[0]), float(table.se[0]), df),
            fitted=data.X @ table.b,
            blup=blup,
            blup_se=blup_se,
            notes=self._notes(separated),
            extra=MappingProxyType(self._extra()),
        )

    @property
    def tau2(self) -> float:
        return float(self.found.point.scales[-1] ** 2) if self.random else 0.0

    def _title(self) -> str:
        names = {"PLO": "Binomial–normal model", "IRLN": "Poisson–normal model"}
        name = names.get(self.data.measure, f"Generalised linear mixed model, {self.model}")
        return name if self.random else f"{name}, equal effects"

    def _method(self) -> str:
        if not self.found.point.scales.size:
            return "Maximum likelihood"
        nodes = self.found.nodes
        if nodes == 1 and self.spec.n_quadrature == 1:
            return "Maximum likelihood, Laplace approximation"
        return f"Maximum likelihood, adaptive Gauss–Hermite quadrature, {max(nodes, 2)} nodes"

    def _status(self, separated: bool) -> Status:
        boundary = []
        if self.random and self.tau2 == 0.0:
            boundary.append("tau2")
        if self.model == "UM.RS" and self.found.point.scales[0] == 0.0:
            boundary.append("sigma2")
        return Status(
            converged=self.found.converged and not separated,
            iterations=self.found.iterations,
            rung=self.model if self.model != "one-arm" else self.data.measure,
            boundary=tuple(boundary),
            messages=tuple(note.text for note in self._notes(separated)),
        )

    def _heterogeneity(self) -> Heterogeneity:
        t = self.tests
        known = math.isfinite(self.typical)
        ends = self.interval if known else None
        return Heterogeneity(
            tau2=self.tau2,
            tau2_method="ML" if self.random else "equal effects (τ² = 0)",
            se_tau2=self._se_tau2(),
            tau2_interval=self.interval,
            I2=self._I2(self.tau2) if known else math.nan,
            I2_interval=None
            if ends is None
            else replace(ends, lower=self._I2(ends.lower), upper=self._I2(ends.upper)),
            H2=self.tau2 / self.typical + 1.0 if known else math.nan,
            H2_interval=None
            if ends is None
            else replace(
                ends, lower=ends.lower / self.typical + 1.0, upper=ends.upper / self.typical + 1.0
            ),
            QE=t.lrt,
            QE_df=t.df,
            QEp=t.lrt_p,
            QE_method="Likelihood ratio, saturated model against equal effects",
        )

    def _I2(self, tau2: float) -> float:
        """Share of ``tau2`` in the variance of a typical study, in percent."""
        return 100.0 * tau2 / (tau2 + self.typical) if math.isfinite(tau2) else 100.0

    def _se_tau2(self) -> float:
        if not self.random or self.tau2 == 0.0:
            return math.nan
        whole = np.linalg.pinv(self.found.information, hermitian=True)
        return float(2.0 * math.sqrt(self.tau2) * math.sqrt(max(whole[-1, -1], 0.0)))

    def _components(self) -> tuple[VarianceComponent, ...]:
        parts = []
        if self.model == "UM.RS":
            sigma2 = float(self.found.point.scales[0] ** 2)
            title = "Between studies: level of group 2"
            if self.data.measure == "OR":
                title = "Between studies: log odds"
            elif self.data.measure == "IRR":
                title = "Between studies: log rate"
            parts.append(
                VarianceComponent("sigma2", title, sigma2, self.data.k, at_boundary=sigma2 == 0.0)
            )
        if self.random:
            parts.append(
                VarianceComponent(
                    "tau2",
                    "Between studies: effect",
                    self.tau2,
                    self.data.k,
                    se=self._se_tau2(),
                    at_boundary=self.tau2 == 0.0,
                    interval=self.interval,
                )
            )
        return tuple(parts)

    def _test_of_tau2(self, found: FitStatistics) -> tuple[Omnibus, ...]:
        """Likelihood-ratio test of equal effects against random ones."""
        if not self.random or not (self.found.converged and self.equal.converged):
            return ()
        return (ratio_test(found, self._statistics(self.equal, random=False), SPREAD),)

    def _statistics(self, found: Optimum, random: bool) -> FitStatistics:
        """Count parameters as the models are written: every study intercept of UM.FS is one."""
        arms = self.model in ("UM.FS", "UM.RS")
        own = self.data.k if self.model == "UM.FS" else 0
        level = 2 if self.model == "UM.RS" else 0
        parameters = self.data.p + own + level + int(random)
        ll = found.log_likelihood
        deviance = -2.0 * (ll - self.tests.saturated)
        return information_criteria(
            ll, deviance, parameters, self.data.k * (2 if arms else 1),
            likelihood=self._likelihood(), variances=frozenset({"tau2"} if random else ()),
        )  # fmt: skip

    def _likelihood(self) -> str:
        """What other fits must share: the model, where the effect acts, how it was integrated."""
        words = f"counts, {self.model}"
        if self.spec.coding != "half" and self.model in ("UM.FS", "UM.RS"):
            words = f"{words}, effect {self.spec.coding}"
        return words if self.spec.n_quadrature != 1 else f"{words}, Laplace"

    def _prediction(self, b: float, se: float, df: float) -> Interval | None:
        if not self.random or not self.data.intercept_only or df <= 0:
            return None
        half = float(quantile(self.spec.level, df)) * math.sqrt(se**2 + self.tau2)
        words = "normal" if math.isinf(df) else f"t with {df:g} df"
        return Interval(b - half, b + half, self.spec.level, words)

    def _effects(self) -> tuple[FloatVector | None, FloatVector | None]:
        if not self.random:
            return None, None
        u, spread = posterior_effects(self.problem, self.found)
        first, second = GROUP_CODING[self.spec.coding]
        sign = (first - second) if self.problem.offset.shape[0] == 2 else 1.0
        return self.data.X @ self.found.point.beta[: self.data.p] + sign * u, spread

    def _notes(self, separated: bool) -> tuple[Note, ...]:
        notes = list(self.data.dropped_notes())
        if separated:
            notes.append(
                Note(
                    "A standard error is implausibly large: the data separate events from "
                    "non-events, so the estimate runs away. Use the penalised (Firth) model.",
                    "strong",
                    "separation",
                )
            )
        if not self.found.converged:
            notes.append(
                Note(
                    "The likelihood keeps rising as the spread between studies grows: there is no "
                    "finite estimate; the numbers shown are where the search stopped. Arms with "
                    "nothing but events (or none) are the usual reason.",
                    "strong",
                    "not-converged",
                )
            )
        if not self.stable and self.found.converged:
            notes.append(
                Note(
                    "The log-likelihood still changed with the finest quadrature; the last digits "
                    "of τ² are uncertain.",
                    "caution",
                    "quadrature",
                )
            )
        if self.random and self.spec.n_quadrature == 1:
            notes.append(
                Note(
                    "Laplace's approximation was asked for; it underestimates heterogeneity when "
                    "events are few.",
                    "caution",
                    "laplace",
                )
            )
        return tuple(notes)

    def _extra(self) -> dict[str, Quantity]:
        t = self.tests
        conditional = conditional_deviance(self.problem, self.found)
        return {
            "QE_Wald": Quantity(
                "QE_Wald", "Heterogeneity, Wald", t.wald, "Wald test of the saturated model",
                df=t.df, p=t.wald_p, kind="statistic",
            ),
            "QE_LRT": Quantity(
                "QE_LRT", "Heterogeneity, likelihood ratio", t.lrt,
                "Saturated model against equal effects", df=t.df, p=t.lrt_p, kind="statistic",
            ),
            "logLik_saturated": Quantity(
                "logLik_saturated", "Log-likelihood of the saturated model", t.saturated,
                "Every study its own effect",
            ),
            "deviance_conditional": Quantity(
                "deviance_conditional", "Deviance given the estimated random effects", conditional,
                "At the modes of the random effects",
            ),
            "logLik_arms": Quantity(
                "logLik_arms", "Largest log-likelihood any model of the counts can reach",
                float(self.problem.family.saturated().sum()), "Every count its own expectation",
            ),
        }  # fmt: skip


RATIOS = Refits(lambda spec: replace(spec, test="z", tau2_interval="none"))
