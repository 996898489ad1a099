"""The vocabulary of roles: what a column of an extraction sheet can be.

Measures say which roles they need, the importer guesses them from headers, the header of the sheet
offers them. A role's ``group`` orders the menu; ``kind`` says what a valid cell holds; ``arm`` is 1
for the treated (first) and 2 for the control (second) group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from metadesk.catalogue import Catalogue

RoleKind = Literal[
    "label", "year", "count", "size", "positive", "number", "probability", "correlation", "category"
]


@dataclass(frozen=True)
class Role:
    """What a column is, in the field's short name and in words."""

    key: str
    title: str
    group: str
    kind: RoleKind
    arm: int = 0

    @property
    def numeric(self) -> bool:
        """Whether cells of this role must be numbers."""
        return self.kind not in ("label", "category")


ROLES: Catalogue[Role] = Catalogue("role")
ROLES.add(
    Role("study", "Study", "Study", "label"),
    Role("year", "Year", "Study", "year"),
    Role("subgroup", "Subgroup", "Study", "category"),
    Role("moderator", "Moderator", "Study", "category"),
    Role("cluster", "Same study (cluster)", "Study", "category"),
    Role("weights", "User weight", "Study", "positive"),
    Role("rob", "Risk of bias", "Study", "category"),
    # several effects of one study
    Role("outcome", "Outcome name", "Several effects of one study", "category"),
    Role("outcome_type", "Type of outcome", "Several effects of one study", "category"),
    Role("group1", "Name of the treated group", "Several effects of one study", "category"),
    Role("group2", "Name of the comparison group", "Several effects of one study", "category"),
    Role("time2", "Time in the comparison group", "Several effects of one study", "number"),
    Role("people", "Separate people (subsample)", "Several effects of one study", "category"),
    Role("covariance", "Row of covariances", "Several effects of one study", "number"),
    # two-by-two tables
    Role("ai", "Events, treated", "Events and totals", "count", 1),
    Role("bi", "Non-events, treated", "Events and totals", "count", 1),
    Role("n1i", "Total, treated", "Events and totals", "size", 1),
    Role("ci", "Events, control", "Events and totals", "count", 2),
    Role("di", "Non-events, control", "Events and totals", "count", 2),
    Role("n2i", "Total, control", "Events and totals", "size", 2),
    Role("p1i", "Percent with event, treated", "Events and totals", "number", 1),
    Role("p2i", "Percent with event, control", "Events and totals", "number", 2),
    # two means
    Role("m1i", "Mean, treated", "Means", "number", 1),
    Role("sd1i", "SD, treated", "Means", "positive", 1),
    Role("m2i", "Mean, control", "Means", "number", 2),
    Role("sd2i", "SD, control", "Means", "positive", 2),
    Role("se1i", "SE of the mean, treated", "Means", "positive", 1),
    Role("se2i", "SE of the mean, control", "Means", "positive", 2),
    Role("lb1i", "CI of the mean, lower, treated", "Means", "number", 1),
    Role("ub1i", "CI of the mean, upper, treated", "Means", "number", 1),
    Role("lb2i", "CI of the mean, lower, control", "Means", "number", 2),
    Role("ub2i", "CI of the mean, upper, control", "Means", "number", 2),
    Role("mb1i", "Baseline mean, treated", "Means", "number", 1),
    Role("sdb1i", "Baseline SD, treated", "Means", "positive", 1),
    Role("mb2i", "Baseline mean, control", "Means", "number", 2),
    Role("sdb2i", "Baseline SD, control", "Means", "positive", 2),
    Role("med1i", "Median, treated", "Medians", "number", 1),
    Role("q1_1i", "First quartile, treated", "Medians", "number", 1),
    Role("q3_1i", "Third quartile, treated", "Medians", "number", 1),
    Role("min1i", "Minimum, treated", "Medians", "number", 1),
    Role("max1i", "Maximum, treated", "Medians", "number", 1),
    Role("med2i", "Median, control", "Medians", "number", 2),
    Role("q1_2i", "First quartile, control", "Medians", "number", 2),
    Role("q3_2i", "Third quartile, control", "Medians", "number", 2),
    Role("min2i", "Minimum, control", "Medians", "number", 2),
    Role("max2i", "Maximum, control", "Medians", "number", 2),
    # person-time
    Role("x1i", "Events, treated (rate)", "Person-time", "count", 1),
    Role("t1i", "Person-time, treated", "Person-time", "positive", 1),
    Role("x2i", "Events, control (rate)", "Person-time", "count", 2),
    Role("t2i", "Person-time, control", "Person-time", "positive", 2),
    # one group, correlations, reliability
    Role("xi", "Events", "One group", "count"),
    Role("ni", "Sample size", "One group", "size"),
    Role("ti", "Person-time, or t value", "One group", "number"),
    Role("mi", "Mean, items or predictors", "One group", "number"),
    Role("sdi", "SD", "One group", "positive"),
    Role("ri", "Correlation", "Correlation", "correlation"),
    Role("r2i", "R squared", "Correlation", "probability"),
    Role("Fi", "F value", "Correlation", "positive"),
    # reported estimates
    Role("yi", "Effect (analysis scale)", "Reported estimate", "number"),
    Role("vi", "Variance of the effect", "Reported estimate", "positive"),
    Role("sei", "SE of the effect", "Reported estimate", "positive"),
    Role("est", "Effect (ratio as printed)", "Reported estimate", "number"),
    Role("lower", "CI lower", "Reported estimate", "number"),
    Role("upper", "CI upper", "Reported estimate", "number"),
    Role("pval", "P value", "Reported estimate", "probability"),
    Role("pi", "P value with the sign of the effect", "Reported estimate", "number"),
    Role("zi", "z value", "Reported estimate", "number"),
    Role("chi2", "Chi-square of a log-rank test (1 df)", "Reported estimate", "positive"),
    Role("level", "Confidence level of the CI, percent", "Reported estimate", "positive"),
    Role("dfs", "Degrees of freedom (t test or interval)", "Reported estimate", "positive"),
    Role("oe", "O − E", "Reported estimate", "number"),
    Role("v", "Variance of O − E", "Reported estimate", "positive"),
    # trial rows
    Role("subject", "Subject", "Trial rows", "category"),
    Role("sequence", "Sequence", "Trial rows", "category"),
    Role("period", "Period", "Trial rows", "category"),
    Role("cycle", "Cycle", "Trial rows", "category"),
    Role("time", "Time", "Trial rows", "number"),
    Role("treatment", "Treatment", "Trial rows", "category"),
    Role("response", "Outcome value", "Trial rows", "number"),
    Role("baseline", "Baseline", "Trial rows", "number"),
    Role("trials", "Number of trials", "Trial rows", "size"),
    Role("offset", "Exposure", "Trial rows", "positive"),
)
COUNTED = frozenset({"count", "size"})
"""Kinds of roles that count people or events."""
UNIQUE_EXCEPT = frozenset({"moderator", "rob", "covariance"})
"""Roles that several columns may have; every other role stands once."""
