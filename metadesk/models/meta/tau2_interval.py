"""Confidence intervals for tau²: Q-profile, profile likelihood, Wald, generalised Q."""

from __future__ import annotations

import math

import numpy as np

from metadesk.models.meta.kernel import Kernel
from metadesk.models.meta.tau2 import Tau2, estimate_tau2, refine_root, solve_generalised_q, solve_q
from metadesk.models.result import Interval
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import chi2_quantile, quantile
from metadesk.numerics.types import FloatVector

METHODS = {
    "QP": "Q-profile",
    "PL": "Profile likelihood",
    "BJ": "Generalised Q, weights 1/v (Biggerstaff–Jackson)",
    "J": "Generalised Q, weights 1/√v (Jackson)",
    "Wald": "Wald (large samples)",
    "none": "None",
}
_LESS_THAN_CHANCE = "; effects vary less than chance alone would have them, no τ² fits"


def tau2_interval(
    kernel: Kernel, tau2: Tau2, method: str, level: float, progress: Progress = SILENT
) -> Interval | None:
    """Confidence interval for tau² by ``method``, a key of :data:`METHODS`.

    None where there are no residual degrees of freedom or none was asked for. Ends are truncated at
    zero.
    """
    if method == "none" or kernel.k <= kernel.p:
        return None
    with np.errstate(all="ignore"):
        if method == "QP":
            return q_profile(kernel, level)
        if method == "PL":
            return profile_likelihood(kernel, tau2, level)
        if method == "BJ":
            return generalised_q(kernel, 1.0 / kernel.v, level, METHODS["BJ"], progress)
        if method == "J":
            return generalised_q(kernel, 1.0 / np.sqrt(kernel.v), level, METHODS["J"], progress)
        return _wald(tau2, level)


def q_profile(kernel: Kernel, level: float) -> Interval:
    """Values of tau² whose Q lies between its chi-square quantiles (Viechtbauer 2007, eq. 6).

    Where even Q(0) lies below the lower quantile the set is empty; both ends are then zero and the
    method says so.
    """
    df, tail = kernel.k - kernel.p, (1.0 - level) / 2.0
    lower = solve_q(kernel, chi2_quantile(1.0 - tail, df))[0]
    floor = chi2_quantile(tail, df)
    upper = solve_q(kernel, floor, start=lower)[0]
    empty = upper == 0.0 and kernel.quadratic(0.0)[0] < floor
    return Interval(lower, upper, level, "Q-profile" + (_LESS_THAN_CHANCE if empty else ""))


def profile_likelihood(kernel: Kernel, tau2: Tau2, level: float) -> Interval:
    """Values of tau² whose log-likelihood lies within half a chi-square quantile of its maximum.

    Restricted likelihood unless tau² was estimated by ML (Hardy & Thompson 1996; Viechtbauer 2007).
    For estimators that do not maximise a likelihood the drop is taken from the restricted maximum.
    """
    restricted = tau2.method != "ML"
    best = tau2.value if tau2.method in ("ML", "REML") else estimate_tau2(kernel, "REML").value
    floor = float(kernel.v.min())
    drop = kernel.log_likelihood(best, restricted) - 0.5 * chi2_quantile(level, 1.0)

    def excess(t: float) -> float:
        return kernel.log_likelihood(t, restricted) - drop

    def slope(t: float) -> float:
        f = kernel.forms(t)
        return 0.5 * (f.yPPy - (f.trP if restricted else f.sw))

    lower = 0.0
    if best > 0.0 and excess(0.0) < 0.0:
        lower, _ = refine_root(lambda t: (-excess(t), -slope(t)), 0.0, best, 0.5 * best, floor)
    near, far = best, 2.0 * best + floor
    while excess(far) > 0.0 and far < 1e300:
        near, far = far, 2.0 * far
    upper, _ = refine_root(lambda t: (excess(t), slope(t)), near, far, far, floor)
    name = "profile restricted likelihood" if restricted else "profile likelihood"
    return Interval(lower, upper, level, name)


def _wald(tau2: Tau2, level: float) -> Interval | None:
    """Estimate plus and minus z standard errors, truncated at zero; poor in small samples."""
    if math.isnan(tau2.se):
        return None
    half = float(quantile(level)) * tau2.se
    return Interval(
        max(tau2.value - half, 0.0), tau2.value + half, level, "Wald, truncated at zero"
    )


def generalised_q(
    kernel: Kernel, a: FloatVector, level: float, name: str, progress: Progress = SILENT
) -> Interval:
    """Values of tau² at which the observed generalised Q is not extreme (Jackson 2013, section 4).

    Q with fixed weights ``a`` is a weighted sum of chi-square variates whose weights depend on
    tau²; Biggerstaff & Jackson (2008) take ``a = 1/v``.
    """
    tail = (1.0 - level) / 2.0
    lower, upper = (solve_generalised_q(kernel, a, p, progress)[0] for p in (1.0 - tail, tail))
    return Interval(lower, upper, level, name)
