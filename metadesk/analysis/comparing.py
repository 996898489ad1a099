"""A model beside the main one, compared with it by likelihood where one contains the other."""

from __future__ import annotations

import numpy as np

from metadesk.analysis.readers import ModelInput
from metadesk.analysis.result import Companion
from metadesk.models import FitResult, Omnibus
from metadesk.models.meta.likelihood_ratio import ratio_test, why_not_nested


def beside(
    key: str, label: str, fit: FitResult, read: ModelInput, main: FitResult, of_main: ModelInput
) -> Companion:
    """Put a fit beside the main one, with the likelihood-ratio test of the smaller of the two."""
    ratio, why = _compared(fit, read, main, of_main)
    return Companion(key, label, fit, ratio, why)


def _compared(
    fit: FitResult, read: ModelInput, main: FitResult, of_main: ModelInput
) -> tuple[Omnibus | None, str]:
    a, b = main.statistics, fit.statistics
    X, Z = getattr(of_main.data, "X", None), getattr(read.data, "X", None)
    if a is None or b is None or X is None or Z is None:
        return None, "One of the two does not maximise a likelihood."
    if not np.array_equal(of_main.rows, read.rows):
        return None, "They count different studies."
    larger = a.n_parameters >= b.n_parameters
    why = why_not_nested(main, fit, X, Z) if larger else why_not_nested(fit, main, Z, X)
    if why:
        return None, why
    return (ratio_test(a, b, "nested") if larger else ratio_test(b, a, "nested")), ""
