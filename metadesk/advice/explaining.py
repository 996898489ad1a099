"""Rules about explaining differences: few studies, patients' averages, subgroups, collinearity."""

from __future__ import annotations

import math
import re

import numpy as np

from metadesk.advice.rule import Rule
from metadesk.analysis.expected import has_moderators, moderator_columns
from metadesk.analysis.result import AnalysisResult
from metadesk.document.numbers import p_phrase
from metadesk.models import Interval

HANDBOOK = "Cochrane Handbook for Systematic Reviews of Interventions, chapter 10.11"
GEISSBUEHLER = "Geissbühler et al. (2021), BMC Med Res Methodol 21:123"
LOPEZ = "López-López et al. (2014), Br J Math Stat Psychol 67:30"
MANY_EACH, VERY_FEW_EACH = 10.0, 5.0
SMALL_GROUP = 3
TOGETHER = 0.8
MANY_MISSING = 0.20
STEADY_R2 = 20
_PATIENTS = re.compile(
    r"\b(age|ages|years old|female|females|women|male|males|men|sex|gender|bmi|weight|baseline|"
    r"severity|smok\w*|diabet\w*|comorbid\w*)\b",
    re.IGNORECASE,
)


def few_studies_each(result: AnalysisResult) -> str:
    """Call a finding from few studies a moderator an idea."""
    each = _studies_each(result)
    return _few(result) if VERY_FEW_EACH <= each < MANY_EACH else ""


def very_few_studies_each(result: AnalysisResult) -> str:
    """The same, where there are fewer than five studies a moderator."""
    return _few(result) if _studies_each(result) < VERY_FEW_EACH else ""


def averages_of_patients(result: AnalysisResult) -> str:
    """Say that studies are compared, not patients."""
    if not has_moderators(result):
        return ""
    names = [n for n in moderator_columns(result) if _PATIENTS.search(n.replace("_", " "))]
    if not names:
        return ""
    return (
        f"{_listed(names)}: an average over a study's patients. This compares studies, not "
        "patients: patients in whom it is higher may respond differently from what studies in "
        "which it is higher suggest."
    )


def not_a_difference(result: AnalysisResult) -> str:
    """Point at the test of interaction where one group is clear and another is not."""
    found = result.subgroups
    if found is None or len(found.groups) < 2:
        return ""
    null = result.scale.null
    clear = {_excludes(g.estimate.interval, null) for g in found.groups}
    if len(clear) < 2 or math.isnan(found.difference.p):
        return ""
    return (
        "Clear in one subgroup and not in another is not yet a difference between them. Read the "
        f"test for subgroup differences: {p_phrase(found.difference.p)}."
    )


def small_subgroup(result: AnalysisResult) -> str:
    """Say that a subgroup has too few studies for a tau² of its own."""
    found = result.subgroups
    if found is None or found.tau2 == "common" or found.overall.family == "fixed":
        return ""
    small = [g.level for g in found.groups if g.k < SMALL_GROUP]
    if not small:
        return ""
    return f"Too few studies in {_listed(small)} for a τ² of its own: let all groups share one τ²."


def travel_together(result: AnalysisResult) -> str:
    """Name two moderators that say nearly the same."""
    design = result.design
    if design is None or not has_moderators(result):
        return ""
    for i, one in enumerate(design.terms):
        for j in range(i + 1, len(design.terms)):
            other = design.terms[j]
            if set(one.columns) & set(other.columns):
                continue
            if _closest(design.X, design.spans[i], design.spans[j]) > TOGETHER:
                return (
                    f"{_listed(list(one.columns))} and {_listed(list(other.columns))} travel "
                    "together across these studies; their effects cannot be told apart."
                )
    return ""


def missing_moderators(result: AnalysisResult) -> str:
    """Say that many studies drop out for want of a moderator."""
    lost = sum(s.reason.startswith("No value in") for s in result.left_out)
    total = lost + len(result.used)
    if not total or lost / total <= MANY_MISSING:
        return ""
    return (
        f"{lost} of {total} studies drop out of this model because a moderator is not known; the "
        "others may not be typical."
    )


def unsteady_r2(result: AnalysisResult) -> str:
    """Caution against a share of heterogeneity from few studies."""
    fit = result.main
    if fit is None or fit.heterogeneity is None or math.isnan(fit.heterogeneity.R2):
        return ""
    if fit.k >= STEADY_R2:
        return ""
    return f"R² from {fit.k} studies is very unsteady; do not read it as a measured share."


def _studies_each(result: AnalysisResult) -> float:
    if result.main is None or not has_moderators(result):
        return math.inf
    return result.main.k / max(len(result.main.coefficients.names) - 1, 1)


def _few(result: AnalysisResult) -> str:
    assert result.main is not None
    m = len(result.main.coefficients.names) - 1
    columns = "1 moderator column" if m == 1 else f"{m} moderator columns"
    return (
        f"{result.main.k} studies for {columns}: treat what is found as an idea to test, not as a "
        "finding."
    )


def _closest(X: np.ndarray, one: tuple[int, int], other: tuple[int, int]) -> float:
    """Largest correlation between the columns of two terms."""
    best = 0.0
    for a in range(*one):
        for b in range(*other):
            u, v = X[:, a] - X[:, a].mean(), X[:, b] - X[:, b].mean()
            size = float(np.linalg.norm(u) * np.linalg.norm(v))
            if size > 0:
                best = max(best, abs(float(u.dot(v))) / size)
    return best


def _excludes(interval: Interval | None, null: float) -> bool:
    return interval is not None and (interval.lower > null or interval.upper < null)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


EXPLAINING = (
    Rule("F1", "Few studies a moderator", "caution", HANDBOOK, few_studies_each),
    Rule("F1-few", "Very few studies a moderator", "strong", HANDBOOK, very_few_studies_each),
    Rule("F2", "Averages of patients", "strong", GEISSBUEHLER, averages_of_patients),
    Rule("F4", "Not yet a difference", "strong", HANDBOOK, not_a_difference),
    Rule("F6", "Small subgroup", "caution", HANDBOOK, small_subgroup),
    Rule("F8", "Moderators that travel together", "strong", HANDBOOK, travel_together),
    Rule("F9", "Moderators that are not known", "caution", HANDBOOK, missing_moderators),
    Rule("F10", "R² from few studies", "caution", LOPEZ, unsteady_r2),
)
