"""The random-effects model: true effects differ between studies, their mean is estimated."""

from __future__ import annotations

from dataclasses import dataclass, replace

from metadesk.models.meta import heterogeneity, linear, prediction, tau2, tau2_interval
from metadesk.models.meta.bootstrap_prediction import nnf_interval
from metadesk.models.meta.data import MetaData
from metadesk.models.meta.pooling import Request, pool
from metadesk.models.meta.profile_mean import profile_mean
from metadesk.models.result import FitResult
from metadesk.numerics.progress import SILENT, Progress
from metadesk.options import choice, integer, number

I2_TITLES = {key: words.capitalize() for key, words in heterogeneity.DEFINITIONS.items()}


@dataclass(frozen=True)
class RandomEffects:
    """How heterogeneity is estimated, the mean tested and a new study predicted."""

    tau2: str = choice("Between-study variance", tau2.METHODS, "REML")
    test: str = choice("Test and interval", linear.TESTS, "hksj-guarded")
    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.9999)
    prediction: str = choice("Prediction interval", prediction.METHODS, "t(k-1)")
    tau2_interval: str = choice("Interval of tau²", tau2_interval.METHODS, "QP", advanced=True)
    I2: str = choice("Definition of I²", I2_TITLES, "tau2", advanced=True)
    weighting: str = choice("Weights", linear.WEIGHTINGS, "inverse-variance", advanced=True)
    tau2_value: float | None = number(
        "Between-study variance, given", None, minimum=0.0, advanced=True,
        help="Instead of estimating tau², use this value.",
    )  # fmt: skip
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
    fit = _with_profile(spec, plain, pool(random_request(spec), plain).result)
    if spec.prediction != "nnf":
        return fit
    interval = nnf_interval(plain, spec.level, seed=spec.seed, progress=progress)
    return replace(fit, prediction=interval)


def _with_profile(spec: RandomEffects, data: MetaData, fit: FitResult) -> FitResult:
    """Where tau² is by maximum likelihood, the mean's profile-likelihood interval stands beside."""
    if spec.tau2 != "ML" or spec.weighting != "inverse-variance" or spec.tau2_value is not None:
        return fit
    found = profile_mean(data, spec.level)
    return fit if found is None else replace(fit, extra={**fit.extra, found.name: found})


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
    )
