"""The random-effects model: true effects differ between studies, their mean is estimated."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from metadesk.errors import SpecProblem
from metadesk.models.meta import heterogeneity, linear, prediction, tau2, tau2_interval
from metadesk.models.meta.bootstrap_prediction import nnf_interval
from metadesk.models.meta.data import MetaData
from metadesk.models.meta.likelihood_ratio import SPREAD, Refits, ratio_test
from metadesk.models.meta.pooling import Request, pool
from metadesk.models.meta.profile_mean import profile_mean
from metadesk.models.meta.tau2 import Q_WEIGHTS
from metadesk.models.result import FitResult, Omnibus
from metadesk.numerics.progress import SILENT, Progress
from metadesk.options import choice, integer, number

PROFILE = "profile"
TESTS = {**linear.TESTS, PROFILE: "Profile likelihood (needs τ² by ML)"}
Q_HELP = "Read by the estimators GENQ and GENQM only."
I2_TITLES = {key: words[:1].upper() + words[1:] for key, words in heterogeneity.DEFINITIONS.items()}


@dataclass(frozen=True)
class RandomEffects:
    """How heterogeneity is estimated, the mean tested and a new study predicted."""

    tau2: str = choice("Between-study variance", tau2.METHODS, "REML")
    test: str = choice("Test and interval", TESTS, "hksj-guarded")
    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.9999)
    prediction: str = choice("Prediction interval", prediction.METHODS, "t(k-1)")
    tau2_interval: str = choice("Interval of τ²", tau2_interval.METHODS, "QP", advanced=True)
    I2: str = choice("Definition of I²", I2_TITLES, "tau2", advanced=True)
    weighting: str = choice("Weights", linear.WEIGHTINGS, "inverse-variance", advanced=True)
    tau2_value: float | None = number(
        "Between-study variance, given", None, minimum=0.0, advanced=True,
        help="Instead of estimating τ², use this value.",
    )  # fmt: skip
    q_weights: str = choice("Weights of the generalised Q", Q_WEIGHTS, "1/sqrt(v)",
                            help=Q_HELP, advanced=True)  # fmt: skip
    seed: int = integer(
        "Seed of the random numbers", 1, minimum=0, maximum=2**31 - 1, advanced=True,
        help="For the prediction interval by Nagashima, Noma & Furukawa.",
    )  # fmt: skip


def fit_random(spec: RandomEffects, data: MetaData, progress: Progress = SILENT) -> FitResult:
    """Estimate the mean of the true effects and how much they differ.

    ``y_i = mu + u_i + e_i`` with ``u_i ~ N(0, tau²)``, ``e_i ~ N(0, v_i)``. Moderators in ``data``
    are left out; with them the model is mixed.
    """
    plain = data.without_moderators()
    if spec.test == PROFILE:
        fit = _by_profile(spec, plain)
    else:
        fit = _with_profile(spec, plain, pool(random_request(spec), plain, progress).result)
    if spec.prediction != "nnf":
        return fit
    interval = nnf_interval(plain, spec.level, seed=spec.seed, progress=progress)
    return replace(fit, prediction=interval)


def _has_likelihood(spec: RandomEffects) -> bool:
    """Whether mean and tau² together maximise the likelihood."""
    return spec.tau2 == "ML" and spec.weighting == "inverse-variance" and spec.tau2_value is None


def _with_profile(spec: RandomEffects, data: MetaData, fit: FitResult) -> FitResult:
    """Where tau² is by maximum likelihood, the mean's profile-likelihood interval stands beside."""
    found = profile_mean(data, spec.level) if _has_likelihood(spec) else None
    return fit if found is None else replace(fit, extra={**fit.extra, found.name: found})


def _by_profile(spec: RandomEffects, data: MetaData) -> FitResult:
    """Test and interval of the mean by the profile likelihood; its statistic is the signed root."""
    if not _has_likelihood(spec):
        raise SpecProblem(
            "A profile-likelihood test of the mean needs maximum likelihood: choose ML for the "
            "between-study variance, not given, and inverse-variance weights."
        )
    fit = pool(replace(random_request(spec), test="z"), data).result
    found = profile_mean(data, spec.level)
    if found is None or found.interval is None:
        return fit  # one study: the likelihood is that of its own normal distribution
    one = np.array
    table = replace(
        fit.coefficients,
        stat=one([math.copysign(math.sqrt(found.stat), found.value)]),
        pval=one([found.p]),
        ci_lb=one([found.interval.lower]),
        ci_ub=one([found.interval.upper]),
        test="Profile likelihood (likelihood-ratio test)",
    )
    return replace(fit, coefficients=table, method=f"τ²: {tau2.METHODS['ML']}; test: {table.test}")


def random_request(spec: RandomEffects) -> Request:
    """What the spec asks of the shared machinery."""
    return Request(
        "random",
        "Random effects",
        "random",
        spec.test,
        spec.level,
        spec.weighting,
        spec.tau2,
        spec.tau2_value,
        spec.tau2_interval,
        spec.prediction,
        spec.I2,
        q_weights=spec.q_weights,
    )


def tests_of_tau2(
    fit: Callable[[Any, MetaData], FitResult], spec: Any, data: MetaData
) -> tuple[Omnibus, ...]:
    """Likelihood-ratio test of tau² = 0: by ML where tau² is by ML, else by REML."""
    if data.k <= data.p:
        return ()
    method = "ML" if spec.tau2 == "ML" else "REML"
    whole = replace(bare(spec), tau2=method)
    full, none = fit(whole, data), fit(replace(whole, tau2_value=0.0), data)
    assert full.statistics is not None
    assert none.statistics is not None
    return (ratio_test(full.statistics, none.statistics, SPREAD),)


def bare(spec: Any) -> Any:
    """The options of the same model with nothing beside the likelihood that ML or REML maximise."""
    return replace(
        spec, test="z", tau2_interval="none", prediction="none", tau2_value=None,
        weighting="inverse-variance",
    )  # fmt: skip


RATIOS = Refits(
    lambda spec: replace(bare(spec), tau2="ML"),
    lambda spec, data, progress: tests_of_tau2(fit_random, spec, data.without_moderators()),
)
