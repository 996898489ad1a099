"""Models of dependent effects: multilevel, multivariate, cluster-robust."""

from metadesk.models.meta.multilevel.data import DependentData, Factor
from metadesk.models.meta.multilevel.fit import (
    Multilevel,
    containment_df,
    estimate_multilevel,
    fit_multilevel,
    predict_multilevel,
    report_multilevel,
    robust_errors,
)
from metadesk.models.meta.multilevel.profile import profile_intervals
from metadesk.models.meta.multilevel.robust import RobustResult, robust_coefficients

__all__ = [
    "DependentData",
    "Factor",
    "Multilevel",
    "RobustResult",
    "containment_df",
    "estimate_multilevel",
    "fit_multilevel",
    "predict_multilevel",
    "profile_intervals",
    "report_multilevel",
    "robust_coefficients",
    "robust_errors",
]
