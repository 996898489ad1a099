"""The model of trial rows in the words of the sheet, and what to be careful about."""

from __future__ import annotations

from dataclasses import dataclass

from metadesk.analysis.trial_result import TrialResult
from metadesk.analysis.trial_spec import TrialSpec
from metadesk.document import Note
from metadesk.table import StudyTable

FREEMAN = "Freeman (1989), Statistics in Medicine 8, 1421"
DWAN = "Dwan et al. (2019), BMJ 366:l4378"
KENWARD = "Kenward & Roger (1997), Biometrics 53, 983"
SENN = "Senn (2002), Cross-over trials in clinical research"
ARAUJO = "Araujo, Julious & Senn (2016), PLoS ONE 11, e0167167"
EMA = "EMA (2010), Guideline on the investigation of bioequivalence"
SKEWED = 3.0
FEW_CYCLES = 3
FEW_PERSONS = 5


@dataclass(frozen=True)
class TrialWords:
    """The model as a line, what its parts mean, what it assumes and what it answers."""

    equation: str
    legend: tuple[str, ...]
    assumption: str
    question: str


def trial_in_words(spec: TrialSpec, table: StudyTable, result: TrialResult | None) -> TrialWords:
    """Say the model that was fitted, or that will be, in the sheet's own words."""
    roles = {**table.roles, **spec.roles}
    outcome = spec.outcome or roles.get("response", "outcome")
    person = roles.get("subject", "person")
    treatment = roles.get("treatment", "treatment")
    if result is not None and result.analysis == "one-patient":
        return _one_person(result, outcome, treatment)
    equation = result.main.equation if result is not None and result.main is not None else ""
    period = roles.get("period", "")
    if not equation:
        terms = ["mean", *([period] if period else []), treatment, f"(level by {person})"]
        equation = f"{outcome} = {' + '.join(terms)} + residual"
    legend = [f"{treatment}: what is asked; fixed."]
    if period:
        legend.append(f"{period}: fixed and always in, so that time does not pass for treatment.")
    legend.append(f"{person}: random, because the same person is measured again and again.")
    question = "What does the treatment change, within a person?"
    if result is not None and result.analysis == "series":
        question = "What does the treatment do on average, and how much does that differ?"
    return TrialWords(
        equation,
        tuple(legend),
        "nothing of one treatment is left when the next begins; missing values depend only on what "
        "was observed.",
        question,
    )


def _one_person(result: TrialResult, outcome: str, treatment: str) -> TrialWords:
    unit = result.roles.cycle or "cycle"
    return TrialWords(
        f"{outcome} on {result.active} − {outcome} on {result.reference}, within each {unit}",
        (
            f"{unit}: the pairs of periods whose order was randomised.",
            f"{treatment}: what is asked.",
        ),
        "the order within each cycle was randomised.",
        "Does the treatment work in this person?",
    )


def trial_advice(result: TrialResult) -> tuple[Note, ...]:
    """What to be careful about, the most important first."""
    found: list[Note] = []
    spec = result.spec
    if result.analysis == "crossover" and not result.roles.period:
        found.append(
            Note("No column is marked as the period. Mark it: without it a drift over time passes "
                 "for an effect of the treatment.", "strong", "T1", SENN)
        )  # fmt: skip
    if result.analysis == "crossover" and spec.carryover and _is_two_by_two(result):
        found.append(
            Note("In a 2×2 trial carryover is known between persons only. With it in the model the "
                 "treatment effect rests on the first period; leave it out and justify the "
                 "washout.", "strong", "T2", FREEMAN)
        )  # fmt: skip
    if result.carryover and result.carryover[0].p < 0.1:
        found.append(
            Note("The carryover check is below 0.10. Do not change the analysis for it: choosing "
                 "by this test makes false claims more frequent. Discuss the washout instead.",
                 "caution", "T3", FREEMAN)
        )  # fmt: skip
    found += _of_model(result)
    if result.outcome_type == "continuous" and spec.transform == "none" and _skewed(result):
        found.append(
            Note("The values are positive and spread over a wide range. Concentrations and times "
                 "are mostly analysed as logarithms, which compares ratios.", "note", "T6", EMA)
        )  # fmt: skip
    if result.outcome_type == "continuous" and _counts(result):
        found.append(
            Note("The outcome is whole numbers from zero on. If these are counts, choose counts as "
                 "the kind of outcome.", "note", "T7")
        )  # fmt: skip
    found += _of_counts(result) + _of_series(result)
    test = (result.patient.cycles or result.patient.free) if result.patient is not None else None
    if test is not None:
        floor = test.floor
        if floor > 0.05:
            found.append(
                Note(f"With so few cycles the randomisation test cannot go below {floor:.3g}; "
                     f"plan more cycles if a test is to decide.", "caution", "T8")
            )  # fmt: skip
    return tuple(found)


def _of_model(result: TrialResult) -> list[Note]:
    spec, main = result.spec, result.main
    found: list[Note] = []
    linear = main is not None and result.outcome_type == "continuous"
    if linear and spec.df in ("residual", "z") and result.analysis != "one-patient":
        found.append(
            Note("These degrees of freedom ignore that variances are estimated. In small trials "
                 "Kenward–Roger is safer.", "caution", "T4", KENWARD)
        )  # fmt: skip
    if result.series is not None and spec.random == "intercept":
        found.append(
            Note("One effect for all persons is assumed. A series can tell how effects differ; "
                 "give each person an own treatment effect.", "caution", "T5", ARAUJO)
        )  # fmt: skip
    if result.analysis == "crossover" and spec.random == "none" and spec.residual == "independent":
        found.append(
            Note("Rows of one person are treated as if they came from different persons, so the "
                 "intervals are wrong. Give each person a level.", "strong", "T9", DWAN)
        )  # fmt: skip
    return found


def _of_counts(result: TrialResult) -> list[Note]:
    """What the checks of counts and ordered outcomes say."""
    found: list[Note] = []
    checks = {q.name: q for q in result.checks}
    spread, test = checks.get("overdispersion"), checks.get("poisson")
    wide = spread is not None and spread.value > 1.3 and spread.p < 0.05
    if wide or (test is not None and test.p < 0.05):
        found.append(
            Note("The counts vary more than the model lets them, so its intervals are too narrow. "
                 "Choose counts that vary more (negative binomial).", "strong", "T10")
        )  # fmt: skip
    known = [q for q in result.by_cut if q.interval is not None]
    apart = [
        (a, b) for a in known for b in known
        if a.interval and b.interval and a.interval.upper < b.interval.lower
    ]  # fmt: skip
    if apart:
        found.append(
            Note("The odds ratios of single cuts lie apart, so one common ratio hides what happens "
                 "where. Report them beside it.", "caution", "T11")
        )  # fmt: skip
    return found


def _of_series(result: TrialResult) -> list[Note]:
    """Whether a series can tell persons' true differences from chance."""
    series = result.series
    if series is None:
        return []
    persons, counts = len(series.raw.patients), sorted(int(n) for n in series.raw.ni)
    middle = counts[len(counts) // 2] if counts else 0
    if persons >= FEW_PERSONS and middle >= FEW_CYCLES:
        return []
    what = "cycles" if result.outcome_type == "continuous" else "rows on each treatment"
    return [
        Note(f"{persons} persons with mostly {middle} {what} are little to tell true differences "
             f"between persons from chance; read the SD between persons by its interval.",
             "caution", "T12", ARAUJO)
    ]  # fmt: skip


def _is_two_by_two(result: TrialResult) -> bool:
    return result.design is not None and result.design.key == "2x2"


def _skewed(result: TrialResult) -> bool:
    values = [r.value for r in result.used]
    if len(values) < 8 or min(values) <= 0:
        return False
    ranked = sorted(values)
    middle = ranked[len(ranked) // 2]
    return max(values) - middle > SKEWED * (middle - min(values)) and max(values) > 5 * middle


def _counts(result: TrialResult) -> bool:
    values = [r.value for r in result.used]
    whole = all(v == int(v) and v >= 0 for v in values)
    return whole and 0.0 in values and 3 <= len(set(values)) <= 40
