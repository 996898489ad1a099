"""What is wanted of a sheet of trial rows: the sister of the request for studies.

Light enough for the window's start: nothing here needs numpy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar

from metadesk.analysis.presets import as_meant
from metadesk.analysis.spec import (
    EMPTY,
    AnalysisSpec,
    Labels,
    check_version,
    read_labels,
    read_spec_file,
)
from metadesk.errors import SpecProblem
from metadesk.options import checked, choice, flag, integer, number, options_of, text
from metadesk.table import StudyTable

TRIAL_VERSION = 1
OUTCOME_TYPES = {
    "auto": "as the values suggest",
    "continuous": "measured (continuous)",
    "binary": "yes or no",
    "binomial": "successes out of several trials",
    "count": "counts (Poisson)",
    "count-nb": "counts that vary more (negative binomial)",
    "ordinal": "ordered categories",
}
DESIGNS = {
    "auto": "as recognised",
    "crossover": "crossover or other repeated measures",
    "series": "series of N-of-1 trials",
    "one-patient": "N-of-1, one person",
}
RANDOM = {
    "auto": "as the design suggests",
    "intercept": "a level for each person",
    "slope": "a level and a treatment effect for each person",
    "cycle": "a level for each person and each of their cycles",
    "slope-cycle": "level and treatment effect for each person, level for each cycle",
    "none": "none (residual structure only)",
}
RESIDUAL = {
    "independent": "independent, one variance",
    "treatment": "a variance for each treatment",
    "ar1": "autoregressive, AR(1)",
    "car1": "autoregressive in continuous time",
    "cs": "compound symmetry",
    "un": "unstructured by period",
}
TREND = {"auto": "for a single person only", "yes": "yes", "no": "no"}
DF = {
    "kenward-roger": "Kenward–Roger",
    "satterthwaite": "Satterthwaite",
    "containment": "containment",
    "between-within": "between–within",
    "residual": "residual",
    "z": "normal distribution",
}
ADJUST = {
    "none": "none",
    "holm": "Holm",
    "bonferroni": "Bonferroni",
    "sidak": "Šidák",
    "tukey": "Tukey (all pairs)",
}


@dataclass(frozen=True)
class TrialSpec:
    """One analysis of one sheet of trial rows.

    ``outcome`` names a column ('' takes the one with the role). ``reference`` and ``active`` are
    treatments ('' lets the engine choose); effects are active minus reference. ``patient`` names
    the person of a single N-of-1 analysis. ``relevant`` is the smallest difference that matters.
    """

    kind: ClassVar[str] = "trial"

    outcome: str = ""
    outcome_type: str = choice("Kind of outcome", OUTCOME_TYPES, "auto")
    transform: str = choice(
        "Analysed as", {"none": "it stands", "log": "natural logarithm (ratios)"}, "none"
    )
    design: str = choice("Design", DESIGNS, "auto")
    reference: str = text("Compared with (reference)", "")
    active: str = text("Treatment of interest", "")
    sequence: bool = flag(
        "Sequence", False, help="In a 2×2 trial sequence and carryover are one and the same."
    )
    carryover: bool = flag(
        "First-order carryover",
        False,
        help="Costs precision. The washout must justify leaving it out, no test can.",
    )
    baseline: bool = flag("Baseline as covariate", False, help="Never subtracted, only adjusted.")
    cycle: bool = flag("Cycle", False)
    trend: str = choice("Straight trend over time", TREND, "auto")
    random: str = choice("Differences between persons", RANDOM, "auto")
    residual: str = choice("Residuals within a person", RESIDUAL, "independent")
    method: str = choice(
        "Estimation",
        {"REML": "restricted likelihood (REML)", "ML": "maximum likelihood"},
        "REML",
        advanced=True,
    )
    df: str = choice(
        "Degrees of freedom",
        DF,
        "kenward-roger",
        help="Kenward–Roger also corrects the standard error; best for small trials.",
    )
    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.999)
    adjust: str = choice("Several comparisons", ADJUST, "none", advanced=True)
    integration: str = choice(
        "Integration over persons",
        {
            "auto": "refined until stable",
            "agq": "adaptive Gauss–Hermite, 9 points",
            "laplace": "Laplace approximation",
        },
        "auto",
        advanced=True,
    )
    patient: str = text("Person", "")
    relevant: float | None = number(
        "Smallest difference that matters", None, minimum=0.0,
        help="Where the effect is a ratio, the smallest ratio, such as 1.25.",
    )  # fmt: skip
    lower_is_better: bool = flag("Lower values are better", False)
    washout: int = integer(
        "Rows to leave out after a change", 0, minimum=0, maximum=1000,
        help="Transition days of a single N-of-1 trial.",
    )  # fmt: skip
    companions: bool = flag("Other analyses beside it", True)
    bioequivalence: bool = flag("Bioequivalence (90% interval of the ratio)", False)
    widen: bool = flag("Widen limits for highly variable drugs", True)
    rounded: bool = flag("Decide on rounded percentages", False)
    roles: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    sheet: str = ""
    labels: Labels = field(default_factory=Labels)
    version: int = TRIAL_VERSION

    def to_plain(self) -> dict[str, Any]:
        """The request as JSON can hold it; ``kind`` tells it from a request for studies."""
        plain: dict[str, Any] = {"kind": self.kind}
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, Labels):
                value = {g.name: getattr(value, g.name) for g in fields(value)}
            elif isinstance(value, Mapping):
                value = dict(value)
            plain[f.name] = value
        return plain

    @classmethod
    def from_plain(cls, given: Mapping[str, Any]) -> TrialSpec:
        """Read a request from what JSON held.

        Raises
        ------
        SpecProblem
            If a field is unknown, of the wrong kind, or written by a newer metadesk.
        """
        values = {k: v for k, v in given.items() if k != "kind"}
        known = {f.name for f in fields(cls)}
        for name in values:
            if name not in known:
                raise SpecProblem(
                    f"The trial spec has no field '{name}'; it knows {', '.join(sorted(known))}."
                )
        check_version(values, TRIAL_VERSION)
        values["version"] = TRIAL_VERSION
        for name in ("roles", "labels"):
            if name in values and not isinstance(values[name], Mapping):
                raise SpecProblem(f"'{name}' in the spec must be a block of names and values.")
        if "labels" in values:
            values["labels"] = read_labels(values["labels"])
        for option in options_of(cls):
            if option.name in values:
                values[option.name] = checked(option, values[option.name], " of the trial spec")
        return cls(**values)

    def with_options(self, **options: Any) -> TrialSpec:
        """The same request with these choices changed and checked."""
        known = {o.name: o for o in options_of(type(self))}
        for name in options:
            if name not in known:
                raise SpecProblem(
                    f"There is no option '{name}' of a trial analysis. Known: {', '.join(known)}."
                )
        given = {n: checked(known[n], v, " of the trial spec") for n, v in options.items()}
        return replace(self, **given)


AnySpec = AnalysisSpec | TrialSpec


def spec_from_plain(given: Mapping[str, Any]) -> AnySpec:
    """Read a request of either kind; without a ``kind`` it is one for studies."""
    kind = given.get("kind", "studies")
    if kind == TrialSpec.kind:
        return TrialSpec.from_plain(given)
    if kind != "studies":
        raise SpecProblem(f"'kind' in the spec is studies or trial, not {kind!r}.")
    return AnalysisSpec.from_plain({k: v for k, v in given.items() if k != "kind"})


def read_any_spec(path: Path) -> AnySpec:
    """Read a request of either kind from a JSON file."""
    given = read_spec_file(path)
    spec = spec_from_plain(given)
    return spec if isinstance(spec, TrialSpec) else as_meant(spec, given)


def holds_trial(table: StudyTable) -> bool:
    """Whether the roles of a sheet are those of trial rows."""
    roles = set(table.roles)
    who = roles & {"subject", "cycle", "period", "time"}
    return {"treatment", "response"} <= roles and bool(who)
