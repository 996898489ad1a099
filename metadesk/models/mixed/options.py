"""What can be asked of a model for trial rows."""

from __future__ import annotations

from dataclasses import dataclass

from metadesk.models.mixed.estimates import DF_TITLES
from metadesk.models.mixed.multiplicity import ADJUSTMENTS
from metadesk.models.mixed.terms import RandomTerm, Term
from metadesk.models.mixed.trial_data import TrialData
from metadesk.options import choice, flag, integer, number, text

RANDOM = {
    "intercept": "a level for each person",
    "slope": "a level and a treatment effect for each person",
    "cycle": "a level for each person and for each cycle within a person",
    "slope-cycle": "a level and a treatment effect for each person, a level for each cycle",
    "none": "none (residual structure only)",
}
RESIDUAL = {
    "independent": "independent, equal variances",
    "treatment": "variance by treatment",
    "ar1": "first-order autoregressive",
    "car1": "autoregressive in continuous time",
    "cs": "compound symmetry",
    "un": "unstructured by period",
}
FAMILIES = {
    "binomial": "binary or binomial",
    "poisson": "counts (Poisson)",
    "nbinom2": "counts (negative binomial, variance μ + μ²/k)",
    "nbinom1": "counts (negative binomial, variance μ(1 + φ))",
    "ordinal": "ordered categories",
}


@dataclass(frozen=True)
class FixedPart:
    """Which fixed effects stand in the model; period and treatment always do.

    ``fixed`` and ``random_terms`` replace the choices where given.
    """

    sequence: bool = flag("Sequence", False, help="Confounded with carryover in 2×2 trials.")
    carryover: bool = flag(
        "First-order carryover",
        False,
        help="Costs precision; the washout, not a test, justifies leaving it out.",
    )
    baseline: bool = flag("Baseline as covariate", False)
    cycle: bool = flag("Cycle", False)
    trend: bool = flag("Linear trend over time", False)
    reference: str = text("Reference treatment", "", help="Empty: the first level.")
    random: str = choice("Random effects", RANDOM, "intercept")
    fixed: tuple[Term, ...] | None = None
    random_terms: tuple[RandomTerm, ...] | None = None

    def terms(self, data: TrialData) -> tuple[Term, ...]:
        """The fixed terms in the order in which they enter."""
        if self.fixed is not None:
            return self.fixed
        r = data.roles
        found = []
        if self.baseline and r.baseline:
            found.append(Term(r.baseline, "numeric"))
        if self.sequence and r.sequence:
            found.append(Term(r.sequence))
        if r.period:
            found.append(Term(r.period))
        if self.cycle and r.cycle:
            found.append(Term(r.cycle))
        if self.trend and r.time:
            found.append(Term(r.time, "numeric"))
        found.append(Term(r.treatment, "factor", self.reference))
        if self.carryover:
            found.append(Term("carry", "carryover", self.reference))
        return tuple(found)

    def groups(self, data: TrialData) -> tuple[RandomTerm, ...]:
        """The random terms."""
        if self.random_terms is not None:
            return self.random_terms
        if self.random == "none":
            return ()
        r = data.roles
        slope = ("1", r.treatment) if "slope" in self.random else ("1",)
        found = [RandomTerm(r.subject, slope)]
        if "cycle" in self.random and r.cycle:
            found.append(RandomTerm(f"{r.subject}:{r.cycle}"))
        return tuple(found)


@dataclass(frozen=True)
class LinearMixed(FixedPart):
    """A linear mixed model for a continuous outcome."""

    transform: str = choice(
        "Outcome analysed as", {"none": "it stands", "log": "natural logarithm"}, "none"
    )
    residual: str = choice("Residuals", RESIDUAL, "independent")
    method: str = choice(
        "Estimation", {"REML": "restricted likelihood", "ML": "maximum likelihood"}, "REML"
    )
    df: str = choice("Degrees of freedom", DF_TITLES, "kenward-roger")
    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.999)
    adjust: str = choice("Adjustment for several comparisons", ADJUSTMENTS, "none")
    intervals: str = choice(
        "Intervals of the variance components",
        {"profile": "profile likelihood", "none": "none"},
        "profile",
        advanced=True,
    )
    stratum: str = ""
    position: str = ""
    time: str = ""


@dataclass(frozen=True)
class GeneralisedMixed(FixedPart):
    """A mixed model for a binary, binomial, count or ordered outcome."""

    family: str = choice("Outcome", FAMILIES, "binomial")
    integration: str = choice(
        "Integration over persons",
        {
            "auto": "refined until the likelihood is stable",
            "agq": "adaptive Gauss–Hermite with a set number of points",
            "laplace": "Laplace approximation",
        },
        "auto",
    )
    points: int = integer("Quadrature points", 9, minimum=1, maximum=201, advanced=True)
    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.999)
    df: str = choice(
        "Degrees of freedom",
        {"z": "normal distribution", "between-within": "between–within t"},
        "z",
        advanced=True,
    )
