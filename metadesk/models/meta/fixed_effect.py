"""The fixed (common) effect model: every study estimates one true effect."""

from __future__ import annotations

from dataclasses import dataclass

from metadesk.models.meta import linear
from metadesk.models.meta.data import MetaData
from metadesk.models.meta.pooling import Request, pool
from metadesk.models.result import FitResult
from metadesk.numerics.progress import SILENT, Progress
from metadesk.options import choice, number

TESTS = {key: linear.TESTS[key] for key in ("z", "t", "hksj", "hksj-guarded")}


@dataclass(frozen=True)
class FixedEffect:
    """How the common effect is estimated and tested."""

    test: str = choice("Test and interval", TESTS, "z", advanced=True)
    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.9999)
    weighting: str = choice("Weights", linear.WEIGHTINGS, "inverse-variance", advanced=True)


def fit_fixed(spec: FixedEffect, data: MetaData, progress: Progress = SILENT) -> FitResult:
    """Pool by inverse variance: ``b = sum(w y)/sum(w)``, ``w = 1/v``, variance ``1/sum(w)``.

    Moderators in ``data`` are left out: fixed effects with moderators are
    ``MixedEffects(tau2='none')``.
    """
    request = Request(
        "fixed",
        "Fixed effect",
        "fixed",
        spec.test,
        spec.level,
        spec.weighting,
        I2="Q",
    )
    return pool(request, data.without_moderators()).result
