"""Likelihood-ratio tests of the random effects, one by one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from metadesk.errors import NotEstimable
from metadesk.models.meta.likelihood_ratio import Refits
from metadesk.models.meta.multilevel.data import DependentData
from metadesk.models.meta.multilevel.estimate import Fit, climb
from metadesk.models.meta.multilevel.fit import Multilevel, estimate_multilevel
from metadesk.models.result import Omnibus
from metadesk.numerics.progress import Progress
from metadesk.numerics.tails import chi2_tail


def ratios_of_components(
    spec: Multilevel, data: DependentData, progress: Progress
) -> tuple[Omnibus, ...]:
    """Test every variance of random intercepts against zero, the others estimated anew.

    ``2 (ll - ll without it)`` is half the time exactly 0 and else chi-square on one degree of
    freedom, as a variance cannot be negative (Self & Liang 1987). By the likelihood that the model
    is fitted with; variances that take a correlation with them are not tested.
    """
    fit = estimate_multilevel(spec, data, progress.within(0.0, 0.4))
    covariance = fit.machine.covariance
    tests = []
    for i, (name, title) in enumerate(
        zip(covariance.tau_names, covariance.tau_titles, strict=True)
    ):
        if not name.startswith("sigma"):
            continue
        progress.step(0.4 + 0.6 * i / covariance.n_tau, "Testing the variance components")
        ratio = _ratio(fit, i, progress)
        p = 0.5 * (chi2_tail(ratio, 1.0) + float(ratio == 0.0))
        by = f"Likelihood ratio ({spec.method}), ½ χ²(0) + ½ χ²(1)"
        tests.append(
            Omnibus(f"{title} (variance = 0)", ratio, "chi2", 1.0, math.inf, p, (name,), by)
        )
    return tuple(tests)


def _ratio(fit: Fit, which: int, progress: Progress) -> float:
    """Twice what the log-likelihood loses with one standard deviation held at zero."""
    held = np.zeros(fit.phi.size, dtype=bool)
    held[which] = True
    start = fit.phi.copy()
    start[: fit.machine.covariance.n_tau] = np.maximum(
        start[: fit.machine.covariance.n_tau], 0.1 * fit.machine.scale
    )
    start[which] = 0.0
    try:
        without = climb(fit.machine, start, held, progress)
    except NotEstimable:
        return math.nan
    ratio = 2.0 * (fit.found.log_likelihood - without.found.log_likelihood)
    return ratio if ratio > 1e-10 else 0.0


RATIOS = Refits(
    lambda spec: replace(spec, method="ML", robust="none", test="z", profile=False),
    ratios_of_components,
)
