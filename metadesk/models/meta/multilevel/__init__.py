"""Models of dependent effects: multilevel, multivariate, cluster-robust."""

from metadesk.models.meta.entry import StudyModel
from metadesk.models.meta.multilevel.component_tests import RATIOS
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
from metadesk.models.meta.multilevel.propose import Proposal, propose_levels, three_level_data
from metadesk.models.meta.multilevel.robust import RobustResult, robust_coefficients

DEPENDENT_MODELS: tuple[StudyModel, ...] = (
    StudyModel(
        key="multilevel",
        title="Multilevel and multivariate",
        family="mixed",
        sentence="Several effects of one study are kept, and not taken for independent.",
        assumption="Effects of a study share a random effect; what is left of them is independent.",
        question="What is the average effect when studies give several?",
        equation="{effect}_ij = μ + w_i + u_ij + e_ij,   w_i ~ N(0, σ²_1), u_ij ~ N(0, σ²_2)",
        options=Multilevel,
        fit=fit_multilevel,
        reads="levels",
        fewest=3,
        ratios=RATIOS,
    ),
)

__all__ = [
    "DEPENDENT_MODELS",
    "DependentData",
    "Factor",
    "Multilevel",
    "Proposal",
    "RobustResult",
    "containment_df",
    "estimate_multilevel",
    "fit_multilevel",
    "predict_multilevel",
    "profile_intervals",
    "propose_levels",
    "report_multilevel",
    "robust_coefficients",
    "robust_errors",
    "three_level_data",
]
